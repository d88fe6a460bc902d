"""``diptych import vbench FILE… [--against FILE]``."""

from __future__ import annotations

from typing import Any

import click

from harness.cli.importing import THRESHOLD_POINTS, import_vbench
from harness.cli.options import common, not_empty
from harness.cli.output import Output

TOTALS = ("quality", "semantic", "total")
COLUMNS = ("dimension", "part", "value", "min", "max", "normalised", "weight", "videos")


@click.group("import")
def command() -> None:
    """Read results of other tools."""


@command.command("vbench")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option(
    "--against", metavar="FILE", multiple=True, help="The same of another model, the baseline; may be repeated."
)
@click.option("--label", metavar="NAME", help="What to call the model [default: the file's or folder's name].")
@click.option("--against-label", metavar="NAME", help="What to call the other model.")
@click.option("--unit", metavar="UNIT", help="Unit of plain numbers: fraction or percent [default: by the numbers].")
@click.option("--unnumbered", is_flag=True, help="A number at the end of a video's name is part of its prompt.")
@click.option(
    "--primary", metavar="DIMENSION", help="What the run concludes on [default: the first that can be paired]."
)
@click.option(
    "--threshold",
    "points",
    metavar="POINTS",
    type=float,
    default=THRESHOLD_POINTS,
    help=f"Change that matters, in points of 100 of a normalised dimension [default: {THRESHOLD_POINTS:g}].",
)
@click.option("-o", "--results", metavar="DIR", help="Where the run is kept [default: $DIPTYCH_RESULTS, or ./results].")
@common
@click.pass_obj
def vbench_command(
    output: Output,
    files: tuple[str, ...],
    against: tuple[str, ...],
    label: str | None,
    against_label: str | None,
    unit: str | None,
    unnumbered: bool,
    primary: str | None,
    points: float,
    results: str | None,
) -> None:
    """Compute VBench's totals from its result files, and hold one model against another.

    FILE is *_eval_results.json, one or one for each dimension, a folder of them, or a JSON object of dimension →
    number. With --against, videos of the same name (prompt and number) become the pairs of a run, which show, compare,
    report and verify read: differences of every dimension, with intervals over prompts.
    """
    for text, option in ((label, "--label"), (against_label, "--against-label"), (primary, "--primary")):
        not_empty(text, option)
    not_empty(results, "-o/--results")
    facts = import_vbench(
        files,
        against=against,
        label=label,
        against_label=against_label,
        unit=_unit(unit),
        numbered=not unnumbered,
        primary=primary,
        threshold_points=points,
        results=results,
    )
    output.emit(facts, lambda: _print(output, facts))


def _unit(text: str | None) -> Any:
    from harness.errors import unknown
    from harness.vbench.read import UNITS

    if text is not None and text not in UNITS:
        raise unknown("unit", text, UNITS)
    return text


def _print(output: Output, facts: Any) -> str:
    """Print one table a model, what was matched, and the totals."""
    models = [facts] if facts.against is None else [facts, facts.against]
    for model in models:
        output.table(COLUMNS, [_row(name, found) for name, found in model.dimensions.items()], title=_title(model))
    lines = []
    for model in models:
        lines.append(f"{model.label}: {', '.join(f'{name} {_percent(getattr(model, name))}' for name in TOTALS)}")
        lines += [f"  {model.reason}"] if model.reason else []
        lines += [f"  note: {note}" for note in model.notes]
    if facts.differences is not None:
        changes = ", ".join(f"{name} {_points(facts.differences[name])}" for name in TOTALS)
        lines.append(f"{facts.label} minus {facts.against.label}, in points: {changes}")
    if facts.run_reason:
        lines.append(f"no run was made: {facts.run_reason}")
    if facts.run is None:
        return "\n".join(lines)
    output.stream.write("\n".join(lines) + "\n")
    return _run(output, facts.run)


def _run(output: Output, run: Any) -> str:
    from harness.cli.findings import print_findings

    print_findings(output, run.findings, everything=True)
    lines = [run.conclusion, *(f"note: {note}" for note in run.notes)]
    return "\n".join([*lines, f"next: diptych report {run.path}"])


def _title(model: Any) -> str:
    files = f"{model.files[0].name}" if len(model.files) == 1 else f"{len(model.files)} files"
    return f"{model.label} ({files}, read as {model.unit})"


def _row(name: str, found: Any) -> list[Any]:
    return [
        name,
        found.part,
        found.value,
        found.minimum,
        found.maximum,
        None if found.normalised is None else f"{100 * found.normalised:.2f} %",
        found.weight,
        found.videos or None,
    ]


def _percent(value: float | None) -> str:
    return "absent" if value is None else f"{value:.2f} %"


def _points(value: float | None) -> str:
    return "unknown" if value is None else f"{value:+.2f}"
