"""Hyper-parameters of state readers, as data (no torch)."""

from __future__ import annotations

from pydantic import Field

from harness.types import Data


class StateReaderShape(Data):
    """Shape of a state reader; it takes frames of any number of whole tiles.

    Attributes:
        states: Different ids that a tile may have, from 0 (Crafter: 13 materials, player, creatures, arrow, plant).
        tile_pixels: Side of a tile in pixels.
        width: Width of the two hidden layers, which see one tile at a time.
    """

    states: int = Field(default=19, ge=2)
    tile_pixels: int = Field(default=8, ge=1)
    width: int = Field(default=32, ge=1)
