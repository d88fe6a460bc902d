"""Hyper-parameters of video transformers, as data (no torch)."""

from __future__ import annotations

from typing import Literal

from harness.types import Data

AXIS_SHARES = {"1d": (1.0,), "3d": (0.375, 0.3125, 0.3125)}
"""Share of a head's rotary pairs that each axis of a position has."""


class TransformerShape(Data):
    """Shape of a Llama-style video transformer (RMSNorm, rotary, SwiGLU, grouped heads).

    Attributes:
        image_vocabulary: Number of image token ids, ``0 .. image_vocabulary - 1``; the only ones sampled.
        vocabulary: All token ids: image tokens first, then action tokens.
        hidden: Width of the residual stream.
        mlp: Width of the gated feed-forward layer.
        layers: Number of blocks.
        heads: Query heads.
        kv_heads: Key/value heads; divides ``heads``.
        head_dim: Width of one head; even.
        position: ``"1d"`` rotary over the slot index (Llama), or ``"3d"`` over (frame, row, column).
        rope_theta: Rotary base.
        norm_eps: RMSNorm epsilon.
        tied: True if the output layer is the embedding.
    """

    image_vocabulary: int
    vocabulary: int
    hidden: int
    mlp: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    position: Literal["1d", "3d"] = "1d"
    rope_theta: float = 10000.0
    norm_eps: float = 1e-5
    tied: bool = False

    @property
    def position_axes(self) -> int:
        """Axes of a position id: 1 for the slot index, 3 for (frame, row, column)."""
        return len(AXIS_SHARES[self.position])

    @property
    def parameters(self) -> int:
        """Exact number of parameters."""
        attention = self.hidden * self.head_dim * (2 * self.heads + 2 * self.kv_heads)
        block = attention + 3 * self.hidden * self.mlp + 2 * self.hidden
        return self.layers * block + self.hidden + self.vocabulary * self.hidden * (1 if self.tied else 2)
