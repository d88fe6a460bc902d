"""When each frame was complete: events in the stream on CUDA, the host's clock elsewhere."""

from __future__ import annotations

import time

import torch


class FrameTimes:
    """A clock that starts when it is made.

    Args:
        device: Where the work runs.
    """

    def __init__(self, device: torch.device) -> None:
        self._device, self._cuda = device, device.type == "cuda"
        self._events: list[torch.cuda.Event] = []
        self._seconds: list[float] = []
        self._began = time.perf_counter()
        if self._cuda:
            self.mark()

    def mark(self) -> None:
        """Say that a frame is complete once the work so far is done; on CUDA nothing waits for it."""
        if self._cuda:
            event = torch.cuda.Event(enable_timing=True)
            event.record(torch.cuda.current_stream(self._device))  # not the current card's, which may be another
            self._events.append(event)
        else:
            self._seconds.append(time.perf_counter() - self._began)

    def seconds(self) -> list[float]:
        """Seconds from the start to each mark; on CUDA this waits for the device."""
        if not self._cuda:
            return list(self._seconds)
        torch.cuda.synchronize(self._device)
        first = self._events[0]
        return [first.elapsed_time(event) / 1000 for event in self._events[1:]]
