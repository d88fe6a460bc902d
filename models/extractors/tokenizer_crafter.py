"""Clips to feature rows through the zoo tokenizer's encoder.

A row has 48 numbers, 16 whitened principal components of the encoder's tile states pooled in three ways: their mean
over space and time (what is there: a broken tile lies far from all training tiles), the mean absolute difference
between neighbouring tiles (how it is arranged) and between a tile and itself one frame later (how it moves). It knows
Crafter's pictures only, and one frame step of motion; ``frechet[tokenizer-crafter]`` is no FVD.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.tokenizers.loading import load_tokenizer
from models.weights import weights_sha256

WEIGHTS = "tokenizer_crafter.safetensors"


class TokenizerFeatures:
    """A :class:`harness.protocols.Extractor`.

    Args:
        device: Torch device.
        weights: Tokenizer file in the zoo, or a path.
    """

    def __init__(self, device: str = "cpu", weights: str = WEIGHTS) -> None:
        self.model = load_tokenizer(weights, device)
        self._sha256 = weights_sha256(weights)
        self.dimensions = 3 * self.model.shape.feature_width

    def __call__(self, video: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Map uint8 ``[T ≥ 2, H, W, 3]`` (sides divisible by 8) to float64 ``[48]``."""
        row: NDArray[np.float64] = self.model.clip_features(video).double().cpu().numpy()
        return row

    def context(self) -> dict[str, str]:
        """The weights behind the features."""
        return {"weights_sha256": self._sha256}


def tokenizer_crafter(device: str) -> TokenizerFeatures:
    """The extractor ``tokenizer-crafter``."""
    return TokenizerFeatures(device)
