"""The feature space ``tokenizer-vizdoom``: pooled states of the encoder of the zoo's ViZDoom tokenizer."""

from harness.registry import register

register(
    "extractor",
    "tokenizer-vizdoom",
    summary="48 pooled states of the ViZDoom tokenizer: what tiles show, how they are arranged, how they move",
    target="models.extractors.tokenizer_vizdoom:tokenizer_vizdoom",
)
