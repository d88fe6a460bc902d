"""Peak memory of the measured call, lower is better: the allocator's on CUDA, the process's on CPU."""

from __future__ import annotations

from harness.registry import register
from harness.types import Made, Metric


def peak_memory_bytes(made: Made) -> float | None:
    """Return the peak in bytes, or None where it was not measured."""
    return float(made.peak_memory_bytes) if made.peak_memory_bytes else None


register("metric", "peak_memory_bytes")(
    Metric(
        name="peak_memory_bytes",
        summary="peak memory of the measured call (allocator on CUDA, process on CPU)",
        unit="bytes",
        direction="lower",
        scale="ratio",
        machine=True,
        compute=peak_memory_bytes,
    )
)
