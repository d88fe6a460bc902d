"""The verbs of the command line as typed functions: what a program calls instead of parsing JSON.

Every function fills the registry with this distribution's components first, reaches the other rooms lazily, and
raises :class:`harness.errors.DiptychError` for what a user can cause.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from harness.cli.builtin import load_builtin, reach
from harness.errors import DiptychError
from harness.store.records import Manifest, TrialRecord
from harness.types import Conclusion, Data, Finding, Metric, Suite

DEFAULT_SCALE = "smoke"
Warn = Callable[[str], None]


def _ignore(_message: str) -> None:
    """Say nothing."""


class PlanFacts(Data):
    """What a run would do.

    Attributes:
        suite: Suite name.
        version: Suite version.
        scale: Scale name.
        arms: Arms that are run, in the suite's order.
        baseline: The arm that the others are judged against.
        blocks: Number of blocks (case × repetition).
        trials: Number of trials, ``blocks × arms``.
        order_seed: Seed of the order of arms.
        reuse: Trials that are finished already (only when an existing run is named).
        run: Trials left to run.
    """

    suite: str
    version: int
    scale: str
    arms: tuple[str, ...]
    baseline: str
    blocks: int
    trials: int
    order_seed: int
    reuse: int
    run: int


class TrialCounts(Data):
    """How the trials of a run ended.

    Attributes:
        planned: Trials of the plan.
        finished: Trials with a result.
        failed: Trials whose last record is a failure.
        unpaired: Finished trials whose partner is missing; kept, and left out of every comparison.
        complete_pairs: Blocks × arms for which both the arm and the baseline finished.
    """

    planned: int
    finished: int
    failed: int
    unpaired: int
    complete_pairs: int


class RunFacts(Data):
    """A run and what it found.

    Attributes:
        run_id: Unique name.
        path: Its folder.
        suite: Suite name.
        version: Suite version.
        schema_version: Version of the files' format.
        scale: Scale name.
        context: Facts that can change the numbers.
        comparability_key: Runs with equal keys may be compared.
        trials: Counts.
        findings: Metric × arm × group, with interval and verdict.
        conclusions: One per arm and group.
        conclusion: The whole in one sentence.
        notes: What a reader must know, such as that quality verdicts are insensitive.
        problems: What is wrong with the files, such as a torn last line that was set aside.
    """

    run_id: str
    path: str
    suite: str
    version: int
    schema_version: int
    scale: str
    context: dict[str, Any]
    comparability_key: str
    trials: TrialCounts
    findings: tuple[Finding, ...]
    conclusions: tuple[Conclusion, ...]
    conclusion: str
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = Field(default=())


def describe_schedule(
    name: str, frames: int, rows: int, columns: int, k: int = 1, actions: int = 0, prompt_frames: int = 1
) -> dict[str, Any]:
    """Return the counts and the steps of a schedule on a grid.

    Args:
        name: Registered schedule.
        frames: Generated frames, the prompt excluded.
        rows: Token rows of a frame.
        columns: Token columns of a frame.
        k: Row delay in tokens, ≥ 1.
        actions: Action tokens per frame.
        prompt_frames: Frames given as prompt.

    Returns:
        ``name, frames, rows, columns, k, k_effective, tokens, passes, max_width, max_inputs, action_lookahead_passes,
        steps``; ``steps[p]`` lists the ``[frame, row, column]`` predicted in pass p.

    Raises:
        UsageError: Unknown schedule, or a number that no grid can have.
    """
    load_builtin()
    describe: Any = reach("models.decoding.describe:describe_schedule")
    facts: dict[str, Any] = describe(name, frames, rows, columns, k=k, actions=actions, prompt_frames=prompt_frames)
    return facts


def get_suite(name: str) -> Suite:
    """Return a registered suite; a UsageError names the nearest one."""
    suite: Suite = load_builtin().get("suite", name)
    return suite


def plan_suite(
    suite: str,
    scale: str = DEFAULT_SCALE,
    *,
    seed: int = 0,
    arms: Sequence[str] | None = None,
    resume: str | None = None,
    results: str | None = None,
) -> PlanFacts:
    """Say what a run of a suite would do, without doing it.

    Args:
        suite: Suite name.
        scale: Scale name.
        seed: Seed of the run, ≥ 0.
        arms: Only these arms; None for all.
        resume: A run (path or unique prefix) whose plan is looked at instead, its finished trials counted as reused.
        results: Where runs are kept.

    Raises:
        UsageError: Unknown suite, scale or arm, or a negative seed.
    """
    from harness.plan import make_plan

    declared = get_suite(suite)
    done = 0
    if resume is None:
        plan = make_plan(declared, scale, seed, arms)
    else:
        _, manifest, records, _ = _open(resume, results)
        if manifest.suite.name != suite:
            raise DiptychError(f"run {manifest.run_id} is one of suite {manifest.suite.name!r}, not {suite!r}.")
        plan, declared = manifest.plan, manifest.suite
        done = len({record.index for record in records if record.status == "finished"})
    chosen = set(plan.arms)
    return PlanFacts(
        suite=plan.suite,
        version=plan.version,
        scale=plan.scale,
        arms=tuple(arm.name for arm in declared.arms if arm.name in chosen),
        baseline=declared.baseline,
        blocks=len(plan.blocks),
        trials=len(plan.trials),
        order_seed=plan.order_seed,
        reuse=done,
        run=len(plan.trials) - done,
    )


def show_run(run: str, results: str | None = None) -> RunFacts:
    """Return what a run found, computed from its records.

    Args:
        run: Path of a run's folder, or a unique prefix of its id.
        results: Where runs are kept.

    Raises:
        DiptychError: No such run, more than one, or files that cannot be read.
    """
    path, manifest, records, problems = _open(run, results)
    return _facts(path, manifest, records, problems)


def _open(run: str, results: str | None) -> tuple[Path, Manifest, list[TrialRecord], list[str]]:
    from harness.store.locate import find_run, results_root
    from harness.store.run_store import RunStore

    path = find_run(run, results_root(results))
    store = RunStore.open(path)
    records = store.records()
    return path, store.manifest, records, [str(problem) for problem in store.problems]


def _metrics(suite: Suite) -> dict[str, Metric]:
    registry = load_builtin()
    return {name: registry.get("metric", name) for name in suite.metrics}


def _facts(path: Path, manifest: Manifest, records: Sequence[TrialRecord], problems: Sequence[str]) -> RunFacts:
    from harness.analyse import analyse

    suite = manifest.suite
    found = analyse(suite, records, _metrics(suite))
    return RunFacts(
        run_id=manifest.run_id,
        path=str(path),
        suite=suite.name,
        version=suite.version,
        schema_version=manifest.schema_version,
        scale=manifest.plan.scale,
        context=manifest.context,
        comparability_key=manifest.comparability_key,
        trials=TrialCounts(
            planned=len(manifest.plan.trials),
            finished=found.finished,
            failed=found.failed,
            unpaired=found.unpaired,
            complete_pairs=complete_pairs(records, suite.baseline),
        ),
        findings=tuple(found.findings),
        conclusions=tuple(found.conclusions),
        conclusion=found.conclusion,
        notes=tuple(found.notes),
        problems=tuple(problems),
    )


def complete_pairs(records: Sequence[TrialRecord], baseline: str) -> int:
    """Count the (block, arm) for which both the arm and the baseline finished.

    Args:
        records: Records of one run; of several records of one trial the last counts.
        baseline: Name of the baseline arm.
    """
    last = {record.index: record for record in records}
    finished = {(record.block, record.arm) for record in last.values() if record.status == "finished"}
    return sum(arm != baseline and (block, baseline) in finished for block, arm in finished)
