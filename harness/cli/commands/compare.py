"""``diptych compare A B``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from harness.cli.findings import print_findings
from harness.cli.options import common, results_option
from harness.cli.output import Output, say
from harness.cli.verbs import compare_runs, gate_code

if TYPE_CHECKING:
    from harness.analyse import Comparison


@click.command("compare")
@click.argument("reference", metavar="A")
@click.argument("candidate", metavar="B")
@click.option("--metric", metavar="M", help="Only this metric.")
@click.option("--gate", is_flag=True, help="Exit 3 if quality regressed, 4 if that is unclear.")
@click.option("--across-contexts", is_flag=True, help="Compare although device, software or settings differ.")
@click.option("--all", "everything", is_flag=True, help="Also the exploratory findings.")
@results_option
@common
@click.pass_context
def command(
    ctx: click.Context,
    reference: str,
    candidate: str,
    metric: str | None,
    gate: bool,
    across_contexts: bool,
    everything: bool,
    results: str | None,
) -> None:
    """Compare run B, the candidate, with run A, the reference: same arms, paired block by block.

    Quality and exact counts only: times and memory of separate runs were not measured side by side, and never gate.
    """
    output: Output = ctx.obj
    facts = compare_runs(reference, candidate, metric=metric, across_contexts=across_contexts, results=results)
    output.emit(facts, lambda: _text(output, facts, everything))
    if gate:
        lacking = [item for item in facts.unmatched if item.blocks_gate]
        if lacking:
            first = lacking[0]
            what = f"{first.arm}: {first.reason}"
            say(f"gate: the candidate lacks {len(lacking)} of what the reference finished; the first is {what}")
        ctx.exit(gate_code(facts))


def _text(output: Output, facts: Comparison, everything: bool) -> str:
    different = facts.context_differences
    across = f", ACROSS CONTEXTS: {', '.join(d.key for d in different)}" if different else ""
    output.stream.write(f"{facts.candidate} against {facts.reference}{across}\n")
    print_findings(output, facts.findings, everything=everything)
    measured = [u for u in facts.unmatched if u.metric is not None]
    if measured and everything:
        rows = [[u.group, u.arm, u.metric, u.reference_value, u.candidate_value, u.unit, u.reason] for u in measured]
        output.table(("group", "arm", "metric", "A", "B", "unit", "not compared because"), rows)
    elif measured:
        names = ", ".join(dict.fromkeys(str(u.metric) for u in measured))
        output.stream.write(f"not compared: {names}: {measured[0].reason}; both runs' values: --all\n")
    lone = [u for u in facts.unmatched if u.metric is None]
    for group in dict.fromkeys(u.group for u in lone):
        these = [u for u in lone if u.group == group]
        where = "all groups" if group is None else group
        more = f" and {len(these) - 1} more" if len(these) > 1 else ""
        output.stream.write(f"not compared: {where}: {these[0].arm}: {these[0].reason}{more}\n")
    told = [f"context: {d.key} is {d.reference} in A and {d.candidate} in B" for d in different]
    return "\n".join([*told, *(f"note: {note}" for note in facts.notes)])
