"""Registers the maker that decodes with autoregressive video transformers."""

from __future__ import annotations

from harness.registry import register

register(
    "maker",
    "decoding",
    summary="decodes a video transformer's tokens in a given order (params: schedule, k, placeholder, provisional)",
    target="models.decoding.maker:DecodingMaker",
    params="models.decoding.declared:PARAMS",
)
