"""Who else used the machine during a trial: CPU time of all processes minus this one's."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

FLAGGED_CORES = 0.25  # other processes took this many cores' worth of CPU time during the trial
SHORTEST_WINDOW_SECONDS = 0.2  # the kernel counts CPU time in steps of 10 ms; shorter trials cannot be judged


@dataclass(frozen=True)
class LoadReading:
    """Counters at one moment.

    Attributes:
        wall_seconds: Monotonic time.
        machine_seconds: CPU time of everyone on the cores that this process may use, stolen time included; None where
            the system does not tell.
        own_seconds: CPU time of this process and of its children that have ended.
    """

    wall_seconds: float
    machine_seconds: float | None
    own_seconds: float


def read_load(stat: Path = Path("/proc/stat")) -> LoadReading:
    """Read the counters."""
    times = os.times()
    own = times.user + times.system + times.children_user + times.children_system
    try:
        usable = {f"cpu{core}" for core in os.sched_getaffinity(0)}
        ticks = 0
        for line in stat.read_text().splitlines():
            name, *fields = line.split()
            if name in usable:
                user, nice, system, _idle, _iowait, irq, softirq, steal = (int(f) for f in fields[:8])
                ticks += user + nice + system + irq + softirq + steal
        machine = ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, AttributeError):  # no /proc, another format, or no affinity on this system
        machine = None
    return LoadReading(time.monotonic(), machine, own)


def foreign_cores(before: LoadReading, after: LoadReading) -> float | None:
    """Return how many cores other processes kept busy between two readings; None if too short, or unknown."""
    wall = after.wall_seconds - before.wall_seconds
    if before.machine_seconds is None or after.machine_seconds is None or wall < SHORTEST_WINDOW_SECONDS:
        return None
    busy = after.machine_seconds - before.machine_seconds - (after.own_seconds - before.own_seconds)
    return max(0.0, busy / wall)


def load_average() -> float | None:
    """Return the 1-minute load average, or None where the system keeps none."""
    try:
        return round(os.getloadavg()[0], 2)
    except OSError:
        return None
