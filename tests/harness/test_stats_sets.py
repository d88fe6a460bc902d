"""Fréchet, kernel distance and the joint jackknife against analytic values, brute force and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.linalg import sqrtm

from harness.stats.frechet import Moments, distance_of_moments, frechet_distance
from harness.stats.jackknife import (
    LeaveOut,
    case_groups,
    few_groups,
    jackknife_estimate,
    leave_groups_out,
    rank_problem,
)
from harness.stats.kvd import kernel_distance


def rows(n, d, seed=0, scale=1.0, shift=0.0):
    return np.random.default_rng(seed).normal(size=(n, d)) * scale + shift


def naive_frechet(one, two):
    """The textbook formula with scipy's general matrix square root."""
    first, second = np.cov(one.T), np.cov(two.T)
    step = one.mean(0) - two.mean(0)
    return step @ step + np.trace(first + second - 2 * sqrtm(first @ second).real)


@given(st.integers(0, 10**6), st.lists(st.integers(0, 9), min_size=1, max_size=6))
def test_moments_merge_and_stream_to_what_numpy_computes(seed, sizes):
    parts = [rows(n, 4, seed + i, scale=3.0, shift=100.0) for i, n in enumerate([*sizes, 2])]
    everything = np.vstack(parts)
    streamed, merged = Moments.empty(4), Moments.empty(4)
    for part in parts:
        streamed.update(part)
        merged = Moments.of(part).merge(merged)
    for moments in (streamed, merged):
        assert moments.count == len(everything)
        np.testing.assert_allclose(moments.mean, everything.mean(0), rtol=1e-12)
        np.testing.assert_allclose(moments.covariance, np.cov(everything.T), rtol=1e-12, atol=1e-12 * 9)


@pytest.mark.parametrize(("n", "d"), [(40, 5), (300, 64), (96, 60)])
def test_frechet_is_the_textbook_formula(n, d):
    one, two = rows(n, d, 1), rows(n + 7, d, 2, scale=1.5, shift=0.2)
    trace = np.trace(np.cov(one.T))
    assert abs(frechet_distance(one, two) - naive_frechet(one, two)) <= 1e-8 * trace


def test_frechet_of_ill_conditioned_sets_is_the_textbook_formula():
    scales = np.logspace(0, -5, 30)
    one, two = rows(200, 30, 1) * scales, rows(200, 30, 2) * scales * 1.3
    assert abs(frechet_distance(one, two) - naive_frechet(one, two)) <= 1e-8 * np.trace(np.cov(one.T))


def test_frechet_of_gaussians_is_analytic():
    """Commuting covariances: |Δμ|² + Σ (√λ − √ν)²; in one dimension (Δμ)² + (σ − τ)²."""
    turn = np.linalg.qr(rows(6, 6, 3))[0]
    first, second = np.array([4.0, 1, 9, 0.25, 2, 5]), np.array([1.0, 1, 4, 1, 3, 0])
    mean = np.arange(6.0)
    one = Moments(11, mean, 10 * turn @ np.diag(first) @ turn.T)
    two = Moments(21, mean + 1, 20 * turn @ np.diag(second) @ turn.T)
    expected = 6 + ((np.sqrt(first) - np.sqrt(second)) ** 2).sum()
    assert distance_of_moments(one, two) == pytest.approx(expected, rel=1e-7)
    assert frechet_distance([[0.0], [2.0]], [[5.0], [9.0]]) == pytest.approx(36 + 2.0, rel=1e-12)


@pytest.mark.parametrize(("n", "d"), [(64, 400), (40, 64), (65, 64), (500, 64), (2, 3)])
@pytest.mark.parametrize("decay", [0, -3, -6])
def test_identical_sets_are_at_no_distance(n, d, decay):
    same = rows(n, d, 5, shift=3.0) * np.logspace(0, decay, d)
    assert abs(frechet_distance(same, same)) <= 1e-6 * np.trace(np.cov(same.T))


@given(st.integers(0, 10**6), st.floats(0.1, 10), st.floats(-5, 5))
def test_frechet_is_symmetric_and_follows_shift_and_scale(seed, scale, shift):
    one, two = rows(30, 4, seed), rows(25, 4, seed + 1, scale=2.0)
    base = frechet_distance(one, two)
    assert frechet_distance(two, one) == pytest.approx(base, rel=1e-9)
    assert frechet_distance(scale * one + shift, scale * two + shift) == pytest.approx(scale**2 * base, rel=1e-7)
    assert frechet_distance(one[::-1], two) == pytest.approx(base, rel=1e-9)


@pytest.mark.parametrize("distance", [frechet_distance, kernel_distance])
def test_sets_that_cannot_be_compared_are_refused(distance):
    good = rows(5, 3)
    for bad in (rows(5, 4), rows(1, 3), np.zeros((0, 3)), np.full((5, 3), np.nan), np.zeros(3)):
        with pytest.raises(ValueError, match=r"dimensions|at least 2|not finite|matrix|compared"):
            distance(good, bad)


