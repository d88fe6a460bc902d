"""Clips to feature rows through X3D-XS trained on Kinetics-400: the space ``x3d-xs-k400-int8dq``.

The weights were recovered from an int8 file and are calibrated against nothing, hence a name of their own; distances
in this space are no FVD, and comparable with no published number. A row has 2048 features, so that a Fréchet verdict
would need more than 2048 clips: below that the kernel distance carries it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from harness.assets.locate import asset_path
from harness.device import parse_device
from harness.errors import UsageError
from harness.files import file_sha256
from harness.types import Data
from models.extractors.x3d_network import X3D, X3D_XS
from models.weights import load_into, read_weights

ASSET = "x3d-xs-k400-int8dq"


class Preprocessing(Data):
    """What becomes of a clip before the network sees it; all of it is part of the context of a run.

    Attributes:
        least_frames: Shorter clips are refused: the network was trained on 4 frames.
        most_frames: Of longer clips so many frames are taken, evenly from the first to the last.
        side: The shorter side is scaled to so many pixels (bilinear, antialiased), and the middle square cut out.
        mean: Taken from values in [0, 1], the same for red, green and blue.
        deviation: What they are divided by then.
    """

    least_frames: int = 4
    most_frames: int = 16
    side: int = 160
    mean: float = 0.45
    deviation: float = 0.225

    def frames_of(self, count: int) -> NDArray[np.int64]:
        """Indices of the frames that are taken of a clip of ``count``.

        Raises:
            UsageError: There are too few.
        """
        if count < self.least_frames:
            raise UsageError(f"{ASSET} needs clips of at least {self.least_frames} frames, not {count}.")
        taken = min(count, self.most_frames)
        return np.linspace(0, count - 1, taken).round().astype(np.int64)

    def __call__(self, video: NDArray[np.uint8], device: str = "cpu") -> Tensor:
        """Map uint8 ``[T, H, W, 3]`` to float32 ``[3, frames, side, side]``."""
        if video.dtype != np.uint8 or video.ndim != 4 or video.shape[-1] != 3 or 0 in video.shape:
            raise UsageError(
                f"{ASSET} reads uint8 clips [frames, height, width, 3], not {video.dtype} {list(video.shape)}."
            )
        chosen = np.ascontiguousarray(video[self.frames_of(len(video))])
        frames = torch.from_numpy(chosen).to(device).permute(0, 3, 1, 2).float() / 255
        height, width = frames.shape[2:]
        scale = self.side / min(height, width)
        size = [max(self.side, round(height * scale)), max(self.side, round(width * scale))]
        if size != [height, width]:
            frames = F.interpolate(frames, size, mode="bilinear", align_corners=False, antialias=True)
        top, left = (size[0] - self.side) // 2, (size[1] - self.side) // 2
        square = frames[:, :, top : top + self.side, left : left + self.side]
        return ((square - self.mean) / self.deviation).permute(1, 0, 2, 3)


class X3DFeatures:
    """A :class:`harness.protocols.BatchedExtractor`.

    Raises:
        UsageError: No such device.
        AbsentError: The weights are not on this machine.
        DiptychError: They are not those of the table of assets, or do not fit the network.
    """

    dimensions = 2048

    def __init__(self, device: str = "cpu") -> None:
        self._device = str(parse_device(device))
        path = asset_path(ASSET)
        tensors, header = read_weights(path)
        with torch.random.fork_rng(devices=[]):  # torch draws first weights from its global generator
            self.model = X3D(X3D_XS)
        load_into(path, self.model, X3D_XS, tensors, header)
        self.model.to(self._device).eval().requires_grad_(False)
        self.preprocess = Preprocessing()
        self._sha256 = file_sha256(path)

    def __call__(self, video: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Map uint8 ``[T ≥ 4, H, W, 3]`` to float64 ``[2048]``."""
        row: NDArray[np.float64] = self.rows([video])[0]
        return row

    def rows(self, videos: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
        """Map clips of as many frames to float64 ``[clips, 2048]``."""
        rows: NDArray[np.float64] = self._through(self.model.features, videos)
        return rows

    def logits(self, videos: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
        """Map clips of as many frames to the logits of Kinetics' classes, float64 ``[clips, 400]``."""
        return self._through(self.model, videos)

    @torch.inference_mode()
    def _through(self, network: Any, videos: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
        together = 1 if self._device == "cpu" else len(videos)  # on a CPU a batch leaves the caches and takes longer
        found: list[NDArray[np.float64]] = []
        for start in range(0, len(videos), together):
            clips = [self.preprocess(video, self._device) for video in videos[start : start + together]]
            found.append(network(torch.stack(clips)).double().cpu().numpy())
        return np.concatenate(found)

    def context(self) -> dict[str, Any]:
        """The weights behind the features, and what becomes of a clip before."""
        return {"weights_sha256": self._sha256, "preprocessing": self.preprocess.model_dump(mode="json")}


def x3d_xs(device: str) -> X3DFeatures:
    """The extractor ``x3d-xs-k400-int8dq``."""
    return X3DFeatures(device)
