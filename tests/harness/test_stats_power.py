"""The power formula against brute force, and its inverses against itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.stats.power import MOST_CASES, cases_needed, distance_needed, power_beyond, upper_sd

SIMULATED = 20_000


def simulated_power(mean, limit, sd, cases, confidence, seed=0):
    """How often an interval of ``cases`` normal effects lies wholly above ``limit``."""
    effects = np.random.default_rng(seed).normal(mean, sd, (SIMULATED, cases))
    half = stats.t.ppf(0.5 + confidence / 2, cases - 1) * stats.sem(effects, axis=1)
    return np.mean(effects.mean(axis=1) - half > limit)


@pytest.mark.parametrize(
    ("mean", "limit", "sd", "cases", "confidence"),
    [
        (0.0296, 0.00995, 0.0283, 40, 0.95),
        (0.0296, 0.00995, 0.0283, 40, 0.9932),
        (0.5, 0.0, 1.0, 6, 0.95),
        (1.5, 1.0, 1.0, 12, 0.99),
        (0.0, -0.013, 0.0317, 64, 0.983),  # comparable within a margin of 0.013 at no loss
        (0.2, 0.3, 1.0, 10, 0.9),  # on the near side: rarely, but not never
    ],
)
def test_power_is_what_brute_force_counts(mean, limit, sd, cases, confidence):
    expected = power_beyond(mean - limit, sd, cases, confidence)
    error = math.sqrt(expected * (1 - expected) / SIMULATED)
    assert abs(simulated_power(mean, limit, sd, cases, confidence) - expected) < 4 * error


@pytest.mark.parametrize("cases", [6, 9, 40, 1000])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.999])
def test_at_the_limit_itself_power_is_half_of_what_the_interval_misses(cases, confidence):
    assert power_beyond(0.0, 1.0, cases, confidence) == pytest.approx((1 - confidence) / 2, rel=1e-6)


sds, powers, confidences = st.floats(1e-3, 1e3), st.floats(0.5, 0.99), st.sampled_from([0.9, 0.95, 0.99, 0.998])


@given(st.floats(0.02, 5), sds, confidences, powers)
def test_the_fewest_cases_are_enough_and_one_less_is_not(ratio, sd, confidence, power):
    needed = cases_needed(ratio * sd, sd, confidence, power)
    assert needed >= 6
    assert power_beyond(ratio * sd, sd, needed, confidence) >= power
    assert needed == 6 or power_beyond(ratio * sd, sd, needed - 1, confidence) < power


@given(st.integers(6, 2000), sds, confidences, powers)
def test_the_distance_that_is_needed_has_that_power(cases, sd, confidence, power):
    distance = distance_needed(sd, cases, confidence, power)
    assert power_beyond(distance, sd, cases, confidence) == pytest.approx(power, abs=1e-8)
    assert distance > 0
    assert cases_needed(distance * (1 + 1e-9), sd, confidence, power) <= cases


def test_what_can_never_be_seen_says_so():
    assert cases_needed(0.0, 1.0, 0.95, 0.9) is None
    assert cases_needed(-1.0, 1.0, 0.95, 0.9) is None
    assert cases_needed(1e-6, 1.0, 0.95, 0.9) is None  # ten million million cases are no plan
    assert distance_needed(1.0, 5, 0.95, 0.9) is None
    assert power_beyond(10.0, 1.0, 5, 0.95) == 0.0


def test_without_spread_the_smallest_run_with_an_interval_is_enough():
    assert cases_needed(1e-9, 0.0, 0.95, 0.9) == 6
    assert (power_beyond(1e-9, 0.0, 6, 0.95), power_beyond(0.0, 0.0, 6, 0.95)) == (1.0, 0.0)
    assert distance_needed(0.0, 6, 0.95, 0.9) == 0.0


def test_every_number_up_to_the_bound_is_found_and_none_beyond():
    """Large numbers have a normal law: the cases follow from quantiles."""
    quantiles = stats.norm.ppf(0.975) + stats.norm.ppf(0.9)
    for cases in (3_200_000, 6_400_000, 9_000_000, 9_990_000):
        needed = cases_needed(quantiles / math.sqrt(cases), 1.0, 0.95, 0.9)
        assert needed == pytest.approx(cases, rel=1e-5)
    assert cases_needed(quantiles / math.sqrt(1.001 * MOST_CASES), 1.0, 0.95, 0.9) is None


@pytest.mark.parametrize("cases", [6, 8, 16, 40])
def test_the_upper_limit_of_a_spread_is_above_it_as_often_as_it_says(cases):
    recorded = np.random.default_rng(cases).normal(0, 2.0, (SIMULATED, cases)).std(axis=1, ddof=1)
    share = np.mean([upper_sd(sd, cases, 0.8) >= 2.0 for sd in recorded])
    assert abs(share - 0.8) < 4 * math.sqrt(0.16 / SIMULATED)
    assert upper_sd(0.0, cases, 0.8) == 0.0


def test_far_out_in_a_tail_power_is_still_a_number():
    assert power_beyond(1e9, 1.0, 64, 0.95) == 1.0
    assert power_beyond(-1e9, 1.0, 64, 0.95) == 0.0
