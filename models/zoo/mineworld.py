"""MineWorld's transformers (arXiv 2504.08388), by the hyper-parameters of its release; random weights, speed only.

``configs/*.yaml`` of github.com/microsoft/mineworld at b9aebcf; the sizes agree with the paper's Table 6. A frame is
14 × 24 image tokens and 11 action tokens; 347 · 16 = 5552 positions, or 347 · 32. There is no 32-frame configuration of
the 300M. The names are the paper's: they have 321, 726 and 1229 million parameters.
"""

from __future__ import annotations

from harness.registry import register
from models.ar.shapes import TransformerShape
from models.zoo.cards import PublishedShape

ROWS, COLUMNS, ACTIONS = 14, 24, 11
SIZES = {"300m": (1024, 4096, 16), "700m": (2048, 4096, 32), "1.2b": (2048, 8192, 32)}
"""Hidden, MLP, heads."""
WINDOWS = {"300m": (16,), "700m": (16, 32), "1.2b": (16, 32)}
"""Frames of context that configurations exist for."""


def mineworld_shape(size: str) -> TransformerShape:
    """The shape of a size (``"300m"``, ``"700m"``, ``"1.2b"``)."""
    hidden, mlp, heads = SIZES[size]
    return TransformerShape(
        image_vocabulary=8192,
        vocabulary=8262,
        hidden=hidden,
        mlp=mlp,
        layers=20,
        heads=heads,
        kv_heads=4,
        head_dim=hidden // heads,
    )


for _size, _windows in WINDOWS.items():
    for _window in _windows:
        _card = PublishedShape(
            name=f"mineworld-{_size}-{_window}f",
            summary=f"MineWorld {_size.upper()}, {_window} frames of 14 × 24 + 11 tokens, random weights (speed only)",
            shape=mineworld_shape(_size),
            rows=ROWS,
            columns=COLUMNS,
            actions_per_frame=ACTIONS,
            prompt_frames=1,
            frames=_window - 1,
            max_positions=_window * (ROWS * COLUMNS + ACTIONS),
            source="configs/*.yaml of microsoft/mineworld at b9aebcf",
        )
        register("model", _card.name, summary=_card.summary)(_card)
