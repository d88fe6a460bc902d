"""``diptych align train``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.cli.aligning import AlignedFacts, parse_align_settings, train_alignment
from harness.cli.options import common, not_empty
from harness.cli.output import Output, say
from harness.stats.sentences import count

FILE = click.Path(path_type=Path)


@click.command("train")
@click.option("--data", type=FILE, required=True, help="Folder of diptych align collect, or a file of pairs in it.")
@click.option("--method", required=True, help="sft, dpo or videodpo.")
@click.option("--out", type=FILE, required=True, help="Folder of the training run: checkpoint, curves, weights.")
@click.option("--model", metavar="NAME", help="Registered model [default: the one that made the videos].")
@click.option("--preset", default="cpu", show_default=True, help="cpu, gpu or test.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of draws and adapters, at least 0.")
@click.option("--held-out", type=FILE, help="Another collection, whose pairs validation asks about.")
@click.option("--device", metavar="D", help="Torch device, in place of the preset's.")
@click.option("--steps", type=int, metavar="N", help="Optimiser steps, in place of the preset's.")
@click.option("--beta", type=float, metavar="X", help="Strength of the preference, in place of the preset's 5000.")
@click.option("--rank", type=int, metavar="N", help="Rank of adapters; 0 trains all weights.")
@click.option("--learning-rate", type=float, metavar="X", help="Learning rate, in place of the preset's.")
@click.option("--set", "pairs", metavar="KEY=VALUE", multiple=True, help="Another option; may be repeated.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint in the folder.")
@click.option("--stop-after", type=int, metavar="STEP", help="Stop early at this step, with a checkpoint.")
@common
@click.pass_obj
def command(
    output: Output,
    /,
    data: Path,
    method: str,
    out: Path,
    model: str | None,
    preset: str,
    seed: int,
    held_out: Path | None,
    pairs: tuple[str, ...],
    resume: bool,
    stop_after: int | None,
    **changes: Any,
) -> None:
    """Align a model with preferences: supervised on winners (sft), DPO, or VideoDPO, which weighs rare pairs.

    Options beside those above, by --set: reduction, factor, shared_noise, shared_timestep, dropout, caption_dropout,
    timestep_low, timestep_high, data_fraction, batch, accumulate, lora_alpha, targets, ema, precision, stored.
    """
    for name, path in (("--data", data), ("--out", out)):
        not_empty(str(path), name)
    given = {name: value for name, value in changes.items() if value is not None}
    facts = train_alignment(
        data,
        method,
        out,
        preset,
        model=model,
        seed=seed,
        held_out=held_out,
        resume=resume,
        stop_after=stop_after,
        **{**parse_align_settings(pairs), **given},
    )
    for note in facts.notes:
        say(f"note: {note}")
    output.emit(facts, lambda: _text(facts))


def _text(facts: AlignedFacts) -> str:
    numbers = ", ".join(f"{name} {value:.4g}" for name, value in facts.validation.items())
    return f"{facts.path}\n{facts.method}, {count(facts.pairs, 'pair')}, {count(facts.steps, 'step')}\n{numbers}"
