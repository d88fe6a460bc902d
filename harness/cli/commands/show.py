"""``diptych show RUN``."""

from __future__ import annotations

import click

from harness.cli.facts import RunFacts
from harness.cli.findings import print_conclusions, print_findings, print_methods
from harness.cli.options import common, results_option
from harness.cli.output import Output, say
from harness.cli.verbs import show_run


@click.command("show")
@click.argument("run")
@click.option("--all", "everything", is_flag=True, help="Also the exploratory findings.")
@results_option
@common
@click.pass_obj
def command(output: Output, run: str, everything: bool, results: str | None) -> None:
    """Show what RUN found: a path, or the beginning of a run id."""
    facts = show_run(run, results)
    show_facts(output, facts, everything=everything)


def show_facts(output: Output, facts: RunFacts, *, everything: bool = False) -> None:
    """Print a run: its counts, findings, conclusion and notes; problems of its files go to stderr."""
    for problem in facts.problems:
        say(f"warning: {problem}")
    output.emit(facts, lambda: _text(output, facts, everything))


def _text(output: Output, facts: RunFacts, everything: bool) -> str:
    trials = facts.trials
    output.stream.write(
        f"{facts.run_id}: suite {facts.suite} (version {facts.version}), scale {facts.scale}, {facts.path}\n"
        f"{trials.finished} of {trials.planned} trials finished, {trials.failed} failed, {trials.unpaired} unpaired\n"
    )
    if trials.finished + trials.failed < trials.planned:
        output.stream.write(f"not finished yet; to go on: diptych resume {facts.path}\n")
    if everything:
        print_findings(output, facts.findings, everything=True)
    else:
        print_conclusions(output, facts)
    print_methods(output, facts, everything=everything)
    return "\n".join([facts.conclusion, *(f"note: {note}" for note in facts.notes)])
