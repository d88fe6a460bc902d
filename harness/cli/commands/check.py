"""``diptych check NAME``."""

from __future__ import annotations

import click

from harness.cli.checking import CheckFacts, check_component
from harness.cli.options import common
from harness.cli.output import Output
from harness.conformance.laws import LawFact
from harness.stats.sentences import count


@click.command("check")
@click.argument("name")
@click.option("--kind", metavar="KIND", help="Its kind, where several have the name: suite, model, schedule, …")
@common
@click.pass_context
def command(ctx: click.Context, name: str, kind: str | None) -> None:
    """Hold the component NAME (or a suite's TOML file) to the laws of its kind; exit 1 if one is broken.

    The laws are those of Diptych's own components: a plug-in that keeps them can be trusted in a comparison.
    """
    output: Output = ctx.obj
    facts = check_component(name, kind)
    output.emit(facts, lambda: _text(output, facts))
    if not facts.ok:
        ctx.exit(1)


def _text(output: Output, facts: CheckFacts) -> str:
    output.stream.write(f"{facts.kind} {facts.name}, {facts.origin}\n")
    output.table(["law", "", "seen"], [[fact.name, _word(fact), fact.detail] for fact in facts.checks])
    broken = [fact for fact in facts.checks if not fact.ok]
    if broken:
        return f"{len(broken)} of {count(len(facts.checks), 'law')} broken"
    return f"all {count(len(facts.checks), 'law')} kept"


def _word(fact: LawFact) -> str:
    if not fact.applies:
        return "n/a"
    return "ok" if fact.ok else "FAILED"
