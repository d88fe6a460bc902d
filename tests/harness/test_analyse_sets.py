"""Set metrics in an analysis: distances of whole sets of clips."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harness.analyse import analyse
from harness.stats.frechet import frechet_distance
from harness.stats.kvd import kernel_distance
from harness.store.records import FeatureRows
from tests.harness.analyse_toy import BASE, FAST, GOOD, METRICS, SETS, finding, make_records, make_suite, metric


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
