"""Trials in this process: for tests and notebooks, and inside a worker process."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from harness.device import parse_device, reproducible
from harness.launch.executor import Request
from harness.parts import Parts
from harness.plan import chosen_scale
from harness.registry import Registry
from harness.samples import kept_blocks
from harness.store.records import PlannedTrial, TrialRecord
from harness.trial import Bench, run_trial, warm_up
from harness.types import Repeats


class LocalExecutor:
    """Runs trials here, with threads pinned and torch deterministic until :meth:`close`."""

    process = 1
    loss = ""

    def __init__(self, request: Request, registry: Registry) -> None:
        """Build everything that the trials need.

        Raises:
            DiptychError: A component is unknown or cannot be built, or an arm cannot run a case.
        """
        suite, plan = request.suite, request.plan
        device = parse_device(request.device)
        scale = chosen_scale(suite, plan.scale)
        with ExitStack() as stack:
            stack.enter_context(reproducible(device, request.threads))
            parts = Parts.build(suite, plan, device, request.threads, registry)
            self.context: dict[str, Any] = parts.context(device, request.threads)
            self._stack = stack.pop_all()
        self._bench = Bench(
            makers=parts.makers,
            metrics=parts.metrics,
            extractors=parts.extractors,
            arms={arm.name: arm for arm in suite.arms},
            cases={case.name: case for case in scale.cases},
            repeats=Repeats(count=scale.repeats, limit_seconds=scale.repeat_seconds),
            kept=kept_blocks(plan, request.keep_samples),
        )

    def begin(self, folder: Path) -> None:
        """See :meth:`harness.launch.executor.Executor.begin`."""
        self._bench.folder = folder

    def warm_up(self, trial: PlannedTrial) -> list[float] | None:
        """See :meth:`harness.launch.executor.Executor.warm_up`."""
        return warm_up(self._bench, trial)

    def run(self, trial: PlannedTrial, session: int, halves: Sequence[TrialRecord]) -> TrialRecord:
        """See :meth:`harness.launch.executor.Executor.run`."""
        return run_trial(self._bench, trial, session, halves)

    @property
    def spent(self) -> bool:
        """True once an error has left the device unusable for this process."""
        return self._bench.spent

    def close(self) -> None:
        """See :meth:`harness.launch.executor.Executor.close`."""
        self._stack.close()
