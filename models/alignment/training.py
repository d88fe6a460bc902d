"""Preference training of a text-to-video denoiser: SFT on winners, DPO, or VideoDPO.

The reference is the network that training began with: the same one with its adapters off, or a frozen copy. Both are
asked about the same noised videos, without a gradient and in evaluation mode.
"""

from __future__ import annotations

import contextlib
import copy
import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from harness.errors import UsageError
from harness.files import usable_folder
from models.alignment.adapters import (
    ALIGNED,
    adapter_tensors,
    add_adapters,
    linear_names,
    without_adapters,
    write_aligned,
)
from models.alignment.draws import ADAPTERS, Draws, chosen_pairs, draw_step, seed_of
from models.alignment.options import AlignOptions
from models.alignment.preferences import Preferences
from models.alignment.terms import Reference, Trained, step_loss, validate
from models.alignment.weights import LEAST_ESS_SHARE, effective_sample_size
from models.diffusion.denoising import Denoising
from models.training.average import MovingAverage
from models.training.loop import Job, train

DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32}


@dataclass(frozen=True)
class Aligned:
    """What a preference training leaves.

    Attributes:
        path: The aligned weights.
        validation: Numbers of the last validation, by name.
        logged: Numbers of the last step, by name.
        notes: What a reader must know: few effective pairs, weights that rounding moved.
        pairs: Pairs that were used.
        steps: Optimiser steps that were taken.
    """

    path: Path
    validation: dict[str, float]
    logged: dict[str, float]
    notes: tuple[str, ...]
    pairs: int
    steps: int


def train_aligned(
    denoising: Denoising,
    preferences: Preferences,
    options: AlignOptions,
    out: Path,
    seed: int = 0,
    *,
    held_out: Preferences | None = None,
    resume: bool = False,
    stop_after: int | None = None,
) -> Aligned:
    """Align a denoiser, and write ``aligned.safetensors``, ``checkpoint.safetensors`` and curves under ``out``.

    Args:
        denoising: With its base weights; its network is changed in place.
        preferences: Pairs of the model's own videos.
        options: How.
        out: Folder of the run.
        seed: Of draws and adapters, ≥ 0.
        held_out: Pairs that validation asks about; those that are trained if None.
        resume: Go on from the checkpoint in ``out``; ``denoising`` has its base weights then, too.
        stop_after: Stop early at this step, with a checkpoint.

    Raises:
        UsageError: No pair, latents of several shapes, weights that are none, or peft is not installed.
        DiptychError: The loss is no number (the last good checkpoint is kept), or a checkpoint of another run.
    """
    usable_folder(out, "training folder", "Choose another with --out.")
    kept = chosen_pairs(preferences.captions, options.data_fraction, seed).tolist()
    preferences = _checked(preferences, kept, options)
    held_out = held_out and _checked(held_out, range(len(held_out.captions)), options)
    network, base = denoising.network, denoising.describe()
    reference = make_trainable(network, options, seed)
    average = MovingAverage(network, options.ema) if options.ema else None
    device = next(network.parameters()).device
    state = Trained(denoising, reference, preferences, preferences.weights.float().to(device), options, device)
    asked = replace(state, preferences=held_out or preferences)
    only_here = {name: value for name, value in options.model_dump(mode="json").items() if name not in _SHARED}
    describe = {
        "task": "align",
        "seed": seed,
        "base": base,
        "preferences_sha256": preferences.sha256,
        "held_out_sha256": held_out.sha256 if held_out else None,
        **only_here,
    }
    job = Job(
        model=network,
        loss=lambda step, part, parts: step_loss(state, _draws(state, seed, step).part(part, parts), seed, step, part),
        validate=lambda: validate(asked),
        describe=describe,
        average=average,
        batch=lambda step: captions_of(preferences, _draws(state, seed, step)),
        trained_only=True,
    )
    validation = train(job, options.loop(), out, resume=resume, stop_after=stop_after)
    logged = last_logged(out / "curves.csv")
    steps = min(options.steps, stop_after or options.steps)
    notes = _notes(preferences)
    with average.applied() if average else contextlib.nullcontext():
        tensors = adapter_tensors(network) if options.rank else network.state_dict()
        if not options.rank:
            notes += _rounding(network, reference, DTYPES[options.stored])
        facts = {
            "method": options.method,
            "seed": seed,
            "steps": steps,
            "base": base,
            "options": options.model_dump(mode="json"),
            "preferences_sha256": preferences.sha256,
            "pairs": len(preferences.captions),
            "latent_shape": list(preferences.winners.shape[1:]),
            "weights": {"maximum": float(preferences.weights.max()), "ess": effective_sample_size(_array(preferences))},
            "validation": validation,
            "logged": logged,
        }
        scale = options.lora_scale if options.rank else None
        write_aligned(out / ALIGNED, tensors, str(base["weights_sha256"]), DTYPES[options.stored], facts, scale)
    return Aligned(out / ALIGNED, validation, logged, tuple(notes), len(preferences.captions), steps)


