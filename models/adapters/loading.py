"""A pipeline in memory, its denoisers, and what it is made of."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import Any

import torch
from safetensors.torch import save
from torch import nn

from harness.device import parse_device
from harness.errors import DiptychError, UsageError
from models.adapters.declared import CaseParams, Precision
from models.adapters.packages import diffusers, no_progress_bars
from models.adapters.sources import find_pipeline, pipeline_sha256
from models.adapters.tiny import is_tiny, tiny_pipeline

DENOISERS = ("transformer", "transformer_2", "unet")
DTYPES: dict[Precision, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


@dataclass
class LoadedPipeline:
    """A pipeline on its device.

    Attributes:
        name: What the case calls it.
        pipeline: The pipeline, in evaluation mode, without gradients.
        device: Torch device.
        weights_sha256: One digest of all that it is made of.
        denoiser_sha256: One digest of its denoiser alone.
        shapes: Shapes of its initial latents by frames, height and width asked for.
    """

    name: str
    pipeline: Any
    device: str
    weights_sha256: str
    denoiser_sha256: str
    shapes: dict[tuple[int | None, ...], tuple[torch.Size, torch.dtype]] = field(default_factory=dict)

    @property
    def class_name(self) -> str:
        """Class of the pipeline."""
        return type(self.pipeline).__name__

    @property
    def denoiser_name(self) -> str:
        """``"transformer"`` or ``"unet"``."""
        return denoiser_name(self.pipeline)

    @property
    def denoiser(self) -> nn.Module:
        """The network that predicts."""
        network: nn.Module = getattr(self.pipeline, self.denoiser_name)
        return network


def denoiser_name(pipeline: Any) -> str:
    """Name of the part that predicts.

    Raises:
        UsageError: The pipeline has none that is known.
    """
    for name in DENOISERS:
        if isinstance(getattr(pipeline, name, None), nn.Module):
            return name
    raise UsageError(f"a {type(pipeline).__name__} has no denoiser: none of {', '.join(DENOISERS)}.")


def load_pipeline(asked: CaseParams, device: str) -> LoadedPipeline:
    """Load the pipeline of a case.

    Args:
        asked: What the case says.
        device: ``"cpu"`` or ``"cuda:N"``.

    Raises:
        UsageError: diffusers is not installed, no such device, no such pipeline, or another kind of pipeline.
        DiptychError: Its files cannot be loaded.
    """
    where = str(parse_device(device))
    package = diffusers()
    if is_tiny(asked.pipeline):
        pipeline = tiny_pipeline(asked.pipeline)
        whole = {f"{part}.{key}": value for part, key, value in _tensors(pipeline)}
        name = denoiser_name(pipeline)
        own = {key: value for key, value in whole.items() if key.startswith(f"{name}.")}
        hashes = (_digest(whole), _digest(own))
        if {asked.dtype, asked.vae_dtype} - {None, "float32"}:
            with TemporaryDirectory() as folder:  # loading knows which layers of a class stay in float32
                with no_progress_bars():
                    pipeline.save_pretrained(folder)
                pipeline = _from_files(package, folder, asked)
    else:
        source = find_pipeline(asked.pipeline, asked.revision)
        pipeline = _from_files(package, source.folder, asked)
        name = denoiser_name(pipeline)
        hashes = (pipeline_sha256(source), pipeline_sha256(source, [name]))
    for part in pipeline.components.values():
        if isinstance(part, nn.Module):
            part.eval().requires_grad_(False)
    if asked.tiling and not hasattr(pipeline.vae, "enable_tiling"):
        raise UsageError(f"the VAE of {asked.pipeline!r} cannot decode in tiles; leave out tiling.")
    if asked.tiling:
        pipeline.vae.enable_tiling()
    pipeline.set_progress_bar_config(disable=True)
    _place(pipeline, where, asked)
    return LoadedPipeline(asked.pipeline, pipeline, where, *hashes)


def _from_files(package: Any, folder: Any, asked: CaseParams) -> Any:
    """The pipeline of a folder; ``use_safetensors`` refuses every other kind of weights."""
    version = tuple(int(number) for number in package.__version__.split(".")[:2])
    dtypes: Any = DTYPES[asked.dtype]
    if asked.vae_dtype is not None:
        dtypes = {"default": dtypes, "vae": DTYPES[asked.vae_dtype]}
    dtype = {"dtype" if version >= (0, 42) else "torch_dtype": dtypes}
    try:
        with no_progress_bars():
            return package.DiffusionPipeline.from_pretrained(
                str(folder), use_safetensors=True, local_files_only=True, variant=asked.variant, **dtype
            )
    except (MemoryError, RecursionError):
        raise
    except Exception as error:
        why = " ".join(str(error).split())
        raise DiptychError(
            f"pipeline {asked.pipeline!r} cannot be loaded from {str(folder)!r}: {why[:400]}. "
            "If files are missing, fetch or save it again; only safetensors are loaded."
        ) from error


def _place(pipeline: Any, device: str, asked: CaseParams) -> None:
    if asked.offload and device == "cpu":
        raise UsageError("offload keeps on a card what works just now; on the CPU there is none. Leave it out.")
    try:
        if asked.offload:
            pipeline.enable_model_cpu_offload(device=device)
        else:
            pipeline.to(device)
    except torch.OutOfMemoryError as error:
        raise DiptychError(
            f"pipeline {asked.pipeline!r} does not fit on {device} in {asked.dtype}. "
            "Say offload = true, or another dtype."
        ) from error
    except ImportError as error:
        raise UsageError(f"offload needs the package accelerate ({error}): pip install accelerate") from error


def _tensors(pipeline: Any) -> list[tuple[str, str, torch.Tensor]]:
    modules = {name: part for name, part in sorted(pipeline.components.items()) if isinstance(part, nn.Module)}
    return [(name, key, value) for name, part in modules.items() for key, value in part.state_dict().items()]


def _digest(tensors: dict[str, torch.Tensor]) -> str:
    return hashlib.sha256(save({key: value.clone().contiguous() for key, value in tensors.items()})).hexdigest()
