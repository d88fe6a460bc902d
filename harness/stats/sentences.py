"""Plain English for findings: numbers with their intervals, and the conclusion's sentence."""

from __future__ import annotations

import math

from harness.types import ConclusionWord, Estimate, Finding, Metric

ORDER: tuple[ConclusionWord, ...] = (
    "faster at comparable quality",
    "faster, quality inconclusive",
    "faster but worse",
    "speed only",
    "not faster",
    "better quality",
    "comparable quality",
    "quality inconclusive",
    "worse quality",
)
"""Conclusions by their use to a reader."""


SPOKEN_UNITS = ("dB", "bits", "s", "bytes")
"""Units that a sentence names; a fraction or a distance speaks for itself."""


def decimals(low: float, high: float) -> int:
    """Return the number of decimals that shows an interval's width with two digits, in [0, 6]."""
    width = abs(high - low)
    if not (math.isfinite(width) and width > 0):
        return 3
    return min(max(1 - math.floor(math.log10(width)), 0), 6)


def fixed(value: float, places: int, *, signed: bool = False) -> str:
    """Write ``value`` with ``places`` decimals; what is rounded to zero has no sign."""
    text = f"{value:+.{places}f}" if signed else f"{value:.{places}f}"
    return text if any(c in "123456789" for c in text) else text.lstrip("+-")


def interval_text(low: float | None, high: float | None, places: int, *, signed: bool = False) -> str:
    """Return ``[low, high]``, or an empty string where there is no interval."""
    if low is None or high is None:
        return ""
    return f"[{fixed(low, places, signed=signed)}, {fixed(high, places, signed=signed)}]"


def inverted(estimate: Estimate) -> Estimate:
    """Return the reciprocal of a ratio estimate (how many times as fast, from how many times as long)."""
    value, low, high = ((1 / x if x else None) for x in (estimate.value, estimate.low, estimate.high))
    return estimate.model_copy(update={"value": value, "low": high, "high": low})


def speed_text(finding: Finding, metric: Metric) -> str:
    """Return the speed half of a sentence, such as ``diagonal-k2 is 2.41x as fast [2.30, 2.52] as sequential``."""
    estimate = inverted(finding.estimate) if metric.direction == "lower" else finding.estimate
    if estimate.value is None:
        return f"the speed of {finding.arm} against {finding.baseline} is unknown ({estimate.reason})"
    if metric.scale != "ratio":
        return f"{finding.arm} differs from {finding.baseline} in {difference_text(finding)}"
    if estimate.low is None or estimate.high is None:
        return f"{finding.arm} is {estimate.value:.2f}x as fast as {finding.baseline} (no interval: {estimate.reason})"
    places = max(decimals(estimate.low, estimate.high), 2)
    shown = f"{estimate.value:.{places}f}x as fast {interval_text(estimate.low, estimate.high, places)}"
    return f"{finding.arm} is {shown} as {finding.baseline}"


def difference_text(finding: Finding) -> str:
    """Return the quality half of a sentence, such as ``token_accuracy -0.004 [-0.011, 0.003]``."""
    estimate = finding.estimate
    unit = f" {estimate.unit}" if estimate.unit in SPOKEN_UNITS else ""
    if estimate.value is None:
        return f"{finding.metric} unknown ({estimate.reason})"
    if estimate.low is None or estimate.high is None:
        return f"{finding.metric} {estimate.value:+.3g}{unit} (no interval: {estimate.reason})"
    places = decimals(estimate.low, estimate.high)
    if estimate.unit == "ratio":
        return f"{finding.metric} {estimate.value:.{places}f}x {interval_text(estimate.low, estimate.high, places)}"
    value = f"{fixed(estimate.value, places, signed=True)}{unit}"
    return f"{finding.metric} {value} {interval_text(estimate.low, estimate.high, places, signed=True)}"


def count(n: int, one: str, many: str = "") -> str:
    """Write a count with its noun: ``1 trial``, ``3 trials``."""
    return f"{n} {one if n == 1 else many or one + 's'}"


def count_text(estimate: Estimate) -> str:
    """Return ``32 clips`` or, with repetitions, ``64 blocks of 32 cases``."""
    if estimate.n == estimate.clusters:
        return count(estimate.n, "clip")
    return f"{count(estimate.n, 'block')} of {count(estimate.clusters, 'case')}"


def sentence(
    group: str,
    word: ConclusionWord,
    speed: Finding | None,
    metric: Metric | None,
    quality: Finding | None,
    *,
    remark: str = "",
) -> str:
    """Write one arm's conclusion with its numbers, intervals and n.

    Args:
        group: Stratum of cases.
        word: The conclusion.
        speed: Finding of the primary speed metric; None where the suite has none.
        metric: That metric.
        quality: Finding of the primary quality metric, if it may be spoken of.
        remark: Said in brackets after the word, such as ``quality insensitive``.
    """
    counted = speed or quality
    if speed is None or metric is None:
        text = f"{group}: " + ("" if quality is None else f"{quality.arm} has {difference_text(quality)}")
        text += "" if quality is None else f" against {quality.baseline}"
    else:
        text = f"{group}: {speed_text(speed, metric)}"
        text += "" if quality is None else f" with {difference_text(quality)}"
    if counted is not None and counted.estimate.n:
        text += f" over {count_text(counted.estimate)}"
    text += f": {word}"
    return f"{text} ({remark})." if remark else f"{text}."
