"""Two rows at a time: the lower one follows a token behind the upper one."""

import numpy as np
from numpy.typing import NDArray

from models.decoding.grid import Grid
from models.decoding.schedule import Schedule, raster


def order(grid: Grid, k: int) -> NDArray[np.int64]:
    """Pass of every token, in raster order; ``k`` changes nothing."""
    del k
    frame, row, column = raster(grid)
    pair = frame * ((grid.rows + 1) // 2) + row // 2
    late = pair * (grid.columns + 1) + column + row % 2
    return np.unique(late, return_inverse=True)[1].astype(np.int64)  # a last row without a partner leaves a gap


def passes(grid: Grid, k: int) -> int:
    """F·(⌊h/2⌋·(w + 1) + w if h is odd)."""
    del k
    return grid.frames * (grid.rows // 2 * (grid.columns + 1) + grid.rows % 2 * grid.columns)


TWO_ROWS = Schedule("two-rows", "two rows at a time, the lower one token behind", order, takes_k=False, passes=passes)
