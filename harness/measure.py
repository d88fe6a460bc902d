"""One measured call: its durations, its peak memory, the energy it took, and what was amiss meanwhile.

Makers time with :func:`measure` (and :func:`time_once`) and nothing else, so that all arms are measured in one way.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Generic, TypeVar

from harness.clock import Stopwatch
from harness.memory import PeakMemory
from harness.nvml import GpuReading, energy_between, flags_between, open_card
from harness.types import Repeats

T = TypeVar("T")

FEWEST_FOR_TREND = 6
TREND = 0.1
"""The last third of at least six repeats may differ from the first by this fraction before it is said."""

_usual_clock: dict[str, int] = {}  # device → clock after this process's last measured call


@dataclass(frozen=True)
class Measured(Generic[T]):
    """What a measured call gave and took.

    Attributes:
        result: What the last call returned.
        seconds: Duration of each call, in seconds.
        peak_memory_bytes: Peak over all calls, or None where the system tells none.
        energy_joules: Energy of the device for one call, on average; None where it has no counter.
        flags: What was amiss (:data:`harness.store.records.FLAGS`); the sample is kept.
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
    card = open_card(device)
    watch = Stopwatch(device)
    with PeakMemory(device) as peak:
        before = None if isinstance(card, str) else card.read()
        result, seconds = watch.measure(call, repeats.count, limit_seconds=repeats.limit_seconds)
        after = None if isinstance(card, str) else card.read()
    flags = list(watch.flags) + (["unsteady"] if unsteady(seconds) else [])
    info: dict[str, Any] = {"peak_memory_method": peak.method}
    energy: float | None = None
    if before is not None and after is not None:
        flags += flags_between(before, after, _usual_clock.get(device))
        energy, reason = energy_between(before, after, sum(seconds), len(seconds))
        info["gpu"] = gpu_info(before, after)
        if reason is not None:
            info["energy_reason"] = reason
        if after.sm_clock_megahertz:
            _usual_clock[device] = after.sm_clock_megahertz
    elif device.startswith("cuda"):
        info["gpu"] = {"absent": card}
    return Measured(result, seconds, peak.bytes, energy, flags, info)


def time_once(call: Callable[[], object], device: str = "cpu") -> float:
    """Return the seconds of one call that is no sample of its own: the first one, a prefill."""
    _, seconds = Stopwatch(device).measure(call, 1)
    return seconds[0]


def unsteady(seconds: Sequence[float]) -> bool:
    """Tell whether the repeats of one trial became faster or slower: the medians of their first and last third differ.

    A few calls show no trend: below six the answer is no.
    """
    third = len(seconds) // 3
    if len(seconds) < FEWEST_FOR_TREND:
        return False
    first, last = median(seconds[:third]), median(seconds[-third:])
    return abs(last / first - 1) > TREND


def gpu_info(before: GpuReading, after: GpuReading) -> dict[str, Any]:
    """Return what is kept of the card's state with a trial: after the call, and throttling at either end."""
    facts = dataclasses.asdict(after)
    facts.pop("energy_joules")
    processes = facts.pop("processes")
    count = None if processes is None else len(processes)
    return {**facts, "processes": count, "throttles": sorted({*before.throttles, *after.throttles})}
