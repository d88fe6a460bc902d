"""Run a suite, or finish a run: plan → check → manifest → blocks → summary.

The unit of resume is the trial (one video: batch 1). Trials are pure functions of arm, case and seed, so a resumed run
has the same quality as an uninterrupted one, value by value; only durations differ. A failed trial is kept and not
tried again unless asked: out of memory today is out of memory tomorrow, and silent retries would hide what is unstable.
A trial in which the process died three times is recorded as failed, so that the rest can go on.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.device import parse_device, reproducible, thread_count
from harness.errors import DiptychError, UsageError
from harness.files import usable_folder
from harness.parts import Parts, load_metrics
from harness.plan import chosen_scale, make_plan
from harness.progress import Progress, ProgressEvent, Teller
from harness.provenance import comparability_key, differences, info_facts, now
from harness.registry import REGISTRY, Registry
from harness.samples import DEFAULT_KEPT_BLOCKS, kept_blocks
from harness.store.in_flight import InFlight
from harness.store.locate import results_root
from harness.store.records import BlockKey, Manifest, Plan, PlannedTrial, TrialRecord
from harness.store.run_store import RunStore
from harness.trial import Bench, crashed, run_trial, shape_key, warm_up
from harness.types import Metric, Repeats, Suite

__all__ = ["Progress", "ProgressEvent", "RunResult", "resume_run", "run_suite"]

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


def run_suite(
    suite: Suite | str,
    scale: str = "smoke",
    *,
    device: str = "cpu",
    seed: int = 0,
    results: str | Path | None = None,
    arms: Sequence[str] | None = None,
    threads: int | None = None,
    keep_samples: int = DEFAULT_KEPT_BLOCKS,
    registry: Registry = REGISTRY,
    progress: Progress | None = None,
    argv: Sequence[str] | None = None,
    facts: Mapping[str, Any] | None = None,
    analyse: Analyse | None = None,
) -> RunResult:
    """Run every trial of a suite and write them to a new run folder.

    Args:
        suite: The suite, or its registered name.
        scale: Name of one of its scales.
        device: ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.
        seed: Seed of the run, ≥ 0.
        results: Results folder; ``DIPTYCH_RESULTS`` or ``./results`` if None.
        arms: Only these arms (the baseline among them); None for all.
        threads: Threads to pin; 1 if None.
        keep_samples: Blocks of each group whose videos are saved.
        registry: Where suites, makers, metrics and extractors come from.
        progress: Told of every warm-up, trial and record.
        argv: The command line, for the manifest.
        facts: Where the suite came from, for the manifest's info.
        analyse: Makes the summary; :func:`harness.analyse.analyse` if None.

    Returns:
        The result. ``KeyboardInterrupt`` is one too: see :attr:`RunResult.interrupted`.

    Raises:
        UsageError: Something was asked for wrongly.
        DiptychError: An arm cannot run a case, or the results folder cannot be written; before any trial.
    """
    declared: Suite = registry.get("suite", suite) if isinstance(suite, str) else suite
    plan = make_plan(declared, scale, seed, arms)
    if keep_samples < 0:
        raise UsageError(f"the number of kept blocks must be at least 0, not {keep_samples}. Try: --keep-samples 4")
    where = parse_device(device)
    pinned = thread_count(threads)
    root = usable_folder(results_root(results), "results folder")
    with reproducible(where, pinned):
        parts = Parts.build(declared, plan, where, pinned, registry)
        context = parts.context(where, pinned)
        info = info_facts(argv)
        manifest = Manifest(
            run_id=new_run_id(scale),
            suite=declared,
            plan=plan,
            device=str(where),
            threads=pinned,
            created_at=now(),
            argv=info.pop("argv"),
            context=context,
            info={**info, **(facts or {}), "keep_samples": keep_samples},
            comparability_key=comparability_key(declared, plan, context),
        )
        with RunStore.create(root, manifest) as store:
            return run_missing(store, parts, progress, analyse, retry_failed=False)


def resume_run(
    path: Path,
    *,
    registry: Registry = REGISTRY,
    progress: Progress | None = None,
    analyse: Analyse | None = None,
    retry_failed: bool = False,
    across_contexts: bool = False,
    argv: Sequence[str] | None = None,
) -> RunResult:
    """Run exactly the trials of a run that have no record, on its device with its threads.

    Args:
        path: The run's folder.
        registry: Where makers, metrics and extractors come from.
        progress: Told of every warm-up, trial and record.
        analyse: Makes the summary; :func:`harness.analyse.analyse` if None.
        retry_failed: Run failed trials again; the new record replaces the old one, which stays in the file.
        across_contexts: Go on although the context (machine, versions, weights) is another than the run began in;
            what differs is written down and shown with the run.
        argv: The command line, for the record of this session.

    Raises:
        DiptychError: Not a run, written by another process, damaged, or begun in another context.
    """
    store = RunStore.open(path)
    manifest = store.manifest
    with store:
        store.lock()
        if not missing_trials(manifest.plan, store.records(), retry_failed):
            return finish(store, load_metrics(manifest.suite, registry), analyse)
        where = parse_device(manifest.device)
        with reproducible(where, manifest.threads):
            parts = Parts.build(manifest.suite, manifest.plan, where, manifest.threads, registry)
            context = parts.context(where, manifest.threads)
            changed = differences(manifest.context, context)
            if changed and not across_contexts:
                raise DiptychError(
                    f"run {manifest.run_id} began in another context; its trials would not be comparable "
                    f"({'; '.join(changed)}). Start a new run, or go on all the same with --across-contexts."
                )
            info = info_facts(argv)
            code = {**info["code"], "patch": None}  # its hash is enough here
            store.begin_session(started_at=now(), argv=info["argv"], code=code, context_differences=changed)
            return run_missing(store, parts, progress, analyse, retry_failed)


def new_run_id(scale: str) -> str:
    """Return a unique name that sorts by time: ``20260131T235959Z-smoke-1a2b3c``."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{scale}-{secrets.token_hex(3)}"


