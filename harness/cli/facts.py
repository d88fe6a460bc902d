"""What the verbs return: plans, runs and reports as data, with the keys of ``--json``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.stats.expected import Expected
from harness.stats.methods import MethodConclusion, MethodFinding
from harness.stats.win_rate import WinRate
from harness.store.records import TrialRecord
from harness.types import Conclusion, Data, Finding


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
        expected: What fewer passes and the device's bound promise of each arm's speed.
        win_rates: Share of blocks that an arm wins, where the suite asks for it.
        methods: Training seeds put together, where the suite names methods.
        method_conclusions: Whether each method improved, by its training score and the held-out ones.
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
    expected: tuple[Expected, ...] = ()
    win_rates: tuple[WinRate, ...] = ()
    methods: tuple[MethodFinding, ...] = ()
    method_conclusions: tuple[MethodConclusion, ...] = ()
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class ReportFacts(Data):
    """A report that was written.

    Attributes:
        path: The file.
        bytes: Its size.
        runs: Ids of the runs in it.
    """

    path: Path
    bytes: int
    runs: tuple[str, ...]


def complete_pairs(records: Sequence[TrialRecord], baseline: str) -> int:
    """Count the (block, arm) for which both the arm and the baseline finished, in one context.

    Args:
        records: Records of one run, one per trial.
        baseline: Name of the baseline arm.
    """
    finished = {(r.block, r.context_differences, r.arm) for r in records if r.status == "finished"}
    return sum(arm != baseline and (block, context, baseline) in finished for block, context, arm in finished)
