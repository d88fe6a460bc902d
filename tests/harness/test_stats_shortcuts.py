"""Leaving groups out at once equals leaving them out one by one, and few clips in many dimensions take a short way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg

from harness.stats.frechet import (
    Moments,
    distance_of_few,
    distance_of_moments,
    frechet_distance,
    frechet_without_groups,
)
from harness.stats.jackknife import SHORTCUTS
from harness.stats.kvd import kernel_distance, kernel_without_groups


def rows(seed: int, n: int, d: int, shift: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)) @ rng.standard_normal((d, d)) / np.sqrt(d) + shift


def naive(first: np.ndarray, second: np.ndarray) -> float:
    """The textbook formula through scipy's matrix square root."""
    one, two = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    root = linalg.sqrtm(one @ two)
    step = first.mean(0) - second.mean(0)
    return float(step @ step + np.trace(one) + np.trace(two) - 2 * np.real(np.trace(root)))


@given(st.integers(0, 1000), st.integers(40, 90), st.sampled_from([3, 12, 60, 200]))
@settings(max_examples=12, deadline=None)
@pytest.mark.parametrize(
    ("distance", "without"), [(frechet_distance, frechet_without_groups), (kernel_distance, kernel_without_groups)]
)
def test_at_once_equals_one_by_one(distance, without, seed: int, n: int, d: int) -> None:
    groups = 32
    ours, theirs = rows(seed, n, d), rows(seed + 1, n + 5, d, 0.3)
    of_ours, of_theirs = np.arange(n) % groups, np.arange(n + 5) % groups
    found = without(ours, of_ours, theirs, of_theirs, groups)
    expected = [distance(ours[of_ours != g], theirs[of_theirs != g]) for g in range(groups)]
    scale = max(1.0, float(np.trace(np.atleast_2d(np.cov(ours, rowvar=False)))))
    assert np.allclose(found, expected, rtol=1e-8, atol=1e-8 * scale)
    assert SHORTCUTS[distance] is without


@pytest.mark.parametrize(("n", "m", "d"), [(30, 40, 8), (64, 64, 48)])
def test_against_scipy(n: int, m: int, d: int) -> None:
    first, second = rows(1, n, d), rows(2, m, d, 0.5)
    assert frechet_distance(first, second) == pytest.approx(naive(first, second), abs=1e-7 * np.trace(np.cov(first.T)))


@pytest.mark.parametrize(("n", "d"), [(16, 64), (40, 41)])
def test_few_clips_in_many_dimensions(n: int, d: int) -> None:
    first, second = rows(3, n, d), rows(4, n - 3, d, 0.5)
    long = distance_of_moments(Moments.of(first), Moments.of(second))
    scale = np.trace(np.cov(first.T))
    assert distance_of_few(first, second) == pytest.approx(long, abs=1e-8 * scale)
    assert abs(frechet_distance(first, first)) <= 1e-6 * scale
    assert frechet_distance(first, second) == distance_of_few(first, second)


def test_gaussians_that_share_axes_have_a_closed_form() -> None:
    """N(0, diag a) against N(m, diag b): |m|² + Σ (√a - √b)², met as the number of clips grows."""
    rng = np.random.default_rng(0)
    a, b, m = np.array([1.0, 4.0, 0.25]), np.array([2.0, 1.0, 0.25]), np.array([0.5, 0.0, -1.0])
    first = rng.standard_normal((400_000, 3)) * np.sqrt(a)
    second = rng.standard_normal((400_000, 3)) * np.sqrt(b) + m
    exact = m @ m + ((np.sqrt(a) - np.sqrt(b)) ** 2).sum()
    assert frechet_distance(first, second) == pytest.approx(exact, abs=0.02)


@given(st.integers(0, 1000), st.integers(5, 60), st.integers(1, 30))
@settings(max_examples=20, deadline=None)
def test_taking_moments_away_undoes_merging(seed: int, n: int, k: int) -> None:
    whole, part = rows(seed, n + k, 6), slice(0, k)
    left = Moments.of(whole).without(Moments.of(whole[part]))
    direct = Moments.of(whole[k:])
    assert left.count == direct.count
    assert np.allclose(left.mean, direct.mean, atol=1e-10)
    assert np.allclose(left.scatter, direct.scatter, atol=1e-9)


@pytest.mark.parametrize("distance", [frechet_distance, kernel_distance])
@pytest.mark.parametrize(
    ("first", "words"),
    [
        (np.zeros((1, 4)), "at least 2"),
        (np.full((3, 4), np.nan), "not finite"),
        (np.zeros((3, 5)), "cannot be compared"),
    ],
)
def test_what_is_no_set_is_refused(distance, first: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        distance(first, rows(0, 6, 4))


def test_constant_videos_are_at_no_distance() -> None:
    """All rows equal: no covariance, and no NaN."""
    same = np.ones((64, 8))
    assert frechet_distance(same, same) == 0
    assert frechet_distance(same, same + 2) == pytest.approx(8 * 4)
    assert kernel_distance(same, same) == 0
