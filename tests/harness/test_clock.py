"""Durations by an injected clock, the host's check of events, peak memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clock import Stopwatch
from harness.errors import DiptychError
from harness.memory import UNKNOWN, PeakMemory, lifetime_peak_bytes, status_bytes


class FakeClock:
    """A clock in nanoseconds that only moves when told."""

    def __init__(self) -> None:
        self.now = 10**15  # large: differences of floats would lose the nanoseconds

    def __call__(self) -> int:
        return self.now

    def work(self, *durations: int) -> Callable[[], int]:
        """Return a call that takes each of ``durations`` in turn and counts itself."""
        left = list(durations)

        def call() -> int:
            self.now += left.pop(0)
            return len(durations) - len(left)

        return call


@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=20))
def test_every_call_has_its_own_duration(durations: list[int]) -> None:
    clock = FakeClock()
    last, seconds = Stopwatch(clock=clock).measure(clock.work(*durations), len(durations))
    assert last == len(durations)
    assert seconds == [d / 1e9 for d in durations]


@given(limit=st.integers(0, 100), durations=st.lists(st.integers(1, 30), min_size=10, max_size=10))
def test_the_limit_stops_on_time_alone_and_one_call_always_runs(limit: int, durations: list[int]) -> None:
    clock = FakeClock()
    call = clock.work(*(d * 10**9 for d in durations))
    _, seconds = Stopwatch(clock=clock).measure(call, 10, limit_seconds=limit)
    assert len(seconds) >= 1
    assert sum(seconds[:-1]) < limit or len(seconds) == 1
    assert len(seconds) == 10 or sum(seconds) >= limit


def test_real_time_passes() -> None:
    _, seconds = Stopwatch().measure(lambda: sum(range(10_000)), 3)
    assert len(seconds) == 3
    assert all(0 < s < 10 for s in seconds)


def test_nonsense_repeats_are_refused() -> None:
    with pytest.raises(DiptychError, match="at least 1"):
        Stopwatch().measure(lambda: None, 0)


@pytest.mark.parametrize(
    ("seconds", "window", "flagged"),
    [
        ([0.5, 0.45], 1.0, False),
        ([0.5, 0.35], 1.0, True),  # something ran beside what the events saw
        ([0.0001, 0.0001], 0.004, False),  # launching and coming back
        ([0.5, 0.51], 1.0, False),  # within the tolerance of two clocks
        ([0.5, 0.6], 1.0, True),
        ([0.5, 0.0], 1.0, True),
        ([-0.1, 0.5], 1.0, True),
    ],
)
def test_event_times_are_checked_against_the_host(seconds: list[float], window: float, flagged: bool) -> None:
    watch = Stopwatch()
    for _ in range(2):
        watch.check(seconds, window)
    assert watch.flags == (["clock"] if flagged else [])


class FakeStream:
    """A device that runs behind the host: calls queue their durations, events read the device's own time."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock, self.device_ns, self.waits = clock, 0, 0

    def launch(self, nanoseconds: int) -> None:
        self.device_ns += nanoseconds  # the host does not wait for it

    def synchronize(self, device: str) -> None:
        assert device == "cuda:1"
        self.waits += 1
        self.clock.now = max(self.clock.now, 10**15 + self.device_ns)

    def current_stream(self, device: str) -> FakeStream:
        assert device == "cuda:1", "events belong to the stream of the timed device"
        return self

    def event(self, enable_timing: bool) -> FakeEvent:
        assert enable_timing
        return FakeEvent()


class FakeEvent:
    """An event that remembers the device's time."""

    def record(self, stream: FakeStream) -> None:
        self.stream, self.at = stream, stream.device_ns

    def synchronize(self) -> None:
        """Wait until the device has come here."""
        self.stream.clock.now = max(self.stream.clock.now, 10**15 + self.at)

    def elapsed_time(self, end: FakeEvent) -> float:
        return (end.at - self.at) / 1e6


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> FakeStream:
    """Stand in for torch's CUDA: the order of calls is tested, the device is not."""
    import torch

    made = FakeStream(FakeClock())
    monkeypatch.setattr(torch.cuda, "synchronize", made.synchronize)
    monkeypatch.setattr(torch.cuda, "current_stream", made.current_stream)
    monkeypatch.setattr(torch.cuda, "Event", made.event)
    return made


def test_events_time_the_device_and_are_read_once_at_the_end(stream: FakeStream) -> None:
    watch = Stopwatch("cuda:1", clock=stream.clock)
    durations = [5_000_000, 7_000_000, 9_000_000]
    left = list(durations)
    _, seconds = watch.measure(lambda: stream.launch(left.pop(0)), 3)
    assert seconds == pytest.approx([d / 1e9 for d in durations])
    assert stream.waits == 2, "before the first and after the last, never between"
    assert watch.flags == []


def test_a_limit_of_time_holds_for_a_device_that_runs_behind(stream: FakeStream) -> None:
    watch = Stopwatch("cuda:1", clock=stream.clock)
    stream.clock.now = 10**15
    _, seconds = watch.measure(lambda: stream.launch(10_000_000_000), 100, limit_seconds=30)
    assert seconds == [10.0] * 3, "the host could have launched all hundred at once"


def test_events_that_outlast_the_hosts_window_are_flagged(stream: FakeStream, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    watch = Stopwatch("cuda:1", clock=stream.clock)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)  # the host's clock stands still
    watch.measure(lambda: stream.launch(50_000_000), 2)
    assert watch.flags == ["clock"]


# ---- memory ---------------------------------------------------------------------------------------------------------


def proc(folder: Path, high: int, now: int, resettable: bool = True) -> Path:
    (folder / "status").write_text(f"Name:\tx\nVmHWM:\t{high} kB\nVmRSS:\t  {now} kB\n")
    if resettable:
        (folder / "clear_refs").write_text("")
    return folder


def test_the_high_water_mark_is_reset_and_read(tmp_path: Path) -> None:
    place = proc(tmp_path, 4000, 1000)
    with PeakMemory(proc=place) as peak:
        assert (place / "clear_refs").read_text() == "5"
        proc(place, 3000, 2000)
    assert peak.start_bytes == 1000 * 1024
    assert peak.bytes == 3000 * 1024
    assert "VmHWM" in peak.method


def test_without_a_reset_the_lifetime_peak_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with PeakMemory(proc=proc(tmp_path, 4000, 1000, resettable=False)) as peak:
        pass
    assert peak.bytes == lifetime_peak_bytes()
    assert "since the process began" in peak.method
    monkeypatch.setattr("harness.memory.lifetime_peak_bytes", lambda: None)
    with PeakMemory(proc=tmp_path / "absent") as peak:
        pass
    assert (peak.bytes, peak.method, peak.start_bytes) == (None, UNKNOWN, None)
    assert status_bytes(tmp_path, "VmNothing") is None


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux lets a process reset its peak")
def test_a_real_peak_is_seen_once_and_not_remembered() -> None:
    size = 200 * 2**20
    with PeakMemory() as large:
        block = np.ones(size, np.uint8)
        del block
    with PeakMemory() as small:
        block = np.ones(2**20, np.uint8)
        del block
    assert large.bytes is not None
    assert large.start_bytes is not None
    assert small.bytes is not None
    assert large.bytes - large.start_bytes == pytest.approx(size, rel=0.1)
    assert large.bytes - small.bytes > 0.8 * size
