"""The loop of a run: warm up, run, record; and go on after whatever happens to the process that runs the trials."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from statistics import median

from harness.launch.executor import Executor
from harness.progress import Progress, Teller
from harness.store.in_flight import InFlight
from harness.store.records import BlockKey, Plan, PlannedTrial, TrialRecord, by_block
from harness.store.references import without_repeated_references
from harness.store.run_store import RunStore
from harness.trial import failed, shape_key
from harness.types import Case, Scale

STEADY = 0.1
"""Warm-ups go on while a call is faster than the one before it by more than this fraction …"""
MOST_WARMUPS = 5
WARMUP_LIMIT_SECONDS = 60.0
"""… for at most so many calls, none of which begins after so much time spent on them."""
MOST_LOSSES = 3
"""An arm that has cost so many worker processes in a row, on one shape, is not tried further: each takes its time."""

Key = tuple[str, str]
"""An arm, and a shape (:func:`harness.trial.shape_key`)."""


def missing_trials(plan: Plan, records: Sequence[TrialRecord], retry_failed: bool) -> list[PlannedTrial]:
    """Return the trials still to run, in the plan's order."""
    done = {r.index for r in records if r.status == "finished" or not retry_failed}
    return [trial for trial in plan.trials if trial.index not in done]


def settle(call: Callable[[], list[float] | None], fewest: int) -> tuple[list[float], bool]:
    """Warm up until the durations are steady.

    Args:
        call: One warm-up: the durations of its calls, or None if it failed.
        fewest: Fewest warm-ups; 0 for none at all. Otherwise two are the least that can show whether they are steady.

    Returns:
        The median duration of each warm-up, and whether they became steady (a failed one ends it: its trial will tell).
    """
    seconds: list[float] = []
    least, most = max(fewest, 2), max(fewest, MOST_WARMUPS)
    while fewest and len(seconds) < most:
        if len(seconds) >= least and sum(seconds) > WARMUP_LIMIT_SECONDS:
            return seconds, False
        found = call()
        if not found:
            break
        seconds.append(median(found))
        if len(seconds) >= least and seconds[-1] >= (1 - STEADY) * seconds[-2]:
            break
    else:
        return seconds, not fewest
    return seconds, True


class Drive:
    """Runs the missing trials of one run."""

    def __init__(
        self,
        store: RunStore,
        executor: Executor,
        scale: Scale,
        *,
        progress: Progress | None,
        restarted: Callable[[], None],
    ) -> None:
        """Prepare.

        Args:
            store: Where records go.
            executor: Who runs trials.
            scale: The scale that is run.
            progress: Told of every warm-up, trial and record.
            restarted: Called after the executor has begun a new process, to write a new session down.
        """
        self._store, self._executor, self._scale, self._restarted = store, executor, scale, restarted
        self._progress = progress
        self._cases: dict[str, Case] = {case.name: case for case in scale.cases}
        self._records = {record.index: record for record in store.records()}
        self._blocks: dict[BlockKey, dict[int, TrialRecord]] = {}
        for record in self._records.values():
            self._blocks.setdefault(record.block, {})[record.index] = record
        self._flight = InFlight(store.path)
        self._process = executor.process
        self._warm: dict[Key, int] = {}  # the process in which it is warm
        self._warmed: dict[Key, tuple[list[float], bool]] = {}  # what its next record has to tell of it
        self._lost: Counter[Key] = Counter()  # processes that it has cost since its last finished trial

    def run(self, retry_failed: bool) -> None:
        """Run what is missing, one record after the other; KeyboardInterrupt and errors of the store pass through.

        The first block of a group that is met warms up all arms first (also in a resumed run, and in a new worker
        process), so that no arm's first trial pays for compilation or a cold cache, and so that warm-ups do not come
        between the arms of a block.
        """
        plan = self._store.manifest.plan
        todo = missing_trials(plan, list(self._records.values()), retry_failed)
        self._tell = Teller(self._progress, len(plan.trials), todo)
        self._flight.forget(self._records.keys() - {trial.index for trial in todo})
        self._executor.begin(self._store.path)
        try:
            deadly = [trial for trial in todo if self._flight.deadly(trial.index)]
            for trial in deadly:
                self._keep(trial, self._died(trial))
            left = [trial for trial in todo if trial not in deadly] if deadly else todo
            blocks = by_block(left)
            for trial in left:
                self._one(trial, blocks[trial.block])
        except BaseException:
            self._flight.end()  # whatever stops the run here left an exception, and so was no death of the process
            raise

    def _one(self, trial: PlannedTrial, block: Sequence[PlannedTrial]) -> None:
        key = self._key(trial)
        while self._lost[key] < MOST_LOSSES and (cold := next((t for t in block if self._is_cold(t)), None)):
            self._warm_up(cold)
        if self._lost[key] >= MOST_LOSSES:
            self._keep(trial, self._hopeless(trial))
            return
        self._flight.begin(trial.index)
        self._tell("trial", trial)
        others = [record for index, record in self._blocks.get(trial.block, {}).items() if index != trial.index]
        halves = [record for record in others if record.status == "finished"]
        record = self._executor.run(trial, self._store.session, halves)
        seconds, steady = self._warmed.pop(key, ([], True))
        flags = record.flags if steady else [*record.flags, "not-steady"]
        record = without_repeated_references(record, halves)
        self._keep(trial, record.model_copy(update={"warmup_seconds": seconds, "flags": flags}))
        if not self._notice_loss(key) and record.status == "finished":
            self._lost[key] = 0

    def _key(self, trial: PlannedTrial) -> Key:
        return trial.arm, shape_key(self._cases[trial.block.case])

    def _is_cold(self, trial: PlannedTrial) -> bool:
        key = self._key(trial)
        cold = self._warm.get(key) != self._executor.process
        return self._scale.warmups > 0 and cold and self._lost[key] < MOST_LOSSES

    def _warm_up(self, trial: PlannedTrial) -> None:
        key = self._key(trial)
        self._flight.begin(trial.index)

        self._tell("warmup", trial)
        self._warmed[key] = settle(lambda: self._executor.warm_up(trial), self._scale.warmups)
        if not self._notice_loss(key):
            self._warm[key] = self._executor.process

    def _notice_loss(self, key: Key) -> bool:
        """Tell whether a process was lost since the last look; if so, count it and begin a session."""
        if self._executor.process == self._process:
            return False
        self._process = self._executor.process
        self._lost[key] += 1
        self._restarted()
        return True

    def _keep(self, trial: PlannedTrial, record: TrialRecord) -> None:
        self._store.append(record)
        self._flight.end(trial.index)
        self._records[trial.index] = record
        self._blocks.setdefault(trial.block, {})[trial.index] = record
        self._tell("record", trial, record)

    def _died(self, trial: PlannedTrial) -> TrialRecord:
        message = (
            f"the process died {self._flight.deaths[trial.index]} times in this trial: killed, out of memory, or "
            "crashed in native code. To try it again: resume with --retry-failed"
        )
        return failed(trial, self._store.session, "Crashed", message)

    def _hopeless(self, trial: PlannedTrial) -> TrialRecord:
        message = (
            f"not tried: {self._lost[self._key(trial)]} worker processes in a row were lost to this arm on these "
            f"shapes (the last: {self._executor.loss}). To try it again: resume with --retry-failed"
        )
        return failed(trial, self._store.session, "NotTried", message)
