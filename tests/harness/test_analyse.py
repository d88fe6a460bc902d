"""From records to conclusions: pairing, families, controls, placebos, random weights; and comparing two runs."""

from __future__ import annotations

import json
import math
import random

import numpy as np
import pytest
from scipy import stats

from harness.analyse import Analysis, Comparison, analyse, compare_runs
from harness.cli.verbs import gate_code
from harness.errors import DiptychError, UsageError
from harness.stats.family import Member, simultaneous
from harness.stats.frechet import frechet_distance
from harness.stats.kvd import kernel_distance
from harness.stats.paired import make_pairs
from harness.stats.verdict import verdict
from harness.store.records import BlockKey, FeatureRows, Manifest, Plan, TrialError, TrialRecord
from harness.types import Arm, Case, Metric, Scale, Suite, Threshold


def nothing(made):
    return None


def metric(name, unit, direction, scale, **more):
    return Metric(name=name, summary=name, unit=unit, direction=direction, scale=scale, compute=nothing, **more)


METRICS = {
    m.name: m
    for m in (
        metric("fps", "frames/s", "higher", "ratio", machine=True),
        metric("seconds", "s", "lower", "ratio", machine=True),
        metric("passes", "passes", "lower", "ratio"),
        metric("accuracy", "fraction", "higher", "difference", quality=True),
        metric("psnr", "dB", "higher", "difference", quality=True),
        metric(
            "frechet[f]",
            "frechet",
            "lower",
            "set",
            quality=True,
            minimum_n=64,
            feature_space="f",
            distance=frechet_distance,
            needs_full_rank=True,
        ),
        metric(
            "kvd[f]",
            "mmd2",
            "lower",
            "set",
            quality=True,
            minimum_n=32,
            feature_space="f",
            distance=kernel_distance,
        ),
    )
}
BASE, FAST, CONTROL = "sequential", "diagonal", "at-once"


def make_suite(cases=32, groups=("g",), random_groups=(), arms=(BASE, FAST), **more):
    declared = tuple(
        Case(name=f"{group}/{i:03d}", group=group, model="m", speed_only=group in random_groups)
        for group in groups
        for i in range(cases)
    )
    facts = {
        "metrics": ("fps", "accuracy", "psnr"),
        "primary_speed": "fps",
        "primary_quality": "accuracy",
        "margin": 0.02,
    } | more
    taus = {"fps": 0.05, "psnr": 0.5}
    declared_thresholds = [Threshold(metric=name, tau=tau) for name, tau in taus.items() if name in facts["metrics"]]
    facts.setdefault("thresholds", tuple(declared_thresholds))
    return Suite(
        name="toy",
        version=1,
        question="?",
        arms=tuple(Arm(name=name, maker="toy") for name in arms),
        baseline=BASE,
        scales={"small": Scale(name="small", cases=declared)},
        margin_why="",
        **facts,
    )


def record(index, case, group, arm, values, *, repetition=0, status="finished", features=None, **more):
    return TrialRecord(
        index=index,
        block=BlockKey(group=group, case=case, repetition=repetition),
        arm=arm,
        status=status,
        values=values,
        features={} if features is None else {"f": features},
        **({"seed": 7, "started_at": "2026-01-01T00:00:00Z"} | more),
    )


def make_records(suite, effects, *, repetitions=1, noise=0.02, seed=0, dimensions=None):
    """Simulate trials: ``effects[arm] = (speed factor, accuracy change)``; every case has its own difficulty."""
    generator = np.random.default_rng(seed)
    found = []
    for case in suite.scales["small"].cases:
        difficulty = generator.normal()
        truth = generator.normal(size=dimensions or 0).tolist()
        for repetition in range(repetitions):
            for arm, (factor, change) in effects.items():
                values = {
                    "fps": float(10 * factor * np.exp(0.2 * difficulty + noise * generator.normal())),
                    "accuracy": float(0.7 + change + 0.05 * difficulty + noise * generator.normal()),
                    "psnr": float(20 + 10 * change + difficulty + noise * generator.normal()),
                    "passes": float(round(100 / factor)),
                }
                values["seconds"] = 1 / values["fps"]
                drawn = (generator.normal(size=dimensions or 0) * (1 - 5 * change)).tolist()
                rows = FeatureRows(generated=drawn, reference=truth) if dimensions else None
                found.append(
                    record(len(found), case.name, case.group, arm, values, repetition=repetition, features=rows)
                )
    return found


