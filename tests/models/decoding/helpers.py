"""Tiny models and grids for decoding tests."""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from torch import Tensor

from models.ar.shapes import TransformerShape
from models.ar.transformer import VideoTransformer
from models.decoding.grid import Grid
from models.decoding.schedule import Schedule, get_schedule
from models.decoding.tables import Tables, compile_schedule

VOCABULARY = 23
ACTIONS = 3


def tiny(position: str = "3d", seed: int = 0, dtype: torch.dtype = torch.float64) -> VideoTransformer:
    """A random transformer whose logits are spread enough for contexts to matter."""
    shape = TransformerShape(
        image_vocabulary=VOCABULARY,
        vocabulary=VOCABULARY + ACTIONS,
        hidden=16,
        mlp=24,
        layers=2,
        heads=4,
        kv_heads=2,
        head_dim=8,
        position=position,
    )
    model = VideoTransformer(shape).reset(torch.Generator().manual_seed(seed)).to(dtype).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(25)
    return model


def given(grid: Grid, batch: int = 1, seed: int = 0) -> Tensor:
    """Random prompt, actions and (to be ignored) image tokens."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(VOCABULARY, (batch, grid.slots), generator=generator)
    actions = torch.randint(ACTIONS, (batch, grid.slots), generator=generator) + VOCABULARY
    index = torch.arange(grid.slots) - grid.start_tokens
    is_action = (index >= 0) & (index % grid.stride >= grid.frame_tokens)
    return torch.where(is_action, actions, tokens)


def tables(name: str, grid: Grid, k: int = 1, **options: object) -> Tables:
    """Compile a registered schedule."""
    return compile_schedule(grid, get_schedule(name), k, **options)  # type: ignore[arg-type]


def schedule(name: str) -> Schedule:
    """Return a registered schedule."""
    return get_schedule(name)


NAMES = ("sequential", "diagonal", "diagonal-st", "frame-at-once", "zipar", "nar", "next-row-block")

grids = st.builds(
    Grid,
    frames=st.integers(1, 3),
    rows=st.integers(1, 4),
    columns=st.integers(1, 5),
    actions=st.integers(0, 3),
    prompt_frames=st.integers(1, 2),
)
delays = st.integers(1, 7)
names = st.sampled_from(NAMES)
