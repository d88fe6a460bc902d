"""Shapes like NVIDIA Cosmos' autoregressive models; random weights, speed only.

Read in NVIDIA's ``model_config.py`` (cosmos_predict1, autoregressive): layers, width, heads, 8 key/value heads,
feed-forward 14336, RMSNorm 1e-5, the 12B's head width 128. Confirmed by its documentation: 1024 × 640 pixels, a window
of 33 frames of which 9 are given. From memory, unverified: 5 latent frames of 40 × 64 tokens (2 given), 64,000 codes,
3-d rotary with base 500,000. Left out: normalised queries and keys, absolute positions, the text cross-attention. Hence
``-like``.
"""

from __future__ import annotations

from harness.registry import register
from models.ar.shapes import TransformerShape
from models.zoo.cards import PublishedShape

SIZES = {"4b": (16, 4096), "12b": (40, 5120)}
"""Layers, hidden."""

for _size, (_layers, _hidden) in SIZES.items():
    _card = PublishedShape(
        name=f"cosmos-like-{_size}",
        summary=f"like Cosmos' autoregressive {_size.upper()}, 5 frames of 40 × 64 tokens, random weights (speed only)",
        shape=TransformerShape(
            image_vocabulary=64000,
            vocabulary=64000,
            hidden=_hidden,
            mlp=14336,
            layers=_layers,
            heads=32,
            kv_heads=8,
            head_dim=128,
            position="3d",
            rope_theta=500000.0,
        ),
        rows=40,
        columns=64,
        actions_per_frame=0,
        prompt_frames=2,
        frames=3,
        max_positions=5 * 40 * 64,
        source="layers, widths, heads: NVIDIA's configuration; grid, codes and rotary base: from memory",
    )
    register("model", _card.name, summary=_card.summary)(_card)
