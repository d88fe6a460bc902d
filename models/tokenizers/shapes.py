"""Hyper-parameters of tokenizers, as data (no torch)."""

from __future__ import annotations

import math

from harness.errors import UsageError
from harness.types import Data

ZOO_TOKENIZERS = {
    "crafter-9x9": "tokenizer_crafter.safetensors",
    "crafter-15x24": "tokenizer_crafter.safetensors",
    "vizdoom-6x8": "tokenizer_vizdoom.safetensors",
}
"""The zoo's tokenizer of each world."""


class TokenizerShape(Data):
    """Shape of a finite-scalar-quantisation tokenizer with one token per tile.

    Attributes:
        tile_pixels: Side of a tile in pixels.
        levels: Levels of each quantised dimension; their product is the vocabulary.
        width: Channels at tile resolution.
        encoder_blocks: Residual blocks of the encoder.
        encoder_kernel: Side in tiles of what an encoder block sees, odd; 1 keeps to the tile, so that equal tiles get
            equal tokens wherever they stand.
        decoder_blocks: Residual blocks of the decoder, each reaching one tile further.
        expansion: Bottleneck width over ``width``.
        feature_width: Principal components kept for features.
    """

    tile_pixels: int = 8
    levels: tuple[int, ...] = (8, 5, 5, 5)
    width: int = 192
    encoder_blocks: int = 2
    encoder_kernel: int = 1
    decoder_blocks: int = 3
    expansion: int = 2
    feature_width: int = 16

    @property
    def vocabulary(self) -> int:
        """Number of image tokens."""
        return math.prod(self.levels)


class VQShape(Data):
    """Shape of a vector-quantising tokenizer; the defaults are aMUSEd's (``diffusers``, ``convert_amused.py``).

    MineWorld's own ``config.json`` was taken down with its weights. What its code says of it agrees with these: 8192
    codes of width 64, and 14 × 24 tokens of 224 × 384 pixels.

    Attributes:
        widths: Channels of each stage, at the frame's resolution first; each next stage has half of it.
        blocks: Residual blocks of a stage of the encoder; the decoder's have one more.
        latent: Channels between encoder and codebook.
        code_width: Width of a code vector.
        vocabulary: Number of image tokens.
        groups: Groups of every norm; divides all widths.
        attention: True if the middle attends over all places.
    """

    widths: tuple[int, ...] = (128, 256, 256, 512, 768)
    blocks: int = 2
    latent: int = 64
    code_width: int = 64
    vocabulary: int = 8192
    groups: int = 32
    attention: bool = False

    @property
    def tile_pixels(self) -> int:
        """Side of a token in pixels."""
        return int(2 ** (len(self.widths) - 1))


def zoo_tokenizer(world: str) -> str:
    """File name of the zoo's tokenizer of ``world``.

    Raises:
        UsageError: None was trained on it.
    """
    if world not in ZOO_TOKENIZERS:
        raise UsageError(
            f"the zoo has no tokenizer of world {world!r}. Train one (diptych train tokenizer --world {world} --out "
            "FOLDER) and name its file with --tokenizer."
        )
    return ZOO_TOKENIZERS[world]
