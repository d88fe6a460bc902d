"""Video transformers to and from safetensors."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from harness.device import parse_device
from harness.errors import unknown
from harness.files import file_sha256, joined_sha256
from models.ar.adapters import merge_adapters
from models.ar.transformer import VideoTransformer
from models.weights import load_into, read_weights, write_weights, zoo_path
from models.zoo.cards import VideoModel


def load_transformer(
    card: VideoModel, device: str = "cpu", dtype: torch.dtype = torch.float32, *, finetune: str | None = None
) -> tuple[VideoTransformer, str]:
    """Load the transformer of a card, in evaluation mode.

    Args:
        card: Names the weights in the zoo; without weights they are drawn from ``card.random_seed``.
        device: Torch device.
        dtype: Floating-point type of the weights.
        finetune: Name of adapters on the card, to be added to its weights; none if None.

    Returns:
        The model and the SHA-256 of its weights: of the file, of the drawn float32 values, or with a finetune of both
        files' hashes.

    Raises:
        UsageError: No such device, or no such finetune.
        DiptychError: No such file, not safetensors, or another shape than the card's (all differences are listed).
    """
    where = str(parse_device(device))
    with torch.device("meta"):  # no first weights: torch would draw them from its global generator, for nothing
        model = VideoTransformer(card.shape)
    model = model.to_empty(device="cpu")
    if card.weights is None:
        # drawn on the CPU in float32, so that every device and type starts from the same numbers
        model.reset(torch.Generator().manual_seed(card.random_seed))
        digest = hash_tensors(model.state_dict())
    else:
        path = zoo_path(card.weights)
        load_weights(model, path)
        digest = file_sha256(path)
    if finetune is not None:
        if finetune not in card.finetunes:
            raise unknown(f"finetune of {card.name}", finetune, card.finetunes, "diptych list models")
        adapters = zoo_path(card.finetunes[finetune])
        merge_adapters(model, adapters, digest)
        digest = joined_sha256([digest, file_sha256(adapters)])
    return model.to(device=where, dtype=dtype).eval().requires_grad_(False), digest


def load_weights(model: VideoTransformer, path: Path) -> None:
    """Read ``path`` into ``model``, whatever floating-point type the file has.

    Raises:
        DiptychError: It does not fit.
    """
    tensors, header = read_weights(path)
    load_into(path, model, model.shape, tensors, header)


def save_transformer(
    path: Path, model: VideoTransformer, facts: dict[str, Any], dtype: torch.dtype = torch.bfloat16
) -> None:
    """Write weights, shape and ``facts`` (JSON: how it was trained) to a safetensors file."""
    write_weights(path, model, model.shape, facts, dtype)


def hash_tensors(tensors: dict[str, Tensor]) -> str:
    """SHA-256 over names, shapes and values, in order of names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name}{list(value.shape)}{value.dtype}".encode())
        digest.update(value.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
