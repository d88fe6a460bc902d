"""A diffusion transformer (Peebles & Xie, arXiv 2212.09748) with cross-attention to the words of a caption.

Tokens are squares of latents of one frame. The timestep moves every block's norms; one table serves all blocks, to
which each adds its own constants (PixArt-α, arXiv 2310.00426). Attention is full, over space and time.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.diffusion.shapes import DenoiserShape

FREQUENCIES = 64
MOVED = 6
"""Shift, scale and gate of a block's attention and of its bottleneck."""


class Block(nn.Module):
    """Attention among the video's tokens, to the caption's words, and a bottleneck, all residual.

    Args:
        shape: Hyper-parameters.
    """

    def __init__(self, shape: DenoiserShape) -> None:
        super().__init__()
        width = shape.width
        self.heads = shape.heads
        self.moved = nn.Parameter(torch.zeros(MOVED, width))
        self.to_qkv = nn.Linear(width, 3 * width)
        self.to_out = nn.Linear(width, width)
        self.cross_norm = nn.LayerNorm(width)
        self.cross_q = nn.Linear(width, width)
        self.cross_kv = nn.Linear(width, 2 * width)
        self.cross_out = nn.Linear(width, width)
        self.up = nn.Linear(width, shape.expansion * width)
        self.down = nn.Linear(shape.expansion * width, width)

    def forward(self, states: Tensor, times: Tensor, words: Tensor, present: Tensor) -> Tensor:
        """Map ``[B, N, width]`` to the same shape.

        Args:
            states: The video's tokens.
            times: What the timestep moves, ``[B, 6, width]``.
            words: States of the caption's words, ``[B, L, width]``.
            present: bool ``[B, L]``, the words that are there.
        """
        shift, scale, gate, inner_shift, inner_scale, inner_gate = (times + self.moved)[:, :, None].unbind(1)
        seen = F.layer_norm(states, states.shape[-1:]) * (1 + scale) + shift
        query, key, value = self.to_qkv(seen).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        found = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        states = states + gate * self.to_out(found)
        query = self.cross_q(self.cross_norm(states)).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        key, value = self.cross_kv(words).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        found = F.scaled_dot_product_attention(query, key, value, attn_mask=present[:, None, None])
        states = states + self.cross_out(found.transpose(1, 2).flatten(2))
        inner = F.layer_norm(states, states.shape[-1:]) * (1 + inner_scale) + inner_shift
        out: Tensor = states + inner_gate * self.down(F.gelu(self.up(inner)))
        return out


