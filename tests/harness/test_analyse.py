"""From records to findings and conclusions: families, numbers, words, declarations."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
from scipy import stats

from harness.analyse import Analysis, analyse
from harness.errors import DiptychError, UsageError
from harness.stats.family import Member, simultaneous
from harness.stats.paired import make_pairs
from harness.types import Threshold
from tests.harness.analyse_toy import (
    BASE,
    CONTROL,
    FAST,
    GOOD,
    METRICS,
    SETS,
    finding,
    make_records,
    make_suite,
    metric,
)


def test_the_sentence_holds_the_numbers_and_the_word():
    suite = make_suite()
    result = analyse(suite, make_records(suite, GOOD, noise=0.01), METRICS)
    speed, quality = finding(result, "fps").estimate, finding(result, "accuracy").estimate
    assert result.conclusion == (
        f"g: diagonal is {speed.value:.3f}x as fast [{speed.low:.3f}, {speed.high:.3f}] as sequential "
        f"with accuracy {quality.value:+.3f} [{quality.low:+.3f}, {quality.high:+.3f}] over 32 clips: "
        "faster at comparable quality."
    )
    assert 2.35 < speed.low < 2.4 < speed.high < 2.45
    assert result.conclusions[0].word == "faster at comparable quality"
    assert (result.finished, result.failed, result.unpaired) == (64, 0, 0)


def test_findings_hold_values_family_threshold_and_correlation():
    suite = make_suite()
    records = make_records(suite, GOOD)
    result = analyse(suite, records, METRICS, seed=3)
    old, new = ([r.values["fps"] for r in records if r.arm == arm] for arm in (BASE, FAST))
    speed = finding(result, "fps")
    assert speed.baseline_value == pytest.approx(stats.gmean(old))
    assert speed.arm_value == pytest.approx(stats.gmean(new))
    assert speed.estimate.value == pytest.approx(stats.gmean(np.array(new) / old))
    assert speed.correlation == pytest.approx(stats.pearsonr(np.log(new), np.log(old)).statistic)
    assert speed.correlation > 0.9
    assert (speed.threshold, speed.unit, speed.estimate.unit) == (0.05, "frames/s", "ratio")
    quality = finding(result, "accuracy")
    mean = np.mean([r.values["accuracy"] for r in records if r.arm == FAST])
    assert quality.arm_value == pytest.approx(mean)
    assert quality.threshold == 0.02
    assert [f.metric for f in result.findings if f.primary] == ["fps", "accuracy"]
    assert "max-t family of 2" in speed.estimate.method
    assert speed.estimate.seed is not None
    assert "family" not in finding(result, "psnr").estimate.method


def test_the_family_is_what_the_family_module_says():
    suite = make_suite()
    records = make_records(suite, GOOD)
    speed = finding(analyse(suite, records, METRICS), "fps").estimate
    pairs = {
        name: make_pairs(
            *([r.values[name] for r in records if r.arm == arm] for arm in (FAST, BASE)),
            [r.block.case for r in records if r.arm == BASE],
        )
        for name in ("fps", "accuracy")
    }
    members = [Member(pairs["fps"], "ratio", "", "higher"), Member(pairs["accuracy"], "difference", "", "higher")]
    expected = simultaneous(members, generator=np.random.default_rng(speed.seed))[0]
    assert (speed.low, speed.high) == (expected.low, expected.high)


def test_order_of_the_records_is_irrelevant():
    suite = make_suite(cases=40, groups=("g", "h"), metrics=("fps", "accuracy", "frechet[f]", "kvd[f]"))
    records = make_records(suite, GOOD, repetitions=2, dimensions=3)
    shuffled = records.copy()
    random.Random(0).shuffle(shuffled)
    assert analyse(suite, shuffled, METRICS) == analyse(suite, records, METRICS)


def test_swapping_arm_and_baseline_flips_the_sign_and_nothing_else():
    suite = make_suite()
    records = make_records(suite, {BASE: (1.0, 0.0), FAST: (1.5, -0.1)})
    names = {BASE: FAST, FAST: BASE}
    swapped = [r.model_copy(update={"arm": names[r.arm]}) for r in records]
    there, back = analyse(suite, records, METRICS), analyse(suite, swapped, METRICS)
    mirrored = {"improved": "regressed", "regressed": "improved"}
    for name in ("fps", "accuracy", "psnr"):
        one, two = finding(there, name), finding(back, name)
        a, b = one.estimate, two.estimate
        if name == "fps":
            assert (b.value, b.low, b.high) == pytest.approx((1 / a.value, 1 / a.high, 1 / a.low), rel=1e-12)
        else:
            assert (b.value, b.low, b.high) == (-a.value, -a.high, -a.low)
        assert two.verdict == mirrored[one.verdict]
        assert (two.arm_value, two.baseline_value) == (one.baseline_value, one.arm_value)
        assert two.correlation == pytest.approx(one.correlation)
        assert (b.n, b.clusters, b.method, b.seed) == (a.n, a.clusters, a.method, a.seed)


@pytest.mark.parametrize(
    ("effect", "noise", "word"),
    [
        ((2.0, 0.0), 0.01, "faster at comparable quality"),
        ((2.0, -0.2), 0.01, "faster but worse"),
        ((2.0, -0.02), 0.01, "faster, quality inconclusive"),
        ((1.0, 0.0), 0.01, "not faster"),
        ((0.5, 0.2), 0.01, "not faster"),
        ((1.05, 0.0), 0.05, "not faster"),
    ],
)
def test_every_conclusion_is_reached(effect, noise, word):
    suite = make_suite()
    result = analyse(suite, make_records(suite, {BASE: (1.0, 0.0), FAST: effect}, noise=noise), METRICS)
    assert [c.word for c in result.conclusions] == [word]
    assert f": {word}" in result.conclusion


def test_a_lower_is_better_speed_is_told_as_times_as_fast():
    suite = make_suite(
        metrics=("seconds", "accuracy"), primary_speed="seconds", thresholds=(Threshold(metric="seconds", tau=0.05),)
    )
    result = analyse(suite, make_records(suite, GOOD), METRICS)
    estimate = finding(result, "seconds").estimate
    assert estimate.high < 0.5
    assert finding(result, "seconds").verdict == "improved"
    assert f"{1 / estimate.value:.3f}x as fast [{1 / estimate.high:.3f}, {1 / estimate.low:.3f}]" in result.conclusion


def test_the_most_useful_arm_comes_first_and_the_control_last():
    arms = (BASE, "slow", "a", "b", "worse", CONTROL)
    suite = make_suite(arms=arms, negative_control=CONTROL)
    effects = dict(zip(arms, [(1, 0), (0.9, 0), (2, 0), (3, 0), (9, -0.3), (20, -0.5)], strict=True))
    result = analyse(suite, make_records(suite, effects), METRICS)
    assert [c.arm for c in result.conclusions] == ["b", "a", "worse", "slow", CONTROL]
    assert result.conclusion == result.conclusions[0].sentence
    assert result.notes == []


def test_few_cases_are_inconclusive_with_the_reason_in_the_sentence():
    suite = make_suite(cases=5)
    result = analyse(suite, make_records(suite, GOOD, repetitions=4), METRICS)
    for f in result.findings:
        assert f.verdict == "inconclusive"
        assert f.estimate.value is not None
        assert "at least 6" in f.estimate.reason
    assert result.conclusions[0].word == "not faster"
    assert "no interval: 5 cases" in result.conclusion
    assert result.conclusion.endswith("over 20 blocks of 5 cases: not faster (speed inconclusive).")


def test_no_declared_threshold_no_verdict():
    suite = make_suite(thresholds=(Threshold(metric="fps", tau=0.05),))
    found = finding(analyse(suite, make_records(suite, {BASE: (1, 0), FAST: (2, -0.5)}), METRICS), "psnr")
    assert found.verdict == "inconclusive"
    assert found.threshold is None
    assert found.estimate.high < 0
    assert found.estimate.reason == "no threshold is declared for psnr"


def test_below_a_metrics_minimum_there_is_an_interval_but_no_verdict():
    suite = make_suite(cases=8)
    strict = METRICS | {"accuracy": metric("accuracy", "", "higher", "difference", quality=True, minimum_n=9)}
    result = analyse(suite, make_records(suite, GOOD), strict)
    found = finding(result, "accuracy")
    assert found.estimate.low is not None
    assert found.verdict == "inconclusive"
    assert "needs at least 9" in found.estimate.reason
    assert result.conclusions[0].word == "faster, quality inconclusive"


def test_the_seed_moves_only_the_resampled_width():
    suite = make_suite(arms=(BASE, FAST, "b"))
    records = make_records(suite, {**GOOD, "b": (2, 0)})
    one, same, other = (analyse(suite, records, METRICS, seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert finding(one, "fps").estimate.value == finding(other, "fps").estimate.value
    assert finding(one, "fps").estimate.low != finding(other, "fps").estimate.low
    assert finding(one, "psnr") == finding(other, "psnr")


def test_declarations_that_cannot_be_judged_are_refused():
    suite = make_suite()
    with pytest.raises(UsageError, match=r"unknown metric 'psnr'"):
        analyse(suite, [], {name: m for name, m in METRICS.items() if name != "psnr"})
    with pytest.raises(DiptychError, match="margin"):
        analyse(make_suite(margin=0.0), [], METRICS)
    with pytest.raises(DiptychError, match="primary speed"):
        analyse(make_suite(primary_speed="psnr"), [], METRICS)


def test_the_analysis_survives_json():
    suite = make_suite(cases=40, **SETS)
    result = analyse(suite, make_records(suite, GOOD, dimensions=3), METRICS)
    assert Analysis.model_validate(json.loads(result.model_dump_json())) == result
