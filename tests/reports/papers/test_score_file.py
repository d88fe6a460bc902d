"""Files of scores: what diptych score prints, or CSV; and what is said of those that are neither."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from harness.errors import DiptychError, UsageError
from harness.scoring.facts import ScoreFacts, VideoScore
from reports.papers.score_file import ScoreFile, VideoRow, read_scores


def read(tmp_path: Path, content: str | bytes | dict, composite: str | None = None) -> ScoreFile:
    path = tmp_path / "scores"
    data = json.dumps(content) if isinstance(content, dict) else content
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return read_scores(path, composite)


def videos(**scores) -> dict:
    return {"videos": [{"path": f"{i}.mp4", "prompt": "p", "scores": scores} for i in range(2)]}


def test_both_forms_say_the_same(tmp_path):
    document = {
        "folder": "clips",
        "videos": [
            {"path": "a.mp4", "prompt": "a, b", "scores": {"omniscore[light]": 0.5, "flicker": 1}, "error": None},
            {"path": "b.mp4", "prompt": None, "scores": {"omniscore[light]": 0.25, "flicker": None}},
            {"path": "c.mp4", "scores": {}, "error": "torn"},
        ],
    }
    table = 'video,prompt,omniscore[light],flicker\na.mp4,"a, b",0.5,1\nb.mp4,,0.25,\nc.mp4,,,nan\n'
    one, other = read(tmp_path, document), read(tmp_path, table)
    for found in (one, other):
        assert (found.name, found.composite, found.dimensions) == ("scores", "omniscore[light]", ("flicker",))
        assert found.videos[:2] == (
            VideoRow("a.mp4", "a, b", {"omniscore[light]": 0.5, "flicker": 1.0}),
            VideoRow("b.mp4", None, {"omniscore[light]": 0.25, "flicker": None}),
        )
        assert found.by_prompt() == {"a, b": [0.5]}
        assert found.composites == [0.5, 0.25]
    assert one.sha256 == hashlib.sha256(json.dumps(document).encode()).hexdigest()
    assert other.sha256 == hashlib.sha256(table.encode()).hexdigest()


def test_what_score_writes_is_read(tmp_path):
    facts = ScoreFacts(
        folder="clips",
        reference=None,
        metrics={},
        videos=(VideoScore(path="a.mp4", scores={"omniscore[light]": float("nan"), "flicker": 0.5}, error=None),),
        reading="all frames",
        settings={},
        kept="here",
    )
    found = read(tmp_path, facts.model_dump_json(), "flicker")
    assert found.videos == (VideoRow("a.mp4", None, {"omniscore[light]": None, "flicker": 0.5}),)
    assert (found.dimensions, found.absent) == ((), ("omniscore[light]",))


def test_other_composites_are_no_dimensions(tmp_path):
    scores = videos(**{"omniscore[a]": 0.5, "omniscore[b]": 0.5, "flicker": 0.5})
    assert read(tmp_path, scores, "omniscore[b]").dimensions == ("flicker",)
    with pytest.raises(UsageError, match=r"several composites: omniscore\[a\], omniscore\[b\]; .* --composite NAME"):
        read(tmp_path, scores)


def test_a_byte_order_mark_is_no_part_of_the_first_head(tmp_path):
    assert read(tmp_path, "\ufeffvideo,omniscore\nv,0.5\n").composites == [0.5]


MISTAKES = {
    "no json": ("{", ["no JSON document", "CSV"]),
    "no videos": ({"metrics": {}}, ["no list 'videos'"]),
    "videos that are none": ({"videos": [3]}, ["videos[0]", "'path'"]),
    "a prompt that is none": ({"videos": [{"path": "a", "prompt": 3}]}, ["videos[0]", "'prompt'"]),
    "scores that are none": ({"videos": [{"path": "a", "scores": [3]}]}, ["videos[0]", "'scores'"]),
    "a score that is text": (videos(omniscore="high"), ["videos[0], omniscore", "'high' is no number"]),
    "a score that is a truth value": (videos(omniscore=True), ["True is no number"]),
    "no video": ({"videos": []}, ["no video"]),
    "a video twice": ("video,omniscore\na,1\na,2\n", ["'a' twice"]),
    "no composite": (videos(flicker=0.5), ["'omniscore'", "it has flicker", "--composite NAME"]),
    "no score at all": (videos(), ["it has none"]),
    "a composite that no video has": (videos(omniscore=None), ["it has none"]),
    "no heads": ("", ["'video'"]),
    "other heads": ("clip,omniscore\na,1\n", ["no column 'video'"]),
    "a column twice": ("video,omniscore,omniscore\na,1,2\n", ["'omniscore' twice"]),
    "a cell too few": ("video,omniscore,flicker\na,1\n", ["row 2", "3 cells"]),
    "a cell too many": ("video,omniscore\na,1,2\n", ["row 2", "2 cells"]),
    "a cell that is text": ("video,omniscore\na,1\nb,high\n", ["row 3, omniscore", "'high' is no number", "empty"]),
    "an open quote": ('video,omniscore\n"a,1\n', ["no CSV file"]),
}


@pytest.mark.parametrize(("content", "parts"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_told_in_one_line(tmp_path, content, parts):
    with pytest.raises(UsageError) as told:
        read(tmp_path, content)
    assert all(part in str(told.value) for part in parts), str(told.value)
    assert "scores" in str(told.value)
    assert "\n" not in str(told.value)


def test_the_nearest_composite_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"did you mean 'flicker'"):
        read(tmp_path, videos(flicker=0.5), "flickr")


def test_what_cannot_be_read_is_an_error_of_the_machine(tmp_path):
    with pytest.raises(DiptychError, match="nowhere"):
        read_scores(tmp_path / "nowhere")
    with pytest.raises(DiptychError, match="cannot be read"):
        read(tmp_path, b"\xff\xfe\x00")
    with pytest.raises(DiptychError, match="cannot be read"):
        read_scores(tmp_path)
