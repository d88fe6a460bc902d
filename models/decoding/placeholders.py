"""What stands in for a token that does not exist yet, by policy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from models.decoding.grid import Grid
from models.decoding.schedule import PLACEHOLDERS, PlaceholderPolicy


def placeholder_source(
    grid: Grid, policy: PlaceholderPolicy, order: NDArray[np.int64], token: int, pass_: int
) -> int:
    """Slot whose token stands in for the unknown predecessor of ``token``, known by ``pass_``.

    Args:
        grid: The grid.
        policy: ``"prompt"``: the same place of the first prompt frame; ``"previous"``: of the frame before;
            ``"above"``: the token above the predicted one; ``"repeat"``: the newest token of the predecessor's row.
        order: Pass of every generated token, in raster order.
        token: Index of the token that is predicted, in raster order.
        pass_: Pass in which it is predicted.

    Raises:
        UsageError: No such token exists, or it is not known by then; names the policies under which one is.
    """
    source = _source(grid, policy, order, token, pass_)
    if source is not None:
        return source
    able = [name for name in PLACEHOLDERS if _source(grid, name, order, token, pass_) is not None]
    frame, inside = divmod(token, grid.frame_tokens)
    row, column = divmod(inside, grid.columns)
    raise UsageError(
        f"placeholder policy {policy!r} has no token to stand in before (frame {frame}, row {row}, column {column}), "
        f"which this order draws in pass {pass_}. Valid here: {', '.join(able) or 'none'}."
    )


def _source(grid: Grid, policy: PlaceholderPolicy, order: NDArray[np.int64], token: int, pass_: int) -> int | None:
    before = token - 1  # the predecessor is an image token: action slots are always known
    frame, inside = divmod(token, grid.frame_tokens)
    before_frame, before_inside = divmod(before, grid.frame_tokens)
    if policy == "prompt":
        return grid.start_tokens + before_inside if grid.prompt_frames else None
    if policy == "previous":
        return _known_slot(grid, order, before_frame - 1, before_inside, pass_)
    if policy == "above":
        if inside >= grid.columns:
            return _known_slot(grid, order, frame, inside - grid.columns, pass_)
        return _known_slot(grid, order, frame - 1, inside, pass_)
    row = before_inside // grid.columns
    for column in reversed(range(grid.columns)):
        slot = _known_slot(grid, order, before_frame, row * grid.columns + column, pass_)
        if slot is not None:
            return slot
    return None


def _known_slot(grid: Grid, order: NDArray[np.int64], frame: int, inside: int, pass_: int) -> int | None:
    """Slot of an image token if it is known by ``pass_``; negative frames count back into the prompt."""
    if frame < -grid.prompt_frames:
        return None
    if frame >= 0 and order[frame * grid.frame_tokens + inside] >= pass_:
        return None
    return grid.slot(frame, inside // grid.columns, inside % grid.columns)
