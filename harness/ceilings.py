"""What a device can do at best, measured: bytes per second from memory, and FLOP per second of a matrix product.

A rate is reported beside the bound of the same work: max(bytes / bandwidth, FLOPs / throughput at that width). A
ceiling is the best of interleaved rounds: other processes can only make a round slower.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import Field

from harness.clock import Stopwatch
from harness.errors import UsageError
from harness.types import Data

DTYPES = ("float32", "bfloat16", "float16", "float64")


class Ceilings(Data):
    """Measured ceilings of one device.

    Attributes:
        device: Device name.
        dtype: Element type of the matrix products.
        threads: Threads in use.
        bandwidth_bytes_per_second: The best of the three that follow.
        read_bytes_per_second: Summing a buffer larger than the caches (or of the size that was asked for).
        copy_bytes_per_second: Copying it, read and write counted.
        product_bytes_per_second: Multiplying it, as a matrix, with a vector: how decoding reads its weights.
        flops_per_second: Width ``m`` → FLOP per second of ``[m, d] @ [d, d]``, 2·m·d² FLOP.
        matrix_side: ``d``.
        buffer_bytes: Size of the buffer that is read.
        repeats: Rounds; each number is the best of them.
        unsteadiness: Largest ratio of a best round to its median; well above 1 on a machine that others load, where
            no ceiling can be measured (two threads on two loaded cores wait whole time slices for each other).
        method: One line.
    """

    device: str
    dtype: str
    threads: int
    bandwidth_bytes_per_second: float
    read_bytes_per_second: float
    copy_bytes_per_second: float
    product_bytes_per_second: float
    flops_per_second: dict[int, float]
    matrix_side: int
    buffer_bytes: int
    repeats: int
    unsteadiness: float
    method: str = Field(
        default="best of interleaved rounds; buffer larger than caches; products with a resident matrix"
    )


def measure_ceilings(
    device: str = "cpu",
    widths: Sequence[int] = (1, 8, 64),
    dtype: str = "float32",
    *,
    repeats: int = 9,
    buffer_bytes: int | None = None,
    matrix_side: int | None = None,
    watch: Stopwatch | None = None,
) -> Ceilings:
    """Measure a device's ceilings; under 2 seconds on two cores with the defaults.

    Args:
        device: ``"cpu"`` or ``"cuda:N"``.
        widths: Rows of the left matrix, each ≥ 1: how many tokens a pass feeds.
        dtype: One of ``DTYPES``.
        repeats: Rounds, ≥ 1, after one unmeasured round.
        buffer_bytes: Size of the buffer; 128 MiB on the CPU, 1 GiB on CUDA.
        matrix_side: Side of the square matrix; 1024 on the CPU (it stays in cache), 4096 on CUDA.
        watch: Stopwatch; tests inject one.

    Raises:
        UsageError: Unknown dtype, or a width or number of repeats below 1.
    """
    import torch

    from harness.products import packs, resident_product

    if dtype not in DTYPES:
        raise UsageError(f"unknown dtype {dtype!r}. Valid: {', '.join(DTYPES)}.")
    if repeats < 1 or not widths or min(widths) < 1:
        raise UsageError(f"widths and repeats must be at least 1, not widths {list(widths)} and repeats {repeats}.")
    cuda = device.startswith("cuda")
    size = buffer_bytes or (2**30 if cuda else 2**27)
    side = matrix_side or (4096 if cuda else 1024)
    watch = watch or Stopwatch(device)
    source = torch.ones(max(1, size // 4), dtype=torch.float32, device=device)
    target = torch.empty_like(source)
    columns = min(1024, source.numel())
    rows = source[: source.numel() // columns * columns].view(-1, columns)
    ones = torch.ones(columns, dtype=torch.float32, device=device)
    generator = torch.Generator(device=device).manual_seed(0)
    matrix = torch.randn(side, side, generator=generator, device=device).to(getattr(torch, dtype))
    held = source.numel() * 4

    def product(width: int) -> tuple[Callable[[], Any], float]:
        left = torch.randn(width, side, generator=generator, device=device).to(matrix.dtype)
        out = torch.empty(width, side, dtype=matrix.dtype, device=device)
        # as models multiply: a peak that the device reaches only in another layout would be no ceiling
        multiply = resident_product(matrix) if packs(matrix) else lambda x: torch.mm(x, matrix, out=out)
        calls = max(1, (32 if cuda else 8) // width)  # short calls are batched: one alone is below the clock's grain

        def run() -> None:
            for _ in range(calls):
                multiply(left)

        return run, 2.0 * width * side * side * calls

    work: dict[str | int, tuple[Callable[[], Any], float]] = {
        "read": (source.sum, float(held)),
        "copy": (lambda: target.copy_(source), 2.0 * held),
        "product": (lambda: torch.mv(rows, ones), 4.0 * rows.numel()),
        **{width: product(width) for width in dict.fromkeys(widths)},
    }
    rates: dict[str | int, list[float]] = {name: [] for name in work}
    with torch.inference_mode():
        for round_number in range(repeats + 1):
            for name, (call, amount) in work.items():
                _, seconds = watch.measure(call, 1)
                if round_number > 0:
                    rates[name].append(amount / seconds[0])
    best = {name: max(found) for name, found in rates.items()}
    return Ceilings(
        device=device,
        dtype=dtype,
        threads=torch.get_num_threads(),
        bandwidth_bytes_per_second=max(best["read"], best["copy"], best["product"]),
        read_bytes_per_second=best["read"],
        copy_bytes_per_second=best["copy"],
        product_bytes_per_second=best["product"],
        flops_per_second={width: best[width] for width in dict.fromkeys(widths)},
        matrix_side=side,
        buffer_bytes=held,
        repeats=repeats,
        unsteadiness=max(best[name] / statistics.median(found) for name, found in rates.items()),
    )