class WordBlock(nn.Module):
    """Words attend to each other; pre-norm, residual.

    Args:
        shape: Hyper-parameters.
    """

    def __init__(self, shape: DenoiserShape) -> None:
        super().__init__()
        width = shape.width
        self.heads = shape.heads
        self.norm = nn.LayerNorm(width)
        self.to_qkv = nn.Linear(width, 3 * width)
        self.to_out = nn.Linear(width, width)
        self.inner_norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)

    def forward(self, states: Tensor, present: Tensor) -> Tensor:
        """Map ``[B, L, width]`` to the same shape; ``present`` is bool ``[B, L]``."""
        query, key, value = self.to_qkv(self.norm(states)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        found = F.scaled_dot_product_attention(query, key, value, attn_mask=present[:, None, None])
        states = states + self.to_out(found.transpose(1, 2).flatten(2))
        out: Tensor = states + self.down(F.gelu(self.up(self.inner_norm(states))))
        return out


class Denoiser(nn.Module):
    """Predicts noise, v or flow of standardised latents at a timestep, told a caption.

    Args:
        shape: Hyper-parameters.
    """

    def __init__(self, shape: DenoiserShape) -> None:
        super().__init__()
        self.shape = shape
        width, inputs = shape.width, shape.channels * shape.patch**2
        self.embed_words = nn.Embedding(len(shape.words) + 1, width)
        self.embed_places = nn.Embedding(shape.max_words + 1, width)
        self.words = nn.ModuleList(WordBlock(shape) for _ in range(shape.text_layers))
        self.words_norm = nn.LayerNorm(width)
        self.patch_in = nn.Linear(inputs, width)
        self.embed_frames = nn.Parameter(torch.zeros(shape.frames, 1, width))
        self.embed_tiles = nn.Parameter(torch.zeros(1, shape.rows * shape.columns // shape.patch**2, width))
        self.time_in = nn.Linear(2 * FREQUENCIES, width)
        self.time_out = nn.Linear(width, width)
        self.time_moved = nn.Linear(width, MOVED * width)
        self.layers = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.moved = nn.Parameter(torch.zeros(2, width))
        self.patch_out = nn.Linear(width, inputs)

    def reset(self, generator: torch.Generator) -> Denoiser:
        """Draw fresh weights: normal, variance 1/fan-in; gates, what goes out and biases begin at zero."""
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if name.endswith("bias") or "moved" in name or name.startswith("patch_out"):
                    parameter.zero_()
                elif name.startswith("embed_"):
                    parameter.normal_(0.0, 0.1, generator=generator)
                elif parameter.dim() == 1:
                    parameter.fill_(1.0)
                else:
                    parameter.normal_(0.0, parameter.shape[1] ** -0.5, generator=generator)
        return self

    def word_states(self, words: Tensor) -> tuple[Tensor, Tensor]:
        """States of word ids int64 ``[B, max_words]``, after one that stands for the caption as such, and which exist.

        The empty caption is that first state alone.
        """
        words = F.pad(words, (1, 0))
        present = words > 0
        present[:, 0] = True
        states = self.embed_words(words) + self.embed_places.weight
        for layer in self.words:
            states = layer(states, present)
        return self.words_norm(states), present

    def forward(self, latents: Tensor, timesteps: Tensor, words: Tensor) -> Tensor:
        """Predict from noised latents.

        Args:
            latents: float ``[B, channels, frames, rows, columns]``, standardised and noised.
            timesteps: float or int ``[B]``, 0 (clean) to 1000 (noise).
            words: Word ids, int64 ``[B, max_words]``; all 0 is the empty caption.

        Returns:
            The shape of ``latents``.
        """
        shape, patch = self.shape, self.shape.patch
        batch, channels, frames, rows, columns = latents.shape
        tiles = latents.reshape(batch, channels, frames, rows // patch, patch, columns // patch, patch)
        tokens = self.patch_in(tiles.permute(0, 2, 3, 5, 1, 4, 6).flatten(4).flatten(2, 3))
        states = (tokens + self.embed_frames + self.embed_tiles).flatten(1, 2)
        moved = self._times(timesteps)
        told, present = self.word_states(words)
        by_block = self.time_moved(F.silu(moved)).unflatten(-1, (MOVED, shape.width))
        for layer in self.layers:
            states = layer(states, by_block, told, present)
        shift, scale = (moved[:, None] + self.moved)[:, :, None].unbind(1)
        out = self.patch_out(F.layer_norm(states, states.shape[-1:]) * (1 + scale) + shift)
        squares = out.unflatten(1, (frames, rows // patch, columns // patch)).unflatten(-1, (channels, patch, patch))
        found: Tensor = squares.permute(0, 4, 1, 2, 5, 3, 6).reshape(latents.shape)
        return found

    def _times(self, timesteps: Tensor) -> Tensor:
        """States of timesteps, ``[B, width]``: sines and cosines of periods from 1 to 10,000, then two layers."""
        steps = torch.arange(FREQUENCIES, device=timesteps.device) / FREQUENCIES
        angles = timesteps.float()[:, None] * torch.exp(-math.log(10_000.0) * steps)
        waves = torch.cat((angles.cos(), angles.sin()), dim=-1).to(self.time_in.weight.dtype)
        out: Tensor = self.time_out(F.silu(self.time_in(waves)))
        return out
