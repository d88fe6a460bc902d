"""All tokens of a frame in one pass: the negative control of the decoding suite.

Tokens of a frame are drawn independently of each other, given the frames before. Every stand-in is the token at the
same place of the frame before.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.registry import register
from models.decoding.grid import Grid
from models.decoding.schedule import Schedule, raster


def order(grid: Grid, k: int) -> NDArray[np.int64]:
    """Frame f is predicted in pass f; ``k`` changes nothing."""
    del k
    return raster(grid)[0]


def passes(grid: Grid, k: int) -> int:
    """One a frame."""
    del k
    return grid.frames


FRAME_AT_ONCE = register("schedule", "frame-at-once")(
    Schedule(
        "frame-at-once",
        "all tokens of a frame in one pass, independently (negative control)",
        order,
        placeholder="previous",
        takes_k=False,
        passes=passes,
    )
)
