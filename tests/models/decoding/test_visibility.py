"""Law B: masks against a simulation that keeps the state of every slot."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.decoding.grid import Grid
from models.decoding.visibility import sees
from tests.models.decoding.helpers import delays, grids, names, tables

UNWRITTEN, PROVISIONAL, FINAL = 0, 1, 2


@given(names, grids, delays, st.sampled_from(["own", "all"]), st.booleans())
def test_masks_equal_a_simulation_of_slot_states(
    name: str, grid: Grid, k: int, provisional: str, refresh: bool
) -> None:
    compiled = tables(name, grid, k, provisional=provisional, refresh=refresh)
    entries = compiled.entries
    state = np.zeros(grid.slots, int)
    for pass_ in range(compiled.passes):
        part = compiled.rows(pass_)
        for slot, stand_in in zip(entries.slot[part], entries.provisional[part], strict=True):
            state[slot] = PROVISIONAL if stand_in else FINAL
        mask = compiled.mask(pass_)
        for query, row in zip(entries.slot[part], mask, strict=True):
            for slot, seen in enumerate(row):
                visible = slot <= query and (
                    state[slot] == FINAL or (state[slot] == PROVISIONAL and (slot == query or provisional == "all"))
                )
                assert seen == visible, (pass_, query, slot)
            assert row[query]  # nobody attends to nothing


@pytest.mark.parametrize(
    ("key", "own", "everybody"),
    [
        ({"slot": 3, "at": 2}, True, True),
        ({"slot": 6, "at": 2}, False, False),  # later slot
        ({"slot": 3, "at": 5}, False, False),  # later pass
        ({"slot": 3, "at": 2, "gone": 4}, False, False),  # overwritten in the query's own pass
        ({"slot": 3, "at": 2, "gone": 5}, True, True),
        ({"slot": 3, "at": 4, "stand_in": True}, False, True),
        ({"slot": 5, "at": 4, "stand_in": True}, True, True),  # the placeholder it wrote itself
        ({"slot": 5, "at": 3, "stand_in": True}, False, True),  # an older placeholder of its slot
    ],
)
def test_the_rule_case_by_case(key: dict, own: bool, everybody: bool) -> None:
    for provisional, wanted in (("own", own), ("all", everybody)):
        seen = sees(
            np.array(5),
            np.array(4),
            np.array(key["slot"]),
            np.array(key["at"]),
            np.array(key.get("gone", 99)),
            np.array(key.get("stand_in", False)),
            provisional,
        )
        assert bool(seen) == wanted
