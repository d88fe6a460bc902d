"""Registers the maker that samples from text-to-video diffusion models."""

from __future__ import annotations

from harness.registry import register

register(
    "maker",
    "text-to-video",
    summary="samples a text-to-video diffusion model with aligned weights or without (params: weights, merge)",
    target="models.diffusion.maker:TextToVideoMaker",
    params="models.diffusion.declared:PARAMS",
)
