"""From a recorded run to the next one's size: the numbers are those that its verdicts would have been made from."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from harness.analyse import analyse
from harness.power import Effect, power_rows
from harness.stats.power import cases_needed, power_beyond
from harness.types import Threshold
from tests.harness.analyse_toy import (
    BASE,
    FAST,
    GOOD,
    METRICS,
    SETS,
    finding,
    make_records,
    make_suite,
    manifest,
)


def planned(suite, records, *, power=0.9, effect=None, only=None, declared=None):
    return power_rows(manifest(suite, "A"), records, METRICS, declared or suite, power=power, effect=effect, only=only)


def one(rows, metric, kind="difference", arm=FAST):
    (found,) = [row for row in rows if (row.metric, row.kind, row.arm) == (metric, kind, arm)]
    return found


def test_spread_and_confidence_are_those_of_the_recorded_intervals():
    suite = make_suite(arms=(BASE, FAST, "b"))
    records = make_records(suite, {**GOOD, "b": (2.0, 0.0)})
    rows, result = planned(suite, records), analyse(suite, records, METRICS)
    for name, read in (("fps", np.log), ("accuracy", float)):
        row, estimate = one(rows, name), finding(result, name).estimate
        values = [np.array([read(r.values[name]) for r in records if r.arm == arm]) for arm in (FAST, BASE)]
        assert row.sd == pytest.approx(np.std(values[0] - values[1], ddof=1))
        half = stats.t.ppf(0.5 + row.confidence / 2, 31) * row.sd / math.sqrt(32)
        low, high = (read(end) for end in (estimate.low, estimate.high))
        assert half == pytest.approx((high - low) / 2)
        assert 0.95 < row.confidence <= 1 - 0.05 / 4
        assert row.blocks_recorded == 32


def test_effects_of_ratios_are_planned_in_logarithms_and_default_to_twice_the_threshold():
    suite = make_suite()
    row = one(planned(suite, make_records(suite, GOOD)), "fps")
    assert (row.effect, row.threshold, row.unit) == (0.1, 0.05, "ratio")
    distance = math.log(1.1) - math.log(1.05)
    assert row.blocks_needed == cases_needed(distance, row.sd, row.confidence, 0.9)
    assert row.power == power_beyond(distance, row.sd, 32, row.confidence)
    seen = math.log1p(row.detectable_effect) - math.log(1.05)
    assert power_beyond(seen, row.sd, 32, row.confidence) == pytest.approx(0.9)


def test_comparable_quality_is_planned_against_the_margin_at_no_loss():
    suite = make_suite()
    row = one(planned(suite, make_records(suite, GOOD)), "accuracy", "comparable")
    assert (row.effect, row.threshold, row.unit) == (0.0, 0.02, "fraction")
    assert row.blocks_needed == cases_needed(0.02, row.sd, row.confidence, 0.9)
    borne = 0.02 - row.detectable_effect
    assert power_beyond(borne, row.sd, 32, row.confidence) == pytest.approx(0.9)


def test_a_percentage_is_for_ratios_and_a_bare_number_for_everything_in_its_unit():
    suite = make_suite()
    records = make_records(suite, GOOD)
    percent, bare = (planned(suite, records, effect=Effect(8.0, flag)) for flag in (True, False))
    assert one(percent, "fps").effect == one(bare, "fps").effect == 0.08
    assert one(percent, "accuracy").effect == pytest.approx(0.04)
    assert one(bare, "accuracy").effect == 8.0
    assert one(bare, "accuracy", "comparable").effect == 8.0


def test_an_effect_inside_the_threshold_is_never_judged_and_a_loss_beyond_the_margin_never_comparable():
    suite = make_suite()
    rows = planned(suite, make_records(suite, GOOD), effect=Effect(3.0, percent=False))
    speed, quality = one(rows, "fps"), one(rows, "accuracy", "comparable")
    assert speed.blocks_needed is None
    assert "never judged" in speed.reason
    assert speed.power < 0.001
    assert quality.blocks_needed is None
    assert "never comparable" in quality.reason


def test_repetitions_count_as_blocks_and_not_as_cases():
    suite = make_suite(cases=12)
    row = one(planned(suite, make_records(suite, GOOD, repetitions=3)), "fps")
    assert row.blocks_recorded == 36
    assert row.blocks_needed == 3 * cases_needed(math.log(1.1 / 1.05), row.sd, row.confidence, 0.9)


def test_todays_threshold_and_margin_are_planned_with():
    suite = make_suite()
    today = suite.model_copy(update={"margin": 0.04, "thresholds": (Threshold(metric="fps", tau=0.01),)})
    rows = planned(suite, make_records(suite, GOOD), declared=today)
    assert one(rows, "fps").threshold == 0.01
    assert one(rows, "accuracy", "comparable").threshold == 0.04


def test_an_arm_against_itself_needs_the_fewest_blocks_there_are():
    suite = make_suite(placebo=True)
    base = [r for r in make_records(suite, GOOD) if r.arm == BASE]
    row = one(planned(suite, [*base, *(r.model_copy(update={"arm": FAST}) for r in base)]), "accuracy", "comparable")
    assert (row.sd, row.blocks_needed, row.power, row.detectable_effect) == (0.0, 6, 1.0, 0.02)


def test_too_few_cases_and_set_metrics_have_a_reason_and_no_numbers():
    few = one(planned(make_suite(cases=5), make_records(make_suite(cases=5), GOOD)), "fps")
    assert (few.sd, few.blocks_needed, few.power) == (None, None, None)
    assert "at least 6" in few.reason
    suite = make_suite(cases=96, **(SETS | {"primary_quality": "frechet[f]", "margin": 0.5}))
    row = one(planned(suite, make_records(suite, GOOD, dimensions=3)), "frechet[f]", "comparable")
    assert row.sd is None
    assert "set of clips" in row.reason


def test_random_weights_have_no_quality_to_plan():
    suite = make_suite(cases=8, groups=("r",), random_groups=("r",))
    assert {row.metric for row in planned(suite, make_records(suite, GOOD))} == {"fps"}


def test_one_metric_can_be_asked_for():
    suite = make_suite()
    assert {row.metric for row in planned(suite, make_records(suite, GOOD), only="accuracy")} == {"accuracy"}


@pytest.mark.parametrize("factor", [1.075, 1 / 1.075])
def test_the_planned_power_is_how_often_the_analysis_speaks(factor):
    """300 runs through the whole analysis, against what is planned from another, large run of the same noise."""
    suite = make_suite(cases=24)
    large = make_suite(cases=2000)
    pilot = make_records(large, {BASE: (1.0, 0.0), FAST: (1.0, 0.0)}, noise=0.03, seed=99)
    percent = 100 * (max(factor, 1 / factor) - 1)
    row = one(planned(large, pilot, effect=Effect(percent, percent=True)), "fps")
    expected = power_beyond(math.log1p(percent / 100) - math.log(1.05), row.sd, 24, row.confidence)
    word = "improved" if factor > 1 else "regressed"
    runs = 300
    seen = sum(
        finding(
            analyse(suite, make_records(suite, {BASE: (1.0, 0.0), FAST: (factor, 0.0)}, noise=0.03, seed=n), METRICS),
            "fps",
        ).verdict
        == word
        for n in range(runs)
    )
    assert 0.1 < expected < 0.9  # where a mistake would show
    assert abs(seen / runs - expected) < 3.5 * math.sqrt(expected * (1 - expected) / runs)


@pytest.mark.full
@pytest.mark.parametrize("cases", [8, 16])
def test_the_cautious_number_reaches_the_wished_power_in_four_of_five_pilots(cases):
    """Pilots of few cases, each planned from; the true power of each plan is known, because the noise is."""
    suite, pilots, noise = make_suite(cases=cases), 400, 0.06
    true_sd, distance = noise * math.sqrt(2), math.log(1.1 / 1.05)
    enough = {"blocks_needed": 0, "blocks_needed_cautious": 0}
    for seed in range(pilots):
        records = make_records(suite, {BASE: (1.0, 0.0), FAST: (1.0, 0.0)}, noise=noise, seed=seed)
        row = one(planned(suite, records, power=0.8), "fps")
        for name in enough:
            enough[name] += power_beyond(distance, true_sd, getattr(row, name), row.confidence) >= 0.8
    assert enough["blocks_needed_cautious"] >= stats.binom.ppf(0.001, pilots, 0.8)
    assert enough["blocks_needed"] < 0.7 * pilots  # what the recorded spread alone plans is too small too often
