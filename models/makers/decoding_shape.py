"""Registers the maker that decodes published shapes with random weights."""

from __future__ import annotations

from harness.registry import register

register(
    "maker",
    "decoding-shape",
    summary="decodes a published shape with random weights and a random prompt, for speed only (params: schedule, k)",
    target="models.decoding.shape_maker:ShapeMaker",
    params="models.decoding.shape_declared:PARAMS",
)
