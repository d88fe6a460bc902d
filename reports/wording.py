"""How numbers, intervals and verdicts are written: one place for every table, caption and figure label."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import NamedTuple

from harness.stats.sentences import count as count  # one plural for the command line and the page
from harness.types import Estimate

MINUS = "\u2212"
ABSENT = "–"

DIMENSIONLESS = ("fraction", "ssim", "frechet", "mmd2", "score", "omniscore", "lpips", "st-lpips")
TITLES = {
    "omniscore": "OmniScore",
    "psnr": "PSNR",
    "ssim": "SSIM",
    "kvd": "KVD",
    "fvd": "FVD",
    "lpips": "LPIPS",
    "st-lpips-alex": "ST-LPIPS (AlexNet)",
    "frechet": "Fréchet distance",
}

VERDICT_SYMBOLS = {"improved": "▲", "regressed": "▼", "within noise": "≈", "inconclusive": "◇"}
MARGIN_SYMBOLS = {"inside the margin": "≈", "beyond the margin": "▼", "margin undecided": "◇"}
VERDICT_MEANINGS = {
    "improved": "the whole interval lies beyond the threshold, on the better side",
    "regressed": "the whole interval lies beyond the threshold, on the worse side",
    "within noise": "the whole interval lies inside the threshold: any difference is too small to matter",
    "inconclusive": "the interval crosses a threshold: more blocks are needed, nothing is claimed",
}
CONCLUSION_SYMBOLS = {
    "faster at comparable quality": "▲",
    "faster, quality inconclusive": "◇",
    "faster but worse": "▼",
    "not faster": "≈",
    "speed only": "»",
    "better quality": "▲",
    "comparable quality": "≈",
    "quality inconclusive": "◇",
    "worse quality": "▼",
    "improved": "▲",
    "not improved": "≈",
    "undecided": "◇",
}


class DisplayUnit(NamedTuple):
    """A unit that suits the size of the numbers shown.

    Attributes:
        factor: What stored values are multiplied by.
        label: The unit that is written, such as ``"ms"``.
    """

    factor: float
    label: str


def number(value: float, decimals: int, *, signed: bool = False) -> str:
    """Write ``value`` with a true minus sign; a rounded negative zero loses its sign."""
    text = f"{value:+,.{decimals}f}" if signed else f"{value:,.{decimals}f}"
    if not any(c in "123456789" for c in text):
        text = text.lstrip("+-")
    return text.replace("-", MINUS).replace(",", "\u202f")


def is_whole(value: float) -> bool:
    """True for integers, also those that went through a logarithm and came back with rounding."""
    return math.isfinite(value) and abs(value - round(value)) <= 1e-9 * abs(value)


def significant(value: float, digits: int = 4) -> str:
    """Write ``value`` with about ``digits`` significant digits, and integers whole."""
    if not math.isfinite(value):
        return str(value).replace("-", MINUS)
    if is_whole(value) and abs(value) < 1e6:
        return number(value, 0)
    size = math.floor(math.log10(abs(value))) if value else 0
    if size < -4:
        return f"{value:.{digits - 1}e}".replace("-", MINUS)
    return number(value, max(0, digits - 1 - size))


def plain(value: float) -> str:
    """Write a number that was chosen rather than measured (a threshold, a tick): no trailing zeros."""
    return f"{value:.6g}".replace("-", MINUS)


def aligned(values: Iterable[float | None], digits: int = 3) -> list[str]:
    """Write a column's values with equal decimals, which leave ``digits`` significant ones to the smallest."""
    column = list(values)
    sizes = [abs(v) for v in column if v is not None and math.isfinite(v) and v]
    whole = all(is_whole(v) for v in sizes)
    decimals = 0 if whole or not sizes else min(6, max(0, digits - 1 - math.floor(math.log10(min(sizes)))))
    if sizes and decimals + math.log10(max(sizes)) > 8:  # too many magnitudes for one format
        return [ABSENT if v is None else significant(v) for v in column]
    return [ABSENT if v is None else number(v, decimals) if math.isfinite(v) else str(v) for v in column]


