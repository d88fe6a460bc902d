"""Paired estimates against scipy, their symmetries, and what they refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.stats.coverage import coverage_grid, format_grid, measure
from harness.stats.paired import (
    Pairs,
    cluster_means,
    correlation,
    make_pairs,
    paired_difference,
    paired_log_ratio,
)

positive = st.floats(1e-3, 1e3)


@st.composite
def experiments(draw, minimum=6, maximum=12):
    """Both arms' values over cases with repetitions."""
    cases = draw(st.integers(minimum, maximum))
    names = [f"case-{i}" for i in range(cases) for _ in range(draw(st.integers(1, 3)))]
    values = st.lists(positive, min_size=len(names), max_size=len(names))
    return draw(values), draw(values), names


def test_difference_is_scipys_paired_t_interval():
    generator = np.random.default_rng(1)
    new, old = generator.normal(1, 1, 20), generator.normal(0, 1, 20)
    found = paired_difference(new, old, [str(i) for i in range(20)], unit="dB")
    low, high = stats.ttest_rel(new, old).confidence_interval(0.95)
    assert found.value == pytest.approx((new - old).mean(), rel=1e-12)
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-12)
    assert (found.n, found.clusters, found.unit, found.level) == (20, 20, "dB", 0.95)


def test_ratio_is_exp_of_scipys_interval_of_logs():
    generator = np.random.default_rng(2)
    new, old = generator.gamma(5, size=9), generator.gamma(5, size=9)
    found = paired_log_ratio(new, old, [str(i) for i in range(9)])
    low, high = stats.ttest_rel(np.log(new), np.log(old)).confidence_interval(0.95)
    assert found.value == pytest.approx(stats.gmean(new / old), rel=1e-12)
    assert (found.low, found.high) == pytest.approx((math.exp(low), math.exp(high)), rel=1e-12)
    assert found.unit == "ratio"


def test_repetitions_are_averaged_inside_their_case():
    # case means of the difference: 1, 2, ..., 6; the repeated case must not count twice
    names = ["a", "a", "a", "b", "c", "d", "e", "f"]
    new = [0.0, 1.0, 2.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    found = paired_difference(new, [0.0] * 8, names)
    assert found.value == pytest.approx(3.5)
    assert found.high - found.low == pytest.approx(2 * stats.t.ppf(0.975, 5) * stats.sem([1, 2, 3, 4, 5, 6]))
    assert (found.n, found.clusters) == (8, 6)


@given(experiments())
def test_swapping_the_arms_flips_the_sign_and_nothing_else(experiment):
    new, old, names = experiment
    there, back = paired_difference(new, old, names), paired_difference(old, new, names)
    assert (back.value, back.low, back.high) == (-there.value, -there.high, -there.low)
    assert back.model_copy(update={"value": 0, "low": 0, "high": 0}) == there.model_copy(
        update={"value": 0, "low": 0, "high": 0}
    )
    there, back = paired_log_ratio(new, old, names), paired_log_ratio(old, new, names)
    if there.low is not None and there.low > 1e-200 and there.high < 1e200:
        assert (back.value, back.low, back.high) == pytest.approx(
            (1 / there.value, 1 / there.high, 1 / there.low), rel=1e-9
        )


@given(experiments(), st.randoms(use_true_random=False))
def test_order_of_the_pairs_changes_nothing(experiment, random):
    new, old, names = experiment
    order = list(range(len(names)))
    random.shuffle(order)
    shuffled = [[values[i] for i in order] for values in experiment]
    assert paired_difference(new, old, names) == paired_difference(*shuffled)
    assert paired_log_ratio(new, old, names) == paired_log_ratio(*shuffled)


@given(experiments(), positive)
def test_a_ratio_does_not_see_the_unit(experiment, factor):
    new, old, names = experiment
    one = paired_log_ratio(new, old, names)
    other = paired_log_ratio(np.array(new) * factor, np.array(old) * factor, names)
    assert other.value == pytest.approx(one.value, rel=1e-9)
    if one.low is not None and other.low is not None:
        assert (math.log(other.low), math.log(other.high)) == pytest.approx(
            (math.log(one.low), math.log(one.high)), rel=1e-6, abs=1e-6
        )


def test_a_common_shift_leaves_a_difference_alone_and_scaling_scales_it():
    generator = np.random.default_rng(3)
    new, old, names = generator.normal(size=8), generator.normal(size=8), list("abcdefgh")
    one = paired_difference(new, old, names)
    moved = paired_difference(3 * new + 5, 3 * old + 5, names)
    assert (moved.value, moved.low, moved.high) == pytest.approx((3 * one.value, 3 * one.low, 3 * one.high))


@pytest.mark.parametrize(("cases", "interval"), [(1, False), (5, False), (6, True)])
def test_fewer_than_six_cases_have_a_value_and_a_reason_but_no_interval(cases, interval):
    new = np.arange(1.0, cases + 1)
    found = paired_difference(new, np.zeros(cases), [str(i) for i in range(cases)])
    assert found.value == pytest.approx(new.mean())
    assert (found.low is not None) is interval
    assert (found.reason is None) is interval
    if not interval:
        assert "at least 6" in found.reason


def test_repetitions_do_not_stand_in_for_cases():
    found = paired_difference(np.arange(20.0), np.zeros(20), ["a", "b"] * 10)
    assert found.low is None
    assert found.reason.startswith("2 cases")


def test_identical_arms_give_exactly_zero():
    values = np.random.default_rng(4).normal(size=10)
    found = paired_difference(values, values, [str(i) for i in range(10)])
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)
    assert "no variance" in found.method


