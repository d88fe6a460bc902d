"""``diptych report RUN…``."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import common, not_empty, results_option
from harness.cli.output import Output
from harness.cli.verbs import write_report
from harness.stats.sentences import count


@click.command("report")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option("-o", "--output", "target", metavar="FILE", help="The file to write [default: in the working directory].")
@results_option
@common
@click.pass_obj
def command(output: Output, runs: tuple[str, ...], target: str | None, results: str | None) -> None:
    """Write one self-contained HTML page of one or more runs."""
    not_empty(target, "-o")
    written = write_report(runs, None if target is None else Path(target), results)
    output.emit(written, lambda: f"{written.path} ({written.bytes} bytes, {count(len(written.runs), 'run')})")
