"""``diptych score`` without a reference: videos judged alone or by their prompt, composites, and what is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.cli.main import run
from harness.cli.scoring import score
from harness.errors import NoValueError
from harness.registry import REGISTRY, Entry
from harness.store.video import encode
from harness.types import Made, Metric
from tests.harness.test_videos import moving

FLICKER, MOTION = "temporal_flickering[frame-difference]", "motion_magnitude[dis]"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "made"
    made.mkdir()
    for number in range(8):
        clip = np.roll(moving(6), 5 * number, axis=2)
        encode(clip // (1 + number % 3), made / f"clip{number}.mkv")
    encode(moving(1), made / "still.mkv")
    return made


def call(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    code = run(["score", *arguments, "--json"])
    said = capfd.readouterr()
    return code, json.loads(said.out.splitlines()[-1]) if said.out else None, said.err


@pytest.fixture
def captioned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A metric of captions, and a composite of it and of flickering; returns the captions that were looked at."""
    looked: list[str] = []

    def words(made: Made) -> float | None:
        looked.append(str(made.caption))
        return None if made.caption is None else float(len(made.caption.split()))

    def combine(values: Any) -> float:
        if values["words"] is None or values[FLICKER] is None:
            raise NoValueError("without its parts there is no total")
        return float(values["words"] + values[FLICKER])

    common: dict[str, Any] = {"unit": "u", "direction": "higher", "scale": "difference", "quality": True}
    metrics = (
        Metric(name="words", summary="w", compute=words, needs=("caption",), **common),
        Metric(
            name="both", summary="b", compute=lambda made: None, parts=(FLICKER, "words"), combine=combine,
            needs=("caption",), **common,
        ),
    )  # fmt: skip
    REGISTRY.list("metric")
    for metric in metrics:
        entry = Entry("metric", metric.name, metric.summary, "here:1", metric, __name__, None)
        monkeypatch.setitem(REGISTRY.entries, ("metric", metric.name), entry)
    return looked


def test_videos_are_judged_without_a_reference(folder, tmp_path, capfd):
    code, found, _ = call(capfd, str(folder), "--metrics", f"{FLICKER},{MOTION}", "-o", str(tmp_path / "kept"))
    assert code == 0
    assert found["reference"] is found["prompts"] is None
    for name in (FLICKER, MOTION):
        facts = found["metrics"][name]
        assert facts["n"] == 8
        assert facts["low"] < facts["value"] < facts["high"]
    videos = {video["path"]: video for video in found["videos"]}
    assert len(videos["clip0.mkv"]["frame_scores"][FLICKER]) == 5
    assert "at least 2 frames" in videos["still.mkv"]["error"]
    again = call(capfd, str(folder), "--metrics", f"{FLICKER},{MOTION}", "-o", str(tmp_path / "kept"))[1]
    assert again["reused"] == 9
    assert again["metrics"] == found["metrics"]


def test_metrics_of_pairs_say_what_they_lack_beside_those_that_do_not(folder, tmp_path, capfd):
    metrics = f"ssim,{FLICKER},text_alignment[video-text-crafter]"
    code, found, _ = call(capfd, str(folder), "--metrics", metrics, "-o", str(tmp_path / "kept"))
    assert code == 0
    assert "--reference" in found["metrics"]["ssim"]["reason"]
    assert "--prompts" in found["metrics"]["text_alignment[video-text-crafter]"]["reason"]
    assert found["metrics"][FLICKER]["value"] is not None


def test_with_a_reference_videos_without_one_are_still_judged_alone(folder, tmp_path, capfd):
    true = tmp_path / "true"
    true.mkdir()
    encode(moving(6), true / "clip0.mkv")
    code, found, _ = call(
        capfd, str(folder), "--reference", str(true), "--metrics", f"ssim,{FLICKER}", "-o", str(tmp_path / "kept")
    )
    assert code == 0
    assert (found["metrics"]["ssim"]["n"], found["metrics"][FLICKER]["n"]) == (1, 8)
    videos = {video["path"]: video for video in found["videos"]}
    assert videos["clip1.mkv"]["scores"]["ssim"] is None
    assert "no video called" in videos["clip1.mkv"]["reasons"]["ssim"]


def test_prompts_belong_to_videos_and_composites_to_their_parts(folder, tmp_path, captioned):
    prompts = tmp_path / "prompts.json"
    texts = {f"clip{n}": "one two" if n < 4 else "one two three four" for n in range(8)} | {"still": "one"}
    prompts.write_text(json.dumps(texts))
    facts = score(folder, ["both"], prompts=prompts, output=tmp_path / "kept")
    assert list(facts.metrics) == [FLICKER, "words", "both"]
    videos = {video.path: video for video in facts.videos}
    first = videos["clip0.mkv"]
    assert first.prompt == "one two"
    assert first.scores["both"] == first.scores["words"] + first.scores[FLICKER]
    assert "without its parts" in videos["still.mkv"].reasons["both"]
    assert facts.metrics["both"].n == 8
    assert "2 prompts of 8 videos" in facts.metrics["both"].method
    assert facts.metrics["both"].low is None  # two prompts are two clusters
    looked = len(captioned)
    again = score(folder, ["both"], prompts=prompts, output=tmp_path / "kept")
    assert len(captioned) == looked
    assert again.metrics == facts.metrics
    prompts.write_text(json.dumps(texts | {"clip0": "another text of five words"}))
    other = score(folder, ["both"], prompts=prompts, output=tmp_path / "kept")
    assert captioned[looked:] == ["another text of five words"]
    assert {v.path: v for v in other.videos}["clip0.mkv"].scores["words"] == 5.0


def test_a_mistake_in_prompts_is_said_before_anything_is_scored(folder, tmp_path, capfd):
    short = tmp_path / "short.txt"
    short.write_text("one\ntwo\n")
    code, _, err = call(capfd, str(folder), "--prompts", str(short), "--metrics", FLICKER, "-o", str(tmp_path / "kept"))
    assert code == 2
    assert "has 2 prompts, and there are 9 videos" in err
    assert not (tmp_path / "kept").exists()


def test_an_unknown_preset_names_those_that_there_are(folder, capfd):
    code, _, err = call(capfd, str(folder), "--metrics", "omniscore[lihgt]")
    assert code == 2
    assert "unknown metric 'omniscore[lihgt]'" in err
