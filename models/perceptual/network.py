"""The distance of the LPIPS family and the two AlexNets that it is computed on here.

With ``f_l(x)`` the features of stage l, scaled at every place to unit length over channels, and ``w_l ≥ 0`` one learned
weight per channel::

    d(x, y) = Σ_l  mean over places of  Σ_c  w_lc (f_lc(x) − f_lc(y))²

Zhang, Isola, Efros, Shechtman, Wang: The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, CVPR 2018
(arXiv 1801.03924). The shift-tolerant network (Ghildyal, Liu: Shift-tolerant Perceptual Similarity Metric, ECCV 2022,
arXiv 2207.13686) lowers its resolution only by blur-pooling (Zhang: Making Convolutional Networks Shift-Invariant
Again, ICML 2019, arXiv 1904.11486), also in its first convolution, so that a shift by one pixel hardly counts.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import skip_init

SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
"""ImageNet's mean and standard deviation, for pixels in [-1, 1], as LPIPS rounds them."""
CHANNELS = (64, 192, 384, 256, 256)
LENGTH_FLOOR = 1e-10
"""Added to the length of a feature vector before it is divided by it: a place without any feature stays without."""


class BlurPool(nn.Module):
    """Halve the resolution after a binomial blur: ``[1, 2, 1] / 4`` along both axes, then every second place.

    The picture is continued by two mirrored places on every side, one more than the filter needs: so the sides of the
    output keep a place that rests on the edge alone.
    """

    taps: Tensor

    def __init__(self) -> None:
        super().__init__()
        row = torch.tensor([1.0, 2.0, 1.0]) / 4
        self.register_buffer("taps", torch.outer(row, row)[None, None], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[n, c, h ≥ 3, w ≥ 3]`` to ``[n, c, ⌊(h + 1) / 2⌋ + 1, ⌊(w + 1) / 2⌋ + 1]``."""
        channels = x.shape[1]
        taps = self.taps.expand(channels, 1, 3, 3)
        return F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), taps, stride=2, groups=channels)


def _convolution(into: int, out: int, side: int, *, stride: int = 1, padding: int = 0) -> nn.Module:
    """A convolution whose weights are yet to be loaded: drawing some first would move torch's global generator."""
    made: nn.Module = skip_init(nn.Conv2d, into, out, side, stride=stride, padding=padding)
    return made


def alexnet_stages() -> nn.ModuleList:
    """AlexNet up to each of its five activations (Krizhevsky 2014, one weird trick), without its weights."""
    return nn.ModuleList(
        [
            nn.Sequential(_convolution(3, 64, 11, stride=4, padding=2), nn.ReLU()),
            nn.Sequential(nn.MaxPool2d(3, stride=2), _convolution(64, 192, 5, padding=2), nn.ReLU()),
            nn.Sequential(nn.MaxPool2d(3, stride=2), _convolution(192, 384, 3, padding=1), nn.ReLU()),
            nn.Sequential(_convolution(384, 256, 3, padding=1), nn.ReLU()),
            nn.Sequential(_convolution(256, 256, 3, padding=1), nn.ReLU()),
        ]
    )


def shift_tolerant_stages() -> nn.ModuleList:
    """The same with every stride given to blur-pools; the first comes before its activation; without weights."""
    return nn.ModuleList(
        [
            nn.Sequential(_convolution(3, 64, 11, padding=2), BlurPool(), nn.ReLU()),
            nn.Sequential(nn.MaxPool2d(3, stride=1), BlurPool(), _convolution(64, 192, 5, padding=2), nn.ReLU()),
            nn.Sequential(nn.MaxPool2d(3, stride=1), BlurPool(), _convolution(192, 384, 3, padding=1), nn.ReLU()),
            nn.Sequential(_convolution(384, 256, 3, padding=1), nn.ReLU()),
            nn.Sequential(_convolution(256, 256, 3, padding=1), nn.ReLU()),
        ]
    )


class PerceptualDistance(nn.Module):
    """A network's distance between pictures.

    Args:
        stages: Five parts of a network, each taking what the one before gives.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, stages: nn.ModuleList) -> None:
        super().__init__()
        self.stages = stages
        self.heads = nn.ParameterList(torch.zeros(channels) for channels in CHANNELS)
        self.register_buffer("shift", torch.tensor(SHIFT)[:, None, None], persistent=False)
        self.register_buffer("scale", torch.tensor(SCALE)[:, None, None], persistent=False)

    def features(self, pictures: Tensor) -> list[Tensor]:
        """Unit-length features of every stage, for pixels in [-1, 1], ``[n, 3, h, w]``."""
        found = []
        x = (pictures - self.shift) / self.scale
        for stage in self.stages:
            x = stage(x)
            found.append(x / (x.square().sum(1, keepdim=True).sqrt() + LENGTH_FLOOR))
        return found

    def forward(self, pictures: Tensor, others: Tensor) -> Tensor:
        """Distances ``[n]`` of pictures ``[n, 3, h, w]`` to as many others, pixels in [-1, 1]."""
        total = torch.zeros(len(pictures), dtype=pictures.dtype, device=pictures.device)
        for head, one, other in zip(self.heads, self.features(pictures), self.features(others), strict=True):
            weighed = (one - other).square() * head[:, None, None]
            total = total + weighed.sum(1).mean((1, 2))
        return total
