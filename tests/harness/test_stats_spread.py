"""Diversity within a prompt: the arithmetic, its laws, and how an analysis pairs it, case by case."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.spatial.distance import pdist

from harness.analyse import analyse
from harness.metrics.diversity import diversity_metric
from harness.stats.spread import mean_pairwise_distance
from harness.types import Threshold
from tests.harness.analyse_toy import BASE, FAST, METRICS, finding, make_records, make_suite

ROWS = arrays.arrays(np.float64, st.tuples(st.integers(2, 6), st.integers(1, 5)), elements=st.floats(-1e3, 1e3))
NAME = "diversity[f]"
METRIC = diversity_metric("f", "a toy")
WITH = METRICS | {NAME: METRIC}
SUITE = {
    "metrics": ("fps", "accuracy", NAME),
    "thresholds": (Threshold(metric="fps", tau=0.05), Threshold(metric=NAME, tau=0.1)),
}


@given(ROWS)
def test_it_is_scipys_mean_distance_over_the_root_of_the_dimensions(rows) -> None:
    expected = pdist(rows).mean() / np.sqrt(rows.shape[1])
    assert mean_pairwise_distance(rows) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@given(ROWS, st.floats(-100, 100), st.floats(0, 100), st.randoms(use_true_random=False))
def test_it_ignores_shift_and_order_and_grows_with_scale(rows, shift, scale, random) -> None:
    order = list(range(len(rows)))
    random.shuffle(order)
    value = mean_pairwise_distance(rows)
    assert mean_pairwise_distance(rows[order] * scale + shift) == pytest.approx(scale * value, rel=1e-6, abs=1e-6)
    assert mean_pairwise_distance(rows[:1].repeat(3, 0)) == 0


@pytest.mark.parametrize("rows", [[[1.0, 2.0]], np.zeros((0, 3)), [1.0, 2.0], [[np.nan], [1.0]]])
def test_too_few_or_broken_rows_are_refused(rows) -> None:
    with pytest.raises(ValueError, match=r"at least 2 videos|not finite"):
        mean_pairwise_distance(rows)


def test_arms_are_paired_case_by_case_over_the_repetitions_of_both() -> None:
    suite = make_suite(cases=12, **SUITE)
    # an arm that draws at half the width: FAST's rows are scaled by 1 - 5 · 0.1
    records = make_records(suite, {BASE: (1, 0), FAST: (2, 0.1)}, repetitions=4, dimensions=3)
    found = finding(analyse(suite, records, WITH), NAME)

    def of(arm: str, case: str) -> float:
        rows = [np.array(r.features["f"].generated) for r in records if r.arm == arm and r.block.case == case]
        return np.mean([np.linalg.norm(a - b) for a, b in combinations(rows, 2)]) / np.sqrt(3)

    cases = sorted({r.block.case for r in records})
    ours, theirs = (np.array([of(arm, case) for case in cases]) for arm in (FAST, BASE))
    assert found.estimate.value == pytest.approx((ours - theirs).mean())
    assert (found.arm_value, found.baseline_value) == pytest.approx((ours.mean(), theirs.mean()))
    half = 2.200985 * (ours - theirs).std(ddof=1) / np.sqrt(12)  # t(11), 0.975
    assert found.estimate.low == pytest.approx((ours - theirs).mean() - half, rel=1e-5)
    assert (found.verdict, found.estimate.n, found.estimate.clusters) == ("regressed", 12, 12)


def test_a_repetition_that_one_arm_lacks_counts_in_neither() -> None:
    suite = make_suite(cases=8, **SUITE)
    records = make_records(suite, {BASE: (1, 0), FAST: (2, 0.1)}, repetitions=3, dimensions=3)
    lost = [r for r in records if not (r.arm == FAST and r.block.repetition == 2)]
    both = [r for r in records if r.block.repetition < 2]
    assert finding(analyse(suite, lost, WITH), NAME).estimate == finding(analyse(suite, both, WITH), NAME).estimate


def test_without_repetitions_there_is_a_reason_and_no_number() -> None:
    suite = make_suite(cases=8, **SUITE)
    records = make_records(suite, {BASE: (1, 0), FAST: (2, 0.1)}, dimensions=3)
    found = finding(analyse(suite, records, WITH), NAME)
    assert (found.estimate.value, found.verdict) == (None, "inconclusive")
    assert found.estimate.reason == "no case has two videos of both arms with features in f"
    assert METRIC.compute(None) is None
