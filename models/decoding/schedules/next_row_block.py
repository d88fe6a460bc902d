"""A row a pass: next-block prediction with rows as blocks (arXiv 2502.07737).

The tokens of a row are drawn independently of each other, given all rows above. NBP trains models in which every token
of a block predicts the one at its place in the next block; here a model of raster order is fed the token above as the
stand-in for each predecessor that is not known.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.registry import register
from models.decoding.grid import Grid
from models.decoding.schedule import Schedule, raster


def order(grid: Grid, k: int) -> NDArray[np.int64]:
    """Row r of frame f is predicted in pass f · h + r; ``k`` changes nothing."""
    del k
    frame, row, _ = raster(grid)
    return frame * grid.rows + row


def passes(grid: Grid, k: int) -> int:
    """One a row: F·h."""
    del k
    return grid.frames * grid.rows


NEXT_ROW_BLOCK = register("schedule", "next-row-block")(
    Schedule(
        "next-row-block",
        "a whole row in one pass, its tokens independently (next-block prediction, arXiv 2502.07737; untrained)",
        order,
        takes_k=False,
        passes=passes,
    )
)
