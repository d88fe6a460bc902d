"""Low-rank adapters in a network (peft), and aligned weights as a file: adapters, or all weights.

W becomes W + s·B·A (Hu et al., arXiv 2106.09685), B zero at the start. A file names the base weights that it belongs to
by their hash; tensors are called ``MODULE.lora_A.weight`` and ``MODULE.lora_B.weight``, as peft and diffusers do.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from harness.errors import DiptychError, UsageError
from harness.files import write_atomically
from models.weights import HEADER, read_weights

ALIGNED = "aligned.safetensors"
"""What a training writes."""
LORA_A, LORA_B = ".lora_A.weight", ".lora_B.weight"
ADAPTER = "default"
KINDS = ("lora", "full")


def peft() -> Any:
    """The module ``peft``.

    Raises:
        UsageError: It is not installed.
    """
    try:
        import peft as found
    except ImportError as error:
        raise UsageError(f"low-rank adapters need peft ({error}): pip install 'diptych[alignment]'") from error
    return found


def linear_names(network: nn.Module, targets: str) -> list[str]:
    """Names of the linear layers whose whole name matches the regular expression ``targets``.

    Raises:
        UsageError: None does, or the expression is none.
    """
    names = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
    try:
        found = [name for name in names if re.fullmatch(targets, name)]
    except re.error as error:
        raise UsageError(f"targets is no regular expression ({error}): {targets!r}") from error
    if not found:
        have = ", ".join(names[:8]) or "none"
        raise UsageError(f"no linear layer of the network matches targets {targets!r}. Linear layers: {have}, …")
    return found


def add_adapters(network: nn.Module, names: Sequence[str], rank: int, scale: float, seed: int) -> None:
    """Freeze a network and put adapters beside some of its linear layers; its outputs stay what they were.

    Args:
        network: Changed in place: a layer becomes peft's, with the old one inside.
        names: Of linear layers.
        rank: Of the adapters, ≥ 1.
        scale: What B·A is multiplied by.
        seed: Draws A, on the CPU: the same on all devices.
    """
    package = peft()
    network.requires_grad_(False)
    config = package.LoraConfig(
        r=rank, lora_alpha=scale * rank, target_modules="|".join(re.escape(name) for name in names), lora_dropout=0.0
    )
    with torch.random.fork_rng(devices=[]):  # peft draws from the global generator; ours follows
        package.inject_adapter_in_model(config, network, adapter_name=ADAPTER)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for _, layer in adapted(network):
            a, b = layer.lora_A[ADAPTER].weight, layer.lora_B[ADAPTER].weight
            bound = 1 / math.sqrt(a.shape[1])  # peft's: Kaiming's uniform with a = √5
            a.copy_((2 * torch.rand(a.shape, generator=generator) - 1) * bound)
            b.zero_()
            a.requires_grad_(True)
            b.requires_grad_(True)
    network.train(network.training)


def adapted(network: nn.Module) -> list[tuple[str, Any]]:
    """Name and layer of every layer that has adapters."""
    return [(name, module) for name, module in network.named_modules() if hasattr(module, "lora_A")]


@contextlib.contextmanager
def without_adapters(network: nn.Module) -> Iterator[nn.Module]:
    """The network as it was before adapters, inside a ``with``."""
    layers = [layer for _, layer in adapted(network)]
    for layer in layers:
        layer.enable_adapters(False)
    try:
        yield network
    finally:
        for layer in layers:
            layer.enable_adapters(True)


def adapter_tensors(network: nn.Module) -> dict[str, Tensor]:
    """A and B of every adapted layer, by the names that files have."""
    found: dict[str, Tensor] = {}
    for name, layer in adapted(network):
        found[name + LORA_A] = layer.lora_A[ADAPTER].weight.detach()
        found[name + LORA_B] = layer.lora_B[ADAPTER].weight.detach()
    return found


def write_aligned(
    path: Path, tensors: Mapping[str, Tensor], base_sha256: str, dtype: torch.dtype, facts: Mapping[str, Any],
    scale: float | None = None,
) -> None:  # fmt: skip
    """Write aligned weights, atomically.

    Args:
        path: The file.
        tensors: Of :func:`adapter_tensors`, or a network's whole state.
        base_sha256: Hash of the weights that training began with.
        dtype: Floating-point type of the file.
        facts: JSON: how they were made.
        scale: Of adapters; None says that these are all weights.
    """
    stored = {
        name: value.detach().cpu().to(dtype if value.is_floating_point() else value.dtype).contiguous().clone()
        for name, value in tensors.items()
    }
    header: dict[str, Any] = {
        "aligned": "full" if scale is None else "lora",
        "base_sha256": base_sha256,
        "facts": dict(facts),
    }
    if scale is not None:
        header["scale"] = scale
    write_atomically(path, save(stored, {HEADER: json.dumps(header, sort_keys=True)}))


def apply_aligned(network: nn.Module, path: Path, base_sha256: str, merge: bool = True) -> dict[str, Any]:
    """Put what ``diptych align train`` wrote into a network that has the base weights.

    Args:
        network: Changed in place.
        path: The file.
        base_sha256: Hash of the weights that the network has.
        merge: True adds s·B·A to the linear weights. False leaves adapters beside them, which needs peft. A file with
            all weights is merely loaded.

    Returns:
        The file's facts: method, options, hashes, seed.

    Raises:
        DiptychError: No aligned weights, those of another base, or of another architecture; nothing is changed then.
        UsageError: peft is needed and not installed.
    """
    tensors, header = read_weights(path)
    kind = header.get("aligned")
    if kind not in KINDS:
        raise DiptychError(f"{path} holds no aligned weights: diptych align train writes them.")
    if header.get("base_sha256") != base_sha256:
        raise DiptychError(
            f"{path} was trained from the weights {str(header.get('base_sha256'))[:16]}…, and the model has "
            f"{base_sha256[:16]}…; name the model that it was trained from."
        )
    if kind == "full":
        _load_all(network, tensors, path)
    else:
        _add_differences(network, tensors, float(header["scale"]), path, merge)
    facts = header.get("facts")
    return facts if isinstance(facts, dict) else {}


def _load_all(network: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    state = network.state_dict()
    problems = [f"missing {name}" for name in state if name not in tensors]
    problems += [f"unknown {name}" for name in tensors if name not in state]
    problems += [
        f"{name} is {list(tensors[name].shape)}, the network's {list(value.shape)}"
        for name, value in state.items()
        if name in tensors and tensors[name].shape != value.shape
    ]
    _refuse(problems, path)
    network.load_state_dict({name: value.to(state[name].dtype) for name, value in tensors.items()})


def _add_differences(network: nn.Module, tensors: Mapping[str, Tensor], scale: float, path: Path, merge: bool) -> None:
    layers = {name: module for name, module in network.named_modules() if isinstance(module, nn.Linear)}
    names = sorted({name.removesuffix(end) for name in tensors for end in (LORA_A, LORA_B) if name.endswith(end)})
    problems = [f"unknown {name}" for name in tensors if not name.endswith((LORA_A, LORA_B))]
    for name in names:
        a, b, layer = tensors.get(name + LORA_A), tensors.get(name + LORA_B), layers.get(name)
        if a is None or b is None or layer is None:
            problems.append(f"{name} has no {'A' if a is None else 'B' if b is None else 'linear layer'}")
        elif a.shape[0] != b.shape[1] or (b.shape[0], a.shape[1]) != tuple(layer.weight.shape):
            problems.append(f"{name} is {list(b.shape)} · {list(a.shape)}, the weight {list(layer.weight.shape)}")
    _refuse(problems if names else ["it has no adapters"], path)
    if not merge:
        add_adapters(network, names, tensors[names[0] + LORA_A].shape[0], scale, seed=0)
    present = dict(adapted(network))
    with torch.no_grad():
        for name in names:
            a, b = tensors[name + LORA_A].float(), tensors[name + LORA_B].float()
            if merge:
                layers[name].weight.add_((scale * (b @ a)).to(layers[name].weight))
            else:
                present[name].lora_A[ADAPTER].weight.copy_(a)
                present[name].lora_B[ADAPTER].weight.copy_(b)
    network.requires_grad_(False)


def _refuse(problems: Sequence[str], path: Path) -> None:
    if problems:
        more = f" and {len(problems) - 6} more" if len(problems) > 6 else ""
        raise DiptychError(
            f"{path} does not fit the network, which has another architecture: {'; '.join(problems[:6])}{more}."
        )
