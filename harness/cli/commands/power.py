"""``diptych power SUITE``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from harness.cli.options import common, results_option
from harness.cli.output import Output
from harness.cli.power import suite_power
from harness.stats.sentences import SPOKEN_UNITS

if TYPE_CHECKING:
    from harness.power import PowerFacts, PowerRow


@click.command("power")
@click.argument("suite")
@click.option("--scale", metavar="S", help="Only a run at this scale [default: any].")
@click.option(
    "--effect",
    metavar="X",
    help="The true effect: percent for ratios, the metric's unit for differences; 3% means ratios alone "
    "[default: twice the threshold; no loss for comparable quality].",
)
@click.option("--power", type=float, default=0.9, show_default=True, help="Probability of seeing it, at least 0.5.")
@click.option("--run", metavar="RUN", help="The recorded run [default: the newest].")
@click.option("--metric", metavar="M", help="Only this primary metric.")
@results_option
@common
@click.pass_obj
def command(
    output: Output,
    suite: str,
    scale: str | None,
    effect: str | None,
    power: float,
    run: str | None,
    metric: str | None,
    results: str | None,
) -> None:
    """Say how many blocks a wished effect needs, by the spread that a run of SUITE has recorded."""
    facts = suite_power(suite, scale, effect=effect, power=power, run=run, metric=metric, results=results)
    output.emit(facts, lambda: _text(output, facts))


def _text(output: Output, facts: PowerFacts) -> str:
    output.stream.write(f"by run {facts.run_id} (scale {facts.scale}); power {facts.power:g}\n\n")
    for key in dict.fromkeys((row.group, row.metric, row.kind) for row in facts.rows):
        rows = [row for row in facts.rows if (row.group, row.metric, row.kind) == key]
        _table(output, rows)
        output.stream.write("\n")
    return "\n".join([f"method: {facts.method}", *(f"note: {note}" for note in facts.notes)])


def _table(output: Output, rows: list[PowerRow]) -> None:
    columns = ["arm", "blocks recorded", "spread", "power", "blocks needed", "cautious", COULD[rows[0].kind], "remark"]
    cells = [
        [
            row.arm,
            row.blocks_recorded,
            _size(row, row.sd),
            None if row.power is None else f"{row.power:.3f}",
            row.blocks_needed,
            row.blocks_needed_cautious,
            _size(row, row.detectable_effect),
            row.reason or "",
        ]
        for row in rows
    ]
    shown = len(columns) if any(row.reason for row in rows) else -1
    output.table(columns[:shown], [row[:shown] for row in cells], title=f"{rows[0].group}: {_question(rows[0])}")


COULD = {"difference": "smallest seen", "comparable": "largest loss borne"}


def _question(row: PowerRow) -> str:
    effect, limit = _size(row, row.effect), _size(row, row.threshold)
    if row.kind == "comparable":
        return f"{row.metric} comparable within {limit}, if the true loss is {effect}"
    return f"{row.metric} judged beyond ±{limit}, if the true change is {effect}"


def _size(row: PowerRow, value: float | None) -> str | None:
    if value is None:
        return None
    if row.unit == "ratio":
        return f"{100 * value:.3g} %"
    return f"{value:.3g} {row.unit}" if row.unit in SPOKEN_UNITS else f"{value:.3g}"
