"""Every metric as a number that is better when it is lower: asv reports upward steps and nothing else.

The one table of conversions, by what a :class:`harness.types.Metric` declares (x is a trial's value):

==============================================  =================================  ===============
metric                                          exported as                        value
==============================================  =================================  ===============
ratio, lower (times, memory, passes)            its own name                       x
ratio, higher, ``<things>_per_second``          ``seconds_per_<thing>``            1 / x
ratio, higher, anything else                    ``inverse_<name>``                 1 / x
higher, of a unit with a best value             ``<best>_minus_<name>``            best - x
(ssim 1, fraction 1, percent 100, dB 100, …)
higher, anything else                           ``negated_<name>``                 -x
lower, of unit mmd2 (unbiased: may be < 0)      ``1_plus_<name>``                  1 + x
lower, anything else                            its own name                       x
==============================================  =================================  ===============

A kernel distance gets 1 added, and PSNR is counted down from the cap that :mod:`harness.metrics.psnr` gives it, because
asv's thresholds are fractions of the value: they say nothing where it is zero or negative. For the same reason a τ in a
metric's own unit becomes ``τ / smallest exported value`` (:func:`relative_threshold`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.metrics.psnr import CAP_DB
from harness.types import Metric

BEST = {"ssim": 1.0, "fraction": 1.0, "percent": 100.0, "dB": CAP_DB}
BEST |= dict.fromkeys(("cosine", "agreement", "moves", "omniscore", "grade over 10"), 1.0)
BEST |= {"grade": 10.0, "musiq": 100.0, "% of shorter side per step": 100.0, "feature distance": 100.0}
"""Best possible value by unit; of motion a step of a whole side, which no video takes, and of diversity a hundred
standard deviations of real clips."""

SIGNED = ("mmd2",)
"""Units of distances whose unbiased estimates may be negative."""


@dataclass(frozen=True)
class Lowered:
    """A metric in the form in which lower is better.

    Attributes:
        name: Name of that form, such as ``"seconds_per_frame"`` or ``"1_minus_ssim"``.
        unit: Its unit, as asv formats it (``"seconds"``, ``"bytes"``) or as the metric says.
        what: One sentence: the metric and how it was converted.
        convert: From the metric's value to this form's.
    """

    name: str
    unit: str
    what: str
    convert: Callable[[float], float]


def inverse(value: float) -> float:
    """Return ``1 / value``; infinite for 0, which is no number and gives no cell."""
    return 1.0 / value if value else math.inf


def lowered(metric: Metric) -> Lowered:
    """Return ``metric`` in its lower-is-better form; the module's docstring has the table."""
    unit = {"s": "seconds"}.get(metric.unit, metric.unit)
    if metric.direction == "lower":
        if metric.unit in SIGNED:
            return Lowered(f"1_plus_{metric.name}", unit, f"1 + {metric.summary}", lambda x: 1.0 + x)
        return Lowered(metric.name, unit, metric.summary, lambda x: x)
    if metric.scale == "ratio":
        things = metric.name.removesuffix("_per_second")
        if metric.unit.endswith("/s") and things != metric.name:
            name = f"seconds_per_{things.removesuffix('s')}"
            return Lowered(name, "seconds", f"1 / ({metric.summary})", inverse)
        return Lowered(f"inverse_{metric.name}", f"1/({metric.unit})", f"1 / ({metric.summary})", inverse)
    best = BEST.get(metric.unit)
    if best is None:
        return Lowered(f"negated_{metric.name}", unit, f"-({metric.summary})", lambda x: -x)
    return Lowered(f"{best:g}_minus_{metric.name}", unit, f"{best:g} - ({metric.summary})", lambda x: best - x)


def relative_threshold(tau: float, scale: str, values: Sequence[float]) -> float | None:
    """Return τ as a fraction of the exported value, as asv wants it; None where no fraction says it.

    Args:
        tau: The suite's threshold: a fraction of change for ratios, else in the metric's unit (which every conversion
            of differences and sets keeps).
        scale: The metric's scale.
        values: All exported values of one series. asv multiplies the threshold by the value *before* a step; the
            smallest one makes the product at least τ everywhere, and τ itself where the history was best.
    """
    if scale == "ratio":
        return tau
    least = min(values, default=0.0)
    return tau / least if least > 0 else None
