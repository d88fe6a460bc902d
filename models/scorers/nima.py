"""NIMA: how beautiful a frame is, by a MobileNet that predicts the histogram of ten grades that people would give.

Talebi and Milanfar, NIMA: Neural image assessment, IEEE TIP 27(8), 2018 (arXiv 1709.05424). Weights: idealo's
image-quality-assessment, MobileNet trained on AVA, converted to safetensors under its Keras names. The network is
Keras's MobileNet (Howard et al., arXiv 1704.04861, width 1).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from harness.assets.locate import asset_path
from harness.device import parse_device
from harness.files import file_sha256
from models.scorers.pixels import check_clip, in_batches, scaled
from models.weights import read_weights

ASSET = "nima-mobilenet-ava"
SIDE = 224
BLOCKS = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1),
    (1024, 2), (1024, 1),
)  # fmt: skip
"""Channels and stride of each block."""
EPSILON = 1e-3


class Convolution(nn.Module):
    """Convolution, batch normalisation, ReLU6; padded at the right and bottom where it strides, as TensorFlow does."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=EPSILON)
        self.padding = (0, 0, 0, 0) if kernel == 1 else (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, inputs, H, W]`` to ``[N, outputs, H / stride, W / stride]``."""
        return F.relu6(self.norm(self.conv(F.pad(x, self.padding))))


class Nima(nn.Module):
    """From frames in [-1, 1], ``[N, 3, 224, 224]``, to the probabilities of grades 1 to 10, ``[N, 10]``."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Convolution(3, 32, 3, 2)
        inputs = 32
        blocks: list[nn.Module] = []
        for outputs, stride in BLOCKS:
            blocks += [Convolution(inputs, inputs, 3, stride, groups=inputs), Convolution(inputs, outputs, 1)]
            inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(inputs, 10)

    def forward(self, x: Tensor) -> Tensor:
        """The histogram."""
        histogram: Tensor = self.head(self.blocks(self.stem(x)).mean((2, 3))).softmax(-1)
        return histogram


def from_keras(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors under Keras's names as :class:`Nima` wants them."""
    found = {"head.weight": tensors["dense_1.kernel"].T, "head.bias": tensors["dense_1.bias"]}

    def convolution(place: str, kernel: Tensor, norm: str) -> None:
        found[f"{place}.conv.weight"] = kernel
        for ours, theirs in (
            ("weight", "gamma"), ("bias", "beta"), ("running_mean", "moving_mean"), ("running_var", "moving_variance"),
        ):  # fmt: skip
            found[f"{place}.norm.{ours}"] = tensors[f"{norm}.{theirs}"]

    convolution("stem", tensors["conv1.kernel"].permute(3, 2, 0, 1), "conv1_bn")
    for number in range(1, len(BLOCKS) + 1):
        depth = tensors[f"conv_dw_{number}.depthwise_kernel"].permute(2, 3, 0, 1)
        convolution(f"blocks.{2 * number - 2}", depth, f"conv_dw_{number}_bn")
        point = tensors[f"conv_pw_{number}.kernel"].permute(3, 2, 0, 1)
        convolution(f"blocks.{2 * number - 1}", point, f"conv_pw_{number}_bn")
    return {name: value.contiguous() for name, value in found.items()}


class Aesthetics:
    """A :class:`harness.protocols.Scorer`: the mean grade of every frame, 1 to 10.

    Raises:
        UsageError: No such device.
        AbsentError: The weights are not on this machine.
    """

    least_side = 16
    first = 0
    every = 1

    def __init__(self, device: str = "cpu") -> None:
        self._device = torch.device(str(parse_device(device)))
        path = asset_path(ASSET)
        with torch.random.fork_rng(devices=[]):  # torch draws first weights from its global generator
            self._network = Nima()
        missing, unknown = self._network.load_state_dict(from_keras(read_weights(path)[0]), strict=False)
        assert not unknown
        assert all(name.endswith("num_batches_tracked") for name in missing)
        self._network.to(self._device).eval().requires_grad_(False)
        self._sha256 = file_sha256(path)

    def __call__(self, video: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Map uint8 ``[T, H, W, 3]`` to float64 ``[T]``, higher is better."""
        check_clip(video, "NIMA", least_side=self.least_side)
        grades = torch.arange(1.0, 11.0, device=self._device)

        def look(frames: Tensor) -> Tensor:
            seen: Tensor = self._network(scaled(frames, SIDE, SIDE) / 127.5 - 1)
            return seen @ grades

        values: NDArray[np.float64] = in_batches(video, self._device, look).double().cpu().numpy()
        return values

    def context(self) -> dict[str, Any]:
        """The weights behind the values."""
        return {"weights_sha256": self._sha256}
