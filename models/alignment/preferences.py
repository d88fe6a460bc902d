"""What preference training reads: captions, latents of winners and losers, weights; out of a finished collection."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Preferences:
    """Weighed pairs of latents.

    Attributes:
        captions: What the model was told, one a pair.
        winners: float32 ``[n, C, T, H, W]``, stored in float16: what was decoded and scored.
        losers: The same of the other videos.
        weights: float64 ``[n]``, above 0.
        sha256: Of ``collection.json`` and the file of pairs, one after the other.
        facts: Where they come from (JSON): folder, file of pairs, model, its weights' SHA-256, score, options, counts.
    """

    captions: tuple[str, ...]
    winners: Tensor
    losers: Tensor
    weights: Tensor
    sha256: str
    facts: dict[str, Any] = field(default_factory=dict)
