"""Whether subject and background of a clip stay what they are: features of EfficientNet-Lite0, told apart by motion.

VBench (arXiv 2311.17982) compares every frame's features with those of the frame before and of the first one, DINO's
for the subject and CLIP's for the background, each of the whole frame. Here one network serves both, and what tells
them apart is where things move by themselves: a place belongs to the subject as far as its flow differs from the
clip's common one (its median, so that a moving camera is background).
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from harness.assets.locate import asset_path
from harness.device import parse_device
from harness.files import file_sha256
from harness.shared import last_clip
from models.scorers.efficientnet_lite import ASSET, SIDE, efficientnet_lite0, normalised
from models.scorers.flow import flow_by
from models.scorers.pixels import check_clip, in_batches, scaled

Part = Literal["subject", "background"]
HALF_PER_CENT = 1.0
"""Where a place moves so much (per cent of the shorter side) against the median, half of it belongs to the subject."""
LEAST_WEIGHT = 0.01
"""Of any place: where nothing moves by itself, subject and background are both the whole frame."""


def subject_weights(flows: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float64]:
    """How much each place of each frame belongs to the subject, float64 ``[T, rows, columns]`` in [0, 1].

    Args:
        flows: ``[T - 1, h, w, 2]``, per cent of the shorter side.
        rows: Of the feature map.
        columns: Of the feature map.
    """
    common = np.median(flows.reshape(len(flows), -1, 2), axis=1)[:, None, None]
    alone = np.sqrt(((flows - common).astype(np.float64) ** 2).sum(-1))
    pooled = F.adaptive_avg_pool2d(torch.from_numpy(alone / (alone + HALF_PER_CENT)), (rows, columns)).numpy()
    ends = np.concatenate([pooled[:1], pooled]), np.concatenate([pooled, pooled[-1:]])
    weights: NDArray[np.float64] = (ends[0] + ends[1]) / 2  # of the step into a frame and the step out of it
    return weights


def against_before_and_first(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the cosines to the row before and to the first one, negative ones as 0: ``[T, d]`` to ``[T - 1]``.

    Example:
        >>> against_before_and_first(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
        array([1., 0.])
    """
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    before, first = (unit[1:] * unit[:-1]).sum(1), unit[1:] @ unit[0]
    found: NDArray[np.float64] = (np.clip(before, 0, 1) + np.clip(first, 0, 1)) / 2
    return found


@cache
def feature_maps(device: str) -> FeatureMaps:
    """One per process and device."""
    return FeatureMaps(device)


class FeatureMaps:
    """Feature maps of a clip's frames, shared by all that want them."""

    def __init__(self, device: str) -> None:
        self._device = torch.device(str(parse_device(device)))
        self._network = efficientnet_lite0(self._device)
        self.sha256 = file_sha256(asset_path(ASSET))

    def __call__(self, video: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Map uint8 ``[T, H, W, 3]`` to float32 ``[T, 1280, 7, 7]``."""
        return last_clip(video, f"maps[efficientnet-lite0] {self._device}", self._maps)

    def _maps(self, video: NDArray[np.uint8]) -> NDArray[np.float32]:
        def look(frames: Tensor) -> Tensor:
            return self._network.features(normalised(scaled(frames, SIDE, SIDE)))

        found: NDArray[np.float32] = in_batches(video, self._device, look).cpu().numpy()
        return found


class Consistency:
    """A :class:`harness.protocols.Scorer`: how alike each frame's subject, or background, is to what it was.

    Args:
        part: Which of the two.
        device: Torch device.
    """

    least_side = 16
    first = 1
    every = 1

    def __init__(self, part: Part, device: str) -> None:
        self._part = part
        self._maps = feature_maps(device)
        self._flow = flow_by("raft-small", device)

    def __call__(self, video: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Map uint8 ``[T ≥ 2, H, W, 3]`` to float64 ``[T - 1]`` in [0, 1], higher is better."""
        check_clip(video, f"{self._part} consistency", least_frames=2, least_side=self.least_side)
        maps = self._maps(video).astype(np.float64)
        weights = subject_weights(self._flow(video), *maps.shape[2:])
        if self._part == "background":
            weights = 1 - weights
        weights = weights + LEAST_WEIGHT
        rows = np.einsum("tchw,thw->tc", maps, weights) / weights.sum((1, 2))[:, None]
        return against_before_and_first(rows)

    def context(self) -> dict[str, Any]:
        """The weights behind the features, and what measured the flow."""
        return {"weights_sha256": self._maps.sha256, "flow": self._flow.context()}


def subject(device: str) -> Consistency:
    """The scorer ``subject-efficientnet-lite0``."""
    return Consistency("subject", device)


def background(device: str) -> Consistency:
    """The scorer ``background-efficientnet-lite0``."""
    return Consistency("background", device)
