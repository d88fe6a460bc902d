"""A schedule: which tokens are predicted in which pass.

That is all a schedule says. What is fed, what stands in for tokens that do not exist yet, what is refreshed and who
sees whom follow from it (:mod:`models.decoding.tables`), so that every order runs in the one engine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.registry import REGISTRY
from models.decoding.grid import Grid

PlaceholderPolicy = Literal["above", "repeat", "prompt", "previous"]
PLACEHOLDERS: tuple[PlaceholderPolicy, ...] = ("above", "repeat", "prompt", "previous")


@dataclass(frozen=True)
class Schedule:
    """A decoding order.

    Attributes:
        name: Registered name.
        summary: One line.
        order: ``order(grid, k)``: pass of every generated token, int64 ``[tokens]`` in raster order; passes are
            numbered from 0 (the prefill) without a gap. ``k`` arrives clamped to ``1 .. columns``.
        placeholder: Default stand-in for predecessors that do not exist yet.
        takes_k: True if ``k`` is a row delay in tokens: ``k ≥ columns`` is then sequential decoding, table for table.
        passes: ``passes(grid, k)``: number of passes in closed form, which ``diptych check`` holds the order to; or
            None.
    """

    name: str
    summary: str
    order: Callable[[Grid, int], NDArray[np.int64]]
    placeholder: PlaceholderPolicy = "above"
    takes_k: bool = True
    passes: Callable[[Grid, int], int] | None = None


def get_schedule(name: str) -> Schedule:
    """Return the registered schedule, or raise a UsageError that names the nearest one."""
    schedule: Schedule = REGISTRY.get("schedule", name)
    return schedule


def effective_delay(k: int, columns: int) -> int:
    """Clamp the row delay: κ = min(k, columns).

    Raises:
        UsageError: k < 1.
    """
    if k < 1:
        raise UsageError(f"k must be at least 1, not {k}: a row can only start after the row above has begun.")
    return min(k, columns)


def raster(grid: Grid) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Frame, row and column of every generated token, in raster order."""
    index = np.arange(grid.tokens, dtype=np.int64)
    frame, inside = np.divmod(index, grid.frame_tokens)
    row, column = np.divmod(inside, grid.columns)
    return frame, row, column
