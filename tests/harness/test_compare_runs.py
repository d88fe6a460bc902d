"""A candidate run against a reference run: what is compared, what is unmatched, what gates."""

from __future__ import annotations

import json

import pytest

from harness.analyse import Comparison, compare_runs
from harness.cli.verbs import gate_code
from harness.errors import DiptychError, UsageError
from harness.types import Case
from tests.harness.analyse_toy import BASE, FAST, METRICS, finding, make_suite, manifest, runs


@pytest.mark.parametrize(("change", "word"), [(-0.1, "regressed"), (0.1, "improved"), (0.0, "within noise")])
def test_compare_is_candidate_minus_reference_of_the_same_arm(change, word):
    _, a, b = runs(change)
    result = compare_runs(a, b, METRICS)
    found = finding(result, "accuracy")
    assert found.estimate.value == pytest.approx(change, abs=1e-12)
    assert (found.verdict, found.arm, found.baseline, found.primary) == (word, FAST, "A", True)
    assert finding(result, "accuracy", BASE).verdict == "within noise"
    assert (finding(result, "accuracy", BASE).estimate.low, result.reference, result.candidate) == (0.0, "A", "B")
    assert found.arm_value - found.baseline_value == pytest.approx(change)
    back = finding(compare_runs(b, a, METRICS), "accuracy").estimate
    assert (back.value, back.low, back.high) == (-found.estimate.value, -found.estimate.high, -found.estimate.low)


def test_times_of_separate_runs_are_unmatched_and_never_gate():
    _, a, (other, new) = runs(0.0)
    slower = [r.model_copy(update={"values": r.values | {"fps": r.values["fps"] / 3}}) for r in new]
    result = compare_runs(a, (other, slower), METRICS)
    assert {f.metric for f in result.findings} == {"accuracy", "psnr", "passes"}
    assert {(u.metric, u.arm) for u in result.unmatched} == {
        (name, arm) for name in ("fps", "seconds") for arm in (BASE, FAST)
    }
    fps = next(u for u in result.unmatched if u.metric == "fps" and u.arm == FAST)
    assert fps.reference_value / fps.candidate_value == pytest.approx(3)
    assert (fps.unit, fps.reason) == ("frames/s", "measured in separate runs, not side by side")
    assert {f.metric for f in result.findings if f.primary} == {"accuracy"}


def test_exact_counts_are_compared():
    _, a, (other, new) = runs(0.0)
    doubled = [r.model_copy(update={"values": r.values | {"passes": r.values["passes"] * 2}}) for r in new]
    estimate = finding(compare_runs(a, (other, doubled), METRICS), "passes").estimate
    assert estimate.low == estimate.high == pytest.approx(2.0)


def test_blocks_and_arms_of_one_run_only_are_listed_and_left_out():
    _, (m, old), (n, new) = runs(-0.1)
    result = compare_runs((m, old), (n, new[2:]), METRICS)
    assert finding(result, "accuracy").estimate.n == 31
    lone = [u for u in result.unmatched if u.metric is None]
    assert [(u.group, u.arm) for u in lone] == [("g", BASE), ("g", FAST)]
    assert all("g/000" in u.reason and "run B" in u.reason for u in lone)
    result = compare_runs((m, [r for r in old if r.arm == BASE]), (n, new), METRICS)
    assert {f.arm for f in result.findings} == {BASE}
    assert [(u.arm, u.reason) for u in result.unmatched if u.metric is None] == [
        (FAST, "no finished trial of this arm in run A")
    ]


def test_one_metric_can_be_asked_for():
    _, a, b = runs(0.0)
    result = compare_runs(a, b, METRICS, only=["psnr"])
    assert {f.metric for f in result.findings} == {"psnr"}
    assert result.unmatched == []
    speed = compare_runs(a, b, METRICS, only=["fps"])
    assert speed.findings == []
    assert {u.metric for u in speed.unmatched} == {"fps"}
    with pytest.raises(UsageError, match="unknown metric"):
        compare_runs(a, b, METRICS, only=["psnrr"])


