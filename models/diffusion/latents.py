"""The latent space of the zoo's diffusion models: a tokenizer's codes, standardised; decoding takes the nearest."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.tokenizers.fsq import FSQTokenizer


class CodeSpace:
    """Between frames and latents.

    Args:
        tokenizer: Its codes are the latents.
        mean: Mean of each dimension of the codes.
        std: Standard deviation of each.
    """

    def __init__(self, tokenizer: FSQTokenizer, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        self.tokenizer = tokenizer
        self.device = tokenizer.encode_in.weight.device
        self.mean = torch.tensor(mean, device=self.device)
        self.std = torch.tensor(std, device=self.device)

    def from_tokens(self, tokens: Tensor) -> Tensor:
        """Token ids ``[B, T, rows, columns]`` → latents float32 ``[B, C, T, rows, columns]``."""
        codes = self.tokenizer.fsq.codes(tokens.to(self.device).long())
        return ((codes - self.mean) / self.std).permute(0, 4, 1, 2, 3).contiguous()

    def encode(self, frames: NDArray[np.uint8]) -> Tensor:
        """Frames uint8 ``[B, T, height, width, 3]`` → latents float32 ``[B, C, T, rows, columns]``."""
        tokens = self.tokenizer.encode(np.ascontiguousarray(frames).reshape(-1, *frames.shape[2:]))
        return self.from_tokens(tokens.unflatten(0, frames.shape[:2]))

    def tokens(self, latents: Tensor) -> Tensor:
        """Latents ``[B, C, T, rows, columns]`` → the nearest token ids ``[B, T, rows, columns]``."""
        levels = self.tokenizer.fsq.levels
        codes = latents.float().to(self.device).permute(0, 2, 3, 4, 1) * self.std + self.mean
        digits = (codes * (levels // 2)).round() + levels // 2
        digits = torch.minimum(digits.clamp(min=0), (levels - 1).to(digits.dtype)).long()
        return (digits * self.tokenizer.fsq.basis).sum(-1)

    def decode(self, latents: Tensor) -> NDArray[np.uint8]:
        """Latents ``[B, C, T, rows, columns]`` → frames uint8 ``[B, T, height, width, 3]``."""
        tokens = self.tokens(latents)
        frames = self.tokenizer.decode(tokens.flatten(0, 1))
        return frames.reshape(*tokens.shape[:2], *frames.shape[1:])
