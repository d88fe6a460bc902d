"""``diptych align demo``."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.demonstrating import METHODS, PROMPTS, STEPS, TESTED, VIDEOS, DemoFacts, align_demo
from harness.cli.options import common
from harness.cli.output import Output, say
from harness.cli.running import stop_on_sigterm

FILE = click.Path(path_type=Path)


@click.command("demo")
@click.option("--out", type=FILE, default=Path("align-demo"), show_default=True, help="Folder of everything.")
@click.option("--method", default="videodpo", show_default=True, help=f"{', '.join(METHODS)}.")
@click.option("--prompts", type=int, default=PROMPTS, show_default=True, help="Prompts that videos are collected of.")
@click.option("--videos", type=int, default=VIDEOS, show_default=True, help="Videos of each.")
@click.option("--steps", type=int, default=STEPS, show_default=True, help="Optimiser steps.")
@click.option("--tested", type=int, default=TESTED, show_default=True, help="Prompts of the matched trials.")
@click.option("--device", metavar="D", default="cpu", show_default=True, help="Torch device.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of noise, training and trials.")
@common
@click.pass_obj
def command(
    output: Output,
    /,
    out: Path,
    method: str,
    prompts: int,
    videos: int,
    steps: int,
    tested: int,
    device: str,
    seed: int,
) -> None:
    """Show the whole in minutes: collect preferences, align, judge on other prompts, write the report.

    Interrupted, it goes on where it stopped when it is called again.
    """
    with stop_on_sigterm():
        facts = align_demo(
            out,
            method,
            prompts=prompts,
            videos=videos,
            steps=steps,
            tested=tested,
            device=device,
            seed=seed,
            tell=say,
        )
    output.emit(facts, lambda: _text(facts))


def _text(facts: DemoFacts) -> str:
    times = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in facts.seconds.items())
    return f"{facts.conclusion}\nreport: {facts.report}\nrun: {facts.run}\ntime: {times}"
