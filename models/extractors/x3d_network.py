"""X3D-XS with batch norms folded into its convolutions: the network behind ``x3d-xs-k400-int8dq``.

Feichtenhofer 2020 (arXiv 2004.04730). A stem of one spatial and one temporal convolution, four stages of inverted
bottlenecks (expand, depthwise 3 × 3 × 3, project), of which every other one weighs its channels (squeeze and
excitation), and a head of 2048 features before the 400 classes. Tensor names are those of the weight file.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.types import Data

STEM_CHANNELS = 24
FEATURES = 2048
CLASSES = 400


class Stage(Data):
    """Blocks of one resolution; the first of them halves height and width.

    Attributes:
        blocks: How many.
        channels: Channels between blocks.
        inner: Channels inside a block.
        squeezed: Channels of the squeeze.
    """

    blocks: int
    channels: int
    inner: int
    squeezed: int


class X3DShape(Data):
    """The stages, in order."""

    stages: tuple[Stage, ...]


X3D_XS = X3DShape(
    stages=(
        Stage(blocks=3, channels=24, inner=54, squeezed=8),
        Stage(blocks=5, channels=48, inner=108, squeezed=8),
        Stage(blocks=11, channels=96, inner=216, squeezed=16),
        Stage(blocks=7, channels=192, inner=432, squeezed=32),
    )
)


class Pointwise(nn.Conv3d):
    """A convolution of 1 × 1 × 1 as one matrix product, which on CPUs takes a fraction of the time of ``conv3d``."""

    def __init__(self, channels: int, out: int, stride: int = 1) -> None:
        super().__init__(channels, out, 1, (1, stride, stride))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[B, channels, T, H, W]`` to ``[B, out, T, H, W]``, every ``stride``-th row and column of it."""
        step = self.stride[1]
        x = x[:, :, :, ::step, ::step]
        assert self.bias is not None
        bias, weight = self.bias[:, None], self.weight.flatten(1).expand(len(x), -1, -1)
        mixed: Tensor = torch.baddbmm(bias, weight, x.flatten(2)).unflatten(2, x.shape[2:])
        return mixed


class Temporal(nn.Conv3d):
    """A convolution of each channel along time alone, as a sum of shifted clips: faster on CPUs, as above."""

    def __init__(self, channels: int, taps: int) -> None:
        super().__init__(channels, channels, (taps, 1, 1), 1, (taps // 2, 0, 0), groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[B, channels, T, H, W]`` to the same shape."""
        assert self.bias is not None
        taps, frames = self.kernel_size[0], x.shape[2]
        padded = F.pad(x, (0, 0, 0, 0, taps // 2, taps // 2))
        total = self.bias[:, None, None, None].expand_as(x).contiguous()
        for tap in range(taps):
            total = torch.addcmul(total, padded[:, :, tap : tap + frames], self.weight[:, 0, tap, None])
        return total


class Bottleneck(nn.Module):
    """Expand, filter each channel in space and time, project back, and add what came in.

    Args:
        channels: Channels that come in.
        stage: Its stage.
        first: True for the stage's first block, which halves height and width.
        squeezes: True if it weighs its channels by what they hold on average.
    """

    def __init__(self, channels: int, stage: Stage, *, first: bool, squeezes: bool) -> None:
        super().__init__()
        stride = (1, 2, 2) if first else (1, 1, 1)
        self.a = Pointwise(channels, stage.inner)
        self.b = nn.Conv3d(stage.inner, stage.inner, 3, stride, 1, groups=stage.inner)
        self.c = Pointwise(stage.inner, stage.channels)
        self.se = (
            nn.Sequential(
                Pointwise(stage.inner, stage.squeezed),
                nn.ReLU(),
                Pointwise(stage.squeezed, stage.inner),
                nn.Sigmoid(),
            )
            if squeezes
            else None
        )
        self.short = Pointwise(channels, stage.channels, 2) if first else None

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[B, channels, T, H, W]`` to ``[B, stage.channels, T, H, W]``, or half of H and W."""
        inner = self.b(F.relu(self.a(x)))
        if self.se is not None:
            inner = inner * self.se(inner.mean((2, 3, 4), keepdim=True))
        shortcut = x if self.short is None else self.short(x)
        return F.relu(self.c(F.silu(inner)) + shortcut)


class X3D(nn.Module):
    """The network, for clips of any length and size."""

    def __init__(self, shape: X3DShape = X3D_XS) -> None:
        super().__init__()
        self.stem_xy = nn.Conv3d(3, STEM_CHANNELS, (1, 3, 3), (1, 2, 2), (0, 1, 1))
        self.stem_t = Temporal(STEM_CHANNELS, 5)
        self.blocks = nn.ModuleList()
        channels = STEM_CHANNELS
        for stage in shape.stages:
            for index in range(stage.blocks):
                self.blocks.append(Bottleneck(channels, stage, first=index == 0, squeezes=index % 2 == 0))
                channels = stage.channels
        inner = shape.stages[-1].inner
        self.pre = Pointwise(channels, inner)
        self.lin5 = nn.Linear(inner, FEATURES)
        self.proj = nn.Linear(FEATURES, CLASSES)

    def features(self, x: Tensor) -> Tensor:
        """Map normalised RGB ``[B, 3, T, H, W]`` to ``[B, 2048]``, each at least 0."""
        x = F.relu(self.stem_t(self.stem_xy(x)))
        for block in self.blocks:
            x = block(x)
        return F.relu(self.lin5(F.relu(self.pre(x)).mean((2, 3, 4))))

    def forward(self, x: Tensor) -> Tensor:
        """Map normalised RGB ``[B, 3, T, H, W]`` to the logits of the 400 classes of Kinetics."""
        logits: Tensor = self.proj(self.features(x))
        return logits
