"""Attention over one sequence, over a cache, and over a cache in parts."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

PART_SLOTS, MOST_PARTS = 256, 16
"""Keys of a part at least, and parts at most, of :func:`split_attention`."""


def packed_attention(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
    """Attend with grouped heads packed into the query axis, so that keys are never repeated.

    Args:
        q: ``[B, heads, N, D]``.
        k: ``[B, kv_heads, M, D]``.
        v: ``[B, kv_heads, M, D]``.
        bias: Added to the scores, ``[heads / kv_heads · N, M]``: 0 where seen, −inf elsewhere; None for everything.

    Returns:
        ``[B, heads, N, D]``.
    """
    batch, heads, length, width = q.shape
    packed = q.reshape(batch, k.shape[1], heads // k.shape[1] * length, width)
    return F.scaled_dot_product_attention(packed, k, v, attn_mask=bias).reshape(batch, heads, length, width)


def split_attention(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
    """The same as :func:`packed_attention`, the values summed up in parts of the keys' axis, side by side.

    For GPUs: with few queries, a kernel that keeps a head's keys together leaves most processors idle. Splitting them
    is flash-decoding's remedy (https://pytorch.org/blog/flash-decoding); here by plain batched products, scores and
    their softmax in one piece each, the partial sums joined in float32.

    Args:
        q: ``[B, heads, N, D]``.
        k: ``[B, kv_heads, M, D]``.
        v: ``[B, kv_heads, M, D]``.
        bias: See :func:`packed_attention`.

    Returns:
        ``[B, heads, N, D]``.
    """
    batch, heads, length, width = q.shape
    packed = q.reshape(batch, k.shape[1], heads // k.shape[1] * length, width) * width**-0.5
    scores = packed @ k.transpose(-1, -2)
    weights = (scores if bias is None else scores + bias).softmax(-1, dtype=sum_type(v.dtype)).to(v.dtype)
    seen = v.shape[2]
    parts = min(MOST_PARTS, max(1, seen // PART_SLOTS))
    size = seen // parts
    even = parts * size
    side_by_side = weights[..., :even].unflatten(-1, (parts, size)).transpose(-2, -3)
    out = (side_by_side @ v[:, :, :even].unflatten(2, (parts, size))).sum(2, dtype=sum_type(v.dtype))
    if even < seen:
        out = out + weights[..., even:] @ v[:, :, even:]
    joined: Tensor = out.to(v.dtype).reshape(batch, heads, length, width)
    return joined


def sum_type(dtype: torch.dtype) -> torch.dtype:
    """The type that numbers of ``dtype`` are added up in: float64 for itself, float32 for all others."""
    return dtype if dtype == torch.float64 else torch.float32


def causal_attention(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Plain causal attention over one sequence (training)."""
    groups = q.shape[1] // k.shape[1]
    if groups > 1:
        k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)
