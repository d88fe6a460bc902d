"""Fraction reached of what the device could do at best.

Formula: ``bound_seconds / median(seconds)``: the least time of the same work at the bandwidth and the arithmetic peak
that were measured on that device, in the same process, over the time it took. What is left is overhead.

Shapes: the maker's ``info["bound_seconds"]``, one number, and the seconds of a trial's timed repeats; one value per
trial.
Range: above 0; about 1 at best, a little more where the peaks were measured on a busier machine.
Unit: none (a fraction).
Direction: higher is better.
Minimum n: 6 blocks for a verdict; analysed as log-ratios of pairs.
Preprocessing: the median of the repeats, prefill included.
Errors: none; None where the maker knows no bound or nothing was timed.
Reference: Williams, Waterman, Patterson, Roofline, CACM 52(4), 2009.

Example:
    >>> from harness.types import Made
    >>> made = Made(None, None, None, [0.5, 0.4, 0.6], None, None, None, {}, {}, {}, info={"bound_seconds": 0.1})
    >>> bound_fraction(made)
    0.2
"""

from __future__ import annotations

from harness.metrics.throughput import median_seconds
from harness.registry import register
from harness.types import Made, Metric


def bound_fraction(made: Made) -> float | None:
    """Return the fraction, or None where the maker knows no bound."""
    bound, seconds = made.info.get("bound_seconds"), median_seconds(made)
    return float(bound) / seconds if bound and seconds else None


register("metric", "bound_fraction")(
    Metric(
        name="bound_fraction",
        summary="least seconds at the device's measured bandwidth and arithmetic peak / seconds taken",
        unit="fraction",
        direction="higher",
        scale="ratio",
        machine=True,
        compute=bound_fraction,
    )
)