def finding(result, name, arm=FAST, group="g"):
    (found,) = [f for f in result.findings if (f.metric, f.arm, f.group) == (name, arm, group)]
    return found


GOOD = {BASE: (1.0, 0.0), FAST: (2.4, 0.0)}


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


def test_unpaired_halves_are_counted_and_left_out():
    suite = make_suite()
    records = make_records(suite, GOOD)
    expected = analyse(suite, records[:-2], METRICS)
    lone_arm = analyse(suite, records[:-2] + records[-1:], METRICS)
    lone_baseline = analyse(suite, records[:-1], METRICS)
    for result in (lone_arm, lone_baseline):
        assert (result.finished, result.unpaired) == (63, 1)
        assert result.findings == expected.findings


def test_failed_trials_are_counted_and_their_partner_is_unpaired():
    suite = make_suite()
    records = make_records(suite, GOOD)
    failed = records[-1].model_copy(update={"status": "failed", "values": {}})
    result = analyse(suite, [*records[:-1], failed], METRICS)
    assert (result.finished, result.failed, result.unpaired) == (63, 1, 1)
    assert finding(result, "fps").estimate.n == 31
    again = analyse(suite, [records[-1], *records[:-1], failed], METRICS)
    assert (again.finished, again.failed) == (64, 0)  # a resumed run: the later success stands for the trial


def test_a_baseline_with_one_of_two_arms_is_paired():
    suite = make_suite(arms=(BASE, "a", "b"))
    records = make_records(suite, {BASE: (1, 0), "a": (2, 0), "b": (2, 0)})
    result = analyse(suite, records[:-1], METRICS)
    assert result.unpaired == 0
    assert finding(result, "fps", "b").estimate.n == 31
    assert finding(result, "fps", "a").estimate.n == 32


def test_no_complete_pair_says_so():
    suite = make_suite()
    only = [r for r in make_records(suite, GOOD) if r.arm == FAST]
    for records, unpaired in (([], 0), (only, 32)):
        result = analyse(suite, records, METRICS)
        assert result.conclusion == "No complete pair: nothing can be concluded."
        assert result.unpaired == unpaired
        assert all(f.estimate.value is None and f.estimate.reason == "no complete pair" for f in result.findings)


def test_missing_values_are_left_out_and_said():
    suite = make_suite()
    records = make_records(suite, GOOD)
    broken = [
        r.model_copy(update={"values": r.values | {"psnr": None}}) if r.block.case == "g/003" else r for r in records
    ]
    result = analyse(suite, broken, METRICS)
    assert finding(result, "psnr").estimate.n == 31
    assert finding(result, "fps").estimate.n == 32
    assert [n for n in result.notes if "psnr" in n] == [
        "g: 1 complete blocks of diagonal have no value of psnr and are left out"
    ]
    nowhere = [r.model_copy(update={"values": r.values | {"psnr": None}}) for r in records]
    assert finding(analyse(suite, nowhere, METRICS), "psnr").estimate.reason == "no pair of trials has a value of psnr"


def test_a_nan_withdraws_the_number_and_the_claim():
    suite = make_suite()
    records = make_records(suite, GOOD)
    records[5] = records[5].model_copy(update={"values": records[5].values | {"accuracy": math.nan}})
    result = analyse(suite, records, METRICS)
    quality = finding(result, "accuracy")
    assert quality.estimate.value is None
    assert "not finite" in quality.estimate.reason
    assert quality.verdict == "inconclusive"
    assert quality.arm_value is None
    assert result.conclusions[0].word == "faster, quality inconclusive"


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


