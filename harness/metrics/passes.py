"""Forward passes of the transformer for one video: exact, the same on every machine.

Formula: the number of calls of the network until the last frame, prefill included.

Shapes: one count of a trial; one value per trial.
Range: 1 upwards.
Unit: passes.
Direction: lower is better.
Minimum n: 6 blocks for a verdict; analysed as log-ratios of pairs, whose intervals have no width here.
Preprocessing: none.
Errors: none; None where the maker does not count them.
Reference: what DiagD (arXiv 2503.14070) calls steps, with the prefill counted as one.

Example:
    >>> from harness.types import Made
    >>> passes(Made(None, None, None, [1.0], None, None, None, {"passes": 555}, {}, {}))
    555.0
"""

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
