"""Imaging quality as VBench measures it: MUSIQ trained on SPAQ, of every frame.

VBench (arXiv 2311.17982), ``imaging_quality.py`` at 45e79ec with its default ``longer``: a frame whose longer side
exceeds 512 pixels is scaled down to that, bilinearly and without antialiasing; smaller ones stay as they are. VBench
divides the mean by 100; the values here are MUSIQ's own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from harness.assets.locate import asset_path
from harness.device import parse_device
from harness.files import file_sha256
from models.scorers.pixels import batches, check_clip, to_tensor
from models.scorers.reference.musiq_network import LONGER_SIDES, Musiq, Shape
from models.scorers.reference.stored import load_released

ASSET = "musiq-spaq"
LONGEST_SIDE = 512
LARGEST_VIEW = max(LONGER_SIDES)
SHAPE = Shape()


def bounded(frames: Tensor) -> Tensor:
    """Scale ``[N, 3, H, W]`` down to a longer side of 512; sides are rounded down, and at least one pixel."""
    height, width = frames.shape[2:]
    if max(height, width) <= LONGEST_SIDE:
        return frames
    scale = LONGEST_SIDE / max(height, width)
    size = max(1, int(scale * height)), max(1, int(scale * width))
    return F.interpolate(frames, size, mode="bilinear", align_corners=False)


class ImagingQuality:
    """A :class:`harness.protocols.Scorer`: MUSIQ's grade of every frame, about 0 to 100.

    Raises:
        UsageError: No such device.
        AbsentError: The weights are not on this machine.
        DiptychError: The file holds another network.
    """

    least_side = 16
    first = 0
    every = 1

    def __init__(self, device: str = "cpu") -> None:
        self._device = torch.device(str(parse_device(device)))
        path = asset_path(ASSET)
        self._network = load_released(lambda: Musiq(SHAPE), path).to(self._device)
        self._sha256 = file_sha256(path)

    def __call__(self, video: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Map uint8 ``[T, H, W, 3]`` to float64 ``[T]``, higher is better."""
        check_clip(video, "MUSIQ", least_side=self.least_side)

        height, width = video.shape[1:3]
        parts = batches(len(video), max(height, LARGEST_VIEW), max(width, LARGEST_VIEW))
        with torch.inference_mode():
            grades = [self._network(bounded(to_tensor(video[part], self._device)) / 255) for part in parts]
        values: NDArray[np.float64] = torch.cat(grades).double().cpu().numpy()
        return values

    def context(self) -> dict[str, Any]:
        """The weights behind the values."""
        return {"weights_sha256": self._sha256}
