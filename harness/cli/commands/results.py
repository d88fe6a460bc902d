"""``diptych results ls | aggregate | export | rebuild | pack | rm | gc``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from harness.cli.options import common, names, results_option
from harness.cli.output import Output, say
from harness.cli.stored import (
    aggregate_runs,
    collect_garbage,
    export_runs,
    list_results,
    pack_runs,
    rebuild_summaries,
    removable,
    remove_runs,
)
from harness.cli.stored_facts import Changes, StoredRun
from harness.errors import UsageError

RUNS = click.argument("runs", metavar="RUN...", nargs=-1, required=True)
SUITE = click.option("--suite", metavar="S", help="Only runs of this suite.")


@click.group("results")
def command() -> None:
    """Look after the runs that are kept: list, aggregate, export, rebuild summaries, remove, clean up."""


@command.command("ls")
@SUITE
@results_option
@common
@click.pass_obj
def ls_command(output: Output, suite: str | None, results: str | None) -> None:
    """List runs, newest first."""
    facts = list_results(suite, results)

    def text() -> str:
        if not facts.runs:
            return f"no runs in {facts.results}. To make one: diptych run null"
        columns = ("run", "suite", "trials", "size", "state")
        output.table(columns, [row_of(run) for run in facts.runs])
        return f"{len(facts.runs)} run{'s' if len(facts.runs) != 1 else ''}, {size(facts.bytes)}"

    output.emit(facts, text)
    for run in facts.runs:
        if run.state == "unreadable":
            say(f"warning: {run.why}")


def row_of(run: StoredRun) -> list[object]:
    """Return the cells of one run; its id says when and at which scale."""
    state = run.state + (f" {run.why}" if run.state == "being written" else "") + (", baseline" if run.baseline else "")
    trials = (
        None if run.finished is None else f"{run.finished}/{run.planned}" + f", {run.failed} failed" * bool(run.failed)
    )
    return [run.run_id, run.suite, trials, size(run.bytes), state]


@command.command("aggregate")
@SUITE
@click.option("--metrics", metavar="A,B", help="Only these metrics.")
@results_option
@common
@click.pass_obj
def aggregate_command(output: Output, suite: str | None, metrics: str | None, results: str | None) -> None:
    """Number, mean and spread of each metric of each arm, run by run."""
    frame = aggregate_runs(suite, names(metrics), results)
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    shown = ["run_id", "group", "arm", "metric", "n", "mean", "sd"]
    output.emit({"rows": rows}, lambda: output.table(shown, [[row[name] for name in shown] for row in rows]))


@command.command("export")
@RUNS
@click.option(
    "-o", "--output", "file", type=click.Path(path_type=Path), metavar="FILE", help="FILE.csv or FILE.parquet."
)
@results_option
@common
@click.pass_obj
def export_command(output: Output, runs: tuple[str, ...], file: Path | None, results: str | None) -> None:
    """Write one row per trial to CSV or Parquet.

    The file is named after the run, as CSV, unless -o says otherwise. In CSV a text that a spreadsheet could run as a
    formula gets an apostrophe before it.
    """
    facts = export_runs(runs, file, results)
    output.emit(facts, lambda: f"{facts.path}: {facts.rows} trials, {len(facts.columns)} columns, {size(facts.bytes)}")


@command.command("rebuild")
@RUNS
@results_option
@common
@click.pass_obj
def rebuild_command(output: Output, runs: tuple[str, ...], results: str | None) -> None:
    """Write summary.json of each RUN anew from its records."""
    facts = rebuild_summaries(runs, results)
    output.emit(facts, lambda: "\n".join(f"{item.path}: {item.why}" for item in facts.items))


@command.command("pack")
@RUNS
@results_option
@common
@click.pass_obj
def pack_command(output: Output, runs: tuple[str, ...], results: str | None) -> None:
    """Pack the records of RUNs that are over; everything reads them as before, and nothing is added any more."""
    facts = pack_runs(runs, results)
    output.emit(facts, lambda: "\n".join(f"{item.path}: {item.why}" for item in facts.items))


@command.command("rm")
@RUNS
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--baselines", is_flag=True, help="Committed baselines, too.")
@results_option
@common
@click.pass_obj
def rm_command(output: Output, runs: tuple[str, ...], yes: bool, baselines: bool, results: str | None) -> None:
    """Delete runs for good, after asking."""
    if not yes:
        ask(removable(runs, baselines=baselines, results=results))
    facts = remove_runs(runs, baselines=baselines, results=results)
    output.emit(facts, lambda: told(facts))


def ask(folders: list[Path]) -> None:
    """Say what would go and ask whether it shall.

    Raises:
        UsageError: Nobody is there to answer.
        click.Abort: The answer is no.
    """
    from harness.store.index import folder_bytes

    for folder in folders:
        say(f"{folder}: {size(folder_bytes(folder))}")
    question = f"delete {'this run' if len(folders) == 1 else f'these {len(folders)} runs'} for good"
    if not sys.stdin.isatty():
        raise UsageError(f"nobody is there to say whether to {question}. To do it without asking: --yes")
    click.confirm(f"{question}?", abort=True, err=True)


@command.command("gc")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@results_option
@common
@click.pass_obj
def gc_command(output: Output, dry_run: bool, results: str | None) -> None:
    """Delete orphaned videos and leftovers.

    These are videos that no record names, and what killed processes left behind. Nothing is touched that is being
    written.
    """
    facts = collect_garbage(dry_run=dry_run, results=results)
    for item in facts.skipped:
        say(f"skipped {item.path}: {item.why}")
    output.emit(facts, lambda: told(facts))


def told(facts: Changes) -> str:
    """Say what went, and how much."""
    number = len(facts.items)
    done = "would be deleted" if facts.dry_run else "deleted"
    lines = [f"{item.path}: {item.why}, {size(item.bytes)}" for item in facts.items]
    return "\n".join([*lines, f"{number} item{'s' if number != 1 else ''}, {size(facts.bytes)} {done}"])


def size(count: int) -> str:
    """Say a number of bytes with three digits: ``"512 B"``, ``"1.6 MB"``."""
    number, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while number >= 999.5 and len(units) > 1:
        number /= 1000
        units.pop(0)
    return f"{number:.3g} {units[0]}"
