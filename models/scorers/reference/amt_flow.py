"""AMT's correlations of all pairs of places in two frames, and the update of flows that looks at them."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

RADIUS = 3
LEVELS = 4
LOOKED_AT = LEVELS * (2 * RADIUS + 1) ** 2
HIDDEN, FLOW, CORRELATION, JOINED = 76, 20, 64, 68
SLOPE = 0.1


def resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Scale ``[N, C, H, W]`` bilinearly, without antialiasing; as it is where the size fits."""
    if x.shape[2:] == size:
        return x
    return F.interpolate(x, size, mode="bilinear", align_corners=False)


class Correlations:
    """Products of the features of every place of one frame with those of every place of the other, at four scales.

    Args:
        one: Features ``[N, C, H, W]``, both sides at least 16.
        other: The same of the other frame.
    """

    def __init__(self, one: Tensor, other: Tensor) -> None:
        height, width = one.shape[2:]
        product = one.flatten(2).transpose(1, 2) @ other.flatten(2) / math.sqrt(one.shape[1])
        self._from_one = _pyramid(product.reshape(-1, 1, height, width))
        self._from_other = _pyramid(product.transpose(1, 2).reshape(-1, 1, height, width))

    def around(self, flow: Tensor) -> Tensor:
        """Look around where flows point.

        Args:
            flow: ``[N, 4, H, W]``, x and y in pixels of the features: from the other frame to the one, then back.

        Returns:
            ``[N, 2 · LOOKED_AT, H, W]``: of the one frame, then of the other; in each, scale by scale, steps along x
            slowest.
        """
        parts = ((self._from_one, flow[:, 2:]), (self._from_other, flow[:, :2]))
        return torch.cat([_looked_up(pyramid, towards) for pyramid, towards in parts], 1)


def _pyramid(product: Tensor) -> list[Tensor]:
    found = [product]
    for _ in range(LEVELS - 1):
        found.append(F.avg_pool2d(found[-1], 2))
    return found


def _looked_up(pyramid: list[Tensor], flow: Tensor) -> Tensor:
    """Values ``[N, LOOKED_AT, H, W]`` around the places that ``flow`` ``[N, 2, H, W]`` points to."""
    count, _, height, width = flow.shape
    rows, columns = torch.meshgrid(
        torch.arange(height, device=flow.device), torch.arange(width, device=flow.device), indexing="ij"
    )
    aimed = (flow + torch.stack((columns, rows))).permute(0, 2, 3, 1).reshape(-1, 1, 1, 2)
    steps = torch.arange(-RADIUS, RADIUS + 1, device=flow.device, dtype=flow.dtype)
    window = torch.stack(torch.meshgrid(steps, steps, indexing="ij"), -1)  # x along the first side, as RAFT's is
    found = []
    for level, plane in enumerate(pyramid):
        last = flow.new_tensor([plane.shape[3] - 1, plane.shape[2] - 1])
        grid = 2 * (aimed / 2**level + window) / last - 1
        seen = F.grid_sample(plane, grid, align_corners=True)
        found.append(seen.reshape(count, height, width, -1))
    return torch.cat(found, 3).permute(0, 3, 1, 2)


class FlowUpdate(nn.Module):
    """From features, flows and correlations at an eighth of the frame to changes of both."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.convc1 = nn.Conv2d(2 * LOOKED_AT, CORRELATION, 1)
        self.convf1 = nn.Conv2d(4, 2 * FLOW, 7, padding=3)
        self.convf2 = nn.Conv2d(2 * FLOW, FLOW, 3, padding=1)
        self.conv = nn.Conv2d(CORRELATION + FLOW, JOINED, 3, padding=1)
        self.gru = _two(JOINED + 4 + features, HIDDEN)
        self.feat_head = _two(HIDDEN, features)
        self.flow_head = _two(HIDDEN, 4)

    def forward(self, features: Tensor, flow: Tensor, correlations: Tensor) -> tuple[Tensor, Tensor]:
        """Map ``[N, features, H, W]``, ``[N, 4, H, W]``, ``[N, 2 · LOOKED_AT, H, W]`` to changes of both."""
        matched = _leaky(self.convc1(correlations))
        moved = _leaky(self.convf2(_leaky(self.convf1(flow))))
        joined = _leaky(self.conv(torch.cat((matched, moved), 1)))
        state = self.gru(torch.cat((joined, flow, features), 1))
        return self.flow_head(state), self.feat_head(state)


def _leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, SLOPE)


def _two(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, HIDDEN, 3, padding=1), nn.LeakyReLU(SLOPE), nn.Conv2d(HIDDEN, outputs, 3, padding=1)
    )
