"""Video transformers to and from safetensors."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from models.ar.shapes import TransformerShape
from models.ar.transformer import VideoTransformer
from models.tokenizers.loading import check_weights, read_weights, zoo_path
from models.worlds.cache import write_atomically
from models.zoo.cards import VideoModel


def load_transformer(
    card: VideoModel, device: str = "cpu", dtype: torch.dtype = torch.float32
) -> tuple[VideoTransformer, str]:
    """Load the transformer of a card, in evaluation mode.

    Args:
        card: Names the weights in the zoo; without weights they are drawn from ``card.random_seed``.
        device: Torch device.
        dtype: Floating-point type of the weights.

    Returns:
        The model and the SHA-256 of its weights: of the file, or of the drawn float32 values.

    Raises:
        DiptychError: No such file, not safetensors, or tensors that do not fit the shape (all are listed).
    """
    if card.weights is None:
        # drawn on the CPU in float32, so that every device and type starts from the same numbers
        model = VideoTransformer(card.shape).reset(torch.Generator().manual_seed(card.random_seed))
        digest = hash_tensors(model.state_dict())
    else:
        path = zoo_path(card.weights)
        model = VideoTransformer(card.shape)
        load_weights(model, path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return model.to(device=device, dtype=dtype).eval().requires_grad_(False), digest


def load_weights(model: VideoTransformer, path: Path) -> None:
    """Read ``path`` into ``model``, whatever floating-point type the file has."""
    tensors, _ = read_weights(path)
    check_weights(path, tensors, model.state_dict())
    model.load_state_dict({name: value.float() for name, value in tensors.items()})


def save_transformer(
    path: Path, model: VideoTransformer, facts: dict[str, Any], dtype: torch.dtype = torch.bfloat16
) -> None:
    """Write weights, shape and ``facts`` (JSON: how it was trained) to a safetensors file."""
    tensors = {name: value.detach().cpu().to(dtype).contiguous() for name, value in model.state_dict().items()}
    metadata = {"shape": model.shape.model_dump_json(), "facts": json.dumps(facts, sort_keys=True)}
    write_atomically(path, save(tensors, metadata))


def load_any_transformer(path: Path) -> VideoTransformer:
    """Load a file of :func:`save_transformer` by the shape in its metadata (float32, on the CPU)."""
    _, metadata = read_weights(path)
    model = VideoTransformer(TransformerShape.model_validate_json(metadata["shape"]))
    load_weights(model, path)
    return model


def hash_tensors(tensors: dict[str, Tensor]) -> str:
    """SHA-256 over names, shapes and values, in order of names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name}{list(value.shape)}{value.dtype}".encode())
        digest.update(value.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
