"""MineWorld's checkpoints (microsoft/mineworld at b9aebcf), by the layout that its code reads.

``utils.load_model`` takes ``torch.load(FILE)["state_dict"]`` into ``lvm.LlamaLVM``, whose ``transformer`` is a Llama
(``transformer.model.…``, ``transformer.lm_head.weight``) and whose ``tokenizer``'s tensors may lie beside it. Its
``requirements.txt`` has torch 2.6, whose ``torch.load`` lets in tensors alone unless told otherwise, as here. Token ids
are 8192 of images, then 70 of actions (``inference.py``: ``action_vocab_offset=8192``; ``vocab_size: 8262``).

The published weights were taken down in May 2025 (its README): no real file was ever read here. Tests write one in this
layout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import yaml

from harness.device import parse_device
from harness.errors import DiptychError
from models.ar.shapes import TransformerShape
from models.ar.transformer import VideoTransformer
from models.checkpoints.files import read_state
from models.checkpoints.keys import MINEWORLD, check_dtype
from models.checkpoints.llama import build, transformer_shape
from models.zoo.mineworld import SIZES, mineworld_shape

EMBEDDING, UP = "transformer.model.embed_tokens.weight", "transformer.model.layers.0.mlp.up_proj.weight"
IMAGES = 8192
FIELDS = ("model", "params", "transformer_config", "params")
"""Where a configuration holds the fields of ``transformers.LlamaConfig``."""


def load_mineworld(
    path: str | Path,
    *,
    shape: TransformerShape | None = None,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> VideoTransformer:
    """Load a MineWorld checkpoint.

    Args:
        path: The ``.ckpt`` file, or safetensors with the same names. A ``.ckpt`` is a pickle, of which only tensors and
            plain containers are let in (``weights_only=True``); code in it is refused.
        shape: Hyper-parameters, such as :func:`read_mineworld_config` gives; by the size of its tensors, one of the
            published ones, if None.
        device: Torch device.
        dtype: Of the weights, whatever the file has. The release decodes in float16.

    Raises:
        UsageError: No such device, or a type that it has not.
        DiptychError: No such file, not a checkpoint, code in it, another size than the published ones, or tensors that
            do not fit.
    """
    where = str(parse_device(device))
    check_dtype(dtype, where)
    path = Path(path)
    tensors = read_state(path)
    shape = shape or shape_of({name: value.shape for name, value in tensors.items()}, path)
    return build(tensors, shape, MINEWORLD, str(path), where, dtype)


def read_mineworld_config(path: str | Path, image_vocabulary: int = IMAGES) -> TransformerShape:
    """The shape that a configuration of the release (``configs/*.yaml``) gives.

    Args:
        path: YAML without tags.
        image_vocabulary: Image tokens come first; the configuration does not tell how many.

    Raises:
        UsageError: ``image_vocabulary`` does not fit.
        DiptychError: No such file, no such configuration, or what the block cannot do.
    """
    try:
        fields: Any = yaml.safe_load(Path(path).read_bytes())
    except FileNotFoundError:
        raise DiptychError(f"there is no file {path}.") from None
    except (OSError, yaml.YAMLError) as error:
        raise DiptychError(f"{path} cannot be read as YAML: {str(error).splitlines()[0]}.") from error
    for name in FIELDS:
        fields = fields.get(name) if isinstance(fields, dict) else None
    if not isinstance(fields, dict):
        raise DiptychError(f"{path} is no MineWorld configuration: it has no {'.'.join(FIELDS)}.")
    return transformer_shape(fields, str(path), image_vocabulary)


def shape_of(sizes: Mapping[str, Sequence[int]], path: Path) -> TransformerShape:
    """The published shape with these tensors' widths.

    Raises:
        DiptychError: None has them.
    """
    if not all(len(sizes.get(name, ())) == 2 for name in (EMBEDDING, UP)):
        raise DiptychError(f"{path} is no MineWorld checkpoint: it has no {EMBEDDING} of two axes.")
    hidden, mlp = sizes[EMBEDDING][1], sizes[UP][0]
    for size, (wide, feed, _) in SIZES.items():
        if (wide, feed) == (hidden, mlp):
            return mineworld_shape(size)
    known = ", ".join(f"{size}: {wide} and {feed}" for size, (wide, feed, _) in SIZES.items())
    raise DiptychError(f"{path} has widths {hidden} and {mlp}. Published: {known}. Give the shape of another.")
