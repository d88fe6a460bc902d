"""``diptych verify RUN``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from harness.cli.options import common, results_option
from harness.cli.output import Output
from harness.cli.progress import LOG, RunProgress
from harness.cli.verifying import verify_run

if TYPE_CHECKING:
    from harness.verify.facts import Verification

SINGULAR = {"summaries": "summary", "patches": "patch", "values from videos": "value from videos"}


@click.command("verify")
@click.argument("run")
@click.option("--rerun", type=int, default=0, metavar="N", help="Also run N whole blocks again and compare.")
@click.option("--across-contexts", is_flag=True, help="Rerun although machine, versions or weights have changed since.")
@results_option
@common
@click.pass_context
def command(ctx: click.Context, run: str, rerun: int, across_contexts: bool, results: str | None) -> None:
    """Check that RUN is still what it was: records, plan, videos, weights, summary; exit 1 if there is a problem."""
    output: Output = ctx.obj
    with RunProgress() as progress:
        facts = verify_run(
            run,
            rerun=rerun,
            across_contexts=across_contexts,
            results=results,
            progress=progress.show,
            tell=LOG.info,
        )
    output.emit(facts, lambda: _text(output, facts))
    if not facts.ok:
        ctx.exit(1)


def _text(output: Output, facts: Verification) -> str:
    if facts.problems:
        output.table(["problem", "where", "why"], [[p.what, p.where, p.why] for p in facts.problems])
    if facts.rerun is not None and facts.rerun.speed:
        rows = [
            [
                s.group,
                s.arm,
                f"×{s.recorded:.3f}",
                f"×{s.rerun:.3f}",
                s.deviation,
                s.allowed,
                "ok" if s.ok else "disturbed" if s.disturbed else "FAILED",
            ]
            for s in facts.rerun.speed
        ]
        output.table(["group", "arm", "recorded", "rerun", "moved (log)", "allowed", ""], rows)
    lines = [f"not checked: {skipped.what}: {skipped.why}" for skipped in facts.skipped]
    if facts.rerun is not None:
        again = facts.rerun
        lines.append(
            f"run again: {again.equal} of {again.trials} trials are equal bit for bit ({'; '.join(again.blocks)})"
        )
    counted = [f"{number} {name_of(name, number)}" for name, number in facts.checked.items() if number]
    lines.append("checked: " + (", ".join(counted) or "nothing"))
    number = len(facts.problems)
    lines.append(f"{facts.run_id}: " + ("ok" if facts.ok else f"{number} problem{'s' if number != 1 else ''}"))
    return "\n".join(lines)


def name_of(plural: str, number: int) -> str:
    """Return what so many things are called."""
    return plural if number != 1 else SINGULAR.get(plural, plural.removesuffix("s"))