def missing_trials(plan: Plan, records: Sequence[TrialRecord], retry_failed: bool) -> list[PlannedTrial]:
    """Return the trials still to run, in the plan's order."""
    done = {r.index for r in records if r.status == "finished" or not retry_failed}
    return [trial for trial in plan.trials if trial.index not in done]


def run_missing(
    store: RunStore, parts: Parts, progress: Progress | None, analyse: Analyse | None, retry_failed: bool
) -> RunResult:
    """Run what is missing, one record after the other, and write the summary.

    The first block of a group that is met warms up all arms first (also in a resumed run), so that no arm's first trial
    pays for compilation or a cold cache, and so that warm-ups do not come between the arms of a block.
    """
    manifest = store.manifest
    plan, suite = manifest.plan, manifest.suite
    scale = chosen_scale(suite, plan.scale)
    bench = Bench(
        store=store,
        makers=parts.makers,
        metrics=parts.metrics,
        extractors=parts.extractors,
        arms={arm.name: arm for arm in suite.arms},
        cases={case.name: case for case in scale.cases},
        repeats=Repeats(count=scale.repeats, limit_seconds=scale.repeat_seconds),
        kept=kept_blocks(plan, int(manifest.info.get("keep_samples", DEFAULT_KEPT_BLOCKS))),
    )
    records = {record.index: record for record in store.records()}
    todo = missing_trials(plan, list(records.values()), retry_failed)
    tell = Teller(progress, len(plan.trials), todo)
    flight = InFlight(store.path)
    flight.forget(records.keys() - {trial.index for trial in todo})
    warm: set[tuple[str, str]] = set()  # (arm, shape)

    def keep(trial: PlannedTrial, record: TrialRecord) -> None:
        store.append(record)
        flight.end(trial.index)
        records[trial.index] = record
        tell("record", trial, record)

    try:
        for trial in [t for t in todo if flight.deadly(t.index)]:
            todo.remove(trial)
            keep(trial, crashed(trial, flight.deaths[trial.index]))
        for trial in todo:
            for cold in (t for t in todo if t.block == trial.block):
                key = (cold.arm, shape_key(bench.cases[cold.block.case]))
                if key not in warm:
                    warm.add(key)
                    flight.begin(cold.index)
                    for _ in range(scale.warmups):
                        tell("warmup", cold)
                        warm_up(bench, cold)
            flight.begin(trial.index)
            tell("trial", trial)
            others = [r for r in records.values() if r.block == trial.block and r.index != trial.index]
            keep(trial, run_trial(bench, trial, [r for r in others if r.status == "finished"]))
    except BaseException as error:
        flight.end()  # whatever stops the run here left an exception, and so was no death of the process
        if not isinstance(error, KeyboardInterrupt):
            raise
        result = counted(store, store.records())
        result.interrupted = True
        result.message = (
            f"stopped: {result.missing} of {len(plan.trials)} trials are left. "
            f"To finish them: diptych resume {store.path}"
        )
        return result
    return finish(store, parts.metrics, analyse)


def counted(store: RunStore, records: Sequence[TrialRecord]) -> RunResult:
    """Count finished, failed, unpaired and missing trials."""
    plan, baseline = store.manifest.plan, store.manifest.suite.baseline
    finished = [r for r in records if r.status == "finished"]
    arms: dict[BlockKey, set[str]] = {}
    for record in finished:
        arms.setdefault(record.block, set()).add(record.arm)
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


def finish(store: RunStore, metrics: Mapping[str, Metric], analyse: Analyse | None) -> RunResult:
    """Analyse the records and write ``summary.json``; the records are read back from disk, as any reader would."""
    records = store.records()
    result = counted(store, records)
    if analyse is None:
        from harness.analyse import analyse as default

        analyse = default
    result.analysis = analyse(store.manifest.suite, records, metrics)
    found = result.analysis.model_dump(mode="json")
    trials = {"finished": result.finished, "failed": result.failed, "unpaired": result.unpaired}
    store.write_summary({"run_id": result.run_id, **found, "trials": trials, "problems": result.problems})
    if result.pairs == 0:
        first = next((r.error for r in records if r.error is not None), None)
        why = "" if first is None else f" The first failure: {first.type}: {first.message}."
        result.message = f"no pair is complete: there is nothing to compare.{why} See: diptych show {store.path}"
    return result
