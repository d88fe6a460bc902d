"""The feature space ``tokenizer-crafter``: pooled states of the zoo tokenizer's encoder."""

from harness.registry import register

register(
    "extractor",
    "tokenizer-crafter",
    summary="48 pooled states of the Crafter tokenizer: what tiles show, how they are arranged, how they move",
    target="models.extractors.tokenizer_crafter:tokenizer_crafter",
)
