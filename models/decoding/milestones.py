"""Which actions may come late, when frames are complete, and when actions are needed: read off the compiled tables."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.decoding.grid import Grid
from models.decoding.tables import Tables


def late_slots(grid: Grid) -> NDArray[np.int64]:
    """Slots of the actions that lead on from generated frames: they may be supplied while it decodes."""
    return np.array([slot for frame in range(grid.frames - 1) for slot in grid.action_slots(frame)], np.int64)


def completed_frames(tables: Tables) -> list[list[int]]:
    """Frames that are complete after each pass: a frame waits for those before it, so that they come in order."""
    last = np.maximum.accumulate(tables.order.reshape(tables.grid.frames, -1).max(axis=1))
    complete: list[list[int]] = [[] for _ in range(tables.passes)]
    for frame, pass_ in enumerate(last.tolist()):
        complete[pass_].append(frame)
    return complete


def asked_actions(tables: Tables) -> list[list[int]]:
    """Generated frames whose actions are fed for the first time in each pass."""
    asked: list[list[int]] = [[] for _ in range(tables.passes)]
    if tables.grid.actions:
        for frame in range(tables.grid.frames - 1):
            slot = tables.grid.action_slots(frame).start
            asked[int(tables.entries.pass_[tables.entries.slot == slot].min())].append(frame)
    return asked
