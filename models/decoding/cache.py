"""The static key/value cache: one slot per position of the grid, and one for what nobody reads."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from models.ar.prepared import PreparedTransformer
from models.ar.shapes import TransformerShape


def cache_size(shape: TransformerShape, slots: int, batch: int) -> tuple[int, int, int, int, int]:
    """Size of the keys, and of the values: layers, batch, key/value heads, slots and the trash slot, head width."""
    return (shape.layers, batch, shape.kv_heads, slots + 1, shape.head_dim)


@dataclass
class Cache:
    """Keys and values by slot, the trash slot last: ``[layers, B, kv heads, slots + 1, head_dim]`` each.

    Engines that take turns (the arms of a block) may share one: a generation begins by clearing it.

    Attributes:
        keys: Keys.
        values: Values.
        turn: Number of generations begun in it, by which one that was interrupted sees that another came between.
    """

    keys: Tensor
    values: Tensor
    turn: int = 0

    @classmethod
    def zeros(cls, model: PreparedTransformer, slots: int, batch: int = 1) -> Cache:
        """A cleared cache on the model's device, in its dtype."""
        size = cache_size(model.shape, slots, batch)
        keys, values = (torch.zeros(size, dtype=model.dtype, device=model.device) for _ in range(2))
        return cls(keys, values)

    def begin(self) -> None:
        """Say that a generation begins."""
        self.turn += 1

    @property
    def bytes(self) -> int:
        """Size of both."""
        return 2 * self.keys.numel() * self.keys.element_size()
