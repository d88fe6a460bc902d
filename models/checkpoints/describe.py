"""What a checkpoint is, and whether it fits: from headers, without reading a weight."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from harness.errors import DiptychError
from harness.types import Data
from models.checkpoints import llama, vq
from models.checkpoints.files import opened, read_json, read_state, weight_files
from models.checkpoints.keys import HUGGING_FACE, MINEWORLD, Fit, Table, fit
from models.checkpoints.mineworld import read_mineworld_config, shape_of

TYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
Header = dict[str, tuple[list[int], str]]
"""Size and type by name."""


@dataclass(frozen=True)
class Description:
    """A checkpoint.

    Attributes:
        layout: ``"Llama"``, ``"MineWorld"`` or ``"VQ-VAE"``.
        shape: Hyper-parameters.
        parameters: Of a model of that shape.
        types: Number of tensors in the files, by type.
        fit: What does not fit.
    """

    layout: str
    shape: Data
    parameters: int
    types: dict[str, int]
    fit: Fit

    def facts(self) -> dict[str, Any]:
        """Everything, as JSON."""
        return {
            "layout": self.layout,
            "fits": bool(self.fit),
            "shape": self.shape.model_dump(mode="json"),
            "parameters": self.parameters,
            "types": self.types,
            "missing": list(self.fit.missing),
            "unexpected": list(self.fit.unexpected),
            "mis_shaped": list(self.fit.mis_shaped),
        }


def describe(path: Path, config: Path | None = None, image_vocabulary: int | None = None) -> Description:
    """Describe a checkpoint.

    Args:
        path: A folder with ``config.json`` (a Llama's or a ``VQModel``'s), or a file of MineWorld's transformer.
        config: MineWorld's YAML; by the widths, one of the published shapes, if None.
        image_vocabulary: See :func:`models.checkpoints.load_llama`.

    Raises:
        UsageError: A vocabulary that does not fit.
        DiptychError: No checkpoint, one of another kind, or a file that cannot be read.
    """
    if not path.exists():
        raise DiptychError(f"there is nothing at {path}. Expected: a folder with config.json, or a MineWorld .ckpt.")
    if path.is_file():
        header = state_header(path)
        if config is not None:
            images = {} if image_vocabulary is None else {"image_vocabulary": image_vocabulary}
            shape = read_mineworld_config(config, **images)
        else:
            shape = shape_of({name: size for name, (size, _) in header.items()}, path)
        return _described("MineWorld", shape, llama.blank(shape), header, MINEWORLD, llama.unneeded(shape))
    if "_class_name" in read_json(path, "safetensors"):
        frames = vq.read_vq_config(path)
        header = state_header(vq.vq_weights(path))
        return _described("VQ-VAE", frames, vq.blank(frames), header, vq.vq_table(header))
    shape = llama.read_config(path, image_vocabulary)
    header = {name: told for file in weight_files(path) for name, told in safetensors_header(file).items()}
    return _described("Llama", shape, llama.blank(shape), header, HUGGING_FACE, llama.unneeded(shape))


def safetensors_header(path: Path) -> Header:
    """Sizes and types in a safetensors file."""
    header: Header = {}
    with opened(path) as file:
        for name in file.keys():  # noqa: SIM118 - not a mapping
            part = file.get_slice(name)
            header[name] = (list(part.get_shape()), TYPES.get(part.get_dtype(), part.get_dtype()))
    return header


def state_header(path: Path) -> Header:
    """Sizes and types in a file of :func:`models.checkpoints.files.read_state`."""
    if path.suffix == ".safetensors":
        return safetensors_header(path)
    state = read_state(path, "meta")
    return {name: (list(value.shape), str(value.dtype).removeprefix("torch.")) for name, value in state.items()}


def _described(
    layout: str, shape: Data, model: nn.Module, header: Header, table: Table, unneeded: tuple[str, ...] = ()
) -> Description:
    _, found = fit({name: size for name, (size, _) in header.items()}, model, table, unneeded)
    return Description(
        layout=layout,
        shape=shape,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        types=dict(Counter(kind for _, kind in header.values())),
        fit=found,
    )
