"""``diptych export asv [RUN…]``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from harness.cli.exporting import AsvFacts, export_asv
from harness.cli.options import common, not_empty, results_option
from harness.cli.output import Output
from harness.stats.sentences import count

SHOWN = 8


@click.group("export")
def command() -> None:
    """Write runs in the formats of other tools."""


@command.command("asv")
@click.argument("runs", metavar="[RUN...]", nargs=-1)
@click.option("-o", "--output", "folder", metavar="DIR", help="asv's results folder [default: asv/exported].")
@click.option(
    "--repository", metavar="DIR", help="Repository of the runs' commits [default: Diptych's own, else this one]."
)
@results_option
@common
@click.pass_obj
def asv_command(
    output: Output, runs: tuple[str, ...], folder: str | None, repository: str | None, results: str | None
) -> None:
    """Write runs as results of asv (airspeed velocity), a history of commits.

    Without RUN: all runs, and the committed baselines. Of results, the folder then holds these alone. Everything is
    exported as lower is better: seconds per frame, 1 - ssim, time relative to the baseline. Runs of a changed tree
    belong to no commit and are left out.
    """
    not_empty(folder, "-o")
    facts = export_asv(
        runs,
        None if folder is None else Path(folder),
        results=results,
        repository=None if repository is None else Path(repository),
    )
    output.emit(facts, lambda: _text(facts))


def _text(facts: AsvFacts) -> str:
    counts = ", ".join(count(len(getattr(facts, name)), name[:-1]) for name in ("files", "benchmarks", "commits"))
    lines = [f"{_near(facts.directory)}: {counts}"]
    runs = [item for item in facts.skipped if item.what is None]
    cells = [item for item in facts.skipped if item.what is not None]
    for kind, items in (("run", runs), ("cell", cells)):
        if items:
            lines.append(f"{count(len(items), kind)} left out:")
            lines += [f"  {item.what or item.run}: {item.reason}" for item in items[:SHOWN]]
            if len(items) > SHOWN:
                lines.append(f"  and {len(items) - SHOWN} more: --json names all")
    lines += [f"note: {note}" for note in facts.notes]
    return "\n".join([*lines, f"next: asv publish --no-pull --config {_near(facts.config)}"])


def _near(path: Path) -> str:
    """Return ``path`` as a user in the working directory would type it."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
