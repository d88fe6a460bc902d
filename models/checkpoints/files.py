"""Files of checkpoints: JSON beside safetensors in one file or many, and pickles of which only tensors are let in."""

from __future__ import annotations

import json
import pickle
import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from harness.errors import DiptychError

CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"


def read_json(folder: Path, *weights: str) -> dict[str, Any]:
    """The object in a folder's ``config.json``.

    Args:
        folder: The checkpoint.
        weights: Names of the files expected beside it, for the message.

    Raises:
        DiptychError: No folder, no such file, or no JSON object in it.
    """
    path = folder / CONFIG
    try:
        config = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        lacks = f"it has no {CONFIG}" if folder.is_dir() else "no folder" if folder.exists() else "there is nothing"
        raise DiptychError(
            f"{folder} is no checkpoint: {lacks}. Expected: a folder with {CONFIG} and {' or '.join(weights)}."
        ) from None
    except (OSError, ValueError) as error:
        raise DiptychError(f"{path} cannot be read as JSON: {error}.") from error
    if not isinstance(config, dict):
        raise DiptychError(f"{path} holds no JSON object.")
    return config


def weight_files(folder: Path) -> list[Path]:
    """The safetensors of a checkpoint: one file, or what its index names.

    Raises:
        DiptychError: No weights, or an index that cannot be read.
    """
    if (folder / INDEX).exists():
        try:
            named = json.loads((folder / INDEX).read_bytes())["weight_map"].values()
            # an index names files beside it, and nothing elsewhere
            return [folder / Path(part).name for part in sorted(set(named))]
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise DiptychError(f"{folder / INDEX} cannot be read: it has no weight_map of file names.") from error
    if (folder / WEIGHTS).exists():
        return [folder / WEIGHTS]
    raise DiptychError(f"{folder} has no weights: neither {WEIGHTS} nor {INDEX}. Only safetensors are loaded.")


def read_tensors(folder: Path) -> dict[str, Tensor]:
    """All tensors of a checkpoint, whatever its files.

    Raises:
        DiptychError: No weights, a missing part, or a file that is no safetensors.
    """
    tensors: dict[str, Tensor] = {}
    for path in weight_files(folder):
        with opened(path) as file:
            tensors |= {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    return tensors


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """A safetensors file.

    Raises:
        DiptychError: It is not there, cut off, or something else.
    """
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except FileNotFoundError:
        raise DiptychError(f"{path.parent} lacks {path.name}, which is a part of its weights.") from None
    except (SafetensorError, OSError) as error:
        raise DiptychError(f"{path} is not a safetensors file ({error}); only safetensors are loaded.") from error


def read_state(path: Path, device: str = "cpu") -> dict[str, Tensor]:
    """The tensors of one file: safetensors by its name, or else what ``torch.save`` wrote.

    Args:
        path: A pickle's ``state_dict`` entry is taken where it has one. Only tensors and plain containers are let in
            (``weights_only=True``).
        device: ``"meta"`` reads names, sizes and types alone.

    Raises:
        DiptychError: No such file, code in it, not a checkpoint, or no tensors by name in it.
    """
    if path.suffix == ".safetensors":
        with opened(path) as file:
            return {name: file.get_tensor(name).to(device) for name in file.keys()}  # noqa: SIM118 - not a mapping
    if not path.is_file():
        raise DiptychError(f"there is no file {path}.")
    if not zipfile.is_zipfile(path):
        raise DiptychError(
            f"{path} is not a torch checkpoint, or is cut off. Valid: safetensors, or what torch.save has written "
            "since torch 1.6."
        )
    try:
        with warnings.catch_warnings():  # of other pickles it says that they may not be let in, and then lets none in
            warnings.simplefilter("ignore", UserWarning)
            loaded: Any = torch.load(path, map_location=device, weights_only=True)
    except pickle.UnpicklingError as error:
        raise DiptychError(
            f"{path} holds more than tensors, which could be code, and is not loaded: {_refusal(error)}. Where you "
            "trust its maker, save its tensors alone as safetensors."
        ) from error
    except (
        OSError,
        RuntimeError,
        EOFError,
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        zipfile.BadZipFile,
    ) as error:
        raise DiptychError(f"{path} cannot be read as a torch checkpoint: {_first(error)}") from error
    state = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else loaded
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
    ):
        raise DiptychError(f"{path} holds no state_dict of tensors.")
    return dict(state)


def _first(error: Exception) -> str:
    return str(error).strip().split("\n")[0]


def _refusal(error: Exception) -> str:
    """What torch did not let in, without its advice to let it in."""
    named = re.search(r"GLOBAL ([\w.]+)", str(error))
    return f"it asks for {named[1]}" if named else "torch does not let it in"
