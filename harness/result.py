"""What a run left, counted from its records; and ``summary.json``, which can be derived from them at any time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from harness.store.records import BlockKey, TrialRecord
from harness.store.run_store import RunStore
from harness.types import Metric, Suite

Analyse = Callable[[Suite, Sequence[TrialRecord], Mapping[str, Metric]], Any]


@dataclass
class RunResult:
    """What a run left.

    Attributes:
        path: Its folder.
        run_id: Its name.
        finished: Trials with a result.
        failed: Trials that failed.
        unpaired: Finished trials whose partner in the block is missing: kept, and left out of comparisons.
        pairs: Complete pairs (an arm and the baseline in one block); with 0 there is nothing to conclude, and the
            command line exits with 1.
        missing: Trials without a record (after an interruption).
        interrupted: True if the user stopped it.
        message: How to go on, where there is something to say.
        problems: What was amiss in the files.
        analysis: What :func:`harness.analyse.analyse` found, or None if interrupted.
    """

    path: Path
    run_id: str
    finished: int
    failed: int
    unpaired: int
    pairs: int
    missing: int
    interrupted: bool = False
    message: str = ""
    problems: list[str] = field(default_factory=list)
    analysis: Any = None


def counted(store: RunStore, records: Sequence[TrialRecord]) -> RunResult:
    """Count finished, failed, unpaired and missing trials."""
    plan, baseline = store.manifest.plan, store.manifest.suite.baseline
    finished = [r for r in records if r.status == "finished"]
    arms: dict[tuple[BlockKey, tuple[str, ...]], set[str]] = {}  # halves of different contexts are no pair
    for record in finished:
        arms.setdefault((record.block, record.context_differences), set()).add(record.arm)
    pairs = sum(len(names) - 1 for names in arms.values() if baseline in names)
    unpaired = sum(len(names) for names in arms.values() if baseline not in names or len(names) == 1)
    return RunResult(
        path=store.path,
        run_id=store.manifest.run_id,
        finished=len(finished),
        failed=len(records) - len(finished),
        unpaired=unpaired,
        pairs=pairs,
        missing=len(plan.trials) - len(records),
        problems=list(store.problems),
    )


def analysed(store: RunStore, metrics: Mapping[str, Metric], analyse: Analyse | None = None) -> RunResult:
    """Count and analyse the records of a run.

    Args:
        store: The run.
        metrics: At least the suite's metrics, by name.
        analyse: Makes the analysis; :func:`harness.analyse.analyse` if None.

    Raises:
        DiptychError: A record is damaged, or the suite cannot be judged.
    """
    if analyse is None:
        from harness.analyse import analyse as default

        analyse = partial(default, absent=store.manifest.absent_metrics)
    records = store.records()
    result = counted(store, records)
    result.analysis = analyse(store.manifest.as_run, records, metrics)
    return result


def summary_facts(result: RunResult) -> dict[str, Any]:
    """Return the content of ``summary.json``: what was found (:attr:`RunResult.analysis`), and the counts."""
    found: dict[str, Any] = result.analysis.model_dump(mode="json")
    trials = {"finished": result.finished, "failed": result.failed, "unpaired": result.unpaired}
    return {"run_id": result.run_id, **found, "trials": trials, "problems": result.problems}
