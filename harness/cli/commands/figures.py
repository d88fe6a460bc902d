"""``diptych figures PAPER``."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.figures import write_figures
from harness.cli.options import common, not_empty, results_option
from harness.cli.output import Output
from harness.stats.sentences import count


@click.command("figures")
@click.argument("paper")
@click.option("-o", "--output", "target", metavar="DIR", help="Folder to write to [default: figures/PAPER].")
@click.option("--run", "runs", metavar="RUN", multiple=True, help="A run to draw; may be repeated.")
@results_option
@common
@click.pass_obj
def command(output: Output, paper: str, target: str | None, runs: tuple[str, ...], results: str | None) -> None:
    """Write a paper's figures from published numbers and measured runs: PAPER is diagd."""
    not_empty(target, "-o")
    facts = write_figures(paper, None if target is None else Path(target), runs=runs, results=results)
    drawn = ", ".join(facts.runs) or "no run: published only"
    output.emit(facts, lambda: f"{count(len(facts.files), 'file')} in {facts.files[0].path.parent} ({drawn})")
