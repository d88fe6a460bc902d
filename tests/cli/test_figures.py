"""``diptych figures`` as a user types it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from harness.files import file_sha256
from harness.store.archive import file_data

BASELINES = Path(__file__).parents[2] / "results" / "baselines"


def baseline(suite: str, scale: str = "-small-") -> Path:
    """The committed run of a suite at a scale, the newest if there are several."""
    return sorted(path for path in (BASELINES / suite).iterdir() if scale in path.name)[-1]


def test_the_document_without_torch(diptych, tmp_path):
    run = baseline("decoding")
    said = diptych("figures", "diagd", "-o", "out", "--run", str(run), "--json", blocked=True)
    assert said.code == 0, said.err
    assert len(said.out.splitlines()) == 1
    files = said.document["files"]
    assert {Path(file["path"]).parent for file in files} == {tmp_path / "out"}
    assert len(files) == len({file["path"] for file in files}) == len(list((tmp_path / "out").iterdir())) == 25
    assert all(file.keys() == {"path", "sha256"} for file in files)
    assert all(file_sha256(Path(file["path"])) == file["sha256"] for file in files)
    assert said.document["runs"] == [run.name]
    again = diptych("figures", "diagd", "-o", "again", "--run", str(run), "--json")
    assert [file["sha256"] for file in again.document["files"]] == [file["sha256"] for file in files]


def test_the_newest_whole_run_of_each_suite_is_drawn(diptych, tmp_path):
    suite = tmp_path / "results" / "baselines" / "decoding-vizdoom"
    whole, newer = baseline("decoding-vizdoom"), baseline("decoding-vizdoom", "-validation-")
    assert newer.name > whole.name
    for run in (whole, newer):  # the newer one ran two of the arms
        shutil.copytree(run, suite / run.name)
    shutil.copytree(baseline("null"), tmp_path / "results" / "null" / "20990101T000000Z-small-abcdef")
    said = diptych("figures", "diagd", "--json")
    assert said.code == 0, said.err
    assert said.document["runs"] == [whole.name]
    assert Path(said.document["files"][0]["path"]).parent == tmp_path / "figures" / "diagd"
    assert "no run of decoding, decoding-published, decoding-finetune" in said.err
    assert "published only" in (tmp_path / "figures" / "diagd" / "mineworld_table_2.txt").read_text()
    assert "published only" not in (tmp_path / "figures" / "diagd" / "speed_against_k.txt").read_text()


def test_without_any_run_what_is_published_is_drawn(diptych, tmp_path):
    said = diptych("figures", "diagd")
    assert said.code == 0, said.err
    assert "no run is drawn" in said.out
    assert "no run of decoding," in said.err
    assert (tmp_path / "figures" / "diagd" / "passes_against_k.pdf").read_bytes().startswith(b"%PDF")


MISTAKES = {
    "unknown paper": (("diagdd",), 2, ["'diagdd'", "did you mean 'diagd'", "diptych figures --help"]),
    "scores for runs": (("diagd", "--scores", "a-file"), 2, ["diagd", "--run RUN"]),
    "a run of another paper": (
        ("videodpo", "--run", str(baseline("decoding"))),
        2,
        ["'decoding'", "alignment-ablation"],
    ),
    "a composite of nothing": (("videodpo", "--composite", "omniscore"), 2, ["--composite", "--scores FILE"]),
    "no file of scores": (("videodpo", "--scores", "nowhere.json"), 1, ["nowhere.json", "diptych score"]),
    "an empty file of scores": (("videodpo", "--scores", "a-file"), 2, ["a-file", "'video'"]),
    "no name of a file": (("videodpo", "--scores", ""), 2, ["--scores is an empty string"]),
    "no paper": ((), 2, ["PAPER"]),
    "unknown run": (("diagd", "--run", "nonsense"), 2, ["'nonsense'"]),
    "no folder": (("diagd", "-o", ""), 2, ["-o is an empty string"]),
    "a file in the way": (("diagd", "-o", "a-file"), 1, ["a-file", "in the way", "-o DIR"]),
    "an impossible folder": (("diagd", "-o", "/dev/null/x"), 1, ["/dev/null/x", "-o DIR"]),
    "another suite": (("diagd", "--run", str(baseline("null"))), 2, ["'null'", "decoding-vizdoom"]),
    "two of one suite": (
        ("diagd", "--run", str(baseline("decoding")), "--run", str(baseline("decoding"))),
        2,
        ["both of suite 'decoding'"],
    ),
}


@pytest.mark.parametrize(("arguments", "code", "parts"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_in_one_line_and_writes_nothing(diptych, tmp_path, arguments, code, parts):
    (tmp_path / "a-file").touch()
    said = diptych("figures", *arguments, "--json")
    assert (said.code, said.out) == (code, "")
    assert len(said.err.strip().splitlines()) == 1, said.err
    assert all(part in said.err for part in parts), said.err
    assert [path.name for path in tmp_path.iterdir()] == ["a-file"]


SCORES = {
    "folder": "clips",
    "videos": [
        {
            "path": f"{prompt}-{i}.mp4",
            "prompt": f"prompt {prompt}",
            "scores": {
                "omniscore[light]": (prompt * 7 + i * 13) % 29 / 29,
                "flicker": i / 3,
                "motion": (prompt + i) / 9,
            },
            "error": None,
        }
        for prompt in range(7)
        for i in range(4)
    ],
}


def test_scores_are_drawn_without_torch_and_twice_alike(diptych, tmp_path):
    (tmp_path / "scores.json").write_text(json.dumps(SCORES))
    said = diptych("figures", "videodpo", "--scores", "scores.json", "--json", blocked=True)
    assert said.code == 0, said.err
    assert len(said.out.splitlines()) == 1
    files = said.document["files"]
    folder = tmp_path / "figures" / "videodpo"
    assert {Path(file["path"]).parent for file in files} == {folder}
    assert len(files) == len(list(folder.iterdir())) == 22
    assert all(file_sha256(Path(file["path"])) == file["sha256"] for file in files)
    assert (said.document["runs"], said.document["scores"]) == ([], "scores.json")
    assert said.document["notes"] == ["no run of alignment, alignment-ablation: nothing measured is drawn of it"]
    again = diptych("figures", "videodpo", "--scores", "scores.json", "-o", "again", "--json")
    assert [file["sha256"] for file in again.document["files"]] == [file["sha256"] for file in files]
    assert "28 videos of 7 prompts" in (folder / "score_analysis.txt").read_text()


def test_without_scores_what_is_published_about_alignment_is_drawn(diptych, tmp_path):
    said = diptych("figures", "videodpo")
    assert said.code == 0, said.err
    assert "no run is drawn: published numbers and formulas only" in said.out
    assert "no run of alignment, alignment-ablation" in said.err
    assert "no scores" in said.err
    assert "diptych score --help" in said.err
    names = {path.stem for path in (tmp_path / "figures" / "videodpo").iterdir()}
    assert names == {"main_table", "ablation_table", "reproduction_gap", "vbench_dimensions"}


def test_a_score_is_chosen_by_name(diptych, tmp_path):
    (tmp_path / "scores.csv").write_text("video,prompt,a,b\n1,p,0.1,0.3\n2,p,0.2,0.1\n3,p,0.4,0.2\n")
    said = diptych("figures", "videodpo", "--scores", "scores.csv")
    assert said.code == 2
    assert "--composite NAME" in said.err
    assert "a, b" in said.err
    assert not (tmp_path / "figures").exists()
    said = diptych("figures", "videodpo", "--scores", "scores.csv", "--composite", "b", "--json")
    assert said.code == 0, said.err
    text = (tmp_path / "figures" / "videodpo" / "score_analysis.txt").read_text()
    assert text.startswith("Analysis of b over 3 videos of 1 prompt\n")
    said = diptych("figures", "videodpo", "--scores", "scores.csv", "--composite", "bb")
    assert said.code == 2
    assert "'bb'" in said.err


def test_a_damaged_run_is_named(diptych, tmp_path):
    run = Path(shutil.copytree(baseline("decoding-vizdoom"), tmp_path / "spoilt"))
    manifest = file_data(run, "manifest.json")
    (run / "manifest.json").write_bytes(manifest[: len(manifest) // 2])
    said = diptych("figures", "diagd", "--run", str(run))
    assert said.code == 1
    assert "manifest.json" in said.err
    assert not (tmp_path / "figures").exists()
