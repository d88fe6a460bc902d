"""Peak memory of the measured call: the allocator's on CUDA, the process's on CPU.

Formula: the largest amount held at any time of the call, the weights included.

Shapes: one number of a trial; one value per trial.
Range: above 0.
Unit: bytes.
Direction: lower is better.
Minimum n: 6 blocks for a verdict; analysed as log-ratios of pairs.
Preprocessing: the peak is reset before the call; the record's ``info`` names the method.
Errors: none; None where it was not measured.
Reference: ``torch.cuda.max_memory_allocated``; ``VmHWM`` of proc(5).

Example:
    >>> from harness.types import Made
    >>> peak_memory_bytes(Made(None, None, None, [1.0], None, None, 2_000_000, {}, {}, {}))
    2000000.0
"""

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
