"""One measured call: its durations, its peak memory, the energy it took, and what was amiss meanwhile.

Makers time with :func:`measure` and nothing else, so that every arm is measured in the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from harness.clock import Stopwatch
from harness.memory import PeakMemory
from harness.types import Repeats

T = TypeVar("T")


@dataclass(frozen=True)
class Measured(Generic[T]):
    """What a measured call gave and took.

    Attributes:
        result: What the last call returned.
        seconds: Duration of each call, in seconds.
        peak_memory_bytes: Peak over all calls, or None where the system tells none.
        energy_joules: Energy of the device for one call, on average; None where it has no counter.
        flags: What was amiss; the sample is kept.
        info: How it was measured (JSON).
    """

    result: T
    seconds: list[float]
    peak_memory_bytes: int | None
    energy_joules: float | None = None
    flags: list[str] = field(default_factory=list)
    info: dict[str, Any] = field(default_factory=dict)


def measure(call: Callable[[], T], device: str = "cpu", repeats: Repeats | None = None) -> Measured[T]:
    """Call ``call`` and measure it; its warm-up is the caller's.

    Args:
        call: What is measured.
        device: ``"cpu"`` or ``"cuda:N"``.
        repeats: When to stop; one call if None.
    """
    repeats = repeats or Repeats()
    watch = Stopwatch(device)
    with PeakMemory(device) as peak:
        result, seconds = watch.measure(call, repeats.count, limit_seconds=repeats.limit_seconds)
    info = {"peak_memory_method": peak.method}
    return Measured(result, seconds, peak.bytes, flags=list(watch.flags), info=info)
