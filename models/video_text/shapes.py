"""Hyper-parameters of contrastive video-text networks, as data (no torch)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from harness.types import Data


class VideoTextShape(Data):
    """Shape of a video-text network; its words travel with it.

    Attributes:
        words: Every word that captions may have, in the order of their ids from 1 (0 pads).
        example: A caption in these words.
        max_words: Most words of a caption.
        video: ``"tiles"`` compares tiles of neighbouring frames and lets frames attend to each other; ``"volume"`` is
            3-D convolutions.
        text: ``"attention"``, or ``"recurrent"`` (a GRU in both directions).
        tile_pixels: Side of a tile in pixels.
        reach: Tiles: shifts of up to this many tiles are compared between neighbouring frames.
        tile_width: Channels of a tile's embedding.
        tile_blocks: Tiles: residual blocks within a tile.
        heads: Groups of channels that are compared each by themselves, and heads of attention.
        width: Channels after neighbouring frames have met.
        blocks: Tiles: residual blocks over neighbouring tiles.
        regions: A frame is pooled to this many regions along and across: where things are is told by region.
        time_width: Width of a frame's state.
        time_layers: Tiles: layers in which frames attend to each other.
        text_width: Width of a word's state.
        text_layers: Layers over words.
        expansion: Width inside a block over its width.
        embedding: Dimensions in which clips and captions are compared.
    """

    words: tuple[str, ...] = Field(min_length=1)
    example: str
    max_words: int = Field(default=20, ge=1)
    video: Literal["tiles", "volume"] = "tiles"
    text: Literal["attention", "recurrent"] = "attention"
    tile_pixels: int = Field(default=8, ge=1)
    reach: int = Field(default=1, ge=0)
    tile_width: int = Field(default=64, ge=1)
    tile_blocks: int = Field(default=1, ge=0)
    heads: int = Field(default=8, ge=1)
    width: int = Field(default=96, ge=1)
    blocks: int = Field(default=1, ge=0)
    regions: int = Field(default=3, ge=1)
    time_width: int = Field(default=128, ge=2)
    time_layers: int = Field(default=1, ge=0)
    text_width: int = Field(default=64, ge=2)
    text_layers: int = Field(default=2, ge=1)
    expansion: int = Field(default=2, ge=1)
    embedding: int = Field(default=64, ge=1)

    @field_validator("words")
    @classmethod
    def _distinct(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(words)) < len(words):
            raise ValueError("two words are one")
        return words

    @property
    def least_side(self) -> int:
        """Smallest height and width of a frame, in pixels: a tile for every region."""
        return self.regions * self.tile_pixels
