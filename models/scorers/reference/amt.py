"""Motion smoothness as VBench measures it: how well every second frame is the one that AMT-S interpolates.

VBench (arXiv 2311.17982), ``motion_smoothness.py`` at 45e79ec: the frames of odd index are taken away and interpolated
anew, cut off to whole numbers, and compared; 1 minus the mean absolute difference over 255. Large frames are never
scaled themselves, but their motion is estimated at a smaller size. VBench lets that size depend on the memory of the
card; here it is that of its own rule at its anchor of 1024 × 512 pixels, whatever the machine. Frames with a side of
less than 128 pixels, at which the network divides by 0, are padded to that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from harness.assets.locate import asset_path
from harness.device import parse_device
from harness.files import file_sha256
from models.scorers.pixels import check_clip, to_tensor
from models.scorers.reference.amt_network import AmtSmall
from models.scorers.reference.stored import load_released

ASSET = "amt-s"
KEY = "state_dict"
ANCHOR_PIXELS = 1024 * 512
MULTIPLE = 16
LEAST_MULTIPLES = 8
"""The network halves a frame four times; its coarsest correlations want two places along each side: 8 · 16 pixels."""


@dataclass(frozen=True)
class Sizes:
    """How frames of a size are padded and looked at.

    Attributes:
        padding: Left, right, top, bottom in pixels.
        seen: Rows and columns at which motion is estimated.
    """

    padding: tuple[int, int, int, int]
    seen: tuple[int, int]


def sizes(height: int, width: int) -> Sizes:
    """VBench's rule without the memory of its card.

    Frames are padded to multiples of 16 pixels, those of more than 1024 × 512 to multiples of
    ``⌊16 √(pixels / (1024 · 512))⌋``, for which 16 stand where motion is estimated.

    Example:
        >>> sizes(320, 512)
        Sizes(padding=(0, 0, 0, 0), seen=(320, 512))
        >>> sizes(1080, 1920)
        Sizes(padding=(1, 1, 2, 3), seen=(560, 992))
    """
    step = max(MULTIPLE, math.floor(MULTIPLE * math.sqrt(height * width / ANCHOR_PIXELS)))
    rows, columns = (max(LEAST_MULTIPLES, -(-side // step)) for side in (height, width))
    below, right = rows * step - height, columns * step - width
    padding = (right // 2, right - right // 2, below // 2, below - below // 2)
    return Sizes(padding, (rows * MULTIPLE, columns * MULTIPLE))


class Smoothness:
    """A :class:`harness.protocols.Scorer`: agreement of the frames 1, 3, 5 … with the interpolated ones, 0 to 1.

    Raises:
        UsageError: No such device.
        AbsentError: The weights are not on this machine.
        DiptychError: The file holds another network.
    """

    least_side = 16
    first = 1
    every = 2

    def __init__(self, device: str = "cpu") -> None:
        self._device = torch.device(str(parse_device(device)))
        path = asset_path(ASSET)
        self._network = load_released(AmtSmall, path, KEY).to(self._device)
        self._sha256 = file_sha256(path)

    def __call__(self, video: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Map uint8 ``[T ≥ 3, H, W, 3]`` to float64 ``[(T - 1) // 2]``, higher is better."""
        check_clip(video, "motion smoothness", least_frames=3, least_side=self.least_side)
        with torch.inference_mode():
            values = [
                1 - float((self.between(three[:1], three[2:]) - three[1]).abs().double().mean()) / 255
                for three in (
                    to_tensor(video[middle - 1 : middle + 2], self._device) for middle in range(1, len(video) - 1, 2)
                )
            ]
        return np.array(values)

    def between(self, before: Tensor, after: Tensor) -> Tensor:
        """The frame halfway between two, ``[1, 3, H, W]`` in 0 … 255 each, in whole numbers: ``[3, H, W]``."""
        height, width = before.shape[2:]
        found = sizes(height, width)
        padded = [F.pad(frame / 255, found.padding, mode="replicate") for frame in (before, after)]
        made: Tensor = self._network(*padded, found.seen)[0]
        left, _, top, _ = found.padding
        return (made[:, top : top + height, left : left + width] * 255).floor()

    def context(self) -> dict[str, Any]:
        """The weights behind the values, and the size that bounds the estimate of motion."""
        return {"weights_sha256": self._sha256, "anchor_pixels": ANCHOR_PIXELS}
