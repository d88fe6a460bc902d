"""What an arm changes in a pipeline's weights, made before its trial and taken back after it, bit for bit."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from harness.errors import DiptychError, UsageError
from harness.files import file_sha256, joined_sha256
from models.adapters.declared import ArmParams
from models.adapters.loading import LoadedPipeline
from models.adapters.lora_files import SHOWN, Layer, fitting_layers, lora_file, read_lora
from models.weights import read_weights


@dataclass(frozen=True)
class Change:
    """What one arm changes.

    Attributes:
        layers: Low-rank changes.
        scale: Their strength.
        merge: Fold them into the weights; otherwise they are computed beside them.
        files: Files of the denoiser's own weights; empty for the pipeline's.
        sha256: Of all that is changed; None for nothing.
    """

    layers: tuple[Layer, ...] = ()
    scale: float = 1.0
    merge: bool = True
    files: tuple[Path, ...] = ()
    sha256: str | None = None

    def weights_sha256(self, base: str) -> str:
        """The digest of the pipeline's weights ``base`` under this change."""
        return base if self.sha256 is None else hashlib.sha256(f"{base} {self.sha256}".encode()).hexdigest()


def read_change(asked: ArmParams, loaded: LoadedPipeline) -> Change:
    """Read what an arm changes, and make sure that all of it fits the pipeline.

    Raises:
        UsageError: No such file.
        DiptychError: A file that does not fit, or that belongs to another base; says how.
    """
    if asked.lora is None and asked.lora_scale != 1.0:
        raise UsageError("lora_scale says nothing without a lora.")
    layers: list[Layer] = []
    files: tuple[Path, ...] = ()
    told: list[str] = []
    if asked.weights is not None:
        files = weight_files(asked.weights)
        told.append(joined_sha256([file_sha256(path) for path in files]))
        layers += _check_weights(files, asked.weights, loaded)
    if asked.lora is not None:
        path = lora_file(asked.lora)
        told.append(f"{file_sha256(path)} {asked.lora_scale!r}")
        layers += read_lora(path, loaded.pipeline, loaded.denoiser_name)
    digest = hashlib.sha256(" ".join(told).encode()).hexdigest() if told else None
    return Change(tuple(layers), asked.lora_scale, asked.merge, files, digest)


CONVOLUTIONS: dict[type[nn.Module], Any] = {nn.Conv1d: F.conv1d, nn.Conv2d: F.conv2d, nn.Conv3d: F.conv3d}


def weight_files(name: str) -> tuple[Path, ...]:
    """The safetensors files that a text means: itself, or all shards in its folder.

    Raises:
        UsageError: There are none.
    """
    path = Path(name).expanduser()
    files = (path,) if path.is_file() else tuple(sorted(path.glob("*.safetensors")))
    if not files or any(file.suffix != ".safetensors" for file in files):
        raise UsageError(
            f"there are no weights {name!r}: neither a .safetensors file nor a folder of them; nothing else is loaded. "
            "Make some with denoiser.save_pretrained(FOLDER), or: diptych align train --help"
        )
    return files


def _check_weights(files: tuple[Path, ...], name: str, loaded: LoadedPipeline) -> list[Layer]:
    """Check that weights fit the denoiser; the layers of a file that holds a low-rank change of it."""
    shapes: dict[str, torch.Size] = {}
    for path in files:
        tensors, header = read_weights(path)
        base = header.get("base_sha256")
        if base is not None and base != loaded.denoiser_sha256:
            raise DiptychError(
                f"the weights {name!r} were trained from a base with SHA-256 {str(base)[:12]}…, and the denoiser of "
                f"{loaded.name!r} is {loaded.denoiser_sha256[:12]}…: they belong to another model."
            )
        if header.get("aligned") == "lora":
            return fitting_layers(tensors, loaded.pipeline, loaded.denoiser_name, path, scale=float(header["scale"]))
        shapes |= {key: value.shape for key, value in tensors.items()}
    expected = {key: value.shape for key, value in loaded.denoiser.state_dict().items()}
    problems = [f"missing {key} {list(shape)}" for key, shape in expected.items() if key not in shapes]
    problems += [f"unknown {key} {list(shape)}" for key, shape in shapes.items() if key not in expected]
    problems += [
        f"{key} is {list(shapes[key])}, expected {list(shape)}"
        for key, shape in expected.items()
        if key in shapes and shapes[key] != shape
    ]
    if problems:
        more = f" and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        raise DiptychError(
            f"the weights {name!r} do not fit the {type(loaded.denoiser).__name__} of {loaded.name!r}, and none is "
            f"used: {'; '.join(problems[:SHOWN])}{more}."
        )
    return []


@contextmanager
def changed(loaded: LoadedPipeline, change: Change) -> Iterator[None]:
    """The pipeline under a change; afterwards its weights are what they were, bit for bit."""
    kept: list[tuple[Tensor, Tensor]] = []
    done: set[int] = set()

    def keep(weight: Tensor) -> None:
        if id(weight) not in done:
            done.add(id(weight))
            kept.append((weight, weight.detach().clone()))

    with ExitStack() as beside, torch.no_grad():
        try:
            own = dict(loaded.denoiser.named_parameters()) | dict(loaded.denoiser.named_buffers())
            for path in change.files:
                tensors, _ = read_weights(path)
                for key in own.keys() & tensors.keys():  # a file of low-rank changes shares no name
                    keep(own[key])
                    own[key].copy_(tensors[key])
            for layer in change.layers:
                module: Any = getattr(loaded.pipeline, layer.part).get_submodule(layer.module)
                if change.merge:
                    keep(module.weight)
                    merged = module.weight.float() + change.scale * layer.delta(module.weight)
                    module.weight.copy_(merged)
                else:
                    beside.callback(module.register_forward_hook(low_rank(layer, module, change.scale)).remove)
            yield
        finally:
            for weight, before in kept:
                weight.copy_(before)


def low_rank(layer: Layer, module: nn.Module, scale: float) -> Callable[[nn.Module, Any, Tensor], Tensor]:
    """A forward hook that adds a layer's change without touching its weight.

    Raises:
        DiptychError: Neither a linear layer nor a convolution of one group.
    """
    weight: Any = module.weight
    down, up = (value.to(weight.device, weight.dtype) for value in (layer.down, layer.up))
    strength = scale * layer.ratio
    if isinstance(module, nn.Linear):
        return lambda _, inputs, out: out + strength * F.linear(F.linear(inputs[0], down), up)
    convolve: Any = CONVOLUTIONS.get(type(module))
    if convolve is None or module.groups != 1:
        raise DiptychError(
            f"the change of {layer.part}.{layer.module}, a {type(module).__name__}, cannot be computed beside its "
            "weight; leave out merge = false."
        )
    place = {name: getattr(module, name) for name in ("stride", "padding", "dilation")}
    up = up.view(*up.shape[:2], *[1] * (down.dim() - 2))
    return lambda _, inputs, out: out + strength * convolve(convolve(inputs[0], down, None, **place), up)
