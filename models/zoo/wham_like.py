"""A shape like Microsoft's WHAM 1.6B; random weights, speed only.

No hyper-parameter of the transformer could be read. From memory, unverified: 540 image tokens a frame (taken as
18 × 30), 4096 codes, 16 action tokens, a context of 10 frames. Assumed, and fitted to nothing: 24 layers of width 2048,
16 heads of 128, a gated feed-forward of four times the width. Hence ``-like``; its parameter count is its own.
"""

from __future__ import annotations

from harness.registry import register
from models.ar.shapes import TransformerShape
from models.zoo.cards import PublishedShape

WHAM_LIKE = PublishedShape(
    name="wham-like-1.6b",
    summary="like WHAM 1.6B, 10 frames of 18 × 30 + 16 tokens, random weights (speed only)",
    shape=TransformerShape(
        image_vocabulary=4096,
        vocabulary=4096 + 256,
        hidden=2048,
        mlp=8192,
        layers=24,
        heads=16,
        kv_heads=16,
        head_dim=128,
    ),
    rows=18,
    columns=30,
    actions_per_frame=16,
    prompt_frames=1,
    frames=9,
    max_positions=10 * (18 * 30 + 16),
    source="frame, codes, actions and context: from memory; the transformer: assumed",
)
register("model", WHAM_LIKE.name, summary=WHAM_LIKE.summary)(WHAM_LIKE)
