"""MineWorld's checkpoints (microsoft/mineworld at b9aebcf), by the layout that its code reads.

``utils.load_model`` takes ``torch.load(FILE)["state_dict"]`` into ``lvm.LlamaLVM``, whose transformer is a Llama and
whose tokenizer's tensors may lie beside it. The published weights were taken down, so no real file was ever read here:
tests write one in this layout.
"""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from harness.device import parse_device
from harness.errors import DiptychError
from models.ar.shapes import TransformerShape
from models.ar.transformer import VideoTransformer
from models.checkpoints.keys import MINEWORLD, build
from models.checkpoints.llama import check_dtype
from models.zoo.mineworld import SIZES, mineworld_shape

EMBEDDING, UP = "transformer.model.embed_tokens.weight", "transformer.model.layers.0.mlp.up_proj.weight"


def load_mineworld(
    path: str | Path,
    *,
    shape: TransformerShape | None = None,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> VideoTransformer:
    """Load a MineWorld checkpoint.

    Args:
        path: The ``.ckpt`` file. It is a pickle, of which only tensors and plain containers are let in
            (``weights_only=True``); code in it is refused.
        shape: Hyper-parameters; by the size of its tensors, one of the published ones, if None.
        device: Torch device.
        dtype: Of the weights, whatever the file has.

    Raises:
        DiptychError: No such file, not a checkpoint, code in it, another size than the published ones, or tensors that
            do not fit.
    """
    where = str(parse_device(device))
    check_dtype(dtype, where)
    path = Path(path)
    tensors = read_state(path)
    return build(tensors, shape or shape_of(tensors, path), MINEWORLD, str(path), where, dtype)


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a ``.ckpt``.

    Raises:
        DiptychError: See :func:`load_mineworld`.
    """
    try:
        with warnings.catch_warnings():  # of other pickles it says that they may not be let in, and then lets none in
            warnings.simplefilter("ignore", UserWarning)
            loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise DiptychError(f"there is no file {path}.") from None
    except pickle.UnpicklingError as error:
        raise DiptychError(f"{path} holds more than tensors, and is not loaded: {_first(error)}") from error
    except (OSError, RuntimeError, EOFError, ValueError) as error:
        raise DiptychError(f"{path} is not a torch checkpoint: {_first(error)}") from error
    state = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else loaded
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise DiptychError(f"{path} holds no state_dict of tensors.")
    return state


def shape_of(tensors: dict[str, Tensor], path: Path) -> TransformerShape:
    """The published shape with these widths.

    Raises:
        DiptychError: None has them.
    """
    if EMBEDDING not in tensors or UP not in tensors:
        raise DiptychError(f"{path} is no MineWorld checkpoint: it has no {EMBEDDING}.")
    hidden, mlp = tensors[EMBEDDING].shape[1], tensors[UP].shape[0]
    for size, (wide, feed, _) in SIZES.items():
        if (wide, feed) == (hidden, mlp):
            return mineworld_shape(size)
    known = ", ".join(f"{size}: {wide} and {feed}" for size, (wide, feed, _) in SIZES.items())
    raise DiptychError(f"{path} has widths {hidden} and {mlp}. Published: {known}. Give the shape of another.")


def _first(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
