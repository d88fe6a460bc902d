"""Frames as soon as they are complete, actions supplied while it runs, and nothing asked of the device meanwhile."""

import time

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from harness.errors import DiptychError, UsageError
from models.decoding.engine import Engine
from models.decoding.grid import Grid
from models.decoding.sampling import Sampler
from tests.models.decoding.helpers import NAMES, VOCABULARY, given, tables, tiny

GRID = Grid(frames=4, rows=3, columns=4, actions=2)
SAMPLER = Sampler(top_p=0.9, top_k=9)
SYNCHRONISING = ("_local_scalar_dense", "nonzero", "is_nonzero", "equal", "masked_select", "_unique2", "unique_dim")
"""Operators that need a value, or a size that depends on one, from the device."""
INDEXING = ("index", "index_put_", "_index_put_impl_")
"""Those that do if an index is a mask."""


@pytest.mark.parametrize("pad", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_streamed_frames_are_those_of_a_generation_in_order(name: str, pad: bool) -> None:
    engine, prompt = Engine(tiny(), tables(name, GRID, 1), SAMPLER, batch=2, pad=pad), given(GRID, batch=2)
    wanted = engine.generate(prompt, [7, 8])
    frames = list(engine.stream(prompt, [7, 8]))
    assert [frame.index for frame in frames] == list(range(GRID.frames))
    assert torch.equal(torch.stack([f.tokens.flatten(1) for f in frames], dim=1), wanted.tokens)
    assert len(wanted.frame_seconds) == GRID.frames
    assert wanted.frame_seconds == sorted(wanted.frame_seconds)


def test_a_frame_is_there_before_later_ones_are_drawn() -> None:
    engine = Engine(tiny(), tables("diagonal", GRID, 1), SAMPLER)
    frames = engine.stream(given(GRID), [7])
    next(frames)
    assert int(engine._checksums[:, GRID.slot(1, 0, 0) :].abs().sum()) == 0
    next(frames)
    assert int(engine._checksums[:, GRID.slot(1, 0, 0)].abs().sum()) != 0


def test_actions_supplied_while_it_runs_are_asked_for_in_time_and_obeyed() -> None:
    engine, prompt = Engine(tiny(), tables("diagonal", GRID, 1), SAMPLER), given(GRID)
    wanted = engine.generate(prompt, [7]).tokens
    blank, asked, seen = prompt.clone(), [], []
    for frame in range(GRID.frames - 1):
        slots = GRID.action_slots(frame)
        blank[:, slots.start : slots.stop] = -1 - frame  # whatever stood there, an id or not

    def actions(frame: int) -> torch.Tensor:
        asked.append((frame, list(seen)))
        slots = GRID.action_slots(frame)
        return prompt[:, slots.start : slots.stop]

    got = []
    for frame in engine.stream(blank, [7], actions=actions):
        seen.append(frame.index)
        got.append(frame.tokens.flatten(1))
    assert torch.equal(torch.stack(got, dim=1), wanted)
    assert asked == [(0, [0]), (1, [0, 1]), (2, [0, 1, 2])]
    other = list(engine.stream(blank, [7], actions=lambda _: torch.full((1, 2), VOCABULARY + 1)))
    assert torch.equal(other[0].tokens.flatten(1), wanted[:, 0])
    assert not torch.equal(torch.stack([f.tokens.flatten(1) for f in other], dim=1), wanted)


def test_orders_that_read_actions_ahead_refuse_them_late() -> None:
    engine = Engine(tiny(), tables("diagonal-st", GRID, 1), SAMPLER)
    with pytest.raises(UsageError, match=r"reads the actions of a frame up to .* such as diagonal"):
        next(engine.stream(given(GRID), [7], actions=lambda _: torch.zeros(1, 2, dtype=torch.int64)))
    engine = Engine(tiny(), tables("diagonal", GRID, 1), SAMPLER)
    with pytest.raises(DiptychError, match=r"actions of frame 0 must be \[1, 2\]"):
        list(engine.stream(given(GRID), [7], actions=lambda _: torch.zeros(1, 3, dtype=torch.int64)))


def test_actions_that_mean_nothing_are_one_message() -> None:
    engine = Engine(tiny(), tables("diagonal", GRID, 1), SAMPLER)
    with pytest.raises(DiptychError, match=r"action ids of frame 0 must be from 0 to 25.*and 24 to 26 are given"):
        list(engine.stream(given(GRID), [7], actions=lambda _: torch.tensor([[24, 26]])))
    with pytest.raises(DiptychError, match=r"action ids of frame 0 must be integers, not torch.float32"):
        list(engine.stream(given(GRID), [7], actions=lambda _: torch.zeros(1, 2)))
    with pytest.raises(DiptychError, match=r"prompt and the actions must be from 0 to 25"):
        list(engine.stream(given(GRID).fill_(-1), [7], actions=lambda _: torch.zeros(1, 2, dtype=torch.int64)))
    bare = Grid(frames=2, rows=3, columns=4)
    engine = Engine(tiny(), tables("diagonal", bare, 1), SAMPLER)
    with pytest.raises(UsageError, match="this grid has no action tokens"):
        next(engine.stream(given(bare), [7], actions=lambda _: torch.zeros(1, 0, dtype=torch.int64)))


def test_a_stream_ends_with_an_error_when_another_generation_took_its_cache() -> None:
    model, prompt = tiny(), given(GRID)
    engine = Engine(model, tables("diagonal", GRID, 1), SAMPLER)
    other = Engine(model, tables("sequential", GRID), SAMPLER, cache=engine.cache)
    for between in (engine, other):
        frames = engine.stream(prompt, [7])
        next(frames)
        between.generate(prompt, [7])
        with pytest.raises(DiptychError, match="another generation began in the same cache after frame 0"):
            next(frames)
    Engine(model, engine.tables, SAMPLER).generate(prompt, [7])
    assert len(list(engine.stream(prompt, [7]))) == GRID.frames


def test_times_of_frames_begin_before_the_cache_is_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(tiny(), tables("diagonal", GRID, 1), SAMPLER)
    load = engine._load

    def slow(*args: object, **options: object) -> None:
        time.sleep(0.05)
        load(*args, **options)

    monkeypatch.setattr(engine, "_load", slow)
    assert engine.generate(given(GRID), [7]).frame_seconds[0] >= 0.05


class Counting(TorchDispatchMode):
    """Counts operators that would make a host wait for the device."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.calls = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.calls += 1
        name = func.overloadpacket.__name__
        masks = name in INDEXING and any(i is not None and i.dtype == torch.bool for i in args[1])
        if name in SYNCHRONISING or masks:
            self.found.append(name)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("pad", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_asked_of_the_device_between_first_and_last_pass(name: str, pad: bool) -> None:
    engine, prompt = Engine(tiny(), tables(name, GRID, 1), SAMPLER, pad=pad), given(GRID)
    with torch.inference_mode():
        engine._load(prompt, [3], None)
        with Counting() as counting:
            for _ in engine.passes():
                pass
    assert counting.calls > engine.tables.passes * 20
    assert counting.found == []
    with Counting() as counting:
        x = torch.ones(3)
        float(x[0])
        x[x > 0] = x[x > 0].unique()
    assert counting.found == ["_local_scalar_dense", "index", "_unique2", "index_put_"], "it sees what it is for"


@pytest.mark.gpu
@pytest.mark.parametrize("name", NAMES)
def test_cuda_never_synchronises_inside_a_generation(name: str) -> None:
    engine, prompt = Engine(tiny(dtype=torch.float32).cuda(), tables(name, GRID, 1), SAMPLER), given(GRID)
    wanted = engine.generate(prompt, [3], trace=True).tokens  # a trace is taken without graphs
    engine.capture()
    with torch.inference_mode():
        engine._load(prompt, [3], None)
        torch.cuda.set_sync_debug_mode("error")
        try:
            for _ in engine.passes():
                pass
        finally:
            torch.cuda.set_sync_debug_mode("default")
    assert torch.equal(engine._tokens[:, engine._drawn].view_as(wanted), wanted)
    assert 0 < engine.capture().graphs <= 32


@pytest.mark.parametrize("name", NAMES)
def test_a_generation_allocates_no_buffer_of_its_own(name: str) -> None:
    engine, prompt = Engine(tiny(), tables(name, GRID, 1), SAMPLER), given(GRID)
    engine.generate(prompt, [3])
    held = [t.data_ptr() for t in (engine.keys, engine.values, engine._tokens, engine._checksums, engine._noise_keys)]
    engine.generate(prompt, [4])
    after = [t.data_ptr() for t in (engine.keys, engine.values, engine._tokens, engine._checksums, engine._noise_keys)]
    assert held == after


@pytest.mark.parametrize("name", NAMES)
def test_buckets_are_few_and_large_enough(name: str) -> None:
    from models.decoding.steps import assign_buckets

    compiled = tables(name, Grid(frames=15, rows=14, columns=24, actions=11), 2)
    buckets = assign_buckets(compiled)
    assert len(set(buckets)) <= 32
    for bucket, inputs, predicted, length in zip(
        buckets, compiled.n_inputs[1:], compiled.n_predicted[1:], compiled.visible_length[1:], strict=True
    ):
        assert bucket.width >= inputs
        assert bucket.predicted >= predicted
        assert bucket.length >= length