def test_random_weights_conclude_speed_only_and_drop_quality():
    suite = make_suite(cases=8, groups=("g", "r"), random_groups=("r",))
    result = analyse(suite, make_records(suite, {BASE: (1, 0), FAST: (2, -0.5)}), METRICS)
    words = {c.group: c.word for c in result.conclusions}
    assert words == {"g": "faster but worse", "r": "speed only"}
    dropped = finding(result, "accuracy", group="r")
    assert dropped.estimate.value is None
    assert "random weights" in dropped.estimate.reason
    assert not dropped.primary
    assert finding(result, "fps", group="r").primary
    (text,) = [c.sentence for c in result.conclusions if c.group == "r"]
    assert "x as fast" in text
    assert "accuracy" not in text
    assert text.endswith("speed only (random weights).")


@pytest.mark.parametrize("change", [0.0, -0.015])
def test_a_control_without_damage_makes_quality_insensitive(change):
    suite = make_suite(arms=(BASE, FAST, CONTROL), negative_control=CONTROL)
    result = analyse(suite, make_records(suite, {**GOOD, CONTROL: (9.0, change)}, noise=0.01), METRICS)
    assert {c.word for c in result.conclusions} == {"faster, quality inconclusive"}
    assert "(quality insensitive: the negative control was not seen either)" in result.conclusion
    assert result.notes == [
        "g: quality verdicts insensitive: the negative control at-once was not judged regressed in accuracy"
    ]
    quality = finding(result, "accuracy")
    assert quality.verdict == "inconclusive"
    assert quality.estimate.low is not None
    assert quality.estimate.reason.startswith("insensitive")
    assert finding(result, "psnr").estimate.reason.startswith("insensitive")
    assert finding(result, "fps").verdict == "improved"


def test_a_control_that_was_not_run_makes_quality_insensitive():
    suite = make_suite(arms=(BASE, FAST, CONTROL), negative_control=CONTROL)
    result = analyse(suite, make_records(suite, GOOD), METRICS)
    assert result.conclusions[0].word == "faster, quality inconclusive"
    assert "was not run" in result.notes[0]


def test_a_damaged_control_lets_quality_be_judged():
    suite = make_suite(arms=(BASE, FAST, CONTROL), negative_control=CONTROL)
    result = analyse(suite, make_records(suite, {**GOOD, CONTROL: (9.0, -0.3)}), METRICS)
    assert result.conclusions[0].word == "faster at comparable quality"
    assert finding(result, "accuracy", CONTROL).verdict == "regressed"
    assert result.notes == []


def test_a_placebo_that_is_judged_is_noted_and_not_hidden():
    suite = make_suite(placebo=True)
    result = analyse(suite, make_records(suite, GOOD), METRICS)
    assert finding(result, "fps").verdict == "improved"
    assert any(note.startswith("placebo judged: g: diagonal reads improved in fps") for note in result.notes)
    calm = analyse(suite, make_records(suite, {BASE: (1, 0), FAST: (1, 0)}), METRICS)
    assert calm.notes == []


def test_the_same_trial_twice_differs_by_exactly_zero():
    suite = make_suite(cases=64, metrics=("fps", "accuracy", "frechet[f]", "kvd[f]"))
    records = [r for r in make_records(suite, GOOD, dimensions=4) if r.arm == BASE]
    result = analyse(suite, [*records, *(r.model_copy(update={"arm": FAST}) for r in records)], METRICS)
    for name, zero in (("fps", 1.0), ("accuracy", 0.0), ("frechet[f]", 0.0), ("kvd[f]", 0.0)):
        estimate = finding(result, name).estimate
        assert (estimate.value, estimate.low, estimate.high) == (zero, zero, zero)
    assert finding(result, "accuracy").verdict == "within noise"


