"""Durations: the host's monotonic clock on the CPU, pairs of events in the stream on CUDA.

On CUDA the host runs ahead of the device, so its clock alone would time the launching. Events are recorded in the
stream around each call, read once after the last one, and checked against the host's clock, which sees the same window
from outside. That branch needs a GPU and runs nowhere else: on machines without one it is untested.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from harness.errors import DiptychError

T = TypeVar("T")
Clock = Callable[[], int]

HOST_TOLERANCE = 0.02  # events may exceed the host's window by this fraction and …
HOST_SLACK_SECONDS = 0.001  # … this much: the resolution of both clocks together
HOST_GAP = 0.1  # the host's window may exceed the events by this fraction and …
HOST_GAP_SECONDS = 0.005  # … this much: what it takes to launch the calls and to come back from them


class Stopwatch:
    """Times calls on one device.

    Attributes:
        flags: ``"clock"`` once event times and the host's clock disagree.
        device: Device name, ``"cpu"`` or ``"cuda:N"``.
    """

    def __init__(self, device: str = "cpu", *, clock: Clock = time.perf_counter_ns) -> None:
        """Make a stopwatch.

        Args:
            device: Device name as given by ``str(parse_device(...))``.
            clock: The host's monotonic clock in nanoseconds; tests inject one.
        """
        self.device = device
        self.flags: list[str] = []
        self._clock = clock
        self._cuda = device.startswith("cuda")

    def measure(
        self, call: Callable[[], T], repeats: int, *, limit_seconds: float | None = None
    ) -> tuple[T, list[float]]:
        """Call ``call`` up to ``repeats`` times and time each call.

        Args:
            call: What is timed. Its warm-up is the caller's.
            repeats: Most calls, ≥ 1.
            limit_seconds: No further call starts once the host's clock has passed this; None for no limit. Count and
                time alone decide, never what was measured before.

        Returns:
            The last result, and one duration in seconds per call.
        """
        if repeats < 1:
            raise DiptychError(f"repeats must be at least 1, not {repeats}.")
        return (
            self._measure_cuda(call, repeats, limit_seconds)
            if self._cuda
            else self._measure_cpu(call, repeats, limit_seconds)
        )

    def _measure_cpu(self, call: Callable[[], T], repeats: int, limit: float | None) -> tuple[T, list[float]]:
        seconds: list[float] = []
        first = self._clock()
        while True:
            begin = self._clock()
            result = call()
            end = self._clock()
            seconds.append((end - begin) / 1e9)
            if len(seconds) == repeats or (limit is not None and (end - first) / 1e9 >= limit):
                return result, seconds

    def _measure_cuda(self, call: Callable[[], T], repeats: int, limit: float | None) -> tuple[T, list[float]]:
        import torch

        pairs: list[tuple[Any, Any]] = []
        torch.cuda.synchronize(self.device)
        first = self._clock()
        while True:
            start = self._mark()
            result = call()
            pairs.append((start, self._mark()))
            if len(pairs) == repeats:
                break
            if limit is not None:
                pairs[-1][1].synchronize()  # the host runs ahead: its clock alone would launch all calls at once
                if (self._clock() - first) / 1e9 >= limit:
                    break
        torch.cuda.synchronize(self.device)
        window = (self._clock() - first) / 1e9
        seconds = [elapsed_seconds(start, end) for start, end in pairs]
        self.check(seconds, window)
        return result, seconds

    def check(self, seconds: list[float], window_seconds: float) -> None:
        """Flag ``"clock"`` if timed calls claim more than the host's window around them, or less than nothing.

        Or much less than the window: then work was done that the events around the calls did not see, such as on a
        stream that the call did not join.
        """
        total = sum(seconds)
        too_long = total > window_seconds * (1 + HOST_TOLERANCE) + HOST_SLACK_SECONDS
        too_short = window_seconds > total * (1 + HOST_GAP) + HOST_GAP_SECONDS
        if (too_long or too_short or min(seconds) <= 0) and "clock" not in self.flags:
            self.flags.append("clock")

    def _mark(self) -> Any:
        import torch

        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self.device))  # not the current device's, which may be another card
        return event


def elapsed_seconds(start: Any, end: Any) -> float:
    """Return the seconds between two recorded CUDA events, waiting for the second."""
    end.synchronize()
    return float(start.elapsed_time(end)) / 1e3
