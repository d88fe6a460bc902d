"""Estimates against scipy's own: bootstrap, t intervals, Monte Carlo and normal integrals for the family."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from scipy import optimize, stats

from harness.stats import family
from harness.stats.family import joint_confidence
from harness.stats.jackknife import case_groups, jackknife_estimate, leave_groups_out
from harness.stats.paired import paired_difference, paired_log_ratio, t_quantile


def test_the_interval_over_cases_is_scipys_t_interval_of_their_means():
    generator = np.random.default_rng(1)
    names = [f"case-{i:02d}" for i in range(15) for _ in range(1 + i % 3)]
    new, old = generator.gamma(9, size=(2, len(names)))
    logs = {name: [] for name in names}
    for name, a, b in zip(names, new, old, strict=True):
        logs[name].append(math.log(a / b))
    means = [np.mean(values) for values in logs.values()]
    low, high = stats.t.interval(0.9, 14, np.mean(means), stats.sem(means))
    found = paired_log_ratio(new, old, names, level=0.9)
    assert (math.log(found.low), math.log(found.high)) == pytest.approx((low, high), rel=1e-9)
    assert math.log(found.value) == pytest.approx(np.mean(means), rel=1e-12)


@pytest.mark.parametrize("method", ["percentile", "BCa"])
def test_with_many_cases_a_bootstrap_of_pairs_says_the_same(method):
    generator = np.random.default_rng(2)
    case = generator.normal(size=400)  # a difficulty that only pairing removes
    old = 20 + 3 * case + 0.3 * generator.normal(size=400)
    new = 20.5 + 3 * case + 0.3 * generator.gamma(2, size=400)
    found = paired_difference(new, old, [str(i) for i in range(400)])
    resampled = stats.bootstrap(
        (new, old),
        lambda a, b, axis: (a - b).mean(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=20_000,
        method=method,
        random_state=np.random.default_rng(3),
    ).confidence_interval
    width = found.high - found.low
    assert found.low == pytest.approx(resampled.low, abs=0.05 * width)
    assert found.high == pytest.approx(resampled.high, abs=0.05 * width)


def test_an_interval_without_zero_is_a_test_at_that_level():
    generator = np.random.default_rng(4)
    for shift in np.linspace(0, 1, 40):
        new, old = generator.normal(shift, 1, 20), generator.normal(0, 1, 20)
        found = paired_difference(new, old, [str(i) for i in range(20)])
        assert (found.low > 0 or found.high < 0) == (stats.ttest_rel(new, old).pvalue < 0.05)


@pytest.mark.parametrize(("members", "correlation"), [(2, 0.0), (5, 0.5), (4, 0.9)])
def test_with_many_cases_the_family_needs_the_normal_integrals_quantile(members, correlation):
    """Arms that share a baseline correlate by one half: with many cases this is Dunnett's quantile."""
    covariance = correlation + (1 - correlation) * np.eye(members)
    normal = stats.multivariate_normal(cov=covariance, seed=0)

    def missing(q):
        limits = np.full(members, q)
        return float(normal.cdf(limits, lower_limit=-limits)) - 0.95

    expected = optimize.brentq(missing, 1.9, 3.5, xtol=1e-3)
    table = np.random.default_rng(5).multivariate_normal(np.zeros(members), covariance, size=4000)
    found = joint_confidence(table, level=0.95, generator=np.random.default_rng(6), resamples=9999)
    assert stats.norm.ppf(0.5 + found / 2) == pytest.approx(expected, rel=0.012)


@pytest.mark.parametrize(("cases", "members"), [(8, 6), (40, 10)])
def test_with_few_cases_the_family_needs_what_monte_carlo_counts(cases, members):
    """The largest |t| of fresh tables, against the confidence that resampling one table at a time asks for."""
    generator = np.random.default_rng(7)

    def tables(count):
        common = generator.normal(size=(count, cases, 1))
        return math.sqrt(0.5) * (common + generator.normal(size=(count, cases, members)))

    drawn = tables(20_000)
    largest = np.abs(stats.ttest_1samp(drawn, 0, axis=1).statistic).max(axis=1)
    expected = np.quantile(largest, 0.95)
    found = [joint_confidence(table, level=0.95, generator=generator, resamples=1999) for table in tables(60)]
    assert t_quantile(float(np.mean(found)), cases - 1) == pytest.approx(expected, rel=0.03)


def test_the_jackknife_of_a_mean_has_the_error_of_its_groups_means():
    """Closed form: leaving out one of G equal groups gives the standard error of the mean of G group means."""
    values = np.random.default_rng(8).gamma(2, size=(96, 1))
    cases = [f"{i:02d}" for i in range(96)]
    groups = case_groups(cases)
    assert set(np.bincount(list(groups.values()))) == {3}
    means = [values[[groups[case] == g for case in cases]].mean() for g in range(32)]
    result = leave_groups_out(lambda a, b: float(a.mean() - b.mean()), values, cases, 0 * values, cases)
    assert result.error == pytest.approx(stats.sem(means), rel=1e-9)
    found = jackknife_estimate(result, clips=96, cases=96, unit="", direction="lower")
    low, high = stats.t.interval(0.95, 31, values.mean(), stats.sem(means))
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-9)


def test_a_large_family_is_resampled_in_little_memory_and_the_portions_change_nothing(monkeypatch):
    table = np.random.default_rng(9).normal(size=(1000, 20))

    def confidence():
        return joint_confidence(table, level=0.95, generator=np.random.default_rng(10), resamples=4000)

    tracemalloc.start()
    whole = confidence()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * 2**20  # all weights at once: 31 MiB, and as much again for their squares
    assert confidence() == whole
    monkeypatch.setattr(family, "CHUNK", 7000)
    assert confidence() == pytest.approx(whole, abs=1e-4)
