"""A run of two models' VBench files: its numbers by independent arithmetic, and what it says of itself."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.cli.builtin import load_builtin
from harness.cli.verbs import load_metrics
from harness.cli.verifying import check_weights
from harness.errors import DiptychError, UsageError
from harness.metrics.vbench import METRICS, metric_name
from harness.run import resume_run
from harness.store.run_store import RunStore
from harness.vbench.dimensions import DIMENSIONS
from harness.vbench.matching import match
from harness.vbench.read import read_results
from harness.vbench.runs import import_run, nothing_to_pair
from harness.verify.verify import verify
from tests.forge import read_lines, write_lines
from tests.harness.vbench_cases import official, write

QUALITY = ("subject_consistency", "dynamic_degree", "imaging_quality")


def models(tmp_path: Path, here, there, **labels):
    return (
        read_results([write(tmp_path / "tuned_eval_results.json", here)], label=labels.get("here")),
        read_results([write(tmp_path / "base_eval_results.json", there)], label=labels.get("there")),
    )


def imported(tmp_path: Path, here, there, **options):
    return import_run(*models(tmp_path, here, there), load_builtin(), results=tmp_path / "results", **options)


def verified(path: Path):
    registry = load_builtin()
    return verify(path, load_metrics(), registry, lambda manifest, notes: check_weights(manifest, registry, notes))


def values(results: dict, name: str) -> np.ndarray:
    """[prompts, numbers] of a drawn list, fractions."""
    rows = [float(row["video_results"]) for row in results[name][1]]
    return np.array(rows).reshape(12, 5) / (100 if name == "imaging_quality" else 1)


@pytest.fixture
def two(tmp_path):
    return official(QUALITY, shift=0.03, seed=1), official(QUALITY, seed=2)


def test_the_differences_are_those_of_the_pairs_clustered_by_prompt(tmp_path, two):
    run = imported(tmp_path, *two)
    assert run.arms == ("base", "tuned")
    assert {f.metric for f in run.findings} == {metric_name(name) for name in QUALITY}
    for finding in run.findings:
        name = finding.metric.removeprefix("vbench/")
        new, old = (values(side, name) for side in two)
        by_prompt = (new - old).mean(axis=1)
        estimate = finding.estimate
        assert (finding.arm, finding.baseline) == ("tuned", "base")
        assert estimate.value == pytest.approx(by_prompt.mean(), abs=1e-12)
        assert (estimate.n, estimate.clusters) == (60, 12)
        assert finding.arm_value == pytest.approx(new.mean(), abs=1e-12)
        half = stats.t.ppf(0.975, 11) * by_prompt.std(ddof=1) / np.sqrt(12)
        if not finding.primary:
            assert (estimate.low, estimate.high) == pytest.approx((by_prompt.mean() - half, by_prompt.mean() + half))
        bounds = DIMENSIONS[name]
        assert finding.threshold == pytest.approx(0.01 * (bounds.maximum - bounds.minimum))
    assert [f.metric for f in run.findings if f.primary] == ["vbench/subject_consistency"]
    assert "better quality" in run.conclusion


def test_the_files_and_their_hashes_are_kept_and_no_machine_is_claimed(tmp_path, two):
    run = imported(tmp_path, *two)
    manifest = RunStore.open(run.path).manifest
    assert manifest.imported
    said = manifest.info["imported"]
    for label in ("tuned", "base"):
        (file,) = said["files"][label]
        path = tmp_path / file["name"]
        assert file["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert str(tmp_path) not in json.dumps(said)
    assert list(manifest.context) == ["imported"]
    assert (manifest.device, manifest.threads) == ("unknown", 0)
    assert all("not before the videos were measured" in t.why for t in manifest.suite.thresholds)
    records = RunStore.open(run.path).records()
    assert {tuple(record.flags) for record in records} == {("imported",)}
    assert not any(record.seconds or record.hashes.keys() - {"prompt"} for record in records)
    assert any("'imported'" in note and "not measured here" in note for note in run.notes)


def test_a_model_against_itself_differs_nowhere(tmp_path, two):
    run = import_run(*models(tmp_path, two[0], two[0]), load_builtin(), results=tmp_path / "results")
    for finding in run.findings:
        assert (finding.estimate.value, finding.estimate.low, finding.estimate.high) == (0, 0, 0)
        assert finding.verdict == "within noise"


def test_swapping_the_models_turns_every_sign(tmp_path, two):
    forth, back = imported(tmp_path, *two), imported(tmp_path / "back", *two[::-1])
    for one, other in zip(forth.findings, back.findings, strict=True):
        assert other.estimate.value == pytest.approx(-one.estimate.value, abs=1e-12)
        assert (other.estimate.low, other.estimate.high) == pytest.approx((-one.estimate.high, -one.estimate.low))


def test_videos_of_one_model_alone_are_counted_and_cost_the_good_word(tmp_path, two):
    here, there = two
    for name in QUALITY:
        here[name][1] = here[name][1][5:]  # a whole prompt
        there[name][1] = there[name][1][:-1]
    run = imported(tmp_path, here, there)
    assert (run.only_here, run.only_against) == (1, 5)
    counts = run.pairs["subject_consistency"]
    assert (counts.videos, counts.prompts, counts.only_here, counts.only_against) == (54, 11, 1, 5)
    (lost,) = [note for note in run.notes if "were lost" in note]
    assert "6 of 60 pairs of tuned were lost to failed trials (NoValue 6)" in lost
    assert "quality inconclusive" in run.conclusion  # 10 % are gone: the rest are survivors
    failed = [record for record in RunStore.open(run.path).records() if record.status == "failed"]
    assert {record.error.message for record in failed} == {
        "tuned lists no video of this prompt and number",
        "base lists no video of this prompt and number",
    }
    assert verified(run.path).ok


def test_a_value_of_one_model_alone_is_left_out_and_said(tmp_path, two):
    here, there = two
    here["dynamic_degree"][1][7]["video_results"] = None
    run = imported(tmp_path, here, there)
    assert run.pairs["dynamic_degree"].only_against == 1
    assert {f.metric: f.estimate.n for f in run.findings}["vbench/dynamic_degree"] == 59
    assert any("1 complete blocks of tuned have no value of vbench/dynamic_degree" in note for note in run.notes)
    assert verified(run.path).ok


def test_dimensions_judge_their_own_prompts_and_others_are_no_gap(tmp_path):
    """VBench has other prompts for other dimensions: what neither file judges is not missing."""
    sides = []
    for shift in (0.02, 0.0):
        side = official(("subject_consistency", "color"), shift=shift, seed=int(shift * 100))
        for row in side["color"][1]:
            row["video_path"] = row["video_path"].replace("a cat", "a red dog")
        sides.append(side)
    run = imported(tmp_path, *sides)
    assert {f.metric: (f.estimate.n, f.estimate.clusters) for f in run.findings} == {
        "vbench/subject_consistency": (60, 12),
        "vbench/color": (60, 12),
    }
    assert not any("no value of" in note or "lost" in note for note in run.notes)
    assert len(RunStore.open(run.path).records()) == 240
    assert verified(run.path).ok


def test_a_dimension_of_one_model_is_not_compared_and_it_is_said(tmp_path, two):
    here, there = two
    there["color"] = [0.9, [{"video_path": "a red dog-0.mp4", "video_results": 0.9}]]
    here["scene"] = there["scene"] = 0.4
    found = match(*models(tmp_path, here, there))
    assert found.dimensions == QUALITY
    assert found.left_out == {
        "color": "tuned has no value of it",
        "scene": "tuned: the file gives its aggregate alone; base: the file gives its aggregate alone",
    }
    run = imported(tmp_path, here, there)
    assert "color is not compared: tuned has no value of it" in run.notes
    assert len(RunStore.open(run.path).manifest.plan.trials) == 120


def test_uneven_numbers_of_videos_make_one_block_each(tmp_path):
    """25 videos of a prompt for temporal flickering, 5 for others: what no file has is no block."""
    here, there = (
        {
            **official(("temporal_flickering",), prompts=2, numbers=25, seed=seed),
            **official(("subject_consistency",), prompts=8, numbers=5, seed=seed),
        }
        for seed in (1, 2)
    )
    run = imported(tmp_path, here, there)
    store = RunStore.open(run.path)
    assert len(store.manifest.plan.blocks) == 2 * 25 + 6 * 5
    assert store.manifest.asked.repetitions == 25
    assert {f.metric: f.estimate.n for f in run.findings} == {
        "vbench/subject_consistency": 40,
        "vbench/temporal_flickering": 50,
    }
    assert verified(run.path).ok


def test_few_prompts_give_no_interval_and_the_reason(tmp_path):
    here, there = (official(("color",), prompts=3, seed=seed) for seed in (1, 2))
    (finding,) = imported(tmp_path, here, there).findings
    assert finding.estimate.value is not None
    assert finding.estimate.low is None
    assert finding.estimate.reason
    assert finding.verdict == "inconclusive"


def test_what_a_run_concludes_on_and_its_threshold_can_be_chosen(tmp_path, two):
    run = imported(tmp_path, *two, primary="Imaging Quality", threshold_points=50)
    (primary,) = [f for f in run.findings if f.primary]
    assert (primary.metric, primary.threshold, primary.verdict) == ("vbench/imaging_quality", 0.5, "within noise")
    assert "comparable quality" in run.conclusion
    with pytest.raises(UsageError, match=r"on color: no pair of videos has it\. Valid: subject_consistency, dynamic"):
        imported(tmp_path, *two, primary="color")
    for points in (0, -1, float("nan"), 101):
        with pytest.raises(UsageError, match="threshold must be above 0"):
            imported(tmp_path, *two, threshold_points=points)


def test_no_pair_is_an_error_with_the_reason(tmp_path):
    here, there = official(("color",)), official(("scene",))
    assert "no dimension has values of single videos in both" in nothing_to_pair(*models(tmp_path, here, there))
    other = official(("color",))
    for row in other["color"][1]:
        row["video_path"] = row["video_path"].replace("a cat", "a dog")
    with pytest.raises(DiptychError, match=r"tuned has 'a cat does trick 0-0\.mp4', base has 'a dog"):
        imported(tmp_path, here, other)
    assert not (tmp_path / "results").exists()


@given(
    st.sets(st.tuples(st.sampled_from("abc"), st.integers(0, 3))),
    st.sets(st.tuples(st.sampled_from("abc"), st.integers(0, 3))),
)
def test_matching_counts_every_video_once(tmp_path_factory, ours, theirs):
    sides = []
    for keys in (ours | {("z", 0)}, theirs | {("z", 0)}):
        rows = [{"video_path": f"{prompt}-{number}.mp4", "video_results": 0.5} for prompt, number in sorted(keys)]
        sides.append({"color": [0.5, rows]})
    found = match(*models(tmp_path_factory.mktemp("match"), *sides))
    assert set(found.both("color")) == (ours & theirs) | {("z", 0)}
    assert set(found.videos) == ours | theirs | {("z", 0)}
    assert sum(not found.has(1, video) for video in found.videos) == len(ours - theirs - {("z", 0)})


def test_what_was_changed_in_an_imported_run_is_found(tmp_path, two):
    run = imported(tmp_path, *two)
    assert verified(run.path).ok
    lines = read_lines(run.path)
    lines[3]["hashes"]["prompt"] = "0" * 64
    write_lines(run.path, lines)
    assert "pair" in {problem.what for problem in verified(run.path).problems}
    lines[3]["hashes"] = {}
    write_lines(run.path, lines)
    assert "pair" in {problem.what for problem in verified(run.path).problems}


def test_a_changed_value_no_longer_gives_the_summary(tmp_path, two):
    run = imported(tmp_path, *two)
    lines = read_lines(run.path)
    lines[5]["values"]["vbench/subject_consistency"] = 0.1
    write_lines(run.path, lines)
    assert {problem.what for problem in verified(run.path).problems} == {"summary"}


PLANS = {
    "an arm twice": lambda plan: plan["trials"][1].update(arm="base"),
    "another case": lambda plan: plan["trials"][0]["block"].update(case="nobody asked"),
    "out of order": lambda plan: plan["trials"][0].update(index=1),
}


@pytest.mark.parametrize("change", PLANS.values(), ids=PLANS)
def test_a_changed_plan_of_an_imported_run_is_found(tmp_path, two, change):
    run = imported(tmp_path, *two)
    file = run.path / "manifest.json"
    manifest = json.loads(file.read_text())
    change(manifest["plan"])
    file.write_text(json.dumps(manifest))
    assert "plan" in {problem.what for problem in verified(run.path).problems}


def test_a_run_does_not_become_an_imported_one_by_a_word_in_its_info(tmp_path, two):
    run = imported(tmp_path, *two)
    file = run.path / "manifest.json"
    manifest = json.loads(file.read_text())
    del manifest["context"]["imported"]
    file.write_text(json.dumps(manifest))
    assert not RunStore.open(run.path).manifest.imported
    assert {"key", "plan", "pair"} <= {problem.what for problem in verified(run.path).problems}


def test_an_imported_run_cannot_be_run_here(tmp_path, two):
    run = imported(tmp_path, *two)
    assert resume_run(run.path, registry=load_builtin()).finished == 120  # nothing is missing
    lines = read_lines(run.path)
    write_lines(run.path, lines[:-1])
    with pytest.raises(DiptychError, match="none of its trials can be run here"):
        resume_run(run.path, registry=load_builtin())


def test_metrics_are_told_and_have_no_value_of_a_video():
    from harness.conformance.metric import clip, made

    assert set(METRICS) == set(DIMENSIONS)
    for metric in METRICS.values():
        assert metric.told
        assert metric.compute(made(clip(), clip(), values={})) is None
        assert metric.compute(made(clip(), None, values={metric.name: 0.25})) == 0.25