def test_a_deterministic_count_gives_its_exact_ratio_without_width():
    found = paired_log_ratio([270.0] * 9, [405.0] * 9, ["a", "a", "b", "c", "d", "e", "f", "f", "f"])
    assert found.low == found.value == found.high == pytest.approx(2 / 3, rel=1e-14)


def test_empty_input_says_so():
    found = paired_difference([], [], [])
    assert (found.value, found.low, found.n, found.reason) == (None, None, 0, "no complete pair")


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("estimate", [paired_difference, paired_log_ratio])
def test_a_value_that_is_not_finite_is_never_dropped(bad, estimate):
    new = [1.0] * 7 + [bad]
    for pair in ((new, [1.0] * 8), ([1.0] * 8, new)):
        found = estimate(*pair, list("abcdefgh"))
        assert found.value is None
        assert found.low is None
        assert found.reason == "1 of 8 pairs hold a value that is not finite"


@pytest.mark.parametrize("bad", [0.0, -1.0])
def test_a_ratio_needs_positive_values(bad):
    found = paired_log_ratio([bad] + [1.0] * 6, [1.0] * 7, list("abcdefg"))
    assert found.value is None
    assert "1 of 7 pairs" in found.reason


def test_an_interval_beyond_float64_is_absent_with_its_reason():
    found = paired_log_ratio([1e300, 1e-300] * 3, [1e-300, 1e300] * 3, list("abcdef"))
    assert found.low is None
    assert "float64" in found.reason


def test_lengths_that_differ_are_refused():
    with pytest.raises(ValueError, match="one of each"):
        Pairs(np.zeros(2), np.zeros(3), ("a", "b"))


def test_cluster_means_by_hand():
    names, means = cluster_means(np.array([1.0, 5.0, 3.0]), ["b", "a", "b"])
    assert names == ["a", "b"]
    assert means.tolist() == [5.0, 2.0]


def test_correlation_is_pearsons_and_of_logs_for_ratios():
    generator = np.random.default_rng(5)
    old = generator.gamma(3, size=12)
    new = old * generator.gamma(9, size=12)
    pairs = make_pairs(new, old, [str(i) for i in range(12)])
    assert correlation(pairs, "difference") == pytest.approx(stats.pearsonr(new, old).statistic)
    assert correlation(pairs, "ratio") == pytest.approx(stats.pearsonr(np.log(new), np.log(old)).statistic)
    assert correlation(make_pairs([1, 1, 1], [1, 2, 3], list("abc")), "difference") is None
    assert correlation(make_pairs([1, 2], [1, 2], list("ab")), "difference") is None


@pytest.mark.parametrize("shape", ["normal", "clustered", "log-ratio"])
@pytest.mark.parametrize("clusters", [8, 16, 32, 64])
def test_plain_intervals_cover(shape, clusters):
    found = measure(shape, clusters, experiments=4000, seed=1)
    assert 0.93 <= found.covered <= 0.97


def test_heavy_tails_cover_less_and_at_64_cases_at_least_nine_in_ten():
    few, many = (measure("log-normal", clusters, experiments=20000, seed=1) for clusters in (8, 64))
    assert few.covered < 0.87
    assert many.covered >= 0.90


def test_the_grid_prints_every_cell():
    rows = coverage_grid(clusters=(8, 16), shapes=("normal",), members=(1, 2), experiments=50)
    text = format_grid(rows)
    assert len(rows) == 4
    assert len(text.splitlines()) == 3
    assert f"{100 * rows[0].covered:.1f}" in text
