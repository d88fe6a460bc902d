"""VBench's totals: Quality, Semantic and Total, in percent.

Formula: ``n = (x - min) / (max - min)``; Quality = weighted mean of n over seven dimensions (weights 1, dynamic degree
0.5, sum 6.5); Semantic = mean of n over nine; Total = (4 · Quality + Semantic) / 5. Nothing is clipped.

Source: ``scripts/cal_final_score.py`` of Vchitect/VBench at commit 45e79ec. One thing is done otherwise: that script
puts 0 for a dimension that is missing, which is no neutral value (it normalises to -242 % for motion smoothness). Here
a total that lacks one of its dimensions is absent, and the reason names them.

Example:
    >>> found = totals({name: DIMENSIONS[name].maximum for name in QUALITY})
    >>> found.quality, found.semantic, found.total
    (100.0, None, None)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from harness.errors import DiptychError
from harness.types import Data
from harness.vbench.dimensions import DIMENSIONS, QUALITY, QUALITY_WEIGHT, SEMANTIC, SEMANTIC_WEIGHT, dimension_called

SLACK = 1e-9  # an average of ones may round to a little more than one


class Totals(Data):
    """VBench's totals, in percent.

    Attributes:
        quality: Weighted mean of seven normalised dimensions, or None.
        semantic: Mean of nine, or None.
        total: Four parts of quality and one of semantic, or None.
        missing: Dimensions that no value is given of, in VBench's order.
        reason: Why a total is absent, or None.
    """

    quality: float | None
    semantic: float | None
    total: float | None
    missing: tuple[str, ...] = ()
    reason: str | None = None


def checked(name: str, value: float, where: str = "") -> float:
    """Return ``value``, a fraction, if it can be one of the dimension ``name``.

    Args:
        name: Name of a dimension, as in :data:`~harness.vbench.dimensions.DIMENSIONS`.
        value: The value.
        where: The file that says it, for the message.

    Raises:
        DiptychError: It is NaN, infinite, or outside of what the dimension can be.
    """
    lowest = DIMENSIONS[name].lowest
    if not math.isfinite(value):
        raise DiptychError(
            f"{name}{where} is {value}: no number. VBench writes NaN where it found no video for a dimension; "
            "measure it again, or leave it out of the file and it counts as missing."
        )
    if not lowest - SLACK <= value <= 1 + SLACK:
        raise DiptychError(f"{name}{where} is {value:.6g}, outside of {lowest:g} to 1, its range as a fraction.")
    return value


def totals(values: Mapping[str, float]) -> Totals:
    """Return VBench's totals of what is given.

    Args:
        values: Dimension → value, a fraction as the official tool writes it (not normalised); any spelling of a name.

    Raises:
        UsageError: An unknown dimension.
        DiptychError: A value that cannot be: NaN, or outside of its dimension's range.
    """
    given = {(found := dimension_called(name)).name: checked(found.name, value) for name, value in values.items()}
    normal = {name: DIMENSIONS[name].normalised(value) for name, value in given.items()}
    quality, semantic = _mean(normal, QUALITY), _mean(normal, SEMANTIC)
    total = None
    if quality is not None and semantic is not None:
        total = (QUALITY_WEIGHT * quality + SEMANTIC_WEIGHT * semantic) / (QUALITY_WEIGHT + SEMANTIC_WEIGHT)
    missing = tuple(name for name in DIMENSIONS if name not in given)
    found_totals = {"quality": quality, "semantic": semantic, "total": total}
    absent = [name for name, value in found_totals.items() if value is None]
    return Totals(**found_totals, missing=missing, reason=_reason(absent, missing))


def _mean(normal: Mapping[str, float], names: Sequence[str]) -> float | None:
    """Weighted mean in percent, or None where one is missing."""
    if any(name not in normal for name in names):
        return None
    weights = [DIMENSIONS[name].weight for name in names]
    return 100 * math.fsum(normal[n] * w for n, w in zip(names, weights, strict=True)) / math.fsum(weights)


def _reason(absent: Sequence[str], missing: Sequence[str]) -> str | None:
    if not absent:
        return None
    text = (
        f"{' and '.join(absent)} cannot be said: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing."
    )
    lowest = min(missing, key=lambda name: DIMENSIONS[name].normalised(0.0))
    zero = 100 * DIMENSIONS[lowest].normalised(0.0)
    said = f", which normalises to {zero:.3g} % for {lowest}" if zero < 0 else ""
    return f"{text} (VBench's own script puts 0 there{said}.)"
