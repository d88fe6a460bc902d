"""``diptych omniscore presets | validity | sensitivity | calibrate | retrieval``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.cli.omniscore import (
    CalibrationFacts,
    PresetsFacts,
    SensitivityFacts,
    ValidityFacts,
    omniscore_calibrate,
    omniscore_presets,
    omniscore_sensitivity,
    omniscore_validity,
)
from harness.cli.options import common, results_option
from harness.cli.output import Output
from harness.cli.retrieving import RetrievalFacts, omniscore_retrieval

SAMPLES = click.option("--samples", metavar="RUN", help="A run of omniscore-samples: saturation, variance in prompts.")


@click.group("omniscore")
def command() -> None:
    """OmniScore: what it is made of, what its readings change, whether its dimensions can be believed."""


@command.command("presets")
@click.argument("name", required=False)
@common
@click.pass_obj
def presets_command(output: Output, name: str | None) -> None:
    """Show the presets: parts, weights, scales, and what the sources leave open."""
    facts = omniscore_presets(name)
    output.emit(facts, lambda: _print_presets(output, facts))


@command.command("validity")
@click.argument("run")
@SAMPLES
@results_option
@common
@click.pass_obj
def validity_command(output: Output, run: str, samples: str | None, results: str | None) -> None:
    """Show how well each dimension of RUN (suite omniscore-sanity) tells each fault from clean video."""
    facts = omniscore_validity(run, samples, results)
    output.emit(facts, lambda: _print_validity(output, facts))


@command.command("sensitivity")
@click.argument("source")
@click.option("--preset", metavar="NAME", help="Preset [default: that of each world].")
@results_option
@common
@click.pass_obj
def sensitivity_command(output: Output, source: str, preset: str | None, results: str | None) -> None:
    """Show what each choice that the sources leave open changes: SOURCE is a run, or a file of score --json."""
    facts = omniscore_sensitivity(source, preset, results)
    output.emit(facts, lambda: _print_sensitivity(output, facts))


@command.command("calibrate")
@click.argument("run")
@SAMPLES
@click.option("-o", "--output", "path", type=click.Path(path_type=Path), required=True, help="File of presets.")
@results_option
@common
@click.pass_obj
def calibrate_command(output: Output, run: str, samples: str | None, path: Path, results: str | None) -> None:
    """Write the light presets that RUN (suite omniscore-sanity, scale calibration) gives."""
    facts = omniscore_calibrate(run, path, samples, results)
    output.emit(facts, lambda: _print_calibration(output, facts))


@command.command("retrieval")
@click.argument("scorer", required=False)
@common
@click.pass_obj
def retrieval_command(output: Output, scorer: str | None) -> None:
    """Show how often each text scorer finds the right caption of a clean clip among a group's."""
    facts = omniscore_retrieval(scorer)
    output.emit(facts, lambda: _print_retrieval(output, facts))


def _print_retrieval(output: Output, facts: RetrievalFacts) -> None:
    rows = [
        [
            row["scorer"], row["group"], row["clips"], f"R@{row['k']}", f"{row['hits']} of {row['queries']}",
            f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]", f"{row['chance']:.3f}",
        ]
        for row in facts.rows
    ]  # fmt: skip
    output.table(("text scorer", "clips of", "clips", "", "hits", "share, 95 %", "by chance"), rows)
    for name, why in facts.absent.items():
        output.stream.write(f"{name} is absent: {why}\n")


def _print_presets(output: Output, facts: PresetsFacts) -> None:
    write = output.stream.write
    for preset in facts.presets:
        shares = f"quality : semantics = {preset['quality_share']:g} : {preset['semantics_share']:g}"
        write(f"omniscore[{preset['name']}], version {preset['version']}: {preset['summary']}; {shares}\n")
        rows = [
            [p["metric"], p["side"], f"{p['weight']:g}", f"{p['worst']:g}", f"{p['best']:g}"] for p in preset["parts"]
        ]
        output.table(("part", "side", "weight", "counts 0 at", "counts 1 at"), rows)
        for dimension, why in preset["dropped"].items():
            write(f"dropped: {dimension}: {why}\n")
        for left in preset["left_open"]:
            write(f"open: {left}\n")
        write(f"source: {preset['source']}\n\n")
    if not facts.presets:
        write("there is no preset.\n")


def _print_validity(output: Output, facts: ValidityFacts) -> None:
    for group, matrix in facts.groups.items():
        arms = list(dict.fromkeys(arm for row in matrix.values() for arm in row))
        output.stream.write(f"{group}: area under the ROC curve, clean against faulty; 0.5 is chance\n")
        rows = [[metric, *(_area(row.get(arm)) for arm in arms)] for metric, row in matrix.items()]
        output.table(("dimension", *arms), rows)
    for preset, admissions in facts.admissions.items():
        output.stream.write(f"\nadmission to omniscore[{preset}]\n")
        rows = []
        for one in admissions:
            own = ", ".join(f"{arm} {_interval(found)}" for arm, found in one["own"].items()) or "-"
            share = "-" if one["saturated"] is None else f"{one['saturated']:.0%}"
            variance = "-" if one["variance_share"] is None else f"{one['variance_share']:.0%}"
            rows.append([one["metric"], own, share, variance, "; ".join(one["why_not"]) or "admitted"])
        output.table(("dimension", "own fault: AUC, 95 %", "saturated", "variance in prompts", "verdict"), rows)


def _area(found: dict[str, Any] | None) -> str:
    return "-" if found is None else f"{found['value']:.2f}"


def _interval(found: dict[str, Any]) -> str:
    low, high = found["low"], found["high"]
    return f"{found['value']:.2f}" + ("" if low is None else f" [{low:.2f}, {high:.2f}]")


def _print_sensitivity(output: Output, facts: SensitivityFacts) -> None:
    for group, found in facts.groups.items():
        left = f", {found['left_out']} without every part left out" if found["left_out"] else ""
        output.stream.write(f"{group}: {found['videos']} videos, {found['prompts']} prompts with several{left}\n")
        rows = [
            [
                row["name"], f"{row['mean']:.4f}", _number(row["spread"], ".4f"), _number(row["tau"], ".3f"),
                _number(row["other_winner"], ".0%"), _number(row["other_loser"], ".0%"),
            ]
            for row in found["readings"]
        ]  # fmt: skip
        columns = ("reading", "mean", "best - worst", "Kendall's tau", "other best", "other worst")
        output.table(columns, rows)


def _number(value: float | None, how: str) -> str:
    return "-" if value is None else format(value, how)


def _print_calibration(output: Output, facts: CalibrationFacts) -> None:
    write = output.stream.write
    write(f"{facts.path}: {', '.join(facts.presets) or 'no preset'}; calibration set {facts.set_sha256[:12]}\n")
    for preset, dropped in facts.dropped.items():
        for dimension, why in dropped.items():
            write(f"{preset} drops {dimension}: {why}\n")
    for name in facts.without:
        write(f"{name} has no admitted part on one side, and is not written\n")
