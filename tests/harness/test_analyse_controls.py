"""What may not be concluded: random weights, blind controls, placebos."""

from __future__ import annotations

import numpy as np
import pytest

from harness.analyse import analyse
from harness.stats.family import Member, simultaneous
from harness.stats.paired import make_pairs
from harness.stats.verdict import verdict
from tests.harness.analyse_toy import BASE, CONTROL, FAST, GOOD, METRICS, finding, make_records, make_suite


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


def test_a_metric_that_does_not_see_the_control_says_nothing_while_others_do():
    control = "control"
    suite = make_suite(metrics=("fps", "accuracy", "psnr"), arms=(BASE, FAST, control), negative_control=control)
    records = make_records(suite, {BASE: (1, 0), FAST: (2, 0.0), control: (9, -0.1)})
    blind = [r.model_copy(update={"values": r.values | {"psnr": 20.0}}) if r.arm == control else r for r in records]
    result = analyse(suite, blind, METRICS)
    assert finding(result, "accuracy").estimate.reason is None
    assert finding(result, "psnr").estimate.reason.startswith("insensitive")
    assert finding(result, "psnr").verdict == "inconclusive"