def typeset(sentence: str) -> str:
    """Set a plain sentence: true minus signs and multiplication signs in its numbers."""
    text = re.sub(r"(?<=[\s\[(])-(?=\d)", MINUS, sentence)
    return re.sub(r"(?<=\d)x(?= )", "×", text)


def interval_decimals(low: float, high: float) -> int:
    """Decimals that leave two significant digits to the width of an interval, between 0 and 6."""
    width = abs(high - low)
    if not (math.isfinite(width) and width > 0):
        return 2
    return min(6, max(0, 1 - math.floor(math.log10(width))))


def is_ratio(estimate: Estimate) -> bool:
    """True if the estimate is arm over baseline, false if it is a difference."""
    return estimate.unit == "ratio"


def estimate_text(estimate: Estimate, factor: float = 1.0) -> str:
    """Write an estimate with its interval: ``×4.12 [3.98, 4.27]``, ``−0.12 [−0.31, +0.06]``, or ``–``.

    Args:
        estimate: A ratio (``unit="ratio"``) or a difference.
        factor: Scale of a difference's display unit; ratios ignore it.
    """
    value, low, high = estimate.value, estimate.low, estimate.high
    if value is None:
        return ABSENT
    ratio = is_ratio(estimate)
    scale = 1.0 if ratio else factor
    lead = "×" if ratio else ""
    if low is None or high is None or low == high:
        text = significant(value * scale)
        sign = "+" if not ratio and value > 0 else ""
        exact = " [exact]" if low is not None and low == high == value else ""
        return f"{lead}{sign}{text}{exact}"
    decimals = interval_decimals(low * scale, high * scale)
    signed = not ratio
    ends = [number(v * scale, decimals, signed=signed) for v in (value, low, high)]
    return f"{lead}{ends[0]} [{ends[1]}, {ends[2]}]"


def level_text(level: float) -> str:
    """Write a fraction in percent: ``95 %``."""
    return f"{plain(100 * level)} %"


def display_unit(unit: str, values: Iterable[float | None]) -> DisplayUnit:
    """Choose a readable unit for ``values``: ms for small times, MB for many bytes, the unit itself otherwise."""
    largest = max((abs(v) for v in values if v is not None and math.isfinite(v)), default=0.0)
    if unit in ("s", "second", "seconds"):
        if 0 < largest < 1e-3:
            return DisplayUnit(1e6, "µs")
        return DisplayUnit(1e3, "ms") if 0 < largest < 1 else DisplayUnit(1.0, "s")
    if unit in ("B", "byte", "bytes"):
        for size, label in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
            if largest >= size:
                return DisplayUnit(1 / size, label)
        return DisplayUnit(1.0, "bytes")
    return DisplayUnit(1.0, unit_label(unit))


def with_unit(text: str, unit: str) -> str:
    """Put the unit's label, if it has one, after a written number."""
    return f"{text} {unit_label(unit)}".strip()


def unit_label(unit: str) -> str:
    """Return what is written after a number: nothing for units that only name a pure number."""
    return "" if unit in DIMENSIONLESS else unit


def metric_title(name: str) -> str:
    """Turn a metric's name into words without its unit: ``frame_latency_seconds`` → ``Frame latency``."""
    base, bracket, space = name.partition("[")
    base = base.removesuffix("_bytes") if base.endswith("_bytes") else re.sub(r"(?<!per)_seconds$", "", base)
    base = base.replace("vbench/", "VBench ")
    words = TITLES.get(base) or sentence_case(base.replace("_", " "))
    return f"{words} [{space}" if bracket else words


def sentence_case(text: str) -> str:
    """Begin with a capital letter; the rest stays as it is."""
    return text[:1].upper() + text[1:]


def spans(indices: Iterable[int]) -> str:
    """Write indices in runs: ``0–3, 7, 9–11``."""
    parts: list[list[int]] = []
    for i in sorted(set(indices)):
        if parts and i == parts[-1][1] + 1:
            parts[-1][1] = i
        else:
            parts.append([i, i])
    return ", ".join(str(a) if a == b else f"{a}–{b}" for a, b in parts) or "none"
