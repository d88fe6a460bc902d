"""Capturing, with stand-ins for CUDA: what is asked of which card and stream. What CUDA makes of it needs a GPU."""

from contextlib import contextmanager

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from harness.device import Device, reproducible
from models.decoding import graphs as module
from models.decoding.engine import Engine
from models.decoding.frame_times import FrameTimes
from models.decoding.grid import Grid
from models.decoding.sampling import Sampler
from models.decoding.steps import assign_buckets
from tests.models.decoding.helpers import given, tables, tiny

GRID = Grid(frames=4, rows=3, columns=4, actions=2)
CARD = torch.device("cuda", 1)


class Cuda:
    """Stand-ins for what is called of ``torch.cuda``; the current card is another one than ``CARD``."""

    def __init__(self) -> None:
        self.current, self.reserved, self.cached = torch.device("cuda", 0), 1000, 400
        self.streams: list[str] = []
        self.captures: list[tuple[object, object, torch.device]] = []
        self.waited: list[object] = []

    def install(self, monkeypatch: pytest.MonkeyPatch) -> "Cuda":
        for name in (
            "Stream", "CUDAGraph", "Event", "graph", "stream", "device", "current_stream", "synchronize",
            "memory_reserved", "empty_cache",
        ):  # fmt: skip
            monkeypatch.setattr(torch.cuda, name, getattr(self, name))
        module.capture_stream.cache_clear()
        return self

    def Stream(self, device: torch.device) -> "Stream":  # noqa: N802 - torch's name
        self.streams.append(str(device))
        return Stream(f"side of {device}")

    def CUDAGraph(self) -> "Graph":  # noqa: N802
        return Graph()

    def Event(self, *, enable_timing: bool) -> "Event":  # noqa: N802
        assert enable_timing
        return Event()

    @contextmanager
    def graph(self, graph, pool=None, stream=None):
        self.empty_cache()
        self.captures.append((pool, stream, self.current))
        yield
        self.reserved += 10

    @contextmanager
    def stream(self, stream):
        yield

    @contextmanager
    def device(self, device: torch.device):
        before, self.current = self.current, device
        yield
        self.current = before

    def current_stream(self, device: torch.device | None = None) -> "Stream":
        return Stream(f"current of {device or self.current}")

    def synchronize(self, device: torch.device | None = None) -> None:
        self.waited.append(device)

    def memory_reserved(self, device: torch.device) -> int:
        return self.reserved

    def empty_cache(self) -> None:
        self.reserved, self.cached = self.reserved - self.cached, 0


class Stream:
    def __init__(self, name: str) -> None:
        self.name = name

    def wait_stream(self, other: "Stream") -> None:
        pass


class Graph:
    def pool(self) -> str:
        return "pool"


class Event:
    def record(self, stream: Stream | None = None) -> None:
        self.stream = None if stream is None else stream.name

    def elapsed_time(self, other: "Event") -> float:
        return 500.0


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Cuda:
    yield Cuda().install(monkeypatch)
    module.capture_stream.cache_clear()


def test_all_graphs_are_captured_in_one_stream_of_the_engines_card_and_share_a_pool(cuda: Cuda) -> None:
    for schedule in ("diagonal", "sequential"):
        engine = Engine(tiny(), tables(schedule, GRID, 1), Sampler(greedy=True), pad=True)
        assert engine._graphs is not None
        engine._graphs._device = CARD
        before, held = len(cuda.captures), cuda.reserved - cuda.cached
        facts = engine.capture()
        captures = cuda.captures[before:]
        assert facts.graphs == len(captures) == len(set(assign_buckets(engine.tables))) > 1
        assert [pool for pool, _, _ in captures] == [None] + ["pool"] * (facts.graphs - 1)
        assert {stream.name for _, stream, _ in captures} == {"side of cuda:1"}
        assert {card for _, _, card in captures} == {CARD}
        assert facts.pool_bytes == 10 * facts.graphs == cuda.reserved - held, "what was cached before is no graph's"
        assert engine.capture() is facts
        assert module.peak_with_graphs(5, facts) == 5 + facts.pool_bytes
        assert module.peak_with_graphs(None, facts) is None
    assert cuda.streams == ["cuda:1"], "a stream more is a workspace more"
    assert cuda.current == torch.device("cuda", 0)


def test_frames_are_timed_in_the_stream_of_their_card(cuda: Cuda) -> None:
    times = FrameTimes(CARD)
    times.mark()
    assert [event.stream for event in times._events] == ["current of cuda:1"] * 2
    assert times.seconds() == [0.5]
    assert cuda.waited == [CARD]


class Writes(TorchDispatchMode):
    """Notes whether torch is to be deterministic whenever something is written by index."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, bool]] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        if name in ("index_copy_", "index_put_"):
            self.found.append((name, torch.are_deterministic_algorithms_enabled()))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("pad", [False, True])
def test_padded_passes_write_without_the_sort_of_the_deterministic_mode(pad: bool) -> None:
    """On CUDA the sort is a dozen kernels for one, twice a layer; a CPU has no such way, and is left as it is."""
    engine = Engine(tiny(), tables("diagonal", GRID, 1), Sampler(), pad=pad)
    with reproducible(Device("cpu"), threads=1):
        wanted = engine.generate(given(GRID), [3]).tokens.clone()
        with torch.inference_mode():
            engine._load(given(GRID), [3], None)
            with Writes() as writes:
                for _ in engine.passes():
                    pass
        assert torch.are_deterministic_algorithms_enabled()
    assert torch.equal(engine._tokens[:, engine._drawn].view_as(wanted), wanted)
    assert {name for name, _ in writes.found} == {"index_copy_", "index_put_"}
    assert {deterministic for _, deterministic in writes.found} == {not pad}
