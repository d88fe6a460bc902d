"""Next-token prediction: one token a pass, in raster order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.registry import register
from models.decoding.grid import Grid
from models.decoding.schedule import Schedule


def order(grid: Grid, k: int) -> NDArray[np.int64]:
    """Token i is predicted in pass i; ``k`` changes nothing."""
    del k
    return np.arange(grid.tokens, dtype=np.int64)


def passes(grid: Grid, k: int) -> int:
    """One a token: F·h·w."""
    del k
    return grid.tokens


SEQUENTIAL = register("schedule", "sequential")(
    Schedule(
        "sequential",
        "one token a pass, in raster order (next-token prediction)",
        order,
        takes_k=False,
        passes=passes,
    )
)
