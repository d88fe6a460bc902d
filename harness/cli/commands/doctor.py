"""``diptych doctor``."""

from __future__ import annotations

import click

from harness.cli.checks import Check, check_machine
from harness.cli.options import common, results_option
from harness.cli.output import Output


@click.command("doctor")
@results_option
@common
@click.pass_context
def command(ctx: click.Context, results: str | None) -> None:
    """Check Python, packages, devices, memory, disk, weights and folders; exit 1 if something needed is missing."""
    output: Output = ctx.obj
    checks = check_machine(results)

    def text() -> None:
        output.table(["check", "", "found"], [[check.name, _word(check), check.detail] for check in checks])
        for check in checks:
            if check.remedy:
                output.stream.write(f"{check.name}: {check.remedy}\n")

    output.emit({"checks": checks}, text)
    if any(check.severity == "required" and not check.ok for check in checks):
        ctx.exit(1)


def _word(check: Check) -> str:
    if check.severity == "information":
        return "info"
    return "ok" if check.ok else ("FAILED" if check.severity == "required" else "warning")
