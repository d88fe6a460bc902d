"""``diptych bench NAME``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from harness.cli.options import common
from harness.cli.output import Output, say
from harness.cli.verbs import run_bench

if TYPE_CHECKING:
    from harness.benches.rows import BenchFacts, BenchRow


@click.command("bench")
@click.argument("name")
@click.option("--quick", is_flag=True, help="Smaller sizes, for a look.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of what is simulated, at least 0.")
@common
@click.pass_obj
def command(output: Output, name: str, quick: bool, seed: int) -> None:
    """Measure Diptych itself: NAME is one of `diptych list benches`."""
    facts = run_bench(name, quick=quick, seed=seed, tell=say)
    output.emit(facts, lambda: _table(output, facts))


def _table(output: Output, facts: BenchFacts) -> None:
    met = {True: "yes", False: "NO", None: None}
    rows = [[r.name, r.value, r.unit, r.reference, r.ratio, _target(r), met[r.met], r.reason] for r in facts.rows]
    columns = ("name", "value", "unit", "reference", "ratio", "target", "met", "remark")
    used = [i for i in range(len(columns)) if any(cells[i] is not None for cells in rows)]
    output.table([columns[i] for i in used], [[cells[i] for i in used] for cells in rows])


def _target(row: BenchRow) -> float | str | None:
    return row.target if row.ceiling is None else f"{row.target:g} to {row.ceiling:g}"
