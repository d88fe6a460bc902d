"""Hyper-parameters of text-to-video denoisers, as data (no torch)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from harness.types import Data

Prediction = Literal["epsilon", "v", "flow"]


class DenoiserShape(Data):
    """Shape of a diffusion transformer with cross-attention to a caption; its words travel with it.

    Attributes:
        words: Every word that captions may have, in the order of their ids from 1 (0 pads).
        example: A caption in these words.
        max_words: Most words of a caption.
        prediction: What the network says: the noise, v, or the flow from data to noise.
        frames: Frames of a video, one latent frame each.
        rows: Rows of a latent frame, a multiple of ``patch``.
        columns: Columns of a latent frame, a multiple of ``patch``.
        latent_mean: Mean of each latent channel over the training clips; the network sees standardised latents.
        latent_std: Their standard deviations.
        patch: Side of the square of latents that one token stands for.
        width: Width of a state, a multiple of ``heads``.
        layers: Blocks.
        heads: Attention heads.
        expansion: Width of a bottleneck over ``width``.
        text_layers: Layers over words.
    """

    words: tuple[str, ...] = Field(min_length=1)
    example: str
    max_words: int = Field(ge=1)
    prediction: Prediction
    frames: int = Field(default=8, ge=1)
    rows: int = Field(default=9, ge=1)
    columns: int = Field(default=9, ge=1)
    latent_mean: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    latent_std: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)
    patch: int = Field(default=3, ge=1)
    width: int = Field(default=112, ge=4)
    layers: int = Field(default=7, ge=1)
    heads: int = Field(default=4, ge=1)
    expansion: int = Field(default=4, ge=1)
    text_layers: int = Field(default=1, ge=0)

    @property
    def channels(self) -> int:
        """Latent channels."""
        return len(self.latent_mean)

    @property
    def latent_shape(self) -> tuple[int, int, int, int]:
        """``(channels, frames, rows, columns)`` of one video."""
        return self.channels, self.frames, self.rows, self.columns

    @model_validator(mode="after")
    def _fits(self) -> DenoiserShape:
        if self.rows % self.patch or self.columns % self.patch:
            raise ValueError(f"patch ({self.patch}) divides rows ({self.rows}) and columns ({self.columns})")
        if self.width % self.heads or self.width % 2:
            raise ValueError(f"width ({self.width}) must be even and a multiple of heads ({self.heads})")
        if len(self.latent_mean) != len(self.latent_std) or min(self.latent_std) <= 0:
            raise ValueError("latent_std must have a number above 0 for every latent channel")
        return self
