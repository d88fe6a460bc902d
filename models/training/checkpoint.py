"""Checkpoints of a training run: one safetensors file, written atomically, nothing pickled.

Tensors are the weights (``model.*``), their moving average (``average.*``), the optimisers' state
(``optimiser.<k>.<parameter>.*``) and the generators' states (``generator.*``, uint8). The step (which is also the data
cursor: every batch is a function of seed and step), the options and what the run trains on are JSON in the file's
metadata.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from harness.errors import DiptychError
from harness.files import write_atomically
from models.training.average import MovingAverage

FORMAT = 1


def write_checkpoint(
    path: Path,
    model: nn.Module,
    optimisers: Sequence[torch.optim.Optimizer],
    generators: dict[str, torch.Generator],
    facts: dict[str, Any],
    average: MovingAverage | None = None,
    *,
    trained_only: bool = False,
) -> None:
    """Write everything that the next step depends on.

    Args:
        path: File to replace.
        model: Its weights and buffers.
        optimisers: In a fixed order.
        generators: By name.
        facts: JSON: at least ``step``.
        average: Of the weights, if one is kept.
        trained_only: True leaves out parameters that need no gradient; they stay what the caller loads.
    """
    left_out = _frozen(model) if trained_only else set()
    weights = {name: value for name, value in model.state_dict().items() if name not in left_out}
    tensors = {f"model.{name}": value.detach().cpu().contiguous() for name, value in weights.items()}
    if average:
        tensors |= {f"average.{name}": value.cpu().contiguous() for name, value in average.values.items()}
    for number, optimiser in enumerate(optimisers):
        for parameter, state in optimiser.state_dict()["state"].items():
            for name, value in state.items():
                tensors[f"optimiser.{number}.{parameter}.{name}"] = torch.as_tensor(value).detach().cpu().contiguous()
    for name, generator in generators.items():
        tensors[f"generator.{name}"] = generator.get_state()
    tensors = {name: value.clone() for name, value in tensors.items()}  # tied weights must not share storage in a file
    write_atomically(path, save(tensors, {"checkpoint": json.dumps({"format": FORMAT, **facts}, sort_keys=True)}))


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a checkpoint's tensors and facts.

    Raises:
        DiptychError: Absent, unreadable, or of another format.
    """
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {}).get("checkpoint", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except FileNotFoundError:
        raise DiptychError(f"there is no checkpoint {path}. Start the run without --resume.") from None
    except (SafetensorError, OSError, ValueError) as error:
        raise DiptychError(f"{path} is not a readable checkpoint ({error}). Start again without --resume.") from error
    if facts.get("format") != FORMAT:
        raise DiptychError(f"{path} has checkpoint format {facts.get('format')}; this version reads {FORMAT}.")
    return tensors, facts


def restore(
    tensors: dict[str, Tensor],
    model: nn.Module,
    optimisers: Sequence[torch.optim.Optimizer],
    generators: dict[str, torch.Generator],
    average: MovingAverage | None = None,
) -> None:
    """Put the tensors of :func:`read_checkpoint` back where :func:`write_checkpoint` found them."""
    weights = {k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")}
    kept = {k: v for k, v in model.state_dict().items() if k in _frozen(model) - weights.keys()}
    model.load_state_dict({**kept, **weights})
    if average:
        average.load({k.removeprefix("average."): v for k, v in tensors.items() if k.startswith("average.")})
    for number, optimiser in enumerate(optimisers):
        state: dict[int, dict[str, Tensor]] = {}
        prefix = f"optimiser.{number}."
        for key, value in tensors.items():
            if key.startswith(prefix):
                parameter, name = key.removeprefix(prefix).split(".", 1)
                state.setdefault(int(parameter), {})[name] = value
        optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    for name, generator in generators.items():
        generator.set_state(tensors[f"generator.{name}"])


def _frozen(model: nn.Module) -> set[str]:
    return {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
