"""Registers the maker that runs any text-to-video pipeline of diffusers."""

from __future__ import annotations

from harness.registry import register

register(
    "maker",
    "diffusers",
    summary="runs a text-to-video pipeline of diffusers, yours or the hub's (params: lora, weights, scheduler)",
    target="models.adapters.diffusers_pipeline:DiffusersMaker",
    params="models.adapters.declared:PARAMS",
)
