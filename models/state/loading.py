"""State readers to and from weight files; the shape travels in the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from models.state.network import StateReader
from models.state.shapes import StateReaderShape
from models.weights import load_network, write_weights


def save_state_reader(path: Path, model: StateReader, facts: dict[str, Any]) -> None:
    """Write weights (float16), shape and ``facts`` (JSON: how it was trained)."""
    write_weights(path, model, model.shape, facts, torch.float16)


def load_state_reader(file_name: str, device: str = "cpu") -> StateReader:
    """Load a state reader, in float32 and evaluation mode.

    Args:
        file_name: File name in the zoo, or a path.
        device: Torch device.

    Raises:
        UsageError: No such device.
        DiptychError: No such file, not safetensors, not such a network, or tensors that do not fit the shape.
    """
    return load_network(file_name, device, StateReaderShape, StateReader, "a state reader")
