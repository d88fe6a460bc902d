"""Hyper-parameters of inverse-dynamics networks, as data (no torch)."""

from __future__ import annotations

from pydantic import Field, field_validator

from harness.types import Data


class IDMShape(Data):
    """Shape of an inverse-dynamics network; it fits frames of any number of tiles.

    Attributes:
        actions: Names of the actions that are told apart, in the order of their ids.
        tile_pixels: Side of a tile in pixels. A world that moves by whole tiles wants its own tile, one that moves
            smoothly a small one.
        reach: Shifts of up to this many tiles, across and along, are compared between the two frames.
        tile_width: Channels of a tile's embedding.
        tile_blocks: Residual blocks within a tile.
        heads: Groups of the embedding's channels that are compared each by themselves.
        width: Channels after the two frames have met.
        blocks: Residual blocks over neighbouring tiles.
        hidden: Width of the layer before the actions.
        expansion: Bottleneck width of a block over its channels.
        feature_width: Principal components of the pooled states that are kept for features.
    """

    actions: tuple[str, ...] = Field(min_length=2)
    tile_pixels: int = Field(default=8, ge=1)
    reach: int = Field(default=1, ge=0)
    tile_width: int = Field(default=64, ge=1)
    tile_blocks: int = Field(default=1, ge=0)
    heads: int = Field(default=8, ge=1)
    width: int = Field(default=96, ge=1)
    blocks: int = Field(default=3, ge=0)
    hidden: int = Field(default=64, ge=1)
    expansion: int = Field(default=2, ge=1)
    feature_width: int = Field(default=24, ge=1)

    @field_validator("actions")
    @classmethod
    def _distinct(cls, actions: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(actions)) < len(actions):
            raise ValueError("two actions have one name")
        return actions

    @property
    def pooled_width(self) -> int:
        """Numbers that a pair of frames is pooled to: mean and maximum over its tiles."""
        return 2 * self.width
