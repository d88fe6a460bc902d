"""Motion smoothness: how well every second frame is the one that an interpolator puts between its neighbours.

VBench's protocol (arXiv 2311.17982) with RIFE in place of AMT-S: take the frames of odd index away, interpolate them
anew, and compare; 1 minus the mean absolute difference over 255. Frames are looked at in a size that depends on the
clip alone; VBench's depends on the free memory of the card, and is not copied.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from harness.assets.locate import asset_path
from harness.device import parse_device
from harness.errors import DiptychError
from harness.files import file_sha256
from models.scorers.pixels import check_clip, scaled, to_tensor, working_size
from models.scorers.rife_network import MULTIPLE, Rife
from models.weights import read_tensors

ASSET = "rife-v4"
MOST_PIXELS = 1 << 18


class Smoothness:
    """A :class:`harness.protocols.Scorer`: agreement of the frames 1, 3, 5 … with the interpolated ones, 0 to 1.

    Raises:
        UsageError: No such device.
        AbsentError: The weights are not on this machine.
    """

    least_side = 16
    first = 1
    every = 2

    def __init__(self, device: str = "cpu") -> None:
        self._device = torch.device(str(parse_device(device)))
        path = asset_path(ASSET)
        with torch.random.fork_rng(devices=[]):  # torch draws first weights from its global generator
            self._network = Rife()
        stored = {name.removeprefix("module."): value for name, value in read_tensors(path).items()}
        wanted = self._network.state_dict()  # the file holds the teacher and the refinement of training, too
        missing = [name for name in wanted if name not in stored]
        if missing:
            raise DiptychError(
                f"{path} does not hold RIFE's network: it lacks {missing[0]} and {len(missing) - 1} more."
            )
        self._network.load_state_dict({name: stored[name] for name in wanted})
        self._network.to(self._device).eval().requires_grad_(False)
        self._sha256 = file_sha256(path)

    def __call__(self, video: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Map uint8 ``[T ≥ 3, H, W, 3]`` to float64 ``[(T - 1) // 2]``, higher is better."""
        check_clip(video, "motion smoothness", least_frames=3, least_side=self.least_side)
        height, width = video.shape[1:3]
        if height * width > MOST_PIXELS:
            height, width = working_size(height, width, least_side=16, most_pixels=MOST_PIXELS)
        right, below = -width % MULTIPLE, -height % MULTIPLE
        values = []
        with torch.inference_mode():
            for middle in range(1, len(video) - 1, 2):
                three = scaled(to_tensor(video[middle - 1 : middle + 2], self._device), height, width).round()
                padded = F.pad(three / 255, (0, right, 0, below))
                made = self._network(padded[:1], padded[2:])[0, :, :height, :width]
                error = (made.clamp(0, 1) * 255 - three[1]).abs().double().mean()
                values.append(1 - float(error) / 255)
        return np.array(values)

    def context(self) -> dict[str, Any]:
        """The weights behind the values."""
        return {"weights_sha256": self._sha256, "most_pixels": MOST_PIXELS}
