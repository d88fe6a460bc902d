"""Clips to feature rows through the encoder of the zoo's ViZDoom tokenizer, pooled as for ``tokenizer-crafter``.

It has seen the views of the world ``vizdoom-6x8`` only; ``frechet[tokenizer-vizdoom]`` is no FVD.
"""

from __future__ import annotations

from models.extractors.tokenizer_crafter import TokenizerFeatures

WEIGHTS = "tokenizer_vizdoom.safetensors"


def tokenizer_vizdoom(device: str) -> TokenizerFeatures:
    """The extractor ``tokenizer-vizdoom``."""
    return TokenizerFeatures(device, WEIGHTS)
