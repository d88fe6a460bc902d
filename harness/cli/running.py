"""Running and resuming as verbs: the registry filled, what was found returned as data."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from harness.cli.builtin import load_builtin
from harness.cli.facts import RunFacts
from harness.cli.verbs import DEFAULT_SCALE, run_facts
from harness.errors import StoppedError

if TYPE_CHECKING:
    from harness.run import ProgressEvent, RunResult


WORKER = "harness.cli.builtin:load_builtin"
"""What fills the registry of a worker process."""


@contextmanager
def stop_on_sigterm() -> Iterator[None]:
    """Let a polite request to end (``kill``, a scheduler's time limit) stop a run as Ctrl-C does: kept, resumable."""

    def stop(number: int, frame: object) -> NoReturn:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # only the main thread may set handlers
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def default_threads() -> int | None:
    """Return the number of threads that ``OMP_NUM_THREADS`` asks for, or None where it says nothing."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdecimal() and int(asked) > 0 else None


def run_suite(
    suite: str,
    scale: str = DEFAULT_SCALE,
    *,
    device: str = "cpu",
    seed: int = 0,
    results: str | None = None,
    arms: Sequence[str] | None = None,
    threads: int | None = None,
    keep_samples: int | None = None,
    trial_timeout_seconds: float | None = None,
    progress: Callable[[ProgressEvent], None] | None = None,
    argv: Sequence[str] | None = None,
) -> RunFacts:
    """Run a suite's matched trials, keep them, and say what they show.

    Args:
        suite: Suite name.
        scale: Scale name.
        device: ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.
        seed: Seed of the run, ≥ 0.
        results: Where runs are kept; ``$DIPTYCH_RESULTS`` or ``./results`` if None.
        arms: Only these arms, the baseline among them; None for all.
        threads: Threads to pin; 1 if None.
        keep_samples: Blocks of each group whose videos are kept; the default if None.
        trial_timeout_seconds: Longest time for one trial, whose process is then stopped; an hour if None.
        progress: Told of every warm-up, trial and record.
        argv: The command line, for the manifest.

    Returns:
        What was found. ``trials.complete_pairs`` is 0 if there is nothing to compare.

    Raises:
        UsageError: Something was asked for wrongly.
        DiptychError: An arm cannot run a case, or nothing can be written; before any trial.
        StoppedError: The user stopped it; what was finished is kept.
    """
    from harness import run as engine

    further: dict[str, Any] = {} if keep_samples is None else {"keep_samples": keep_samples}
    result = engine.run_suite(
        suite,
        scale,
        device=device,
        seed=seed,
        results=results,
        arms=arms,
        threads=default_threads() if threads is None else threads,
        registry=load_builtin(),
        worker=WORKER,
        trial_timeout_seconds=trial_timeout_seconds,
        progress=progress,
        argv=argv,
        **further,
    )
    return _found(result)


def resume_run(
    run: str,
    *,
    results: str | None = None,
    retry_failed: bool = False,
    across_contexts: bool = False,
    trial_timeout_seconds: float | None = None,
    progress: Callable[[ProgressEvent], None] | None = None,
    argv: Sequence[str] | None = None,
) -> RunFacts:
    """Run exactly the trials of a run that have no record, on its device with its threads.

    Args:
        run: Path, or unique prefix of a run id.
        results: Where runs are kept.
        retry_failed: Also run failed trials again.
        across_contexts: Go on although machine, versions or weights are not those the run began with.
        trial_timeout_seconds: Longest time for one trial, whose process is then stopped; an hour if None.
        progress: Told of every warm-up, trial and record.
        argv: The command line, for the record of this session.

    Raises:
        DiptychError: No such run, one that another process writes, a damaged one, or one of another context.
        StoppedError: The user stopped it; what was finished is kept.
    """
    from harness import run as engine
    from harness.store.locate import find_run, results_root

    result = engine.resume_run(
        find_run(run, results_root(results)),
        registry=load_builtin(),
        worker=WORKER,
        trial_timeout_seconds=trial_timeout_seconds,
        progress=progress,
        retry_failed=retry_failed,
        across_contexts=across_contexts,
        argv=argv,
    )
    return _found(result)


def _found(result: RunResult) -> RunFacts:
    if result.interrupted:
        raise StoppedError(result.message)
    from harness.store.run_store import RunStore

    store = RunStore.open(result.path)
    return run_facts(result.path, store.manifest, store.records(), result.problems, result.analysis)
