"""``compat="mineworld"`` feeds what the released decoder feeds, pass for pass, by an independent re-derivation of it.

:func:`released` is told from ``diagonal_decoding.py`` of microsoft/mineworld (b9aebcf) with rows that are active, hold
a count of tokens and remember their newest one; it shares nothing with the tables.
"""

from collections import Counter

import pytest

from harness.errors import UsageError
from models.decoding.grid import Grid
from models.decoding.tables import Tables
from tests.models.decoding.helpers import tables

MINEWORLD = (14, 24, 11)


def released(frames: int, size: tuple[int, int, int], k: int, policy: str, temporal: bool) -> list[list[tuple]]:
    """What is fed in every pass after the prefill: (position, what), in the order of positions."""
    rows, columns, actions = size
    stride = rows * columns + actions
    passes: list[list[tuple]] = []
    count = {0: 1}  # tokens of every row of the video that has begun
    newest = {0: ("drawn", 0, 0)}
    active = [0]
    if (k == 1 and rows > 1) or (k == 1 and temporal and frames > 1):
        active.append(1)
        count[1] = 0
    boundary = False
    total, drawn = frames * rows * columns, 1
    if columns == 1:
        active.remove(0)
        boundary = not temporal and rows == 1
    while drawn < total:
        fed, predicted = [], []
        if boundary:  # spatial: a frame is complete; its last token and its actions are fed together
            frame = (drawn // (rows * columns)) - 1
            last = stride * (frame + 1) + rows * columns - 1
            fed.append((last, ("drawn", frame * rows + rows - 1, columns - 1)))
            fed += [(last + 1 + a, ("action", frame, a)) for a in range(actions)]
            row = (frame + 1) * rows
            count[row] = 0
            active, predicted, boundary = [row], [row], False
        else:
            previous = None
            for row in active:
                frame, inside = divmod(row, rows)
                at = stride * (frame + 1) + inside * columns + count[row] - 1
                if count[row] > 0:
                    what = newest[row]
                elif inside == 0:  # spatial + temporal: a frame begins with the actions before it
                    first = stride * (frame + 1) - actions
                    fed += [(first + a, ("action", frame - 1, a)) for a in range(actions)]
                    predicted.append(row)
                    continue
                else:
                    what = ("prompt", inside * columns - 1) if policy == "prompt" else previous
                fed.append((at, what))
                previous = what
                predicted.append(row)
        joined, finished = [], []
        for row in predicted:
            newest[row] = ("drawn", row, count[row])
            count[row] += 1
            drawn += 1
            more = row + 1 < frames * rows if temporal else (row + 1) % rows != 0
            if count[row] == k and more:
                joined.append(row + 1)
            if count[row] == columns:
                finished.append(row)
                boundary = not temporal and (row + 1) % rows == 0
        active = [row for row in active if row not in finished] + joined
        count |= dict.fromkeys(joined, 0)
        passes.append(sorted(fed))
    return passes


def fed(compiled: Tables) -> list[list[tuple]]:
    """The same of compiled tables."""
    grid, entries = compiled.grid, compiled.entries

    def what(slot: int) -> tuple:
        frame, inside = divmod(slot, grid.stride)
        if inside >= grid.frame_tokens:
            return ("action", frame - 1, inside - grid.frame_tokens)
        if frame == 0:
            return ("prompt", inside)
        row, column = divmod(inside, grid.columns)
        return ("drawn", (frame - 1) * grid.rows + row, column)

    passes: list[list[tuple]] = [[] for _ in range(compiled.passes)]
    for slot, source, pass_ in zip(entries.slot.tolist(), entries.source.tolist(), entries.pass_.tolist(), strict=True):
        passes[pass_].append((slot, what(source)))
    return passes[1:]


def compat(size: tuple[int, int, int], frames: int, k: int, policy: str, temporal: bool) -> Tables:
    rows, columns, actions = size
    grid = Grid(frames=frames, rows=rows, columns=columns, actions=actions)
    return tables("diagonal-st" if temporal else "diagonal", grid, k, placeholder=policy, compat="mineworld")


@pytest.mark.parametrize("temporal", [False, True])
@pytest.mark.parametrize("policy", ["prompt", "repeat"])
@pytest.mark.parametrize("size", [MINEWORLD, (3, 4, 2), (2, 5, 1), (4, 3, 3)])
@pytest.mark.parametrize("frames", [1, 2, 3])
def test_every_pass_feeds_what_the_released_decoder_feeds(
    frames: int, size: tuple[int, int, int], policy: str, temporal: bool
) -> None:
    columns = size[1]
    for k in {1, 2, 3, 4, 8, columns}:
        if k > columns or (policy == "repeat" and k == columns):
            continue
        assert fed(compat(size, frames, k, policy, temporal)) == released(frames, size, k, policy, temporal), k
    if policy == "prompt":
        wide = compat(size, frames, columns + 3, policy, temporal)
        assert fed(wide) == released(frames, size, columns, policy, temporal)


@pytest.mark.parametrize(
    ("k", "temporal", "widths", "often"),
    [
        (1, False, set(range(1, 15)), (14, 165)),
        (2, False, set(range(1, 13)), (12, 104 + 14)),  # 14 of them are the boundary passes of 1 + 11 entries
        (4, False, {*range(1, 7), 12}, None),
        (2, True, {*range(1, 13), 22}, None),
        (1, True, {*range(1, 26), 34}, None),
    ],
)
def test_widths_are_those_that_were_seen_in_a_run_of_the_released_code(
    k: int, temporal: bool, widths: set[int], often: tuple[int, int] | None
) -> None:
    seen = Counter(compat(MINEWORLD, 15, k, "prompt", temporal).n_inputs[1:].tolist())
    assert set(seen) <= widths
    assert max(seen) == max(widths)
    if often is not None:
        assert seen[often[0]] in (often[1], often[1] - 14)


@pytest.mark.parametrize("k", [1, 2, 4, 24])
def test_thirteen_slots_of_a_frame_stay_wrong_for_ever_and_none_is_written_twice(k: int) -> None:
    compiled = compat(MINEWORLD, 2, k, "prompt", temporal=False)
    entries = compiled.entries
    assert len(set(entries.slot.tolist())) == len(entries.slot)
    wrong = entries.slot[entries.provisional]
    assert len(wrong) == 2 * 13
    pairs = {int(slot): int(source) for slot, source in zip(wrong, entries.source[entries.provisional], strict=True)}
    assert [pairs[slot] for slot in (370, 394, 658, 717)] == [23, 47, 311, 23]


def test_the_spatial_temporal_order_never_writes_a_frame_s_last_token() -> None:
    written = set(compat(MINEWORLD, 3, 2, "prompt", temporal=True).entries.slot.tolist())
    missing = [s for s in range(347 * 3 + 336) if s not in written]
    assert missing == [347 + 335, 2 * 347 + 335, 3 * 347 + 335]


def test_a_query_sees_every_slot_up_to_its_own() -> None:
    compiled = compat((3, 4, 2), 2, 1, "prompt", temporal=False)
    for pass_ in range(compiled.passes):
        queries = compiled.entries.slot[compiled.rows(pass_)]
        wanted = [[j <= q for j in range(compiled.visible_length[pass_])] for q in queries.tolist()]
        assert compiled.mask(pass_).tolist() == wanted


def test_what_the_release_has_not_is_refused() -> None:
    grid = Grid(frames=1, rows=3, columns=4, actions=2)
    with pytest.raises(UsageError, match=r"no order like 'sequential'\. Valid: diagonal"):
        tables("sequential", grid, 1, compat="mineworld")
    with pytest.raises(UsageError, match="no placeholder policy 'above'"):
        tables("diagonal", grid, 1, compat="mineworld", placeholder="above")
    with pytest.raises(UsageError, match="nothing is left to repeat"):
        tables("diagonal", grid, 4, compat="mineworld", placeholder="repeat")
    with pytest.raises(UsageError, match=r"unknown compat 'minewrld'.*mineworld"):
        tables("diagonal", grid, 1, compat="minewrld")
