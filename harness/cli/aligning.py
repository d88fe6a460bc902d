"""Preference training as a verb: options, device and folders are checked before torch is imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from harness.absent import absent_packages
from harness.cli.builtin import load_builtin, reach
from harness.cli.training import as_list
from harness.device import parse_device
from harness.errors import UsageError
from harness.files import file_sha256
from harness.types import Data


class AlignedFacts(Data):
    """Weights that were aligned.

    Attributes:
        task: ``"align"``.
        method: ``"sft"``, ``"dpo"`` or ``"videodpo"``.
        model: Registered model that training began with.
        seed: Of draws and adapters.
        path: The aligned weights (safetensors), of the step that training stopped at.
        sha256: Of that file.
        base_sha256: Of the weights that training began with.
        preferences_sha256: Of the pairs.
        pairs: Pairs that were used.
        steps: Optimiser steps that were taken.
        validation: Numbers on held-out pairs, or on those that were trained, by name.
        logged: Numbers of the last step, by name.
        notes: What a reader must know.
    """

    task: str = "align"
    method: str
    model: str
    seed: int
    path: Path
    sha256: str
    base_sha256: str
    preferences_sha256: str
    pairs: int
    steps: int
    validation: dict[str, float] = Field(default_factory=dict)
    logged: dict[str, float] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()


def train_alignment(
    data: Path,
    method: str,
    out: Path,
    preset: str = "cpu",
    *,
    model: str | None = None,
    seed: int = 0,
    held_out: Path | None = None,
    resume: bool = False,
    stop_after: int | None = None,
    **settings: Any,
) -> AlignedFacts:
    """Align a text-to-video model with preferences, and write ``aligned.safetensors`` under ``out``.

    Args:
        data: Folder of a collection, or a file of pairs in it.
        method: ``"sft"``, ``"dpo"`` or ``"videodpo"``.
        out: Folder of the training run.
        preset: ``"cpu"``, ``"gpu"`` or ``"test"``.
        model: Registered model; the one that the videos were collected from if None.
        seed: Of draws and adapters, ≥ 0.
        held_out: Another collection, whose pairs validation asks about.
        resume: Go on from the checkpoint in ``out``.
        stop_after: Stop early at this step, with a checkpoint.
        settings: Options of ``models.alignment.options.AlignOptions``.

    Raises:
        UsageError: Unknown preset, method, option or model; a number out of range; no pairs; a package that is absent.
        DiptychError: A damaged collection, weights of another model, or a loss that is no number.
    """
    if seed < 0:
        raise UsageError(f"the seed must be an integer of at least 0, not {seed}. Try: --seed 0")
    load_builtin()
    options: Any = reach("models.alignment.options:align_options")
    chosen = options(preset, method, settings)
    parse_device(chosen.device)
    lacking = absent_packages(["diffusers", "peft"] if chosen.rank else ["diffusers"])
    if lacking:
        raise UsageError(f"aligning needs {lacking}, or: pip install 'diptych[alignment]'")
    read: Any = reach("models.alignment.preferences:read_preferences")
    preferences = read(data)
    name = model or preferences.facts["model"]
    load: Any = reach("models.diffusion.text_video:load_text_video")
    base = load(name, chosen.device)
    train: Any = reach("models.alignment.training:train_aligned")
    found = train(
        base,
        preferences,
        chosen,
        out,
        seed,
        held_out=read(held_out) if held_out else None,
        resume=resume,
        stop_after=stop_after,
    )
    return AlignedFacts(
        method=method,
        model=name,
        seed=seed,
        path=found.path.resolve(),
        sha256=file_sha256(found.path),
        base_sha256=base.weights_sha256,
        preferences_sha256=preferences.sha256,
        pairs=found.pairs,
        steps=found.steps,
        validation=found.validation,
        logged=found.logged,
        notes=(*_origin(name, base.weights_sha256, preferences.facts), *found.notes),
    )


def parse_align_settings(pairs: Sequence[str]) -> dict[str, str | list[Any]]:
    """Read ``KEY=VALUE`` pairs; what they mean is checked where the preset is known.

    Raises:
        UsageError: No ``=``.
    """
    found: dict[str, str | list[Any]] = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign:
            raise UsageError(f"--set takes KEY=VALUE, not {pair!r}; such as --set beta=500")
        found[key] = as_list(value) if value.startswith("[") else value
    return found


def _origin(name: str, base_sha256: str, facts: Mapping[str, Any]) -> list[str]:
    """Say so if the videos are not the model's own: preferences among another model's videos need not carry over."""
    if facts.get("aligned_sha256") is None and facts.get("weights_sha256") == base_sha256:
        return []
    return [f"the videos were not made by {name} with its own weights, but by {facts.get('model')}"
            f"{' with ' + str(facts['weights']) if facts.get('weights') else ' with others'}"]  # fmt: skip
