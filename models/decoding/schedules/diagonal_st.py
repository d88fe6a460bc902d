"""Diagonal decoding inside and across frames (DiagD, arXiv 2503.14070, spatial + temporal).

The rows of all frames form one list, so a frame's top-left tokens start before the frame before it is complete. The
actions of a frame are fed before that frame is complete: an offline order, for known actions only.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.registry import register
from models.decoding.grid import Grid
from models.decoding.schedule import Schedule, raster


def order(grid: Grid, k: int) -> NDArray[np.int64]:
    """Global row R = frame · rows + row starts k passes after row R − 1."""
    frame, row, column = raster(grid)
    return k * (frame * grid.rows + row) + column


def passes(grid: Grid, k: int) -> int:
    """W + κ(F·h − 1)."""
    return grid.columns + k * (grid.frames * grid.rows - 1)


DIAGONAL_ST = register("schedule", "diagonal-st")(
    Schedule(
        "diagonal-st",
        "rows overlap within and across frames (DiagD, spatial + temporal; known actions)",
        order,
        passes=passes,
    )
)
