"""Diagonal decoding inside a frame (DiagD, arXiv 2503.14070, spatial)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.registry import register
from models.decoding.grid import Grid
from models.decoding.schedule import Schedule, raster


def order(grid: Grid, k: int) -> NDArray[np.int64]:
    """Row r starts when the row above holds k tokens; a frame starts when the one before is complete."""
    frame, row, column = raster(grid)
    return frame * (grid.columns + k * (grid.rows - 1)) + k * row + column


def passes(grid: Grid, k: int) -> int:
    """F·(w + κ(h − 1))."""
    return grid.frames * (grid.columns + k * (grid.rows - 1))


DIAGONAL = register("schedule", "diagonal")(
    Schedule(
        "diagonal",
        "rows of one frame overlap: row r+1 starts once row r holds k tokens (DiagD, spatial)",
        order,
        passes=passes,
    )
)
