"""Law A: counts, widths, order, and what is fed when, against closed forms and brute force."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings

from harness.errors import UsageError
from models.decoding.describe import describe_schedule
from models.decoding.grid import Grid
from models.decoding.schedule import Schedule
from models.decoding.tables import NEVER, compile_schedule
from tests.models.decoding.helpers import delays, grids, names, tables


def closed_form(name: str, grid: Grid, k: int) -> tuple[int, int]:
    """Passes and most tokens predicted in one pass, by the formulas of the law."""
    frames, rows, columns = grid.frames, grid.rows, grid.columns
    delay = min(k, columns)
    in_flight = -(-columns // delay)
    if name == "sequential":
        return frames * rows * columns, 1
    if name in ("diagonal", "zipar"):
        return frames * (columns + delay * (rows - 1)), min(rows, in_flight)
    if name == "diagonal-st":
        return columns + delay * (frames * rows - 1), min(frames * rows, in_flight)
    if name == "nar":
        planes = Counter(f + r + c for f in range(frames) for r in range(rows) for c in range(columns))
        return frames + rows + columns - 2, max(planes.values())
    if name == "next-row-block":
        return frames * rows, columns
    return frames, rows * columns


@given(names, grids, delays)
def test_counts_follow_the_closed_forms(name: str, grid: Grid, k: int) -> None:
    compiled = tables(name, grid, k)
    assert (compiled.passes, compiled.max_width) == closed_form(name, grid, k)


@pytest.mark.parametrize(
    ("name", "k", "passes", "predicted", "fed"),
    [
        ("sequential", 1, 5040, 1, 12),
        ("diagonal", 1, 555, 14, 14),
        ("diagonal", 2, 750, 12, 13),
        ("diagonal", 4, 1140, 6, 12),
        ("diagonal", 8, 1920, 3, 12),
        ("diagonal-st", 1, 233, 24, 35),
        ("diagonal-st", 2, 442, 12, 23),
        ("diagonal-st", 4, 860, 6, 17),
        ("diagonal-st", 8, 1696, 3, None),
    ],
)
def test_mineworld_grid_has_the_published_counts(
    name: str, k: int, passes: int, predicted: int, fed: int | None
) -> None:
    described = describe_schedule(name, frames=15, rows=14, columns=24, k=k, actions=11)
    assert described["passes"] == passes
    assert described["max_width"] == predicted
    if fed is not None:
        assert described["max_inputs"] == fed


@given(names, grids, delays)
def test_every_token_is_predicted_exactly_once_from_its_raster_predecessor(name: str, grid: Grid, k: int) -> None:
    entries = tables(name, grid, k).entries
    predicted = entries.target >= 0
    image = {grid.slot(f, r, c) for f in range(grid.frames) for r in range(grid.rows) for c in range(grid.columns)}
    assert sorted(entries.target[predicted].tolist()) == sorted(image)
    assert (entries.slot[predicted] == entries.target[predicted] - 1).all()


@given(names, grids, delays)
def test_passes_do_not_depend_on_actions(name: str, grid: Grid, k: int) -> None:
    bare = Grid(frames=grid.frames, rows=grid.rows, columns=grid.columns, actions=0, prompt_frames=1)
    policy = "previous" if name == "frame-at-once" else "prompt"
    a = tables(name, grid, k, placeholder=policy)
    b = tables(name, bare, k, placeholder=policy)
    assert (a.order == b.order).all()


@given(grids, delays, names)
def test_final_entries_carry_known_tokens_and_refreshes_come_in_the_next_pass(grid: Grid, k: int, name: str) -> None:
    compiled = tables(name, grid, k)
    entries, known = compiled.entries, np.full(grid.slots, -1)
    slots = [grid.slot(t // grid.frame_tokens, 0, t % grid.frame_tokens) for t in range(grid.tokens)]
    known[slots] = compiled.order
    for slot, source, pass_, stand_in, gone in zip(
        entries.slot, entries.source, entries.pass_, entries.provisional, entries.overwritten, strict=True
    ):
        if pass_ > 0 or slot != source:
            assert known[source] < pass_
        assert stand_in == (slot != source) or known[slot] >= pass_
        if stand_in:
            assert known[slot] >= pass_
            refreshed = known[slot] + 1
            assert gone == (refreshed if refreshed < compiled.passes else NEVER)
        elif pass_ > 0:
            assert gone == NEVER


@given(grids)
def test_diagonals_of_full_delay_are_sequential_table_for_table(grid: Grid) -> None:
    wanted = tables("sequential", grid).padded()
    for name in ("diagonal", "diagonal-st"):
        for k in (grid.columns, grid.columns + 3):
            compiled = tables(name, grid, k)
            assert not compiled.entries.provisional.any()
            for key, table in compiled.padded().items():
                assert (table == wanted[key]).all(), key


def test_refresh_passes_are_those_of_the_law() -> None:
    grid = Grid(frames=2, rows=4, columns=6, actions=2)
    k = 2
    compiled = tables("diagonal-st", grid, k)
    entries = compiled.entries
    for frame in range(grid.frames):
        for row in range(grid.rows - 1):
            here = frame * grid.rows + row
            writes = entries.slot == grid.slot(frame, row, grid.columns - 1)
            assert entries.pass_[writes].tolist() == [k * here + k, k * here + grid.columns]
            assert entries.provisional[writes].tolist() == [True, False]
    end = entries.slot == grid.slot(0, grid.rows - 1, grid.columns - 1)
    assert entries.pass_[end].tolist() == [k * (grid.rows - 1) + grid.columns]
    assert compiled.action_lookahead_passes == grid.columns - k
    assert tables("diagonal", grid, k).action_lookahead_passes == 0


def test_a_frame_ends_with_its_last_token_whatever_its_place() -> None:
    """The end of the first frame's first row is drawn after its last row, beside the next frame's first token."""
    grid = Grid(frames=2, rows=2, columns=2, actions=1)
    order = np.array([0, 3, 1, 2, 3, 4, 5, 6])
    late = Schedule(name="late", summary="", order=lambda grid, k: order, placeholder="prompt")
    assert compile_schedule(grid, late).action_lookahead_passes == 1


def test_placeholder_sources_are_those_of_the_law() -> None:
    grid = Grid(frames=2, rows=3, columns=5, actions=0, prompt_frames=1)
    k = 2
    wanted = {
        "above": lambda f, r: grid.slot(f, r, 0),
        "repeat": lambda f, r: grid.slot(f, r, k - 1),
        "prompt": lambda f, r: r * grid.columns + grid.columns - 1,
    }
    for policy, source in wanted.items():
        entries = tables("diagonal-st", grid, k, placeholder=policy).entries
        for frame in range(2):
            for row in range(3):
                if frame == 1 and row == 2:
                    continue
                at = (entries.slot == grid.slot(frame, row, 4)) & entries.provisional
                expected = source(frame, row)
                if policy == "above" and row == 2:
                    expected = grid.slot(frame, 0, 0)
                assert entries.source[at].tolist() == [expected], (policy, frame, row)


@pytest.mark.parametrize("policy", ["prompt", "previous"])
def test_placeholders_from_a_prompt_that_does_not_exist_are_refused(policy: str) -> None:
    grid = Grid(frames=1, rows=3, columns=4, prompt_frames=0, start_tokens=1)
    with pytest.raises(UsageError, match="Valid here: above, repeat"):
        tables("diagonal", grid, 1, placeholder=policy)
    assert tables("diagonal", grid, 1, placeholder="repeat").passes == 6


def test_unknown_placeholder_source_fails_at_compile_time() -> None:
    with pytest.raises(UsageError, match=r"in pass 0\. Valid here: prompt, previous"):
        tables("frame-at-once", Grid(frames=1, rows=3, columns=4), placeholder="above")


@pytest.mark.parametrize("k", [0, -3])
def test_delay_below_one_is_refused(k: int) -> None:
    with pytest.raises(UsageError, match="k must be at least 1"):
        describe_schedule("diagonal", 1, 2, 3, k=k)


@pytest.mark.parametrize("field", ["frames", "rows", "columns"])
def test_empty_grids_are_refused(field: str) -> None:
    sizes = {"frames": 1, "rows": 1, "columns": 1, field: 0}
    with pytest.raises(UsageError, match=field):
        describe_schedule("sequential", **sizes)


def test_unknown_schedule_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'diagonal'"):
        describe_schedule("diagnal", 1, 2, 3)


@given(grids, delays, names)
@settings(max_examples=50)
def test_described_steps_are_the_order_in_raster_order(grid: Grid, k: int, name: str) -> None:
    described = describe_schedule(name, grid.frames, grid.rows, grid.columns, k, grid.actions)
    flat = [tuple(token) for step in described["steps"] for token in step]
    assert sorted(flat) == [
        (f, r, c) for f in range(grid.frames) for r in range(grid.rows) for c in range(grid.columns)
    ]
    assert all(step == sorted(step) for step in described["steps"])
    assert len(described["steps"]) == described["passes"]
    assert described["k_effective"] == min(k, grid.columns)
    assert described["k"] == k


def test_refreshing_actions_feeds_them_again_once_their_frame_is_complete() -> None:
    grid = Grid(frames=3, rows=3, columns=4, actions=2)
    entries = tables("diagonal-st", grid, 1, refresh_actions=True).entries
    for frame in range(2):
        complete = grid.rows * (frame + 1) - 1 + grid.columns
        for slot in grid.action_slots(frame):
            here = entries.slot == slot
            assert entries.pass_[here].tolist() == [grid.rows * (frame + 1), complete]
            assert not entries.provisional[here].any(), "an action is known: nothing stands in for it"
