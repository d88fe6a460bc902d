"""Simultaneous intervals: between Student and Bonferroni, covering jointly, reproducible from their seed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harness.stats.coverage import measure
from harness.stats.family import Member, joint_confidence, simultaneous
from harness.stats.paired import make_pairs, paired_difference, t_quantile


def members(effects, clusters=None):
    """One member per column of ``effects`` ``[cases, members]``."""
    names = clusters or [f"case-{i:03d}" for i in range(len(effects))]
    return [
        Member(make_pairs(column, np.zeros(len(column)), names), "difference", "dB", "higher") for column in effects.T
    ]


def estimate(effects, seed=0, **options):
    return simultaneous(members(effects), generator=np.random.default_rng(seed), seed=seed, **options)


def test_quantile_is_scipys():
    assert t_quantile(0.95, 7) == pytest.approx(stats.t.ppf(0.975, 7), rel=1e-12)


def test_one_member_is_the_plain_interval():
    effects = np.random.default_rng(0).normal(size=(10, 1))
    (found,) = estimate(effects)
    plain = paired_difference(effects[:, 0], np.zeros(10), [f"case-{i:03d}" for i in range(10)])
    assert (found.value, found.low, found.high) == pytest.approx((plain.value, plain.low, plain.high), rel=1e-12)
    assert "family of 1" in found.method


def test_perfectly_dependent_members_need_no_widening():
    column = np.random.default_rng(0).normal(size=(12, 1))
    table = np.hstack([column, -3 * column, 2 * column + 1])
    found = joint_confidence(table, level=0.95, generator=np.random.default_rng(1), resamples=20000)
    assert t_quantile(found, 11) == pytest.approx(stats.t.ppf(0.975, 11), rel=0.01)


def test_independent_members_need_nearly_sidaks_quantile():
    table = np.random.default_rng(0).normal(size=(4000, 5))
    found = joint_confidence(table, level=0.95, generator=np.random.default_rng(1), resamples=4000)
    assert stats.norm.ppf(0.5 + 0.5 * found) == pytest.approx(stats.norm.ppf(0.5 + 0.5 * 0.95 ** (1 / 5)), rel=0.02)


@pytest.mark.parametrize("cases", [6, 8, 20])
@pytest.mark.parametrize("size", [2, 6, 10])
def test_the_width_lies_between_student_and_bonferroni(cases, size):
    table = np.random.default_rng(cases).normal(size=(cases, size))
    found = joint_confidence(table, level=0.95, generator=np.random.default_rng(1), resamples=999)
    assert 0.95 < found <= 1 - 0.05 / size


def test_an_arm_with_few_pairs_widens_no_other_arm():
    effects = np.random.default_rng(3).normal(size=(64, 4))
    names = [f"case-{i:03d}" for i in range(64)]
    whole = members(effects, names)
    flaky = [*whole[:3], Member(make_pairs(effects[:8, 3], np.zeros(8), names[:8]), "difference", "dB", "higher")]
    widths = [
        [e.high - e.low for e in simultaneous(family, generator=np.random.default_rng(0))] for family in (whole, flaky)
    ]
    for full, beside in zip(widths[0][:3], widths[1][:3], strict=True):
        assert beside == pytest.approx(full, rel=0.05)


def test_the_same_seed_gives_the_same_intervals_and_is_recorded():
    effects = np.random.default_rng(0).normal(size=(10, 4))
    one, again, other = estimate(effects, 7), estimate(effects, 7), estimate(effects, 8)
    assert one == again
    assert [e.value for e in one] == [e.value for e in other]
    assert one[0].low != other[0].low
    assert one[0].low == pytest.approx(other[0].low, rel=0.1)
    assert (one[0].seed, one[0].resamples) == (7, 9999)
    assert "max-t family of 4" in one[0].method


def test_flipping_every_sign_flips_the_intervals_and_nothing_else():
    effects = np.random.default_rng(0).normal(size=(9, 3))
    for there, back in zip(estimate(effects), estimate(-effects), strict=True):
        assert (back.value, back.low, back.high) == (-there.value, -there.high, -there.low)


def test_a_member_without_variance_is_exact_and_widens_nothing():
    effects = np.random.default_rng(0).normal(size=(10, 2))
    still = np.hstack([effects, np.full((10, 1), 0.25)])
    with_still = estimate(still)
    assert (with_still[2].low, with_still[2].high) == (0.25, 0.25)
    assert [e.low for e in with_still[:2]] == pytest.approx([e.low for e in estimate(effects)], rel=1e-12)


def test_a_broken_member_comes_back_with_its_reason_and_leaves_the_family():
    effects = np.random.default_rng(0).normal(size=(10, 3))
    broken = effects.copy()
    broken[4, 2] = np.nan
    found = estimate(broken)
    assert found[2].value is None
    assert "not finite" in found[2].reason
    assert "family of 2" in found[0].method
    assert found[0].low == pytest.approx(estimate(effects[:, :2])[0].low, rel=1e-12)


def test_missing_cases_use_the_shared_ones_and_none_shared_fall_back_to_bonferroni():
    effects = np.random.default_rng(0).normal(size=(14, 1))
    names = [f"case-{i:03d}" for i in range(14)]
    full = members(effects)[0]

    def part(keep):
        return Member(
            make_pairs(effects[keep, 0], np.zeros(len(keep)), [names[i] for i in keep]), "difference", "", "higher"
        )

    generator = np.random.default_rng(0)
    first, second = simultaneous([full, part(list(range(8)))], generator=generator)
    assert "max-t" in first.method
    # the same column on shared cases is perfectly dependent: each member's own Student quantile is enough
    assert (first.high - first.value) / stats.sem(effects[:, 0]) == pytest.approx(t_quantile(0.95, 13), rel=0.02)
    assert (second.high - second.value) / stats.sem(effects[:8, 0]) == pytest.approx(t_quantile(0.95, 7), rel=0.02)
    assert second.clusters == 8
    first, second = simultaneous([part(list(range(7))), part(list(range(7, 14)))], generator=generator)
    assert "Bonferroni" in first.method
    assert first.resamples is None
    assert (first.high - first.value) / stats.sem(effects[:7, 0]) == pytest.approx(t_quantile(0.975, 6), rel=1e-9)


def test_too_few_cases_have_no_interval():
    found = estimate(np.random.default_rng(0).normal(size=(5, 2)))
    assert [e.low for e in found] == [None, None]
    assert all("at least 6" in e.reason for e in found)


def test_an_empty_family_is_empty():
    assert simultaneous([], generator=np.random.default_rng(0)) == []


@pytest.mark.parametrize("clusters", [8, 16, 32])
@pytest.mark.parametrize("shape", ["normal", "log-ratio"])
def test_families_cover_jointly(clusters, shape):
    found = measure(shape, clusters, members=6, experiments=800, resamples=499, seed=2)
    assert 0.925 <= found.covered <= 0.98


@pytest.mark.parametrize("clusters", [8, 16, 32])
def test_raw_means_of_heavy_tails_do_not_cover_jointly_as_documented(clusters):
    found = measure("log-normal", clusters, members=6, experiments=400, resamples=499, seed=2)
    assert 0.60 <= found.covered <= 0.82


def test_plain_intervals_would_not_cover_the_family():
    """The simulation can see a family that is not widened: what the test above would catch."""
    generator = np.random.default_rng(0)
    effects = generator.normal(size=(1000, 16, 6))
    worst = np.abs(effects.mean(1) / (effects.std(1, ddof=1) / 4)).max(1)
    assert np.mean(worst <= t_quantile(0.95, 15)) < 0.85
