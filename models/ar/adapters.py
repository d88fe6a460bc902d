"""Low-rank adapters as files, and putting them into a model: W becomes W + B·A, and the engine knows nothing of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from harness.errors import DiptychError
from harness.files import write_atomically
from models.ar.shapes import TransformerShape
from models.ar.transformer import VideoTransformer
from models.weights import HEADER, read_weights

LORA_A, LORA_B = ".lora_a", ".lora_b"


def write_adapters(
    path: Path, tensors: dict[str, Tensor], shape: TransformerShape, base_sha256: str, facts: dict[str, Any]
) -> None:
    """Write adapters with the shape and hash of the weights that they belong to, and ``facts`` (JSON)."""
    header = {"shape": shape.model_dump(mode="json"), "adapters_of": base_sha256, "facts": facts}
    write_atomically(path, save(tensors, {HEADER: json.dumps(header, sort_keys=True)}))


def merge_adapters(model: VideoTransformer, path: Path, base_sha256: str) -> None:
    """Add the differences of a file to the model's weights.

    Args:
        model: With the weights that the file names by their hash, in float32.
        path: File of :func:`write_adapters`.
        base_sha256: Hash of the model's weights.

    Raises:
        DiptychError: No adapters, those of other weights, or of another shape; nothing is changed then.
    """
    tensors, header = read_weights(path)
    if "adapters_of" not in header:
        raise DiptychError(f"{path} holds no adapters: its header names no weights that they belong to.")
    if header["adapters_of"] != base_sha256:
        raise DiptychError(
            f"{path} are adapters of the weights {header['adapters_of'][:16]}…, and the model has {base_sha256[:16]}…."
        )
    parameters = dict(model.named_parameters())
    names = {name.removesuffix(end) for name in tensors for end in (LORA_A, LORA_B) if name.endswith(end)}
    changes: dict[str, Tensor] = {}
    problems = [f"unknown {name}" for name in tensors if not name.endswith((LORA_A, LORA_B))]
    for name in sorted(names):
        a, b, weight = tensors.get(name + LORA_A), tensors.get(name + LORA_B), parameters.get(f"{name}.weight")
        if a is None or b is None or weight is None:
            problems.append(f"{name} lacks {'A' if a is None else 'B' if b is None else 'a weight of the model'}")
        elif a.shape[0] != b.shape[1] or (b.shape[0], a.shape[1]) != tuple(weight.shape):
            problems.append(f"{name} is {list(b.shape)} · {list(a.shape)}, the weight {list(weight.shape)}")
        else:
            changes[f"{name}.weight"] = b.float() @ a.float()
    if problems or not changes:
        raise DiptychError(f"{path} does not fit the model: {'; '.join(problems[:8]) or 'it is empty'}.")
    with torch.no_grad():
        for name, change in changes.items():
            parameters[name].add_(change.to(parameters[name]))
