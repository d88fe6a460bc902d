"""Running and resuming as verbs: the registry filled, what was found returned as data."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from harness.cli.builtin import load_builtin
from harness.cli.facts import RunFacts
from harness.cli.verbs import DEFAULT_SCALE, get_suite, run_facts
from harness.errors import StoppedError
from harness.registry import Registry
from harness.types import Suite

if TYPE_CHECKING:
    from harness.run import ProgressEvent, RunResult

LOG = logging.getLogger("diptych")
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


def worker_for(registry: Registry) -> str | None:
    """Return what fills a worker's registry, or None where trials have to run in this process; says why, once."""
    loose = registry.loose()
    if not loose:
        return WORKER
    names = ", ".join(f"{entry.kind} {entry.name!r}" for entry in loose)
    LOG.info("%s: known to this process alone, so trials run in it; one that hangs or kills it stops the run", names)
    return None


def default_threads() -> int | None:
    """Return the number of threads that ``OMP_NUM_THREADS`` asks for, or None where it says nothing."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdecimal() and int(asked) > 0 else None


def run_suite(
    suite: Suite | str | Path,
    scale: str = DEFAULT_SCALE,
    *,
    device: str = "cpu",
    seed: int = 0,
    results: str | Path | None = None,
    arms: Sequence[str] | None = None,
    threads: int | None = None,
    keep_samples: int | None = None,
    trial_timeout_seconds: float | None = None,
    progress: Callable[[ProgressEvent], None] | None = None,
    argv: Sequence[str] | None = None,
) -> RunFacts:
    """Run a suite's matched trials, keep them, and say what they show.

    Args:
        suite: The suite, its name, or the path of a TOML file that declares one.
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

    registry = load_builtin()
    further: dict[str, Any] = {} if keep_samples is None else {"keep_samples": keep_samples}
    declared = get_suite(suite)
    result = engine.run_suite(
        declared,
        scale,
        device=device,
        seed=seed,
        results=results,
        arms=arms,
        threads=default_threads() if threads is None else threads,
        registry=registry,
        worker=worker_for(registry),
        trial_timeout_seconds=trial_timeout_seconds,
        progress=progress,
        argv=argv,
        facts=suite_file_facts(suite),
        **further,
    )
    return _found(result)


def resume_run(
    run: str | Path,
    *,
    results: str | Path | None = None,
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

    registry = load_builtin()
    result = engine.resume_run(
        find_run(run, results_root(results)),
        registry=registry,
        worker=worker_for(registry),
        trial_timeout_seconds=trial_timeout_seconds,
        progress=progress,
        retry_failed=retry_failed,
        across_contexts=across_contexts,
        argv=argv,
    )
    return _found(result)


def suite_file_facts(suite: Suite | str | Path) -> dict[str, Any]:
    """Name and SHA-256 of the file that declares a suite; nothing for a registered one."""
    from harness.files import file_sha256
    from harness.suite_file import is_path

    if isinstance(suite, Suite) or not is_path(suite):
        return {}
    path = Path(suite).expanduser()
    return {"suite_file": {"name": path.name, "sha256": file_sha256(path)}}


def _found(result: RunResult) -> RunFacts:
    if result.interrupted:
        raise StoppedError(result.message)
    from harness.store.run_store import RunStore

    store = RunStore.open(result.path)
    return run_facts(result.path, store.manifest, store.records(), result.problems, result.analysis)
