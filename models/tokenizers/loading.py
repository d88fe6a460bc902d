"""Tokenizers to and from weight files; the shape travels in the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from models.tokenizers.fsq import FSQTokenizer
from models.tokenizers.shapes import TokenizerShape
from models.weights import load_network, write_weights


def save_tokenizer(path: Path, model: FSQTokenizer, facts: dict[str, Any], dtype: torch.dtype = torch.float32) -> None:
    """Write weights, shape and ``facts`` (JSON: how it was trained)."""
    write_weights(path, model, model.shape, facts, dtype)


def load_tokenizer(file_name: str, device: str = "cpu") -> FSQTokenizer:
    """Load a tokenizer, in float32 and evaluation mode.

    Args:
        file_name: File name in the zoo, or a path.
        device: Torch device.

    Raises:
        UsageError: No such device.
        DiptychError: No such file, not safetensors, no tokenizer's shape in it, or tensors that do not fit the shape.
    """
    return load_network(file_name, device, TokenizerShape, FSQTokenizer, "a tokenizer")
