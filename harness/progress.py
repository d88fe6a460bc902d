"""How far a run is: events for whoever shows them."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.store.records import PlannedTrial, TrialRecord

Phase = Literal["warmup", "trial", "record"]


@dataclass(frozen=True)
class ProgressEvent:
    """How far a run is.

    Attributes:
        done: Trials of the plan that need no further work, earlier ones of a resumed run included.
        total: Trials of the plan.
        trial: The trial that begins, ended, or whose arm is warmed up.
        record: Its record; None unless it ended.
        eta_seconds: Expected time for what is left, from the mean of each arm so far; None before anything is known.
        phase: ``"warmup"``, ``"trial"`` (begins) or ``"record"`` (ended).
    """

    done: int
    total: int
    trial: PlannedTrial
    record: TrialRecord | None
    eta_seconds: float | None
    phase: Phase


Progress = Callable[[ProgressEvent], None]


class Teller:
    """Turns what a run does into :class:`ProgressEvent`."""

    def __init__(
        self,
        progress: Progress | None,
        total: int,
        todo: Sequence[PlannedTrial],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare for ``todo`` out of ``total`` trials; ``clock`` gives seconds."""
        self._progress, self._total, self._clock = progress, total, clock
        self._left = {trial.index: trial.arm for trial in todo}
        self._arms = Counter(self._left.values())
        self._spent: dict[str, tuple[int, float]] = {}  # trials of an arm so far, and their seconds
        self._began = clock()

    def __call__(self, phase: Phase, trial: PlannedTrial, record: TrialRecord | None = None) -> None:
        """Report ``phase`` of ``trial``."""
        if phase == "trial":
            self._began = self._clock()
        elif phase == "record":
            trials, seconds = self._spent.get(trial.arm, (0, 0.0))
            self._spent[trial.arm] = (trials + 1, seconds + self._clock() - self._began)
            if self._left.pop(trial.index, None) is not None:
                self._arms[trial.arm] -= 1
        if self._progress is not None:
            done = self._total - len(self._left)
            self._progress(ProgressEvent(done, self._total, trial, record, self.eta_seconds(), phase))

    def eta_seconds(self) -> float | None:
        """Return the expected time for the trials that are left: the mean of each arm, of all for an unseen arm."""
        if not self._spent:
            return None
        means = {arm: seconds / trials for arm, (trials, seconds) in self._spent.items()}
        overall = statistics.fmean(means.values())
        return sum(count * means.get(arm, overall) for arm, count in self._arms.items())
