"""Counter-based sampling noise: a pure function of (case seed, frame, row, column, vocabulary id).

Every arm that draws the token at one place meets the same noise there, in whatever order, batch lane or pass it does
so. Bits come from the SplitMix64 finaliser (Steele, Lea, Flood 2014) over 64-bit counters: integer arithmetic only, so
they are the same on every device.
"""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from models.decoding.grid import Grid

GOLDEN = 0x9E3779B97F4A7C15
MIX_1 = 0xBF58476D1CE4E5B9
MIX_2 = 0x94D049BB133111EB
BITS = 23
"""Bits of a uniform draw: with half a step added, the largest float32 below 1 is never rounded up to it."""


def _signed(value: int) -> int:
    """Map an unsigned 64-bit constant to the int64 with the same bits."""
    return value - (1 << 64) if value >= 1 << 63 else value


def _shift(x: Tensor, bits: int) -> Tensor:
    """Logical right shift of int64 ``x``."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def mix(x: Tensor) -> Tensor:
    """SplitMix64's finaliser on int64 bit patterns (multiplication wraps)."""
    x = (x ^ _shift(x, 30)) * _signed(MIX_1)
    x = (x ^ _shift(x, 27)) * _signed(MIX_2)
    return x ^ _shift(x, 31)


def position_keys(seeds: list[int], grid: Grid, device: torch.device) -> Tensor:
    """One key per generated token and lane, from (case seed, frame, row, column).

    Args:
        seeds: Case seed of each batch lane, in [0, 2**63).
        grid: The grid.
        device: Where the keys go.

    Returns:
        int64 ``[lanes, grid.slots + 1]``, indexed by slot; 0 where nothing is drawn.
    """
    keys = torch.zeros(len(seeds), grid.slots + 1, dtype=torch.int64)
    index = torch.arange(grid.tokens)
    frame, inside = index // grid.frame_tokens, index % grid.frame_tokens
    row, column = inside // grid.columns, inside % grid.columns
    key = mix(torch.tensor(seeds, dtype=torch.int64))[:, None]
    for axis in (frame, row, column):
        key = mix(key + (axis + 1) * _signed(GOLDEN))
    keys[:, grid.prompt_slots + frame * grid.stride + inside] = key
    return keys.to(device)


def vocabulary_counters(size: int, device: torch.device) -> Tensor:
    """Counter of each vocabulary id, int64 ``[size]``."""
    return (torch.arange(size, dtype=torch.int64) * _signed(GOLDEN)).to(device)


def draw_bits(keys: Tensor, counters: Tensor) -> Tensor:
    """64 noise bits per key and vocabulary id, int64 ``[..., vocabulary]``."""
    return mix(keys[..., None] + counters)


def gumbel(bits: Tensor) -> Tensor:
    """Standard Gumbel noise in float32 from the top 23 bits; finite by construction."""
    uniform = (_shift(bits, 64 - BITS).to(torch.float32) + 0.5) * 2.0**-BITS
    return -torch.log(-torch.log(uniform))


def checksum(bits: Tensor, counters: Tensor) -> Tensor:
    """A 64-bit sum over the noise of one draw that no single changed value leaves as it was, int64 ``[...]``."""
    return (bits * (counters | 1)).sum(dim=-1)


def digest(checksums: Tensor) -> str:
    """SHA-256 over the checksums of all draws of one lane, by position and so free of order."""
    return hashlib.sha256(checksums.cpu().contiguous().numpy().tobytes()).hexdigest()
