"""Anti-diagonal planes of the whole video, as in neighbouring autoregressive modelling (NAR, arXiv 2503.10696).

A token is predicted once its neighbours above, to the left and in the frame before are: pass f + r + c. NAR trains
models for this order, with an output head per direction; here it is asked of models trained on raster order, with the
stand-ins of every other order. Frames are in flight by the dozen, so actions must be known: an offline order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.registry import register
from models.decoding.grid import Grid
from models.decoding.schedule import Schedule, raster


def order(grid: Grid, k: int) -> NDArray[np.int64]:
    """Token (f, r, c) is predicted in pass f + r + c; ``k`` changes nothing."""
    del k
    frame, row, column = raster(grid)
    return frame + row + column


def passes(grid: Grid, k: int) -> int:
    """F + h + w − 2."""
    del k
    return grid.frames + grid.rows + grid.columns - 2


NAR = register("schedule", "nar")(
    Schedule(
        "nar",
        "3-d anti-diagonals, pass f + r + c (NAR's order, arXiv 2503.10696; untrained; known actions)",
        order,
        takes_k=False,
        passes=passes,
    )
)
