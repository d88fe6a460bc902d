"""Video encoders: a clip in, one vector out. Both see motion, and both take any number of frames and tiles."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.tokenizers.fsq import Block
from models.video_text.attention import AttentionBlock
from models.video_text.shapes import VideoTextShape


def before(frames: Tensor) -> Tensor:
    """The frame before each, ``[N, T, ...]`` to the same shape; the first has itself."""
    return torch.cat((frames[:, :1], frames[:, :-1]), 1)


def region_means(states: Tensor, regions: int) -> Tensor:
    """Mean over each region: ``[N, rows, columns, width]`` to ``[N, regions² · width]``."""
    pooled = F.adaptive_avg_pool2d(states.permute(0, 3, 1, 2), regions)
    return pooled.flatten(1)


def region_peaks(states: Tensor, regions: int) -> Tensor:
    """Maximum over each region: ``[N, rows, columns, width]`` to ``[N, regions² · width]``."""
    pooled = F.adaptive_max_pool2d(states.permute(0, 3, 1, 2), regions)
    return pooled.flatten(1)


def time_waves(frames: int, width: int, device: torch.device) -> Tensor:
    """Sines and cosines of a frame's index, float ``[frames, width]`` (Vaswani et al., arXiv 1706.03762)."""
    rates = torch.exp(torch.arange(0, width, 2, device=device) * (-math.log(100.0) / width))
    angles = torch.arange(frames, device=device)[:, None] * rates
    return torch.stack((angles.sin(), angles.cos()), -1).flatten(1)[:, :width]


class TileVideo(nn.Module):
    """Tiles are embedded each by themselves and compared with those around their place in the frame before.

    A map that scrolls then lights up one shift everywhere, as in :class:`models.idm.network.InverseDynamics`. Regions
    of a frame are pooled; frames attend to each other; the first frame and the mean of all give the clip.

    Args:
        shape: Hyper-parameters.
    """

    def __init__(self, shape: VideoTextShape) -> None:
        super().__init__()
        self.shape = shape
        shifts = (2 * shape.reach + 1) ** 2
        self.embed_in = nn.Linear(3 * shape.tile_pixels**2, shape.tile_width)
        self.tile_layers = nn.Sequential(
            *(Block(shape.tile_width, 1, shape.expansion) for _ in range(shape.tile_blocks))
        )
        self.tile_norm = nn.LayerNorm(shape.tile_width)
        self.join = nn.Linear(2 * shape.tile_width + shifts * shape.heads, shape.width)
        self.layers = nn.Sequential(*(Block(shape.width, 3, shape.expansion) for _ in range(shape.blocks)))
        self.norm = nn.LayerNorm(shape.width)
        self.frame = nn.Linear(2 * shape.regions**2 * shape.width, shape.time_width)
        self.time_layers = nn.ModuleList(
            AttentionBlock(shape.time_width, shape.heads, shape.expansion) for _ in range(shape.time_layers)
        )
        self.time_norm = nn.LayerNorm(shape.time_width)
        self.out = nn.Linear(2 * shape.time_width, shape.embedding)

    def compare(self, earlier: Tensor, later: Tensor) -> Tensor:
        """Similarity of each tile to those around its place before, ``[N, rows, columns, shifts · heads]``.

        Both are ``[N, rows, columns, tile_width]``. Places outside the frame count as unlike anything (0).
        """
        rows, columns, reach = earlier.shape[1], earlier.shape[2], self.shape.reach
        heads = (*earlier.shape[:3], self.shape.heads, -1)
        ours = F.normalize(later.reshape(heads), dim=-1)
        theirs = F.pad(F.normalize(earlier.reshape(heads), dim=-1), (0, 0, 0, 0, reach, reach, reach, reach))
        span = range(2 * reach + 1)
        found = [(ours * theirs[:, y : y + rows, x : x + columns]).sum(-1) for y in span for x in span]
        return torch.cat(found, -1)

    def forward(self, clips: Tensor) -> Tensor:
        """Float ``[N, T, 3, H, W]`` in [-1, 1] to ``[N, embedding]``, not normalised."""
        count, length = clips.shape[:2]
        pixels = F.pixel_unshuffle(clips.flatten(0, 1), self.shape.tile_pixels).permute(0, 2, 3, 1)
        tiles = self.tile_norm(self.tile_layers(self.embed_in(pixels)))
        earlier = before(tiles.unflatten(0, (count, length))).flatten(0, 1)
        joined = torch.cat((tiles, tiles - earlier, self.compare(earlier, tiles)), -1)
        states = self.norm(self.layers(self.join(joined)))
        pooled = torch.cat((region_means(states, self.shape.regions), region_peaks(states, self.shape.regions)), -1)
        frames = self.frame(pooled).unflatten(0, (count, length))
        frames = frames + time_waves(length, frames.shape[-1], frames.device)
        for layer in self.time_layers:
            frames = layer(frames, None)
        frames = self.time_norm(frames)
        out: Tensor = self.out(torch.cat((frames[:, 0], frames.mean(1)), -1))
        return out


class VolumeVideo(nn.Module):
    """3-D convolutions over frames and their differences; the first frame's regions, and means and maxima over time.

    Args:
        shape: Hyper-parameters.
    """

    def __init__(self, shape: VideoTextShape) -> None:
        super().__init__()
        self.shape = shape
        tile, narrow, wide = shape.tile_pixels, shape.tile_width, shape.width
        self.stem = nn.Conv3d(6, narrow, (1, tile, tile), (1, tile, tile))
        self.near = nn.Conv3d(narrow, wide, 3, padding=1)
        self.near_norm = nn.GroupNorm(1, wide)
        self.far = nn.Conv3d(wide, wide, 3, padding=1)
        self.far_norm = nn.GroupNorm(1, wide)
        self.hidden = nn.Linear(3 * shape.regions**2 * wide, shape.time_width)
        self.out = nn.Linear(shape.time_width, shape.embedding)

    def forward(self, clips: Tensor) -> Tensor:
        """Float ``[N, T, 3, H, W]`` in [-1, 1] to ``[N, embedding]``, not normalised."""
        seen = torch.cat((clips, clips - before(clips)), 2).transpose(1, 2)
        states = F.gelu(self.stem(seen))
        states = F.gelu(self.near_norm(self.near(states)))
        # at least as many places as regions stay: halving rounds up, and overlapping regions are pooled
        states = F.max_pool3d(states, (1, 2, 2), ceil_mode=True)
        states = states + F.gelu(self.far_norm(self.far(states)))
        regions = self.shape.regions
        parts = [
            F.adaptive_avg_pool2d(part, regions).flatten(1)
            for part in (states[:, :, 0], states.mean(2), states.amax(2))
        ]
        out: Tensor = self.out(F.gelu(self.hidden(torch.cat(parts, -1))))
        return out
