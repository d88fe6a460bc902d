"""Video-text networks to and from weight files; the shape, with every word, travels in the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from models.video_text.network import VideoText
from models.video_text.shapes import VideoTextShape
from models.weights import load_network, write_weights


def save_video_text(path: Path, model: VideoText, facts: dict[str, Any], dtype: torch.dtype = torch.float16) -> None:
    """Write weights, shape and ``facts`` (JSON: how it was trained)."""
    write_weights(path, model, model.shape, facts, dtype)


def load_video_text(file_name: str, device: str = "cpu") -> VideoText:
    """Load a video-text network, in float32 and evaluation mode.

    Args:
        file_name: File name in the zoo, or a path.
        device: Torch device.

    Raises:
        UsageError: No such device.
        DiptychError: No such file, not safetensors, not such a network, or tensors that do not fit the shape.
    """
    return load_network(file_name, device, VideoTextShape, VideoText, "a video-text network")
