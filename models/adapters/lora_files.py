"""Low-rank adapters in safetensors, of diffusers or of peft, as pairs of matrices that fit a pipeline or are refused.

A LoRA (Hu et al., arXiv 2106.09685) adds (α/r)·B·A to a layer's weight W. Nothing is loaded by half: a file of which
one layer does not fit is refused as a whole, with the layers named.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from harness.errors import DiptychError, UsageError

FILE_NAMES = ("pytorch_lora_weights.safetensors", "adapter_model.safetensors")
"""What diffusers and peft call the file inside a folder."""
METADATA = "lora_adapter_metadata"
"""Key of a safetensors header under which diffusers keeps peft's configuration."""
SHOWN = 4
_DOWN = re.compile(r"\.(lora_A(\.default)?|lora\.down|lora_down)\.weight$")
_UP = re.compile(r"\.(lora_B(\.default)?|lora\.up|lora_up)\.weight$")


@dataclass(frozen=True)
class Layer:
    """One layer's adapter.

    Attributes:
        part: Part of the pipeline, such as ``"transformer"``.
        module: Name of the layer in it.
        down: A, ``[r, in, ...]``.
        up: B, ``[out, r, ...]``.
        ratio: α/r, or α/√r where the file says so (rank-stabilised, arXiv 2312.03732).
    """

    part: str
    module: str
    down: Tensor
    up: Tensor
    ratio: float

    def delta(self, like: Tensor) -> Tensor:
        """The change of the layer's weight in float32, of its shape and on its device."""
        up, down = self.up.to(like.device).float(), self.down.to(like.device).float()
        return self.ratio * (up.flatten(1) @ down.flatten(1)).view(like.shape)


def lora_file(name: str) -> Path:
    """The safetensors file that a text means: itself, or the one in its folder.

    Raises:
        UsageError: There is none, or it is no safetensors file.
    """
    path = Path(name).expanduser()
    found = path if path.is_file() else next((path / file for file in FILE_NAMES if (path / file).is_file()), None)
    if found is None:
        raise UsageError(
            f"there is no LoRA {name!r}: neither a safetensors file nor a folder with {' or '.join(FILE_NAMES)}. "
            "Save one with pipeline.save_lora_weights(FOLDER, …)"
        )
    if found.suffix != ".safetensors":
        raise UsageError(f"the LoRA {name!r} is no .safetensors file, and nothing else is ever loaded.")
    return found


def read_file(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and header of a safetensors file.

    Raises:
        DiptychError: It is none.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise DiptychError(f"{path} is not a safetensors file ({error}); only safetensors are loaded.") from error


def read_lora(path: Path, pipeline: Any, denoiser: str) -> list[Layer]:
    """Read an adapter for a pipeline.

    Args:
        path: Its file.
        pipeline: What it is for; its class may know how to translate other tools' names.
        denoiser: Part that names without one belong to, ``"transformer"`` or ``"unet"``.

    Raises:
        DiptychError: Not safetensors, no adapter, or one of another architecture: names the layers that are not there
            or have another size.
    """
    tensors, header = read_file(path)
    configuration = _configuration(path, header, denoiser)
    tensors = _translated(tensors, pipeline, path)
    return fitting_layers(tensors, pipeline, denoiser, path, configuration=configuration)


def fitting_layers(
    tensors: dict[str, Tensor],
    pipeline: Any,
    denoiser: str,
    path: Path,
    *,
    configuration: Configuration | None = None,
    scale: float | None = None,
) -> list[Layer]:
    """Pair the matrices of a file, and make sure that each pair fits a layer.

    Args:
        tensors: By names of diffusers or peft.
        pipeline: What they are for.
        denoiser: See :func:`read_lora`.
        path: Where they come from, for messages.
        configuration: What the file says of α; α = r if None.
        scale: What all products are multiplied by, in place of α/r.

    Raises:
        DiptychError: See :func:`read_lora`.
    """
    configuration = configuration or Configuration({})
    downs, ups, alphas, unknown = {}, {}, {}, []
    for key, value in tensors.items():
        if _DOWN.search(key):
            downs[_DOWN.sub("", key)] = value
        elif _UP.search(key):
            ups[_UP.sub("", key)] = value
        elif key.endswith(".alpha"):
            alphas[key.removesuffix(".alpha")] = float(value)
        else:
            unknown.append(key)
    if not downs and not ups:
        raise DiptychError(f"{path} is no LoRA: none of its {len(tensors)} tensors is called lora_A or lora_B.")
    problems = [f"unknown {key}" for key in unknown]
    problems += [f"half of {key}" for key in sorted(set(downs) ^ set(ups))]
    layers = []
    for key in sorted(set(downs) & set(ups)):
        part, module = _place(key, pipeline, denoiser)
        alpha = alphas.get(key, configuration.alpha(part, module))
        rank = len(downs[key])
        root = math.sqrt(rank) if configuration.stabilised(part) else rank
        ratio = 1.0 if alpha is None else alpha / root
        layers.append(Layer(part, module, downs[key], ups[key], ratio if scale is None else scale))
        problems += _misfit(layers[-1], pipeline)
    if problems:
        more = f" and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        raise DiptychError(
            f"the LoRA {path} does not fit this {type(pipeline).__name__}, and no part of it is used: "
            f"{'; '.join(problems[:SHOWN])}{more} (of {len(set(downs) | set(ups))} layers). "
            "It is of another architecture, or of a kind that is no plain LoRA."
        )
    return layers


