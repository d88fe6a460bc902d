"""``diptych omniscore``: presets, the matrix of faults, readings and scales, from runs that are drawn here."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.cli.builtin import load_builtin
from harness.cli.main import run
from harness.plan import make_plan
from harness.store.records import Manifest, TrialRecord
from harness.store.run_store import RunStore

CLIPS = 8


def drawn_run(results: Path, suite: str, scale: str, seed: int) -> str:
    """A run of a suite whose values are drawn: faults cost every metric that they belong to."""
    asked = load_builtin().get("suite", suite)
    cases = [case for case in asked.scales[scale].cases if case.group == "crafter-9x9"][:CLIPS]
    few = asked.scales[scale].model_copy(update={"cases": tuple(cases)})
    asked = asked.model_copy(update={"scales": {scale: few}})
    plan = make_plan(asked, scale, seed)
    own = {(e.arm, e.metric) for e in asked.expectations}
    draw = np.random.default_rng(seed)
    manifest = Manifest(
        run_id=f"20260101T000000Z-{scale}-{seed:06x}", suite=asked, plan=plan, device="cpu", threads=1,
        created_at="2026-01-01T00:00:00+00:00", comparability_key="k",
    )  # fmt: skip
    with RunStore.create(results, manifest) as store:
        for trial in plan.trials:
            values = {}
            for metric in asked.metrics:
                better = load_builtin().get("metric", metric).direction == "higher"
                value = draw.normal(0.8, 0.02) - (0.5 if (trial.arm, metric) in own else 0.0)
                values[metric] = None if "vizdoom" in metric else value if better else 1 - value
            tokens = hashlib.sha256(repr((trial.arm, trial.block.case)).encode()).hexdigest()
            store.append(
                TrialRecord(
                    index=trial.index, block=trial.block, arm=trial.arm, seed=trial.seed, session=0, status="finished",
                    started_at="2026-01-01T00:00:00+00:00", values=values, seconds=[1.0],
                    hashes={"prompt": "p", "noise": "n", "weights": "w", "tokens": tokens},
                )
            )  # fmt: skip
    return manifest.run_id


def call(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    code = run(["omniscore", *arguments, "--json"])
    said = capfd.readouterr()
    return code, json.loads(said.out.splitlines()[-1]) if said.out else None, said.err


@pytest.fixture
def runs(tmp_path: Path) -> dict[str, str]:
    return {
        "sanity": drawn_run(tmp_path, "omniscore-sanity", "calibration", 1),
        "samples": drawn_run(tmp_path, "omniscore-samples", "calibration", 2),
        "tested": drawn_run(tmp_path, "omniscore-sanity", "small", 3),
    }


def test_a_matrix_of_faults_has_own_and_other_ones(runs, tmp_path, capfd):
    code, found, _ = call(capfd, "validity", runs["tested"], "--results", str(tmp_path))
    assert code == 0
    row = found["groups"]["crafter-9x9"]["temporal_flickering[frame-difference]"]
    assert row["flicker-3"]["value"] == 1.0
    assert row["flicker-3"]["cases"] == CLIPS
    assert 0.2 < row["blur-3"]["value"] < 0.8
    assert "clean" not in row


def test_scales_are_written_with_their_set_and_read_back(runs, tmp_path, capfd):
    path = tmp_path / "presets.json"
    arguments = (runs["sanity"], "--samples", runs["samples"], "-o", str(path), "--results", str(tmp_path))
    code, found, _ = call(capfd, "calibrate", *arguments)
    assert code == 0
    assert found["presets"] == ["light-crafter", "light-crafter-pairing"]
    written = json.loads(path.read_text())
    assert written["calibration"]["set_sha256"] == found["set_sha256"]
    assert written["calibration"]["clips"] == CLIPS * len(load_builtin().get("suite", "omniscore-sanity").arms)
    parts = {part["metric"]: part for part in written["presets"][0]["parts"]}
    brisque = parts["imaging_quality[brisque]"]
    assert brisque["worst"] > brisque["best"]
    assert parts["dynamic_degree[raft-small]"]["weight"] == 0.5
    assert (parts["dynamic_degree[raft-small]"]["worst"], parts["dynamic_degree[raft-small]"]["best"]) == (0, 1)
    assert call(capfd, "calibrate", *arguments)[1]["set_sha256"] == found["set_sha256"]
    shares = [a["variance_share"] for a in written["admissions"]["light-crafter"]]
    assert sum(shares) == pytest.approx(1)


def test_clips_that_are_tested_on_do_not_calibrate(runs, tmp_path, capfd):
    code, _, err = call(capfd, "calibrate", runs["tested"], "-o", str(tmp_path / "p.json"), "--results", str(tmp_path))
    assert code == 2
    assert "whose clips are tested on" in err
    assert "diptych run omniscore-sanity --scale calibration" in err
    assert not (tmp_path / "p.json").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("validity", "{samples}"), "is of suite 'omniscore-samples'"),
        (("validity", "nothing"), "unknown run 'nothing'"),
        (("presets", "lihgt"), "unknown OmniScore preset 'lihgt'"),
        (("sensitivity", "{samples}", "--preset", "none"), "unknown OmniScore preset 'none'"),
    ],
)
def test_a_mistake_gets_one_line(runs, tmp_path, capfd, arguments, words):
    results = () if arguments[0] == "presets" else ("--results", str(tmp_path))
    code, _, err = call(capfd, *(text.format(**runs) for text in arguments), *results)
    assert code == 2
    assert words in err
    assert "Traceback" not in err


def test_presets_show_what_they_are_made_of(capfd):
    code, found, _ = call(capfd, "presets")
    assert code == 0
    for preset in found["presets"]:
        assert preset["parts"]
        assert preset["left_open"]
    assert run(["omniscore", "presets"]) == 0
    said = capfd.readouterr().out
    assert all(f"omniscore[{preset['name']}]" in said for preset in found["presets"])


class Oracle:
    """Knows which caption belongs to which clip, but for the first clip, which it takes for the last."""

    example, least_side = "x", 1

    def __init__(self, captions: list[str]) -> None:
        self.captions = captions

    def similarities(self, videos: Any, captions: Any) -> np.ndarray:
        said = [self.captions[-1], *self.captions[1:]]
        return np.array([[float(one == other) for other in captions] for one in said])


def test_retrieval_counts_the_clips_whose_caption_is_found(monkeypatch, capfd):
    registry = load_builtin()
    cases = [c for c in registry.get("suite", "omniscore-sanity").scales["smoke"].cases if c.group == "crafter-9x9"]
    monkeypatch.setattr("harness.cli.retrieving._groups", lambda: {"crafter-9x9": cases})
    maker = registry.get("maker", "fault")("cpu", 1)
    captions = [maker.clip(case).caption for case in cases]
    assert len(set(captions)) == len(captions) == 4
    key = ("text-scorer", "video-text-crafter")
    entry = replace(registry.entry(*key), target=lambda device: Oracle(captions))
    monkeypatch.setitem(registry.entries, key, entry)
    code, found, _ = call(capfd, "retrieval", "video-text-crafter")
    assert code == 0
    first, third = found["rows"]
    assert (first["k"], first["hits"], first["queries"], first["value"]) == (1, 3, 4, 0.75)
    assert first["chance"] == 0.25
    assert (third["k"], third["hits"]) == (3, 3)  # a caption that looks like no clip is the last of four
    code, _, err = call(capfd, "retrieval", "video-text-craftr")
    assert code == 2
    assert "did you mean 'video-text-crafter'" in err


def test_readings_change_totals_of_scored_files(tmp_path, capfd):
    parts = next(p for p in call(capfd, "presets", "vbench-v1")[1]["presets"])["parts"]
    draw = np.random.default_rng(0)
    videos = [
        {"path": f"{n}.mp4", "prompt": f"prompt {n // 4}", "scores": {p["metric"]: draw.uniform() for p in parts}}
        for n in range(24)
    ]
    path = tmp_path / "scores.json"
    path.write_text("a line of progress\n" + json.dumps({"videos": videos}) + "\n")
    code, found, _ = call(capfd, "sensitivity", str(path), "--preset", "vbench-v1")
    assert code == 0
    facts = found["groups"]["videos, vbench-v1"]
    assert (facts["videos"], facts["prompts"], facts["left_out"]) == (24, 6, 0)
    rows = {row["name"]: row for row in facts["readings"]}
    assert rows["as declared"]["tau"] == 1
    assert -1 < rows["semantics alone"]["tau"] < 1
    path.write_text("no scores")
    code, _, err = call(capfd, "sensitivity", str(path), "--preset", "vbench-v1")
    assert code == 2
    assert "holds no scores of videos" in err
