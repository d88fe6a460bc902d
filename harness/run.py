"""Run a suite, or finish a run: plan → check → manifest → blocks → summary.

The unit of resume is the trial (one video: batch 1). Trials are pure functions of arm, case and seed, so a resumed run
has the same quality as an uninterrupted one, value by value; only durations differ. A failed trial is kept and not
tried again unless asked: out of memory today is out of memory tomorrow, and silent retries would hide what is unstable.
Trials run in a worker process where ``worker`` names the registry to fill there (the command line does): a trial that
kills it, or hangs, is recorded as failed, and the rest goes on in another one.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.device import parse_device, thread_count
from harness.errors import DiptychError, UsageError
from harness.files import usable_folder
from harness.launch.drive import Drive, missing_trials
from harness.launch.executor import Executor, Request
from harness.launch.local import LocalExecutor
from harness.launch.supervised import DEFAULT_TIMEOUT_SECONDS, SupervisedExecutor
from harness.parts import load_metrics
from harness.plan import chosen_scale, make_plan
from harness.progress import Progress, ProgressEvent
from harness.provenance import comparability_key, declaration_sha256, differences, info_facts, now
from harness.registry import REGISTRY, Registry
from harness.result import Analyse, RunResult, analysed, counted, summary_facts
from harness.samples import DEFAULT_KEPT_BLOCKS
from harness.store.locate import results_root
from harness.store.records import Manifest
from harness.store.run_store import RunStore
from harness.types import Metric, Suite

LONGEST_TIMEOUT_SECONDS = 1e7  # a third of a year; the system's waits overflow somewhere above

__all__ = ["Progress", "ProgressEvent", "RunResult", "resume_run", "run_suite"]


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
    worker: str | None = None,
    trial_timeout_seconds: float | None = None,
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
        worker: ``"module:function"`` that returns the filled registry in a worker process; None runs trials here.
        trial_timeout_seconds: Longest time for a trial in a worker; an hour if None.
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
    metrics = load_metrics(declared, registry)
    root = usable_folder(results_root(results), "results folder")
    request = Request(
        suite=declared,
        plan=plan,
        device=str(parse_device(device)),
        threads=thread_count(threads),
        keep_samples=keep_samples,
    )
    with closing(launch(request, registry, worker, trial_timeout_seconds)) as executor:
        info = info_facts(argv)
        manifest = Manifest(
            run_id=new_run_id(scale),
            suite=declared,
            plan=plan,
            device=request.device,
            threads=request.threads,
            created_at=now(),
            argv=info.pop("argv"),
            context=executor.context,
            info={
                **info,
                **(facts or {}),
                "keep_samples": keep_samples,
                "trial_timeout_seconds": trial_timeout_seconds,
            },
            comparability_key=comparability_key(declared, plan, executor.context),
            declaration_sha256=declaration_sha256(declared),
        )
        with RunStore.create(root, manifest) as store:
            stopped = run_missing(store, executor, info["code"], progress, retry_failed=False)
            return stopped or finish(store, metrics, analyse)


def resume_run(
    path: Path,
    *,
    registry: Registry = REGISTRY,
    progress: Progress | None = None,
    analyse: Analyse | None = None,
    retry_failed: bool = False,
    across_contexts: bool = False,
    worker: str | None = None,
    trial_timeout_seconds: float | None = None,
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
        worker: As in :func:`run_suite`.
        trial_timeout_seconds: As in :func:`run_suite`; what the run began with if None.
        argv: The command line, for the record of this session.

    Raises:
        DiptychError: Not a run, written by another process, damaged, or begun in another context.
    """
    store = RunStore.open(path)
    manifest = store.manifest
    metrics = load_metrics(manifest.suite, registry)
    with store:
        store.lock()
        if not missing_trials(manifest.plan, store.records(), retry_failed):
            return finish(store, metrics, analyse)
        if manifest.imported:
            why = "was read from another tool's files; none of its trials can be run here"
            raise DiptychError(f"run {manifest.run_id} {why}. Import it again: diptych import --help")
        request = Request(
            suite=manifest.suite,
            plan=manifest.plan,
            device=str(parse_device(manifest.device)),
            threads=manifest.threads,
            keep_samples=int(manifest.info.get("keep_samples", DEFAULT_KEPT_BLOCKS)),
        )
        timeout = trial_timeout_seconds or manifest.info.get("trial_timeout_seconds")
        with closing(launch(request, registry, worker, timeout)) as executor:
            changed = differences(manifest.context, executor.context)
            if changed and not across_contexts:
                raise DiptychError(
                    f"run {manifest.run_id} began in another context; its trials would not be comparable "
                    f"({'; '.join(changed)}). Start a new run, or go on all the same with --across-contexts."
                )
            info = info_facts(argv)
            code = {**info["code"], "patch": None}  # its hash is enough here
            store.begin_session(started_at=now(), argv=info["argv"], code=code, context_differences=changed)
            stopped = run_missing(store, executor, code, progress, retry_failed)
            return stopped or finish(store, metrics, analyse)


def launch(
    request: Request, registry: Registry, worker: str | None, trial_timeout_seconds: float | None
) -> LocalExecutor | SupervisedExecutor:
    """Start whoever runs the trials; see :func:`run_suite` for the arguments."""
    if worker is None:
        return LocalExecutor(request, registry)
    timeout = DEFAULT_TIMEOUT_SECONDS if trial_timeout_seconds is None else trial_timeout_seconds
    if not 0 < timeout <= LONGEST_TIMEOUT_SECONDS:
        most = f"{LONGEST_TIMEOUT_SECONDS:g}"
        wanted = f"a positive number of seconds up to {most}"
        raise UsageError(f"the longest time for a trial must be {wanted}, not {timeout:g}.")
    return SupervisedExecutor(request, worker, timeout_seconds=timeout)


def run_missing(
    store: RunStore, executor: Executor, code: Mapping[str, Any], progress: Progress | None, retry_failed: bool
) -> RunResult | None:
    """Run what is missing; returns what was done if the user stopped it, else None."""
    plan = store.manifest.plan

    def restarted() -> None:
        changed = differences(store.manifest.context, executor.context)  # a resumed run may be in another context
        why = "a worker process was lost"
        store.begin_session(started_at=now(), code={**code, "patch": None}, reason=why, context_differences=changed)

    scale = chosen_scale(store.manifest.suite, plan.scale)
    drive = Drive(store, executor, scale, progress=progress, restarted=restarted)
    try:
        drive.run(retry_failed)
    except KeyboardInterrupt:
        result = counted(store, store.records())
        result.interrupted = True
        result.message = (
            f"stopped: {result.missing} of {len(plan.trials)} trials are left. "
            f"To finish them: diptych resume {store.path}"
        )
        return result
    finally:
        executor.close()  # its memory is free before the analysis
    return None


def new_run_id(scale: str) -> str:
    """Return a unique name that sorts by time: ``20260131T235959Z-smoke-1a2b3c``."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{scale}-{secrets.token_hex(3)}"


def finish(store: RunStore, metrics: Mapping[str, Metric], analyse: Analyse | None) -> RunResult:
    """Analyse the records and write ``summary.json``; the records are read back from disk, as any reader would."""
    result = analysed(store, metrics, analyse)
    store.write_summary(summary_facts(result))
    if result.pairs == 0:
        first = next((r.error for r in store.records() if r.error is not None), None)
        why = "" if first is None else f" The first failure: {first.type}: {first.message}."
        result.message = f"no pair is complete: there is nothing to compare.{why} See: diptych show {store.path}"
    return result
