"""``diptych figures PAPER``."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.figures import FiguresFacts, write_figures
from harness.cli.options import common, not_empty, results_option
from harness.cli.output import Output, say
from harness.stats.sentences import count


@click.command("figures")
@click.argument("paper")
@click.option("-o", "--output", "folder", metavar="DIR", help="Folder to write to [default: figures/PAPER].")
@click.option(
    "--run",
    "runs",
    metavar="RUN",
    multiple=True,
    help="A run to draw; may be repeated [default: the newest complete run of each suite].",
)
@results_option
@common
@click.pass_obj
def command(output: Output, paper: str, folder: str | None, runs: tuple[str, ...], results: str | None) -> None:
    """Write a paper's figures (PAPER is diagd): published numbers with their sources, measured ones with their runs.

    Each is a PDF, an SVG, the data as CSV and a caption; the table is LaTeX, too. The same runs give the same bytes.
    """
    not_empty(folder, "-o")
    facts = write_figures(paper, None if folder is None else Path(folder), runs=runs, results=results)
    for note in facts.notes:
        say(f"note: {note}")
    output.emit(facts, lambda: _text(facts))


def _text(facts: FiguresFacts) -> str:
    where = facts.files[0].path.parent
    drawn = f"drawn: {', '.join(facts.runs)}" if facts.runs else "no run is drawn: published numbers and schedules only"
    return f"{count(len(facts.files), 'file')} in {where}\n{drawn}"
