"""A vector-quantising tokenizer of convolutions: the network of aMUSEd's VQGAN, which MineWorld's release names.

The architecture is ``diffusers.VQModel``'s (0.32.2, as MineWorld's ``vae.py`` loads it by its ``config.json``), and so
are the tensors' names: an encoder that halves the frame between stages, the nearest of a codebook's vectors, and a
decoder that doubles it. Held against ``diffusers`` on drawn weights; never compared with the release's network on its
real weights, which were taken down.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from harness.errors import UsageError
from models.tokenizers.shapes import VQShape

EPS = 1e-6  # of every norm


class Residual(nn.Module):
    """Two 3 × 3 convolutions, each after a group norm and SiLU, around a connection (1 × 1 where widths differ)."""

    def __init__(self, inner: int, outer: int, groups: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, inner, EPS)
        self.conv1 = nn.Conv2d(inner, outer, 3, padding=1)
        self.norm2 = nn.GroupNorm(groups, outer, EPS)
        self.conv2 = nn.Conv2d(outer, outer, 3, padding=1)
        self.conv_shortcut = nn.Conv2d(inner, outer, 1) if inner != outer else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, inner, H, W]`` to ``[N, outer, H, W]``."""
        y = self.conv1(F.silu(self.norm1(x)))
        out: Tensor = self.conv_shortcut(x) + self.conv2(F.silu(self.norm2(y)))
        return out


class PlaceAttention(nn.Module):
    """One head over all places of a frame, around a connection."""

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.group_norm = nn.GroupNorm(groups, width, EPS)
        self.to_q, self.to_k, self.to_v = (nn.Linear(width, width) for _ in range(3))
        self.to_out = nn.ModuleList([nn.Linear(width, width)])

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, width, H, W]`` to the same shape."""
        places = self.group_norm(x).flatten(2).transpose(1, 2)
        seen = F.scaled_dot_product_attention(self.to_q(places), self.to_k(places), self.to_v(places))
        out: Tensor = x + self.to_out[0](seen).transpose(1, 2).reshape(x.shape)
        return out


class Middle(nn.Module):
    """Residual block, attention if there is any, residual block."""

    def __init__(self, width: int, shape: VQShape) -> None:
        super().__init__()
        self.resnets = nn.ModuleList(Residual(width, width, shape.groups) for _ in range(2))
        self.attentions = nn.ModuleList([PlaceAttention(width, shape.groups)] if shape.attention else [])

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, width, H, W]`` to the same shape."""
        x = self.resnets[0](x)
        for attention in self.attentions:
            x = attention(x)
        out: Tensor = self.resnets[1](x)
        return out


class Halve(nn.Module):
    """A 3 × 3 convolution of stride 2; the frame is padded at its right and lower side only."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, width, H, W]`` to ``[N, width, H / 2, W / 2]``."""
        out: Tensor = self.conv(F.pad(x, (0, 1, 0, 1)))
        return out


class Double(nn.Module):
    """Every place four times, then a 3 × 3 convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, width, H, W]`` to ``[N, width, 2 · H, 2 · W]``."""
        out: Tensor = self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        return out


class Stage(nn.Module):
    """Residual blocks of one resolution, and what changes it.

    Args:
        widths: Of the input and of the output.
        blocks: Number of residual blocks.
        groups: Of the norms.
        change: Name of the last part in the file (``downsamplers`` or ``upsamplers``), and the part.
    """

    def __init__(self, widths: tuple[int, int], blocks: int, groups: int, change: tuple[str, nn.Module | None]) -> None:
        super().__init__()
        inner, outer = widths
        self.resnets = nn.ModuleList(Residual(outer if i else inner, outer, groups) for i in range(blocks))
        name, part = change
        self.change = name
        self.add_module(name, nn.ModuleList([part] if part is not None else []))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, inner, H, W]`` to ``[N, outer, …]``."""
        for block in (*self.resnets, *self.get_submodule(self.change).children()):
            x = block(x)
        return x


class Encoder(nn.Module):
    """Float frames ``[N, 3, H, W]`` → ``[N, latent, rows, columns]``."""

    def __init__(self, shape: VQShape) -> None:
        super().__init__()
        widths, last = shape.widths, len(shape.widths) - 1
        self.conv_in = nn.Conv2d(3, widths[0], 3, padding=1)
        self.down_blocks = nn.ModuleList(
            Stage(
                (widths[max(i - 1, 0)], width), shape.blocks, shape.groups,
                ("downsamplers", Halve(width) if i < last else None),
            )
            for i, width in enumerate(widths)
        )  # fmt: skip
        self.mid_block = Middle(widths[-1], shape)
        self.conv_norm_out = nn.GroupNorm(shape.groups, widths[-1], EPS)
        self.conv_out = nn.Conv2d(widths[-1], shape.latent, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Run all stages."""
        x = self.conv_in(x)
        for stage in self.down_blocks:
            x = stage(x)
        out: Tensor = self.conv_out(F.silu(self.conv_norm_out(self.mid_block(x))))
        return out


