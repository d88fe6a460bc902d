"""Forward passes of the transformer for one video: exact, the same on every machine, lower is better."""

from __future__ import annotations

from harness.registry import register
from harness.types import Made, Metric


def passes(made: Made) -> float | None:
    """Return the number of forward passes, prefill included; None where the maker does not count them."""
    count = made.counts.get("passes")
    return float(count) if count else None


register("metric", "passes")(
    Metric(
        name="passes",
        summary="forward passes for one video, prefill included",
        unit="passes",
        direction="lower",
        scale="ratio",
        compute=passes,
    )
)