_SHARED = {"steps", "batch", "accumulate", "learning_rate", "warmup_steps", "weight_decay", "betas", "clip_norm",
           "precision", "device", "threads", "validate_every", "checkpoint_every"}  # fmt: skip


def make_trainable(network: nn.Module, options: AlignOptions, seed: int) -> Reference:
    """Give a network what is trained, adapters or its own weights, and return what gives the reference."""
    if options.rank:
        names = linear_names(network, options.targets)
        add_adapters(network, names, options.rank, options.lora_scale, seed_of(seed, 0, ADAPTERS))
        return lambda: without_adapters(network)
    frozen = copy.deepcopy(network).requires_grad_(False)
    network.requires_grad_(True)
    return lambda: contextlib.nullcontext(frozen)


def captions_of(preferences: Preferences, draws: Draws) -> str:
    """The captions of a batch, for a message."""
    return "; ".join(repr(preferences.captions[index]) for index in draws.pairs)


def last_logged(path: Path) -> dict[str, float]:
    """The training numbers of the last step in a file of curves."""
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] == "train"]
    return {row["name"]: float(row["value"]) for row in rows if row["step"] == rows[-1]["step"]}


def _draws(state: Trained, seed: int, step: int) -> Draws:
    shape = state.preferences.winners.shape
    return draw_step(state.options, state.denoising.objective, shape[0], shape[1:], seed, step)


def _checked(preferences: Preferences, kept: Sequence[int], options: AlignOptions) -> Preferences:
    """The pairs that are used, with the weights that the method has.

    Raises:
        UsageError: No pair, tensors that do not belong together, or weights that are not above 0.
    """
    count = len(preferences.captions)
    if not count:
        raise UsageError("there is no pair to train on; collect some: diptych align collect --help")
    shapes = [list(preferences.winners.shape), list(preferences.losers.shape), list(preferences.weights.shape)]
    if shapes[0] != shapes[1] or shapes[0][0] != count or shapes[2] != [count]:
        raise UsageError(
            f"{count} captions, winners {shapes[0]}, losers {shapes[1]}, weights {shapes[2]} do not match."
        )
    weights = preferences.weights[list(kept)].double()
    if not (torch.isfinite(weights).all() and weights.min() > 0):
        raise UsageError("weights of pairs must be finite and above 0.")
    return Preferences(
        captions=tuple(preferences.captions[index] for index in kept),
        winners=preferences.winners[list(kept)].float(),
        losers=preferences.losers[list(kept)].float(),
        weights=weights if options.method == "videodpo" else torch.ones_like(weights),
        sha256=preferences.sha256,
        facts=preferences.facts,
    )


def _array(preferences: Preferences) -> Any:
    return preferences.weights.numpy()


def _notes(preferences: Preferences) -> list[str]:
    ess, count = effective_sample_size(_array(preferences)), len(preferences.captions)
    if ess >= LEAST_ESS_SHARE * count:
        return []
    return [f"the effective sample size is {ess:.1f} of {count} pairs, below {LEAST_ESS_SHARE:.0%}: few carry the loss"]


def _rounding(network: nn.Module, reference: Reference, dtype: torch.dtype) -> list[str]:
    """Say so if storing moves weights by more than a tenth of what training did."""
    moved = lost = 0.0
    with reference() as base:
        before: Mapping[str, Tensor] = base.state_dict()
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                moved += float((value - before[name]).double().square().sum())
                lost += float((value.to(dtype).to(value.dtype) - value).double().square().sum())
    if lost <= 0.01 * moved:
        return []
    share = f"{(lost / moved) ** 0.5:.0%}" if moved else "all"
    return [f"storing as {str(dtype).removeprefix('torch.')} moves weights by {share} of what training did; "
            "choose --set stored=float32, or adapters (rank)"]  # fmt: skip
