"""Every word can be reached, and every boundary falls on the side that the docstring says."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats.verdict import against_margin, conclusion, verdict
from harness.types import Estimate


def between(low, high, direction="higher", unit="dB"):
    return Estimate(value=(low + high) / 2, low=low, high=high, direction=direction, unit=unit)


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.11, 0.2, "improved"),
        (0.1, 0.2, "inconclusive"),  # touches the threshold: not beyond it
        (0.1, 0.1, "within noise"),
        (-0.1, 0.1, "within noise"),  # ends included
        (-0.1, 0.10001, "inconclusive"),
        (0.0, 0.0, "within noise"),
        (0.02, 0.09, "within noise"),  # surely above zero, surely too small to matter
        (-0.2, 0.2, "inconclusive"),
        (-0.2, 0.05, "inconclusive"),
        (-0.2, -0.1, "inconclusive"),
        (-0.2, -0.1001, "regressed"),
    ],
)
def test_verdict_of_a_difference(low, high, word):
    assert verdict(between(low, high), 0.1, "difference") == word
    assert verdict(between(low, high), 0.1, "set") == word
    mirrored = {"improved": "regressed", "regressed": "improved"}
    assert verdict(between(low, high, "lower"), 0.1, "difference") == mirrored.get(word, word)
    assert verdict(between(-high, -low), 0.1, "difference") == mirrored.get(word, word)


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (1.06, 1.2, "improved"),
        (1.01, 1.2, "inconclusive"),
        (0.96, 1.04, "within noise"),
        (1 / 1.06, 1.04, "inconclusive"),
        (0.8, 1 / 1.06, "regressed"),
        (0.8, 0.9524, "inconclusive"),  # 1 / 1.05 = 0.95238: the threshold is symmetric in logs, not 0.95
        (0.8, 0.9523, "regressed"),
        (1.0, 1.0, "within noise"),
    ],
)
def test_verdict_of_a_ratio(low, high, word):
    assert verdict(between(low, high, unit="ratio"), 0.05, "ratio") == word
    mirrored = {"improved": "regressed", "regressed": "improved"}
    assert verdict(between(low, high, "lower", "ratio"), 0.05, "ratio") == mirrored.get(word, word)


def test_a_threshold_of_nothing_asks_only_for_a_sign():
    assert verdict(between(1e-9, 1), 0.0, "difference") == "improved"
    assert verdict(between(0, 1), 0.0, "difference") == "inconclusive"
    assert verdict(between(0, 0), 0.0, "difference") == "within noise"


@pytest.mark.parametrize("scale", ["ratio", "difference", "set"])
def test_no_interval_no_verdict(scale):
    assert verdict(Estimate(value=5.0, reason="2 cases"), 0.1, scale) == "inconclusive"
    assert verdict(Estimate(value=None, reason="no complete pair"), 0.1, scale) == "inconclusive"
    assert verdict(Estimate(value=5.0, low=math.nan, high=9.0), 0.1, scale) == "inconclusive"


@pytest.mark.parametrize("tau", [-0.1, math.nan, math.inf])
def test_a_threshold_must_be_a_size(tau):
    with pytest.raises(ValueError, match="threshold"):
        verdict(between(0, 1), tau, "difference")


@given(st.floats(-5, 5), st.floats(0, 5), st.floats(0, 2))
def test_exactly_one_word_and_swapping_the_arms_mirrors_it(low, width, tau):
    mirrored = {"improved": "regressed", "regressed": "improved"}
    word = verdict(between(low, low + width), tau, "difference")
    assert verdict(between(-(low + width), -low), tau, "difference") == mirrored.get(word, word)


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (-0.019, 0.01, "faster at comparable quality"),
        (-0.02, 0.01, "faster, quality inconclusive"),  # touches the margin
        (-0.015, -0.005, "faster at comparable quality"),  # surely a loss, surely smaller than the margin
        (-0.03, -0.01, "faster, quality inconclusive"),  # surely a loss, perhaps a large one
        (-0.03, 0.5, "faster, quality inconclusive"),
        (-0.03, -0.02, "faster, quality inconclusive"),
        (-0.03, -0.0201, "faster but worse"),
        (0.1, 0.2, "faster at comparable quality"),  # better is comparable
        (0.0, 0.0, "faster at comparable quality"),
    ],
)
def test_conclusion_of_a_faster_arm(low, high, word):
    assert conclusion("improved", between(low, high), 0.02) == word
    assert conclusion("improved", between(-high, -low, "lower"), 0.02) == word


@pytest.mark.parametrize("speed", ["within noise", "regressed", "inconclusive"])
def test_without_a_faster_verdict_the_arm_is_not_faster(speed):
    assert conclusion(speed, between(0.1, 0.2), 0.02) == "not faster"
    assert conclusion(speed, None, 0.02) == "not faster"


@pytest.mark.parametrize("speed", ["improved", "within noise", "regressed", "inconclusive"])
def test_random_weights_conclude_speed_only(speed):
    assert conclusion(speed, between(0.1, 0.2), 0.02, speed_only=True) == "speed only"


def test_unknown_or_insensitive_quality_is_inconclusive():
    assert conclusion("improved", None, 0.02) == "faster, quality inconclusive"
    assert conclusion("improved", Estimate(value=0.5, reason="few"), 0.02) == "faster, quality inconclusive"
    assert conclusion("improved", between(0.1, 0.2), 0.02, sensitive=False) == "faster, quality inconclusive"
    assert conclusion("improved", between(-0.2, -0.1), 0.02, sensitive=False) == "faster, quality inconclusive"


@pytest.mark.parametrize("margin", [0.0, -0.1, math.nan])
def test_a_margin_must_be_positive(margin):
    with pytest.raises(ValueError, match="margin"):
        conclusion("improved", None, margin)


@pytest.mark.parametrize(
    ("low", "high", "standing"),
    [(-0.01, 0.5, "inside the margin"), (-0.5, -0.3, "beyond the margin"), (-0.2, 0.1, "margin undecided")],
)
def test_the_margin_stands_apart_from_the_threshold(low, high, standing):
    estimate = Estimate(value=(low + high) / 2, low=low, high=high, unit="dB")
    assert against_margin(estimate, 0.1, "difference") == standing
    assert against_margin(None, 0.1, "difference") == "margin undecided"
    flipped = estimate.model_copy(update={"low": -high, "high": -low, "direction": "lower"})
    assert against_margin(flipped, 0.1, "difference") == standing