def test_context_differences_are_named():
    suite, (_, old), (_, new) = runs(0.0)
    one = manifest(suite, "A", {"torch": "2.13", "cpu": {"model": "x", "flags": [1]}, "same": 1})
    two = manifest(suite, "B", {"torch": "2.12", "cpu": {"model": "y", "flags": [1]}, "same": 1, "gpu": "z"})
    result = compare_runs((one, old), (two, new), METRICS)
    assert [(d.key, d.reference, d.candidate) for d in result.context_differences] == [
        ("cpu.model", "x", "y"),
        ("gpu", None, "z"),
        ("torch", "2.13", "2.12"),
    ]
    assert Comparison.model_validate(json.loads(result.model_dump_json())) == result


def test_runs_of_different_questions_are_refused():
    suite, a, (_, new) = runs(0.0)
    with pytest.raises(DiptychError, match="version 2"):
        compare_runs(a, (manifest(suite.model_copy(update={"version": 2}), "B"), new), METRICS)
    with pytest.raises(DiptychError, match="no finished block"):
        compare_runs(a, (manifest(suite, "B"), []), METRICS)


def test_different_seeds_are_said():
    _, a, (other, new) = runs(0.0)
    reseeded = [r.model_copy(update={"seed": 8}) for r in new]
    assert compare_runs(a, (other, reseeded), METRICS).notes == [
        "64 pairs were made with different seeds: their noise is not matched"
    ]


def test_random_weights_have_no_quality_to_compare():
    suite = make_suite(groups=("r",), random_groups=("r",))
    _, a, b = runs(-0.5, suite=suite)
    found = finding(compare_runs(a, b, METRICS), "accuracy", group="r")
    assert found.estimate.value is None
    assert not found.primary


def test_another_prompt_is_no_pair_and_blocks_the_gate():
    _, a, (m, new) = runs(0.0)
    changed = [r.model_copy(update={"hashes": {"prompt": "x"}}) if r.block.case == "g/000" else r for r in new]
    result = compare_runs(a, (m, changed), METRICS)
    assert finding(result, "accuracy").estimate.n == 31
    lone = [u for u in result.unmatched if u.metric is None]
    assert len(lone) == 2
    assert all(u.blocks_gate and "prompt differ" in u.reason for u in lone)
    assert gate_code(result) == 4


def test_what_the_candidate_lacks_blocks_the_gate_and_what_it_adds_does_not():
    _, (m, old), (n, new) = runs(0.0)
    assert gate_code(compare_runs((m, old), (n, new), METRICS)) == 0
    assert gate_code(compare_runs((m, old), (n, new[2:]), METRICS)) == 4
    assert gate_code(compare_runs((m, old[2:]), (n, new), METRICS)) == 0
    assert gate_code(compare_runs((m, old), (n, [r for r in new if r.arm == BASE]), METRICS)) == 4


def test_an_arm_that_is_declared_otherwise_is_a_difference_of_context():
    _, a, (m, new) = runs(0.0)
    arms = tuple(arm.model_copy(update={"params": {"k": 2}}) if arm.name == FAST else arm for arm in m.suite.arms)
    other = m.model_copy(update={"suite": m.suite.model_copy(update={"arms": arms})})
    (found,) = compare_runs(a, (other, new), METRICS).context_differences
    assert (found.key, found.reference, found.candidate) == (f"arms.{FAST}.params.k", None, 2)


def test_facts_about_models_of_other_groups_are_no_difference():
    _, (m, old), (n, new) = runs(0.0)
    scale = n.suite.scales["small"]
    more = scale.model_copy(update={"cases": (*scale.cases, Case(name="big", group="big", model="huge"))})
    bigger = n.suite.model_copy(update={"scales": {"small": more}})
    other = n.model_copy(update={"suite": bigger, "context": {**n.context, "makers": {"m": {"huge": "sha"}}}})
    plain = m.model_copy(update={"context": {**m.context, "makers": {"m": {}}}})
    assert compare_runs((plain, old), (other, new), METRICS).context_differences == []