def test_noise_against_noise_is_rarely_judged():
    """300 A/A experiments of 12 cases: with no threshold at all at most about 5 % may say anything."""
    generator = np.random.default_rng(0)
    judged = {0.0: 0, 0.02: 0}
    names = [str(i) for i in range(12)]
    for _ in range(300):
        case = generator.normal(size=12)
        speeds = np.exp(0.2 * case + 0.03 * generator.normal(size=(3, 12)))
        qualities = 0.7 + 0.05 * case + 0.02 * generator.normal(size=(3, 12))
        members = [
            Member(make_pairs(values[arm], values[0], names), scale, "", "higher")
            for arm in (1, 2)
            for values, scale in ((speeds, "ratio"), (qualities, "difference"))
        ]
        estimates = simultaneous(members, generator=generator, resamples=299)
        for tau in judged:
            words = {verdict(e, tau, m.scale) for e, m in zip(estimates, members, strict=True)}
            judged[tau] += bool(words & {"improved", "regressed"})
    assert judged[0.0] <= 24  # 15 expected, standard deviation 3.8
    assert judged[0.02] <= 2


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


SETS = {
    "metrics": ("fps", "accuracy", "frechet[f]", "kvd[f]"),
    "thresholds": (
        Threshold(metric="fps", tau=0.05),
        Threshold(metric="frechet[f]", tau=0.05),
        Threshold(metric="kvd[f]", tau=0.01),
    ),
}


def test_set_metrics_are_judged_by_the_corrected_paired_difference():
    suite = make_suite(cases=96, **SETS)
    records = make_records(suite, {BASE: (1, 0), FAST: (2, -0.2)}, dimensions=4)
    result = analyse(suite, records, METRICS)
    found = finding(result, "frechet[f]")
    made, truth = (
        np.array([getattr(r.features["f"], side) for r in records if r.arm == FAST])
        for side in ("generated", "reference")
    )
    values = {(s.metric, s.arm): s for s in result.set_values}
    assert values["frechet[f]", FAST].raw == pytest.approx(frechet_distance(made, truth))
    assert values["frechet[f]", BASE].corrected.value < values["frechet[f]", BASE].raw
    difference = values["frechet[f]", FAST].corrected.value - values["frechet[f]", BASE].corrected.value
    assert found.estimate.value == pytest.approx(difference)
    assert found.arm_value == values["frechet[f]", FAST].corrected.value
    assert (found.verdict, found.estimate.n, found.primary) == ("regressed", 96, False)
    assert "jackknife over 32 groups" in found.estimate.method
    assert finding(result, "kvd[f]").verdict == "regressed"


@pytest.mark.parametrize(
    ("cases", "dimensions", "frechet", "kvd"),
    [
        (40, 4, "rank-deficient: 40 clips in 4 dimensions", None),
        (64, 64, "rank-deficient: 64 clips in 64 dimensions", None),
        (20, 4, "rank-deficient", "20 cases: the group jackknife needs at least 32"),
        (1, 4, "at least 2", "at least 2"),
    ],
)
def test_too_few_clips_leave_a_value_but_no_verdict(cases, dimensions, frechet, kvd):
    suite = make_suite(cases=cases, **SETS)
    result = analyse(suite, make_records(suite, {BASE: (1, 0), FAST: (2, -0.2)}, dimensions=dimensions), METRICS)
    found = finding(result, "frechet[f]")
    assert found.verdict == "inconclusive"
    assert found.estimate.low is None
    assert frechet in found.estimate.reason
    assert (found.estimate.value is None) is (cases == 1)
    carried = finding(result, "kvd[f]")
    assert (carried.estimate.low is not None) is (kvd is None)
    assert kvd is None or kvd in carried.estimate.reason


def test_repetitions_enter_the_reference_once():
    suite = make_suite(cases=64, **SETS)
    records = make_records(suite, GOOD, repetitions=2, dimensions=3)
    result = analyse(suite, records, METRICS)
    made = [r.features["f"].generated for r in records if r.arm == FAST]
    truth = [r.features["f"].reference for r in records if r.arm == FAST and r.block.repetition == 0]
    values = {(s.metric, s.arm): s for s in result.set_values}
    assert values["kvd[f]", FAST].raw == pytest.approx(kernel_distance(made, truth), rel=1e-9)