class Decoder(nn.Module):
    """``[N, latent, rows, columns]`` → float frames ``[N, 3, H, W]``; a stage has one block more than the encoder's."""

    def __init__(self, shape: VQShape) -> None:
        super().__init__()
        widths, last = shape.widths[::-1], len(shape.widths) - 1
        self.conv_in = nn.Conv2d(shape.latent, widths[0], 3, padding=1)
        self.mid_block = Middle(widths[0], shape)
        self.up_blocks = nn.ModuleList(
            Stage(
                (widths[max(i - 1, 0)], width), shape.blocks + 1, shape.groups,
                ("upsamplers", Double(width) if i < last else None),
            )
            for i, width in enumerate(widths)
        )  # fmt: skip
        self.conv_norm_out = nn.GroupNorm(shape.groups, widths[-1], EPS)
        self.conv_out = nn.Conv2d(widths[-1], 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Run all stages."""
        x = self.mid_block(self.conv_in(x))
        for stage in self.up_blocks:
            x = stage(x)
        out: Tensor = self.conv_out(F.silu(self.conv_norm_out(x)))
        return out


class Codebook(nn.Module):
    """The vectors that tokens stand for."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(size, width)

    def nearest(self, z: Tensor) -> Tensor:
        """Ids ``[...]`` of the vectors nearest to ``[..., width]``, by Euclidean distance in at least float32."""
        exact = torch.float64 if z.dtype == torch.float64 else torch.float32
        z, vectors = z.to(exact), self.embedding.weight.to(exact)
        # |z|² is the same for every vector
        return (vectors.square().sum(-1) - 2 * (z @ vectors.T)).argmin(-1)


class VQTokenizer(nn.Module):
    """Frames to tokens and back, as :class:`models.tokenizers.fsq.FSQTokenizer` does; without its features.

    Args:
        shape: Hyper-parameters.
    """

    def __init__(self, shape: VQShape) -> None:
        super().__init__()
        self.shape = shape
        self.encoder, self.decoder = Encoder(shape), Decoder(shape)
        self.quant_conv = nn.Conv2d(shape.latent, shape.code_width, 1)
        self.quantize = Codebook(shape.vocabulary, shape.code_width)
        self.post_quant_conv = nn.Conv2d(shape.code_width, shape.latent, 1)

    def latents(self, frames: Tensor) -> Tensor:
        """What is quantised, ``[N, rows, columns, code_width]``, of float frames ``[N, 3, H, W]`` in [-1, 1]."""
        out: Tensor = self.quant_conv(self.encoder(frames)).permute(0, 2, 3, 1)
        return out

    def pixels(self, codes: Tensor) -> Tensor:
        """Code vectors ``[N, rows, columns, code_width]`` → float frames ``[N, 3, H, W]``, about [-1, 1]."""
        out: Tensor = self.decoder(self.post_quant_conv(codes.permute(0, 3, 1, 2)))
        return out

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
        weight = self.quantize.embedding.weight
        return frames.to(weight.device).permute(0, 3, 1, 2).to(weight.dtype) / 127.5 - 1.0

    @torch.no_grad()
    def encode(self, frames: Tensor | NDArray[np.uint8], batch: int = 8) -> Tensor:
        """Frames uint8 ``[N, H, W, 3]`` → token ids int64 ``[N, rows, columns]`` in ``[0, vocabulary)``.

        Args:
            frames: Sides are multiples of the tile.
            batch: Most frames at a time (memory).

        Raises:
            UsageError: Other frames.
        """
        parts = [self.quantize.nearest(self.latents(self.to_float(part))) for part in _parts(frames, batch)]
        return torch.cat(parts)

    @torch.no_grad()
    def decode(self, tokens: Tensor | NDArray[Any], batch: int = 8) -> NDArray[np.uint8]:
        """Token ids ``[N, rows, columns]`` → frames uint8 ``[N, H, W, 3]``, numbers cut off as the release does.

        Raises:
            UsageError: An id outside the vocabulary, or another shape.
        """
        if not isinstance(tokens, Tensor):
            tokens = torch.from_numpy(np.asarray(tokens).astype(np.int64))
        if tokens.dim() != 3:
            raise UsageError(f"image tokens are [N, rows, columns], not {list(tokens.shape)}.")
        size = self.shape.vocabulary
        if tokens.numel() and not (int(tokens.min()) >= 0 and int(tokens.max()) < size):
            raise UsageError(f"image tokens are 0 .. {size - 1}, not {int(tokens.min())} .. {int(tokens.max())}.")
        weight = self.quantize.embedding.weight
        parts = []
        for part in _parts(tokens, batch):
            pixels = self.pixels(F.embedding(part.to(weight.device), weight)).float()
            parts.append((((pixels.clamp(-1, 1) + 1) / 2) * 255).byte().permute(0, 2, 3, 1).cpu().numpy())
        return np.concatenate(parts)


def _parts(values: Any, batch: int) -> list[Any]:
    return [values[i : i + batch] for i in range(0, max(len(values), 1), batch)]
