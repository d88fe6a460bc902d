"""Inverse-dynamics networks to and from weight files; the shape, with the actions' names, travels in the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from models.idm.network import InverseDynamics
from models.idm.shapes import IDMShape
from models.weights import load_network, write_weights


def save_idm(path: Path, model: InverseDynamics, facts: dict[str, Any], dtype: torch.dtype = torch.float32) -> None:
    """Write weights, shape and ``facts`` (JSON: how it was trained)."""
    write_weights(path, model, model.shape, facts, dtype)


def load_idm(file_name: str, device: str = "cpu") -> InverseDynamics:
    """Load an inverse-dynamics network, in float32 and evaluation mode.

    Args:
        file_name: File name in the zoo, or a path.
        device: Torch device.

    Raises:
        UsageError: No such device.
        DiptychError: No such file, not safetensors, not such a network, or tensors that do not fit the shape.
    """
    return load_network(file_name, device, IDMShape, InverseDynamics, "an inverse-dynamics network")
