"""Tokenizers to and from safetensors; the shape travels in the file's metadata."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from harness.errors import DiptychError
from models.tokenizers.fsq import FSQTokenizer
from models.tokenizers.shapes import TokenizerShape
from models.worlds.cache import write_atomically

ZOO = Path(__file__).parent.parent / "zoo"


def zoo_path(file_name: str) -> Path:
    """A weight file of the zoo by its name, or any path that exists.

    Raises:
        DiptychError: Neither; names the weight files that the zoo has.
    """
    for path in (ZOO / file_name, Path(file_name)):
        if path.is_file():
            return path
    have = ", ".join(sorted(p.name for p in ZOO.glob("*.safetensors"))) or "none"
    raise DiptychError(f"there are no weights {file_name!r}. Weights in the zoo: {have}. See: diptych list models")


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file.

    Raises:
        DiptychError: Not a safetensors file (nothing else is ever unpickled).
    """
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise DiptychError(f"{path} is not a safetensors file ({error}); only safetensors are loaded.") from error


def check_weights(path: Path, found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    """Raise one DiptychError that lists every missing, unknown and wrong-shaped tensor."""
    problems = [f"missing {name} {list(value.shape)}" for name, value in expected.items() if name not in found]
    problems += [f"unknown {name} {list(value.shape)}" for name, value in found.items() if name not in expected]
    problems += [
        f"{name} is {list(found[name].shape)}, expected {list(value.shape)}"
        for name, value in expected.items()
        if name in found and found[name].shape != value.shape
    ]
    if problems:
        more = f" and {len(problems) - 8} more" if len(problems) > 8 else ""
        raise DiptychError(f"{path} does not fit the model: {'; '.join(problems[:8])}{more}.")


def save_tokenizer(path: Path, model: FSQTokenizer, facts: dict[str, Any], dtype: torch.dtype = torch.float32) -> None:
    """Write weights, shape and ``facts`` (JSON: how it was trained)."""
    tensors = {name: value.detach().cpu().to(dtype).contiguous() for name, value in model.state_dict().items()}
    metadata = {"shape": model.shape.model_dump_json(), "facts": json.dumps(facts, sort_keys=True)}
    write_atomically(path, save(tensors, metadata))


def weights_sha256(file_name: str) -> str:
    """SHA-256 of a weight file in the zoo (or at a path), for the record of what a number depends on."""
    return hashlib.sha256(zoo_path(file_name).read_bytes()).hexdigest()


def load_tokenizer(file_name: str, device: str = "cpu") -> FSQTokenizer:
    """Load a tokenizer, in float32 and evaluation mode.

    Args:
        file_name: File name in the zoo, or a path.
        device: Torch device.

    Raises:
        DiptychError: No such file, not safetensors, no shape in it, or tensors that do not fit the shape.
    """
    path = zoo_path(file_name)
    tensors, metadata = read_weights(path)
    if "shape" not in metadata:
        raise DiptychError(f"{path} is not a tokenizer: its metadata has no shape.")
    model = FSQTokenizer(TokenizerShape.model_validate_json(metadata["shape"]))
    check_weights(path, tensors, model.state_dict())
    model.load_state_dict({name: value.float() for name, value in tensors.items()})
    return model.to(device).eval().requires_grad_(False)
