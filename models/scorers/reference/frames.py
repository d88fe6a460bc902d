"""Frames as VBench gives them to its image networks: scaled without antialiasing, in float, never rounded back.

Huang et al., VBench (arXiv 2311.17982), ``utils.py`` at 45e79ec: ``clip_transform`` (bicubic, then the middle square)
and ``dino_transform`` (bilinear, the whole frame). Its videos are float tensors in 0 … 255 when they are scaled, so a
cubic may overshoot that range and is not clipped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from models.scorers.pixels import batches, to_tensor

SIDE = 224
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
"""Mean and deviation of red, green and blue in 0 … 1."""


def scaled_size(height: int, width: int, side: int = SIDE) -> tuple[int, int]:
    """The size whose shorter side is ``side``; the longer one is rounded down, as torchvision's ``Resize`` does.

    Example:
        >>> scaled_size(320, 512), scaled_size(512, 320), scaled_size(64, 64)
        ((224, 358), (358, 224), (224, 224))
    """
    shorter, longer = min(height, width), max(height, width)
    other = int(side * longer / shorter)
    return (side, other) if height <= width else (other, side)


def middle(frames: Tensor, side: int = SIDE) -> Tensor:
    """The middle square of ``[N, C, H, W]``, as torchvision's ``CenterCrop`` cuts it (halves go to the even number)."""
    top, left = (round((length - side) / 2) for length in frames.shape[2:])
    return frames[:, :, top : top + side, left : left + side]


def normalised(frames: Tensor, statistics: tuple[tuple[float, ...], tuple[float, ...]]) -> Tensor:
    """Map ``[N, 3, H, W]`` in 0 … 255 to what a network was trained on: over 255, less the mean, over the deviation."""
    mean, deviation = (frames.new_tensor(values)[:, None, None] for values in statistics)
    return (frames / 255 - mean) / deviation


def as_clip_sees(frames: Tensor) -> Tensor:
    """Map ``[N, 3, H, W]`` in 0 … 255 to ``[N, 3, 224, 224]`` for CLIP: shorter side to 224 by a cubic, the middle."""
    return normalised(middle(_scaled(frames, "bicubic")), CLIP)


def as_dino_sees(frames: Tensor) -> Tensor:
    """Map ``[N, 3, H, W]`` in 0 … 255 to ``[N, 3, h, w]`` for DINO: shorter side to 224 bilinearly, the whole frame."""
    return normalised(_scaled(frames, "bilinear"), IMAGENET)


def _scaled(frames: Tensor, mode: Literal["bilinear", "bicubic"]) -> Tensor:
    height, width = frames.shape[2:]
    return F.interpolate(frames, scaled_size(height, width), mode=mode, align_corners=False, antialias=False)


def rows_of_frames(
    video: NDArray[np.uint8], device: torch.device, see: Callable[[Tensor], Tensor], look: Callable[[Tensor], Tensor]
) -> NDArray[np.float32]:
    """A network's row for every frame, in batches that fit in memory before and after scaling.

    Args:
        video: uint8 ``[T, H, W, 3]``.
        device: Torch device.
        see: Preprocessing, such as :func:`as_clip_sees`.
        look: The network, from what it sees to ``[N, d]``.

    Returns:
        float32 ``[T, d]``.
    """
    height, width = video.shape[1:3]
    rows, columns = scaled_size(height, width)
    with torch.inference_mode():
        parts = [
            look(see(to_tensor(video[part], device))).cpu()
            for part in batches(len(video), max(height, rows), max(width, columns))
        ]
    found: NDArray[np.float32] = torch.cat(parts).float().numpy()
    return found
