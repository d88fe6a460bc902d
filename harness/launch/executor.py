"""What the run asks of whoever runs its trials."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from harness.store.records import Plan, PlannedTrial, TrialRecord
from harness.types import Data, Suite


class Request(Data):
    """What is run, and with what.

    Attributes:
        suite: The question.
        plan: Its trials.
        device: ``"cpu"`` or ``"cuda:N"``.
        threads: Threads to pin.
        keep_samples: Blocks of each group whose videos are kept.
    """

    suite: Suite
    plan: Plan
    device: str
    threads: int
    keep_samples: int


class Executor(Protocol):
    """Runs trials, one at a time; built before the first one, so that what cannot run is refused there.

    Attributes:
        context: Facts that can change a number.
        process: Number of the process that runs the next trial, from 1; what was warm in an earlier one is cold in it.
        loss: Why the last process was lost; empty if none was.
    """

    context: dict[str, Any]
    process: int
    loss: str

    def begin(self, folder: Path) -> None:
        """Say where kept videos go, before the first trial."""

    def warm_up(self, trial: PlannedTrial) -> list[float] | None:
        """Make one unmeasured video on the shapes of ``trial``.

        Returns:
            The durations of its calls; None if it failed, which its trial will do in the same way and record.
        """

    def run(self, trial: PlannedTrial, session: int, halves: Sequence[TrialRecord]) -> TrialRecord:
        """Run one trial.

        Args:
            trial: The trial.
            session: Which of the processes that wrote the run this one is.
            halves: Finished records of the same block; their hashes must agree with this one's.

        Returns:
            Its record, finished or failed.
        """

    def close(self) -> None:
        """Stop; harmless if it has stopped."""
