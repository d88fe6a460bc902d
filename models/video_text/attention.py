"""A block of attention over a short sequence, in which padding is never seen."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class AttentionBlock(nn.Module):
    """Pre-norm attention and bottleneck, both residual.

    Args:
        width: Width of a state, a multiple of ``heads``.
        heads: Attention heads.
        expansion: Width of the bottleneck over ``width``.
    """

    def __init__(self, width: int, heads: int, expansion: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.mixed = nn.Linear(width, width)
        self.inner_norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, width * expansion)
        self.down = nn.Linear(width * expansion, width)

    def forward(self, states: Tensor, present: Tensor | None) -> Tensor:
        """Map ``[N, L, width]`` to the same shape.

        Args:
            states: A sequence.
            present: bool ``[N, L]``, what may be seen; None for everything.
        """
        query, key, value = self.qkv(self.norm(states)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mask = None if present is None else present[:, None, None, :]
        seen = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        states = states + self.mixed(seen.transpose(1, 2).flatten(2))
        out: Tensor = states + self.down(F.gelu(self.up(self.inner_norm(states))))
        return out