def test_trials_without_features_or_reference_are_no_clips():
    suite = make_suite(cases=40, **SETS)
    records = make_records(suite, GOOD, dimensions=3)
    bare = records[0].model_copy(update={"features": {"f": FeatureRows(generated=[1, 2, 3.0])}})
    result = analyse(suite, [bare, *records[1:]], METRICS)
    assert finding(result, "kvd[f]").estimate.n == 39
    none = [r.model_copy(update={"features": {}}) for r in records]
    assert "0 complete pairs with features in f" in finding(analyse(suite, none, METRICS), "kvd[f]").estimate.reason


def test_feature_rows_of_different_lengths_give_a_reason():
    suite = make_suite(cases=40, **SETS)
    records = make_records(suite, GOOD, dimensions=3)
    odd = FeatureRows(generated=[1.0, 2.0, 3.0, 4.0], reference=[1.0, 2.0, 3.0, 4.0])
    result = analyse(suite, [records[0].model_copy(update={"features": {"f": odd}}), *records[1:]], METRICS)
    found = finding(result, "kvd[f]")
    assert found.estimate.value is None
    assert found.estimate.reason


def test_a_set_metric_may_be_the_primary_quality():
    suite = make_suite(cases=96, **(SETS | {"primary_quality": "frechet[f]", "margin": 0.5}))
    good = analyse(suite, make_records(suite, GOOD, dimensions=3), METRICS)
    assert good.conclusions[0].word == "faster at comparable quality"
    assert finding(good, "frechet[f]").primary
    assert "Bonferroni family of 2" in finding(good, "frechet[f]").estimate.method
    exploratory = analyse(make_suite(cases=96, **SETS), make_records(suite, GOOD, dimensions=3), METRICS)
    wide, plain = (finding(result, "frechet[f]").estimate for result in (good, exploratory))
    expected = stats.t.ppf(1 - 0.025 / 2, 31) / stats.t.ppf(0.975, 31)
    assert (wide.high - wide.low) / (plain.high - plain.low) == pytest.approx(expected)
    assert wide.level == plain.level == 0.95
    worse = analyse(suite, make_records(suite, {BASE: (1, 0), FAST: (2, -0.3)}, dimensions=3), METRICS)
    assert worse.conclusions[0].word == "faster but worse"


def test_contradicting_set_metrics_are_said():
    flipped = METRICS | {
        "kvd[f]": metric(
            "kvd[f]", "", "higher", "set", quality=True, feature_space="f", distance=kernel_distance, minimum_n=32
        )
    }
    suite = make_suite(cases=96, **SETS)
    records = make_records(suite, {BASE: (1, 0), FAST: (2, -0.2)}, dimensions=4)
    notes = analyse(suite, records, flipped).notes
    assert notes == ["g: diagonal reads regressed in frechet[f] but improved in kvd[f]"]
    assert analyse(suite, records, METRICS).notes == []


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


def manifest(suite, run_id, context=None):
    return Manifest(
        run_id=run_id,
        suite=suite,
        plan=Plan(suite=suite.name, version=suite.version, scale="small", seed=0, order_seed=0, trials=()),
        device="cpu",
        threads=1,
        created_at="2026-01-01T00:00:00Z",
        context=context or {},
        comparability_key="k",
    )


def runs(change, *, suite=None, seed=0):
    """A reference run, and a candidate whose diagonal arm is ``change`` better in accuracy."""
    suite = suite or make_suite(metrics=("fps", "seconds", "passes", "accuracy", "psnr"))
    old = make_records(suite, GOOD, noise=0.001, seed=seed)
    new = [
        r.model_copy(update={"values": r.values | {"accuracy": r.values["accuracy"] + change * (r.arm == FAST)}})
        for r in old
    ]
    return suite, (manifest(suite, "A"), old), (manifest(suite, "B"), new)


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


# ---- what failed trials and interruptions leave behind ---------------------------------------------------------------


