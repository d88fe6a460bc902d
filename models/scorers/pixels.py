"""From frames to what networks read: tensors, sizes that are bounded, and batches that fit in memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from harness.errors import NoValueError, UsageError

PIXELS_AT_ONCE = 1 << 19
"""Most pixels of one batch: 10 frames of 224 × 224."""


def check_clip(video: NDArray[np.uint8], who: str, least_frames: int = 1, least_side: int = 1) -> None:
    """Refuse what is no clip, or too short or too small a one.

    Raises:
        UsageError: No clip; says what was expected.
        NoValueError: Too short or too small.
    """
    if not isinstance(video, np.ndarray) or video.dtype != np.uint8 or video.ndim != 4 or video.shape[-1] != 3:
        what = f"{getattr(video, 'dtype', type(video).__name__)} {list(getattr(video, 'shape', ()))}"
        raise UsageError(f"{who} reads uint8 clips [frames, height, width, 3], not {what}.")
    count, height, width = video.shape[:3]
    if count < least_frames:
        need = f"at least {least_frames} frame{'s' if least_frames > 1 else ''}"
        raise NoValueError(f"{who} needs {need}, and the clip has {count}")
    if min(height, width) < least_side:
        raise NoValueError(f"{who} needs frames of at least {least_side} × {least_side} pixels, not {height} × {width}")


def to_tensor(frames: NDArray[np.uint8], device: torch.device) -> Tensor:
    """Map uint8 ``[T, H, W, 3]`` to float32 ``[T, 3, H, W]`` in 0 … 255."""
    return torch.from_numpy(np.ascontiguousarray(frames)).to(device).permute(0, 3, 1, 2).float()


def batches(count: int, height: int, width: int) -> Iterator[slice]:
    """Cut ``count`` frames of a size into stretches of at most :data:`PIXELS_AT_ONCE`, at least one frame each."""
    at_once = max(1, PIXELS_AT_ONCE // (height * width))
    return (slice(start, min(start + at_once, count)) for start in range(0, count, at_once))


def scaled(frames: Tensor, height: int, width: int) -> Tensor:
    """Scale ``[N, C, H, W]`` bilinearly, with antialiasing where it shrinks; as it is where the size fits."""
    if frames.shape[2:] == (height, width):
        return frames
    return F.interpolate(frames, (height, width), mode="bilinear", align_corners=False, antialias=True)


def working_size(height: int, width: int, *, least_side: int, most_pixels: int, multiple: int = 8) -> tuple[int, int]:
    """The size at which a network looks at frames: depends on the frames alone, never on the machine's memory.

    The shorter side is at least ``least_side`` and the area at most ``most_pixels``, sides are multiples; the
    proportions are kept as far as these allow.

    Example:
        >>> working_size(63, 63, least_side=128, most_pixels=1 << 17)
        (128, 128)
        >>> working_size(1080, 1920, least_side=128, most_pixels=1 << 17)
        (272, 480)
    """
    factor = max(1.0, least_side / min(height, width))
    factor = min(factor, math.sqrt(most_pixels / (height * width)))

    def side(length: int) -> int:
        return max(least_side, round(length * factor / multiple) * multiple)

    return side(height), side(width)


def in_batches(video: NDArray[np.uint8], device: torch.device, look: Callable[[Tensor], Tensor]) -> Tensor:
    """Take the frames of a clip through ``look`` in batches of bounded memory, and join what it gives."""
    with torch.inference_mode():
        parts = [look(to_tensor(video[part], device)) for part in batches(*video.shape[:3])]
    return torch.cat(parts)