def brute_kernel_distance(one, two):
    def k(x, y):
        return (sum(a * b for a, b in zip(x, y, strict=True)) / len(x) + 1) ** 3

    n, m = len(one), len(two)
    inside = sum(k(one[i], one[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    other = sum(k(two[i], two[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return inside + other - 2 * sum(k(x, y) for x in one for y in two) / (n * m)


def test_kernel_distance_is_the_double_sum():
    one, two = rows(7, 3, 1), rows(5, 3, 2, shift=0.5)
    assert kernel_distance(one, two) == pytest.approx(brute_kernel_distance(one, two), rel=1e-12)


def test_kernel_distance_is_unbiased_and_not_clamped():
    values = np.array([kernel_distance(rows(12, 3, 2 * i), rows(12, 3, 2 * i + 1)) for i in range(2000)])
    assert (values < 0).mean() > 0.3
    assert abs(values.mean()) < 4 * stats.sem(values)
    shifted = np.array([kernel_distance(rows(12, 3, 2 * i), rows(12, 3, 2 * i + 1, shift=1.0)) for i in range(300)])
    assert shifted.mean() > 1.0


@given(st.sets(st.integers(0, 10**4), min_size=32, max_size=200))
def test_whole_cases_are_dealt_evenly_into_at_least_32_groups(numbers):
    names = [str(n) for n in numbers]
    groups = case_groups([*names, *names])
    sizes = np.bincount(list(groups.values()))
    assert set(groups) == set(names)
    assert 32 <= len(sizes) <= 63
    assert sizes.max() - sizes.min() <= 1
    assert groups == case_groups(names[::-1])


def test_fewer_than_32_cases_make_no_groups():
    assert case_groups([str(i) for i in range(31)]) == {}
    assert few_groups(31) is not None
    assert few_groups(32) is None


@pytest.mark.parametrize(
    ("clips", "dimensions", "fine"), [(64, 63, True), (63, 8, False), (64, 64, False), (65, 64, True)]
)
def test_rank_rule(clips, dimensions, fine):
    found = rank_problem(clips, dimensions)
    assert (found is None) is fine
    assert fine or found.startswith("rank-deficient")


def test_the_jackknife_of_a_mean_is_its_t_interval():
    """For a mean nothing is corrected, and the error is the standard error of the mean: known for groups of one."""
    values = rows(32, 1, 1)
    cases = [f"{i:02d}" for i in range(32)]

    def distance(generated, reference):
        return float(generated.mean() - reference.mean())

    zero = np.zeros((32, 1))
    result = leave_groups_out(distance, values, cases, zero, cases)
    found = jackknife_estimate(result, clips=32, cases=32, unit="x", direction="lower")
    assert found.value == pytest.approx(values.mean(), rel=1e-9)
    low, high = stats.t.interval(0.95, 31, values.mean(), stats.sem(values[:, 0]))
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-9)


def test_the_jackknife_removes_the_bias_of_a_variance():
    values = rows(40, 1, 1)
    cases = [f"{i:02d}" for i in range(40)]
    result = leave_groups_out(lambda g, r: float(g.var() + 0 * r.sum()), values, cases, values, cases)
    assert result.full == pytest.approx(values.var())
    assert result.corrected == pytest.approx(values.var(ddof=1), rel=1e-9)


def test_groups_leave_both_sets_jointly():
    seen = []
    cases = [f"{i // 2:02d}" for i in range(64)]
    marks = np.array([[float(name)] for name in cases])
    reference_cases = [f"{i:02d}" for i in range(32)]
    reference = np.array([[float(name)] for name in reference_cases])

    def distance(generated, truth):
        seen.append((set(generated[:, 0]), set(truth[:, 0])))
        return 0.0

    leave_groups_out(distance, marks, cases, reference, reference_cases)
    assert len(seen) == 33
    assert all(generated == truth for generated, truth in seen)
    assert all(len(truth) == 31 for _, truth in seen[:-1])
    assert len(set.intersection(*(truth for _, truth in seen[:-1]))) == 0
    with pytest.raises(ValueError, match="jointly"):
        leave_groups_out(distance, marks, cases, reference[1:], reference_cases[1:])


def test_a_reason_leaves_the_raw_value_without_interval():
    result = LeaveOut(3.0, np.full(32, 2.0))
    found = jackknife_estimate(result, clips=32, cases=32, unit="", direction="lower", reason="rank-deficient: so")
    assert (found.value, found.low, found.reason) == (3.0, None, "rank-deficient: so")
    assert found.method.startswith("raw")
    few = jackknife_estimate(LeaveOut(3.0, np.zeros(0)), clips=8, cases=8, unit="", direction="lower")
    assert (few.value, few.low) == (3.0, None)
    assert "at least 32" in few.reason
    full = jackknife_estimate(result, clips=32, cases=32, unit="", direction="lower")
    assert full.value == 32 * 3.0 - 31 * 2.0


def test_an_arm_against_itself_differs_by_exactly_nothing():
    made, truth = rows(96, 6, 1), rows(96, 6, 2)
    cases = [f"{i:02d}" for i in range(96)]
    one = leave_groups_out(frechet_distance, made, cases, truth, cases)
    found = jackknife_estimate(one - one, clips=96, cases=96, unit="", direction="lower", paired=True)
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_the_corrected_paired_difference_covers_where_the_raw_value_is_biased():
    """64 clips, 6 dimensions, true distances 0 and 6 · 0.3²."""
    generator = np.random.default_rng(0)
    cases = [f"{i:02d}" for i in range(64)]
    truth, inside, raw, corrected = 6 * 0.3**2, 0, [], []
    for _ in range(300):
        reference, good = generator.normal(size=(2, 64, 6))
        bad = 0.8 * good + 0.6 * generator.normal(size=(64, 6))
        first = leave_groups_out(frechet_distance, bad * 1.3, cases, reference, cases)
        second = leave_groups_out(frechet_distance, good, cases, reference, cases)
        raw.append(second.full)
        corrected.append(second.corrected)
        found = jackknife_estimate(first - second, clips=64, cases=64, unit="", direction="lower", paired=True)
        inside += found.low <= truth <= found.high
    assert 0.90 <= inside / 300 <= 0.985
    assert np.mean(raw) > 0.2
    assert abs(np.mean(corrected)) < 0.2 * np.mean(raw)
