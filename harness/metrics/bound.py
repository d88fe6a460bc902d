"""Fraction reached of what the device could do at best, higher is better.

``bound_seconds / median(seconds)``: the least time of the same work at the bandwidth and the arithmetic peak that were
measured on that device, in the same process, over the time it took. What is left is overhead.
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
