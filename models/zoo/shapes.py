"""The shapes of the zoo's video transformers."""

from __future__ import annotations

from models.ar.shapes import TransformerShape

CRAFTER_VOCABULARY = 1000
CRAFTER_ACTIONS = 17


def crafter_shape(
    vocabulary: int = CRAFTER_VOCABULARY, actions: int = CRAFTER_ACTIONS, layers: int = 6
) -> TransformerShape:
    """The shape of the trained Crafter models: small enough for an hour on two CPU cores, 3-d rotary."""
    return TransformerShape(
        image_vocabulary=vocabulary,
        vocabulary=vocabulary + actions,
        hidden=192,
        mlp=512,
        layers=layers,
        heads=6,
        kv_heads=3,
        head_dim=32,
        position="3d",
        rope_theta=100.0,
        tied=True,
    )


def crafter_small_shape() -> TransformerShape:
    """A third of the Crafter models' parameters, so that what size changes can be looked at."""
    return crafter_shape(layers=4).model_copy(update={"hidden": 128, "mlp": 352, "heads": 4, "kv_heads": 2})


VIZDOOM_VOCABULARY = 4096
VIZDOOM_ACTIONS = 8


def vizdoom_shape() -> TransformerShape:
    """The shape of the trained ViZDoom model: Crafter's, with a vocabulary four times as large."""
    return crafter_shape(VIZDOOM_VOCABULARY, VIZDOOM_ACTIONS)
