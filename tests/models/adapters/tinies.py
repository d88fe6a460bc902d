"""Tiny pipelines and adapter files for the tests of other people's models."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from harness.types import Arm, Case
from models.adapters.declared import CaseParams
from models.adapters.loading import LoadedPipeline, load_pipeline

NAMES = ("tiny:cogvideox", "tiny:cogvideox-rotary", "tiny:wan", "tiny:unet3d")
LAYERS = {
    "tiny:cogvideox": ("transformer", ("transformer_blocks.0.attn1.to_q", "transformer_blocks.1.ff.net.2")),
    "tiny:wan": ("transformer", ("blocks.0.attn1.to_q", "blocks.1.ffn.net.2")),
    "tiny:unet3d": (
        "unet",
        ("down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k", "down_blocks.0.resnets.0.conv1"),
    ),
}
SIZES = {"steps": 2, "guidance": 3.0, "frames": 9, "height": 16, "width": 16}


def loaded(name: str) -> LoadedPipeline:
    return load_pipeline(CaseParams(pipeline=name), "cpu")


def case(name: str, **params: Any) -> Case:
    said = {"pipeline": name, "prompt": "a red cat", **SIZES, **params}
    return Case(name="c", group="g", model="", params=said, speed_only=True)


def arm(**params: Any) -> Arm:
    return Arm(name="a", maker="diffusers", params=params)


def lora_tensors(pipeline: Any, part: str, names: tuple[str, ...], rank: int = 2, scale: float = 0.5) -> dict[str, Any]:
    """Random A and B, by the names that peft has inside diffusers; ``scale`` 0 makes B zero."""
    generator = torch.Generator().manual_seed(3)
    tensors = {}
    for name in names:
        weight = getattr(pipeline, part).get_submodule(name).weight
        ones = [1] * (weight.dim() - 2)
        tensors[f"{part}.{name}.lora_A.weight"] = torch.randn(rank, *weight.shape[1:], generator=generator)
        tensors[f"{part}.{name}.lora_B.weight"] = scale * torch.randn(weight.shape[0], rank, *ones, generator=generator)
    return tensors


def write_lora(
    path: Path, pipeline: Any, part: str, names: tuple[str, ...], *, alpha: float | None = None, **shape: Any
) -> Path:
    tensors = lora_tensors(pipeline, part, names, **shape)
    header: Mapping[str, str] | None = None
    if alpha is not None:  # as pipeline.save_lora_weights(..., transformer_lora_adapter_metadata=...) writes it
        said = {f"{part}.lora_alpha": alpha, f"{part}.r": shape.get("rank", 2), f"{part}.target_modules": list(names)}
        header = {"lora_adapter_metadata": json.dumps(said), "format": "pt"}
    save_file(tensors, path, dict(header) if header else None)
    return path