@dataclass(frozen=True)
class Configuration:
    """What a file says of its scales.

    Attributes:
        by_part: peft's configuration by part of the pipeline, the keys as peft writes them.
    """

    by_part: dict[str, dict[str, Any]]

    def alpha(self, part: str, module: str) -> float | None:
        """α of a layer, or None where nothing is said."""
        said = self.by_part.get(part, {})
        for pattern, value in (said.get("alpha_pattern") or {}).items():
            if re.match(rf"(.*\.)?({pattern})$", module):
                return float(value)
        alpha = said.get("lora_alpha")
        return None if alpha is None else float(alpha)

    def stabilised(self, part: str) -> bool:
        """True for α/√r."""
        return bool(self.by_part.get(part, {}).get("use_rslora"))


def _configuration(path: Path, header: dict[str, str], denoiser: str) -> Configuration:
    by_part: dict[str, dict[str, Any]] = {}
    beside = path.parent / "adapter_config.json"
    try:
        if METADATA in header:
            for key, value in json.loads(header[METADATA]).items():
                part, _, name = key.partition(".")
                by_part.setdefault(part, {})[name] = value
        elif path.name == FILE_NAMES[1] and beside.is_file():
            by_part[denoiser] = json.loads(beside.read_text(encoding="utf-8"))
    except (ValueError, AttributeError, OSError) as error:
        raise DiptychError(f"the configuration of the LoRA {path} cannot be read: {error}.") from error
    if any(said.get("use_dora") for said in by_part.values()):
        raise DiptychError(f"{path} is a DoRA adapter (use_dora), which is no plain LoRA and is not loaded.")
    return Configuration(by_part)


def _translated(tensors: dict[str, Tensor], pipeline: Any, path: Path) -> dict[str, Tensor]:
    """The tensors under diffusers' names, where the pipeline's class knows the tool that wrote them."""
    if all(_DOWN.search(key) or _UP.search(key) for key in tensors) or not hasattr(pipeline, "lora_state_dict"):
        return tensors
    try:
        found = type(pipeline).lora_state_dict(dict(tensors))
    except Exception as error:
        why = " ".join(str(error).split())
        raise DiptychError(f"the LoRA {path} cannot be read for a {type(pipeline).__name__}: {why[:300]}") from error
    if isinstance(found, tuple):  # the U-Net's loader returns the alphas beside the matrices
        state, alphas = found[0], found[1] or {}
        return {**state, **{key: torch.as_tensor(value) for key, value in alphas.items()}}
    return dict(found)


def _place(key: str, pipeline: Any, denoiser: str) -> tuple[str, str]:
    """Part and layer of ``transformer.blocks.0.attn1.to_q``, or of peft's ``base_model.model.blocks…``."""
    key = key.removeprefix("base_model.model.").removeprefix("diffusion_model.")
    part, _, module = key.partition(".")
    if isinstance(getattr(pipeline, part, None), nn.Module):
        return part, module
    return denoiser, key


def _misfit(layer: Layer, pipeline: Any) -> list[str]:
    where = f"{layer.part}.{layer.module}"
    network: nn.Module = getattr(pipeline, layer.part)
    try:
        weight = network.get_submodule(layer.module).weight
    except AttributeError:
        return [f"no layer {where}"]
    if not isinstance(weight, Tensor):
        return [f"{where} has no weight"]
    rank = len(layer.down)
    fits = (
        layer.up.shape[:2] == (weight.shape[0], rank)
        and all(size == 1 for size in layer.up.shape[2:])
        and layer.down.shape[1:] == weight.shape[1:]
    )
    change = f"{list(layer.up.shape)} times {list(layer.down.shape)}"
    return [] if fits else [f"{where} has a weight {list(weight.shape)}, not {change}"]
