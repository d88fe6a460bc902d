"""A tiny random transformer, and tokens to feed it: enough to tell one context from another."""

from __future__ import annotations

import torch
from torch import Tensor

from models.ar.shapes import TransformerShape
from models.ar.transformer import VideoTransformer
from models.decoding.grid import Grid

VOCABULARY = 23
ACTIONS = 3


def tiny_transformer(position: str = "3d", seed: int = 0, dtype: torch.dtype = torch.float64) -> VideoTransformer:
    """A random transformer whose logits are spread enough for contexts to matter.

    Args:
        position: ``"1d"`` or ``"3d"``.
        seed: Of its weights.
        dtype: Of its weights.
    """
    shape = TransformerShape.model_validate(
        {
            "image_vocabulary": VOCABULARY,
            "vocabulary": VOCABULARY + ACTIONS,
            "hidden": 16,
            "mlp": 24,
            "layers": 2,
            "heads": 4,
            "kv_heads": 2,
            "head_dim": 8,
            "position": position,
        }
    )
    model = VideoTransformer(shape).reset(torch.Generator().manual_seed(seed)).to(dtype).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(25)
    return model


def random_tokens(
    grid: Grid, batch: int = 1, seed: int = 0, vocabulary: int = VOCABULARY, actions: int = ACTIONS
) -> Tensor:
    """Random prompt, actions and (to be ignored) image tokens, int64 ``[batch, slots]``.

    Args:
        grid: The grid.
        batch: Lanes.
        seed: Of the tokens.
        vocabulary: Number of image tokens, ids ``0 .. vocabulary - 1``.
        actions: Number of action tokens, the ids after them.
    """
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(vocabulary, (batch, grid.slots), generator=generator)
    acted = torch.randint(max(actions, 1), (batch, grid.slots), generator=generator) + vocabulary
    index = torch.arange(grid.slots) - grid.start_tokens
    is_action = (index >= 0) & (index % grid.stride >= grid.frame_tokens)
    return torch.where(is_action, acted, tokens)
