"""A tokenizer with one token per tile: finite scalar quantisation (Mentzer et al., arXiv 2309.15505).

Where the encoder sees one tile at a time (``encoder_kernel`` 1, for worlds drawn in tiles), equal tiles get equal
tokens wherever they stand; for views in perspective it may see its neighbours. The decoder looks at neighbouring tiles
(depthwise-separable convolutions), which lets it spread what one code cannot carry, such as the exact daylight. Fully
convolutional: one file serves frames of any number of tiles.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from harness.errors import UsageError
from models.tokenizers.shapes import TokenizerShape


class FSQ(nn.Module):
    """Rounds each of a few bounded numbers to a fixed set of levels; the code is their mixed-radix number.

    Args:
        levels: Number of levels per dimension, such as ``(8, 5, 5, 5)``.
    """

    levels: Tensor
    basis: Tensor

    def __init__(self, levels: tuple[int, ...]) -> None:
        super().__init__()
        self.size = int(np.prod(levels))
        self.register_buffer("levels", torch.tensor(levels), persistent=False)
        self.register_buffer("basis", torch.tensor(np.cumprod((1, *levels[:-1]))), persistent=False)

    def bound(self, z: Tensor) -> Tensor:
        """Squash ``[..., D]`` so that rounding gives integers in ``[-(L // 2), (L - 1) // 2]``."""
        levels = self.levels.to(z.dtype)
        half = (levels - 1) * (1 + 1e-3) / 2
        offset = torch.where(self.levels % 2 == 0, 0.5, 0.0).to(z.dtype)
        return (z + torch.atanh(offset / half)).tanh() * half - offset

    def quantise(self, z: Tensor) -> Tensor:
        """Codes in about [-1, 1], ``[..., D]``; the gradient passes straight through the rounding."""
        bounded = self.bound(z)
        rounded = bounded + (bounded.round() - bounded).detach()
        return rounded / (self.levels // 2)

    def index(self, codes: Tensor) -> Tensor:
        """Code vectors ``[..., D]`` → token ids ``[...]`` in ``[0, size)``."""
        digits = (codes * (self.levels // 2)).round().long() + self.levels // 2
        return (digits * self.basis).sum(-1)

    def codes(self, index: Tensor) -> Tensor:
        """Token ids ``[...]`` → code vectors ``[..., D]``; the inverse of :meth:`index`."""
        digits = (index[..., None] // self.basis) % self.levels
        return (digits - self.levels // 2).float() / (self.levels // 2)


class Block(nn.Module):
    """Residual block on ``[N, rows, columns, width]``: depthwise convolution over tiles, then a pointwise bottleneck.

    Args:
        width: Channels.
        kernel: Side of the depthwise kernel, odd; 1 keeps to the tile and has no convolution.
        expansion: Width of the bottleneck over ``width``.
    """

    def __init__(self, width: int, kernel: int, expansion: int) -> None:
        super().__init__()
        if kernel > 1:
            self.depthwise = nn.Conv2d(width, width, kernel, padding=kernel // 2, groups=width)
        self.kernel = kernel
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, width * expansion)
        self.down = nn.Linear(width * expansion, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, rows, columns, width]`` to the same shape."""
        inner = x
        if self.kernel > 1:
            # a channels-last tensor seen as NCHW costs no copy
            inner = self.depthwise(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        out: Tensor = x + self.down(F.gelu(self.up(self.norm(inner))))
        return out


def draw_weights(network: nn.Module, generator: torch.Generator) -> None:
    """Draw all weights from ``generator`` (normal, variance 1/fan-in; residual outputs start at zero)."""
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith("bias") or ".down." in name:
                parameter.zero_()
            elif parameter.dim() == 1:
                parameter.fill_(1.0)
            else:
                parameter.normal_(0.0, parameter[0].numel() ** -0.5, generator=generator)


class FSQTokenizer(nn.Module):
    """Frames to tokens and back.

    Args:
        shape: Hyper-parameters.
    """

    feature_mean: Tensor
    feature_projection: Tensor

    def __init__(self, shape: TokenizerShape) -> None:
        super().__init__()
        self.shape = shape
        pixels = 3 * shape.tile_pixels**2
        self.fsq = FSQ(shape.levels)
        self.encode_in = nn.Linear(pixels, shape.width)
        seen = shape.encoder_kernel
        self.encoder = nn.Sequential(*(Block(shape.width, seen, shape.expansion) for _ in range(shape.encoder_blocks)))
        self.encode_norm = nn.LayerNorm(shape.width)
        self.encode_out = nn.Linear(shape.width, len(shape.levels))
        self.decode_in = nn.Linear(len(shape.levels), shape.width)
        self.decoder = nn.Sequential(*(Block(shape.width, 3, shape.expansion) for _ in range(shape.decoder_blocks)))
        self.decode_norm = nn.LayerNorm(shape.width)
        self.decode_out = nn.Linear(shape.width, pixels)
        # set once, after training: principal directions of the tile states of training frames, whitened
        self.register_buffer("feature_mean", torch.zeros(shape.width))
        self.register_buffer("feature_projection", torch.zeros(shape.feature_width, shape.width))

    def reset(self, generator: torch.Generator) -> FSQTokenizer:
        """Draw fresh weights; see :func:`draw_weights`."""
        draw_weights(self, generator)
        return self

    def tile_states(self, frames: Tensor) -> Tensor:
        """Encoder states before quantisation: float ``[N, 3, H, W]`` in [-1, 1] → ``[N, rows, columns, width]``."""
        tiles = F.pixel_unshuffle(frames, self.shape.tile_pixels).permute(0, 2, 3, 1)
        states: Tensor = self.encode_norm(self.encoder(self.encode_in(tiles)))
        return states

    def latents(self, frames: Tensor) -> Tensor:
        """Unbounded latents ``[N, rows, columns, D]`` of float frames ``[N, 3, H, W]``."""
        out: Tensor = self.encode_out(self.tile_states(frames))
        return out

    def pixels(self, codes: Tensor) -> Tensor:
        """Code vectors ``[N, rows, columns, D]`` → float frames ``[N, 3, H, W]``, about [-1, 1]."""
        tiles = self.decode_out(self.decode_norm(self.decoder(self.decode_in(codes))))
        return F.pixel_shuffle(tiles.permute(0, 3, 1, 2), self.shape.tile_pixels)

    def forward(self, frames: Tensor) -> Tensor:
        """Reconstruct float frames ``[N, 3, H, W]`` through the quantiser (training)."""
        return self.pixels(self.fsq.quantise(self.latents(frames)))

    def to_float(self, frames: Tensor | NDArray[np.uint8]) -> Tensor:
        """Frames uint8 ``[N, H, W, 3]`` → float ``[N, 3, H, W]`` in [-1, 1], on the tokenizer's device."""
        if not isinstance(frames, Tensor):
            frames = torch.from_numpy(np.ascontiguousarray(frames))
        tile = self.shape.tile_pixels
        fits = frames.dim() == 4 and frames.shape[-1] == 3 and not (frames.shape[1] % tile or frames.shape[2] % tile)
        if not fits or frames.dtype != torch.uint8:
            raise UsageError(
                f"the tokenizer reads uint8 frames [N, height, width, 3] with sides divisible by {tile}, "
                f"not {frames.dtype} {list(frames.shape)}."
            )
        weight = self.encode_in.weight
        return frames.to(weight.device).permute(0, 3, 1, 2).to(weight.dtype) / 127.5 - 1.0

    @torch.no_grad()
    def encode(self, frames: Tensor | NDArray[np.uint8], batch: int = 256) -> Tensor:
        """Frames uint8 ``[N, H, W, 3]`` → token ids int64 ``[N, rows, columns]`` in ``[0, vocabulary)``.

        Args:
            frames: Sides are multiples of the tile.
            batch: Most frames at a time (memory).
        """
        parts = [self.fsq.index(self.fsq.quantise(self.latents(self.to_float(part)))) for part in _parts(frames, batch)]
        return torch.cat(parts)

    @torch.no_grad()
    def decode(self, tokens: Tensor | NDArray[Any], batch: int = 256) -> NDArray[np.uint8]:
        """Token ids ``[N, rows, columns]`` → frames uint8 ``[N, H, W, 3]``.

        Raises:
            UsageError: An id outside the vocabulary.
        """
        if not isinstance(tokens, Tensor):
            tokens = torch.from_numpy(np.asarray(tokens).astype(np.int64))
        if tokens.numel() and not (int(tokens.min()) >= 0 and int(tokens.max()) < self.fsq.size):
            raise UsageError(
                f"image tokens are 0 .. {self.fsq.size - 1}, not {int(tokens.min())} .. {int(tokens.max())}."
            )
        weight = self.encode_in.weight
        parts = []
        for part in _parts(tokens, batch):
            pixels = self.pixels(self.fsq.codes(part.to(weight.device)).to(weight.dtype)).float()
            parts.append(((pixels.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy())
        return np.concatenate(parts)

    @torch.no_grad()
    def projected_tiles(self, frames: Tensor | NDArray[np.uint8], batch: int = 256) -> Tensor:
        """Whitened principal components of the encoder's tile states, float32 ``[N, rows, columns, feature_width]``."""
        parts = []
        for part in _parts(frames, batch):
            states = self.tile_states(self.to_float(part)).float()
            parts.append((states - self.feature_mean.float()) @ self.feature_projection.float().T)
        return torch.cat(parts)

    def features(self, frames: Tensor | NDArray[np.uint8]) -> Tensor:
        """Per-frame features, float32 ``[N, 2 · feature_width]``.

        The mean over tiles (what is there; broken tiles are far from all training tiles) and the mean absolute
        difference between neighbouring tiles (how it is arranged), of :meth:`projected_tiles`.
        """
        tiles = self.projected_tiles(frames)
        down = (tiles[:, 1:] - tiles[:, :-1]).abs().mean((1, 2))
        right = (tiles[:, :, 1:] - tiles[:, :, :-1]).abs().mean((1, 2))
        return torch.cat((tiles.mean((1, 2)), (down + right) / 2), dim=1)

    def clip_features(self, frames: Tensor | NDArray[np.uint8]) -> Tensor:
        """One row for one clip, float32 ``[3 · feature_width]``.

        The mean over frames of :meth:`features`, and the mean absolute difference of each tile between consecutive
        frames (how it moves; zero for a still clip, large for a flickering one).

        Args:
            frames: uint8 ``[T ≥ 2, H, W, 3]``.
        """
        if len(frames) < 2:
            raise UsageError("a clip needs at least 2 frames for its temporal features.")
        tiles = self.projected_tiles(frames)
        motion = (tiles[1:] - tiles[:-1]).abs().mean((0, 1, 2))
        return torch.cat((self.features(frames).mean(0), motion))


def _parts(values: Any, batch: int) -> list[Any]:
    return [values[i : i + batch] for i in range(0, len(values), batch)]
