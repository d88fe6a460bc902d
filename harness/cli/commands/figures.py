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
@click.option(
    "--scores",
    metavar="FILE",
    help="Scores of videos, for videodpo: the JSON of diptych score, or CSV with columns video, prompt and the scores.",
)
@click.option(
    "--composite", metavar="NAME", help="The score in FILE that ranks videos [default: the one called omniscore…]."
)
@results_option
@common
@click.pass_obj
def command(
    output: Output,
    paper: str,
    folder: str | None,
    runs: tuple[str, ...],
    scores: str | None,
    composite: str | None,
    results: str | None,
) -> None:
    """Write the figures of PAPER, diagd or videodpo: published numbers with their sources, measured ones with theirs.

    Each is a PDF, an SVG, the data as CSV and a caption; tables are LaTeX, too. The same inputs give the same bytes.
    """
    not_empty(folder, "-o")
    not_empty(scores, "--scores")
    facts = write_figures(
        paper,
        None if folder is None else Path(folder),
        runs=runs,
        results=results,
        scores=None if scores is None else Path(scores).expanduser(),
        composite=composite,
    )
    for note in facts.notes:
        say(f"note: {note}")
    output.emit(facts, lambda: _text(facts))


def _text(facts: FiguresFacts) -> str:
    where = facts.files[0].path.parent
    sources = [*facts.runs, *([str(facts.scores)] if facts.scores else [])]
    drawn = f"drawn: {', '.join(sources)}" if sources else "no run is drawn: published numbers and formulas only"
    return f"{count(len(facts.files), 'file')} in {where}\n{drawn}"
