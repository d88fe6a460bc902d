"""``diptych plan SUITE``."""

from __future__ import annotations

import click

from harness.cli.facts import PlanFacts
from harness.cli.options import common, names, results_option
from harness.cli.output import Output
from harness.cli.verbs import DEFAULT_SCALE, plan_suite


@click.command("plan")
@click.argument("suite")
@click.option("--scale", default=DEFAULT_SCALE, show_default=True, help="How much: smoke, small or full.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the run, at least 0.")
@click.option("--arms", metavar="A,B", help="Only these arms; the baseline must be one of them.")
@click.option("--resume", metavar="RUN", help="Count what this run has already finished as reused.")
@results_option
@common
@click.pass_obj
def command(
    output: Output, suite: str, scale: str, seed: int, arms: str | None, resume: str | None, results: str | None
) -> None:
    """Say what `diptych run SUITE` would do: arms, blocks, trials, and how many of them are new.

    SUITE is a name (`diptych list suites`) or the path of a TOML file (`diptych schema suite`).
    """
    facts = plan_suite(suite, scale, seed=seed, arms=names(arms), resume=resume, results=results)
    output.emit(facts, lambda: _text(output, facts))


def _text(output: Output, facts: PlanFacts) -> None:
    output.table(
        ["suite", "version", "scale", "arms", "blocks", "trials", "reuse", "run"],
        [
            [
                facts.suite,
                facts.version,
                facts.scale,
                len(facts.arms),
                facts.blocks,
                facts.trials,
                facts.reuse,
                facts.run,
            ]
        ],
    )
    output.stream.write(f"arms: {', '.join(facts.arms)} (baseline {facts.baseline})\n")