def failed(trial):
    return trial.model_copy(update={"status": "failed", "values": {}, "error": TrialError(type="NaN", message="x")})


def test_an_arm_that_breaks_is_not_judged_by_its_survivors():
    suite = make_suite()
    records = make_records(suite, {BASE: (1, 0), FAST: (2, 0.0)}, noise=0.005)
    whole = analyse(suite, records, METRICS)
    assert whole.conclusions[0].word == "faster at comparable quality"
    broken = [failed(r) if r.arm == FAST and r.block.case < "g/003" else r for r in records]
    result = analyse(suite, broken, METRICS)
    assert result.conclusions[0].word == "faster, quality inconclusive"
    assert "3 of 32 pairs lost to failed trials" in result.conclusions[0].sentence
    assert any("3 of 32 pairs of diagonal were lost to failed trials (NaN 3)" in note for note in result.notes)
    few = analyse(suite, [failed(r) if r.arm == FAST and r.block.case < "g/001" else r for r in records], METRICS)
    assert few.conclusions[0].word == "faster at comparable quality"
    assert any("1 of 32 pairs" in note for note in few.notes)


def test_an_arm_without_a_pair_is_not_concluded_upon():
    suite = make_suite()
    records = [failed(r) if r.arm == FAST else r for r in make_records(suite, {BASE: (1, 0), FAST: (2, 0)})]
    result = analyse(suite, records, METRICS)
    assert result.conclusions == []
    assert result.conclusion == "No complete pair: nothing can be concluded."


def test_halves_of_different_processes_share_quality_and_no_times():
    suite = make_suite(metrics=("fps", "accuracy"))
    records = make_records(suite, {BASE: (1, 0), FAST: (2, 0)})
    split = [r.model_copy(update={"session": 1}) if r.index > 8 else r for r in records]
    assert split[8].block == split[9].block
    result = analyse(suite, split, METRICS)
    assert finding(result, "fps").estimate.n == 31
    assert finding(result, "accuracy").estimate.n == 32
    assert any("pairs of diagonal that an interruption split: 1;" in note for note in result.notes)


def test_flags_are_counted():
    suite = make_suite()
    records = make_records(suite, {BASE: (1, 0), FAST: (2, 0)})
    flagged = [r.model_copy(update={"flags": ["load"]}) if r.index < 5 else r for r in records]
    assert any(n.startswith("5 of 64 trials are flagged 'load'") for n in analyse(suite, flagged, METRICS).notes)


def test_a_metric_that_does_not_see_the_control_says_nothing_while_others_do():
    control = "control"
    suite = make_suite(
        metrics=("fps", "accuracy", "psnr"), arms=(BASE, FAST, control), negative_control=control
    )
    records = make_records(suite, {BASE: (1, 0), FAST: (2, 0.0), control: (9, -0.1)})
    blind = [
        r.model_copy(update={"values": r.values | {"psnr": 20.0}}) if r.arm == control else r for r in records
    ]
    result = analyse(suite, blind, METRICS)
    assert finding(result, "accuracy").estimate.reason is None
    assert finding(result, "psnr").estimate.reason.startswith("insensitive")
    assert finding(result, "psnr").verdict == "inconclusive"


# ---- comparing what is comparable ------------------------------------------------------------------------------------


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


def test_records_that_were_changed_since_are_no_pair_when_read():
    suite = make_suite()
    records = make_records(suite, {BASE: (1, 0), FAST: (2, 0)})
    for name in ("prompt", "reference", "noise"):
        changed = [r.model_copy(update={"hashes": {name: "x"}}) if r.index == 1 else r for r in records]
        result = analyse(suite, changed, METRICS)
        assert finding(result, "accuracy").estimate.n == 31
        assert f"trial 1 (g/000, {FAST}) is left out: its {name} is not {BASE}'s" in result.notes
    more = {"info": {"deterministic": True}}
    greedy = [r.model_copy(update={"hashes": {"noise": str(r.index)}} | more) for r in records]
    assert finding(analyse(suite, greedy, METRICS), "accuracy").estimate.n == 32
