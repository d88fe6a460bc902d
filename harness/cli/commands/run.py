"""``diptych run SUITE`` and ``diptych resume RUN``."""

from __future__ import annotations

import sys

import click

from harness.cli.commands.show import show_facts
from harness.cli.facts import RunFacts
from harness.cli.options import common, names, results_option
from harness.cli.output import Output, say
from harness.cli.progress import RunProgress
from harness.cli.running import resume_run, run_suite, stop_on_sigterm
from harness.cli.verbs import DEFAULT_SCALE

timeout_option = click.option(
    "--trial-timeout",
    type=float,
    metavar="SECONDS",
    help="Longest time for one trial, whose process is then stopped and the trial recorded as failed [default: 3600].",
)


@click.command("run")
@click.argument("suite")
@click.option("--scale", default=DEFAULT_SCALE, show_default=True, help="How much: smoke, small or full.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:N.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the run, at least 0.")
@click.option("--arms", metavar="A,B", help="Only these arms; the baseline must be one of them.")
@click.option(
    "--threads", type=int, metavar="N", help="CPU threads to pin [default: 1, the steadiest on a shared machine]."
)
@click.option("--keep-samples", type=int, metavar="N", help="Blocks of each group whose videos are kept.")
@timeout_option
@results_option
@common
@click.pass_context
def run_command(
    ctx: click.Context,
    suite: str,
    scale: str,
    device: str,
    seed: int,
    arms: str | None,
    threads: int | None,
    keep_samples: int | None,
    trial_timeout: float | None,
    results: str | None,
) -> None:
    """Run the matched trials of SUITE, keep them, and say what they show.

    SUITE is a name (`diptych list suites`) or the path of a TOML file (`diptych schema suite`).
    """
    with stop_on_sigterm(), RunProgress() as progress:
        facts = run_suite(
            suite,
            scale,
            device=device,
            seed=seed,
            results=results,
            arms=names(arms),
            threads=threads,
            keep_samples=keep_samples,
            trial_timeout_seconds=trial_timeout,
            progress=progress.show,
            argv=["diptych", *sys.argv[1:]],
        )
    tell(ctx, facts)


@click.command("resume")
@click.argument("run")
@click.option("--retry-failed", is_flag=True, help="Also run failed trials again.")
@click.option("--across-contexts", is_flag=True, help="Go on although machine, versions or weights have changed.")
@timeout_option
@results_option
@common
@click.pass_context
def resume_command(
    ctx: click.Context,
    run: str,
    retry_failed: bool,
    across_contexts: bool,
    trial_timeout: float | None,
    results: str | None,
) -> None:
    """Finish RUN: exactly the trials that have no record, with the run's own settings."""
    with stop_on_sigterm(), RunProgress() as progress:
        facts = resume_run(
            run,
            results=results,
            retry_failed=retry_failed,
            across_contexts=across_contexts,
            trial_timeout_seconds=trial_timeout,
            progress=progress.show,
            argv=["diptych", *sys.argv[1:]],
        )
    tell(ctx, facts)


def tell(ctx: click.Context, facts: RunFacts) -> None:
    """Print what a run found; exit 1 if there is nothing to compare."""
    output: Output = ctx.obj
    show_facts(output, facts)
    if facts.trials.complete_pairs == 0:
        say(
            f"error: no complete pair: {facts.trials.failed} of {facts.trials.planned} trials failed. "
            f"Try again with: diptych resume {facts.path} --retry-failed"
        )
        ctx.exit(1)
