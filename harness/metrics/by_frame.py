"""What metrics against a true continuation share: the check of two videos, and a trial's value from its frames'."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import DiptychError
from harness.types import Made

PerFrame = Callable[[Made], list[float] | None]


def check_pair(video: NDArray[np.uint8], reference: NDArray[np.uint8]) -> None:
    """Refuse videos that cannot be compared frame by frame.

    Args:
        video: What was made.
        reference: The true continuation.

    Raises:
        DiptychError: Not uint8 ``[frames >= 1, height, width, 3]`` both, or of different shapes; for floats it says
            what they look like and how they become uint8.

    Example:
        >>> import numpy as np
        >>> check_pair(np.zeros((2, 8, 8, 3), np.uint8), np.zeros((2, 8, 8, 3), np.uint8))
        >>> check_pair(np.zeros((2, 8, 8, 3)), np.zeros((2, 8, 8, 3), np.uint8))
        Traceback (most recent call last):
        ...
        harness.errors.DiptychError: the video is float64 [2, 8, 8, 3]; expected uint8 [frames, height, width, 3]: ...
    """
    for name, frames in (("video", video), ("reference", reference)):
        if not isinstance(frames, np.ndarray):
            raise DiptychError(f"the {name} is a {type(frames).__name__}; expected uint8 [frames, height, width, 3]")
        if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3 or frames.size == 0:
            raise DiptychError(
                f"the {name} is {frames.dtype} {list(frames.shape)}; expected uint8 [frames, height, width, 3]"
                + (f": {_advice(frames)}" if frames.dtype != np.uint8 and frames.size else "")
            )
    if video.shape != reference.shape:
        raise DiptychError(f"the video {list(video.shape)} and its reference {list(reference.shape)} differ in shape")


def _advice(frames: NDArray[Any]) -> str:
    """Say how pixels of another type become uint8, from the range that they have; one look cannot tell for sure."""
    if not (np.issubdtype(frames.dtype, np.integer) or np.issubdtype(frames.dtype, np.floating)):
        return "these are no pixels"
    if not np.isfinite(frames).all():
        return "it holds NaN or infinity, which no pixel is"
    low, high = float(frames.min()), float(frames.max())
    told = f"its values go from {low:g} to {high:g}"
    if np.issubdtype(frames.dtype, np.floating) and low >= 0 and high <= 1:
        return f"{told}; if 1 is white, use np.rint(255 * frames).astype(np.uint8)"
    if low >= 0 and high <= 255:
        return f"{told}; if 255 is white, use np.rint(frames).astype(np.uint8)"
    if low >= -1 and high <= 1:
        return f"{told}; if -1 is black and 1 white, use np.rint(127.5 * (frames + 1)).astype(np.uint8)"
    return f"{told}, which no uint8 holds: scale them to 0 … 255 first"


def mean_of_frames(values: list[float]) -> float:
    """Return a trial's value from those of its frames: their arithmetic mean.

    Example:
        >>> mean_of_frames([20.0, 30.0])
        25.0
    """
    return float(np.mean(values))


def over_frames(per_frame: PerFrame) -> Callable[[Made], float | None]:
    """Turn values of frames into the value of a trial: their mean, or None where there are none."""

    def compute(made: Made) -> float | None:
        values = per_frame(made)
        return None if values is None else mean_of_frames(values)

    return compute
