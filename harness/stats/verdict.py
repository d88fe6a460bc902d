"""Verdicts: an interval against a threshold fixed before measuring; and what an arm bought for what it cost.

Everything is decided by the whole interval, never by the point estimate. Effects are first *oriented* so that positive
is better, and ratios are judged on the log scale, where a threshold τ stands at ± log(1 + τ).

Verdict (τ ≥ 0, oriented interval [a, b]):

* ``improved``: a > τ; ``regressed``: b < -τ: the whole interval lies beyond the threshold;
* ``within noise``: -τ ≤ a and b ≤ τ: the whole interval lies inside it, ends included;
* ``inconclusive``: anything else, and every estimate without an interval.

Conclusion (margin m > 0 of the primary quality metric, in its unit, same oriented interval [a, b]):

* *faster* means that the primary speed metric's verdict is ``improved``; otherwise ``not faster``;
* ``faster at comparable quality``: a > -m. Quality is *not inferior* by as much as the margin. This holds also for an
  interval wholly below zero but above -m: the loss is then real but smaller than what was declared to matter;
* ``faster but worse``: b < -m. The whole interval lies below the margin: the loss matters for certain;
* ``faster, quality inconclusive``: -m lies in [a, b], ends included (also where b < 0: surely a loss, perhaps a small
  one), or there is no interval, or the quality metric is insensitive (a negative control was not judged regressed);
* ``speed only``: random weights, whatever the speed;
* where a suite asks nothing of speed: ``better quality``: a > m; ``worse quality``: b < -m; ``comparable quality``:
  a > -m otherwise; ``quality inconclusive``: the rest.
"""

from __future__ import annotations

import math
from typing import Literal

from harness.types import ConclusionWord, Estimate, Verdict

AnyScale = Literal["ratio", "difference", "set"]
Standing = Literal["inside the margin", "beyond the margin", "margin undecided"]


def oriented(estimate: Estimate, scale: AnyScale) -> tuple[float, float] | None:
    """Return the interval with positive meaning better (log ratios for ratios), or None if there is none."""
    low, high = estimate.low, estimate.high
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return None
    if scale == "ratio":
        if low <= 0:
            return None
        low, high = math.log(low), math.log(high)
    return (low, high) if estimate.direction == "higher" else (-high, -low)


def bound(tau: float, scale: AnyScale) -> float:
    """Return the threshold on the scale of :func:`oriented`: ``log(1 + tau)`` for ratios, ``tau`` otherwise.

    Raises:
        ValueError: ``tau`` is negative or not finite.
    """
    if not (math.isfinite(tau) and tau >= 0):
        raise ValueError(f"a threshold is a finite number >= 0, not {tau}")
    return math.log(1 + tau) if scale == "ratio" else tau


def verdict(estimate: Estimate, tau: float, scale: AnyScale) -> Verdict:
    """Judge ``estimate`` against ± ``tau``; the module's docstring has the rule.

    Args:
        estimate: Effect of an arm against the baseline; its ``direction`` says which way is better.
        tau: Threshold: for ratios a fraction of change, otherwise in the estimate's unit; >= 0.
        scale: The metric's scale.
    """
    limit = bound(tau, scale)
    interval = oriented(estimate, scale)
    if interval is None:
        return "inconclusive"
    low, high = interval
    if low > limit:
        return "improved"
    if high < -limit:
        return "regressed"
    if -limit <= low and high <= limit:
        return "within noise"
    return "inconclusive"


def against_margin(estimate: Estimate | None, margin: float, scale: AnyScale) -> Standing:
    """Say where an interval lies against the non-inferiority margin.

    Args:
        estimate: Of the primary quality metric, or None.
        margin: > 0: in the metric's unit, or a fraction where it is analysed as a ratio.
        scale: The metric's scale.

    Raises:
        ValueError: ``margin`` is not a positive number.
    """
    if not (math.isfinite(margin) and margin > 0):
        raise ValueError(f"a non-inferiority margin is a finite number > 0, not {margin}")
    interval = None if estimate is None else oriented(estimate, scale)
    limit = bound(margin, scale)
    if interval is None:
        return "margin undecided"
    if interval[0] > -limit:
        return "inside the margin"
    return "beyond the margin" if interval[1] < -limit else "margin undecided"


def conclusion(
    speed: Verdict | None,
    quality: Estimate | None,
    margin: float,
    *,
    quality_scale: AnyScale = "difference",
    speed_only: bool = False,
    sensitive: bool = True,
) -> ConclusionWord:
    """Put the speed verdict and the quality interval together; the module's docstring has the rule.

    Args:
        speed: Verdict of the primary speed metric; None where the suite has none.
        quality: Estimate of the primary quality metric, or None where there is none.
        margin: Non-inferiority margin, > 0: in the metric's unit, or a fraction where it is analysed as a ratio.
        quality_scale: Scale of the quality metric.
        speed_only: The weights are random.
        sensitive: False if a negative control was not judged regressed in quality.

    Raises:
        ValueError: ``margin`` is not a positive number.
    """
    standing = against_margin(quality if sensitive else None, margin, quality_scale)
    if speed is None:
        interval = None if quality is None or not sensitive else oriented(quality, quality_scale)
        if interval is not None and interval[0] > bound(margin, quality_scale):
            return "better quality"
        alone: dict[Standing, ConclusionWord] = {
            "inside the margin": "comparable quality",
            "beyond the margin": "worse quality",
            "margin undecided": "quality inconclusive",
        }
        return alone[standing]
    if speed_only:
        return "speed only"
    if speed != "improved":
        return "not faster"
    words: dict[Standing, ConclusionWord] = {
        "inside the margin": "faster at comparable quality",
        "beyond the margin": "faster but worse",
        "margin undecided": "faster, quality inconclusive",
    }
    return words[standing]
