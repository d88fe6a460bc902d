"""How far a run is: a bar on a terminal, plain lines elsewhere; always on stderr."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from harness.cli.output import is_terminal, say

if TYPE_CHECKING:
    from harness.run import ProgressEvent

LOG = logging.getLogger("diptych")
LINES = 40
"""Runs of more trials than this print a line every tenth of the way instead of one per trial."""


def duration(seconds: float) -> str:
    """Say a duration with the two units that matter: ``"42 s"``, ``"3 min 05 s"``, ``"2 h 10 min"``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def told(event: ProgressEvent) -> str:
    """Say one event in one line."""
    trial = event.trial
    what = f"{event.done}/{event.total} {trial.block.case} {trial.arm}"
    if event.phase == "warmup":
        return f"{what}: warming up"
    record = event.record
    if record is None:
        return f"{what}: running"
    how = record.status if record.error is None else f"failed: {record.error.type}: {record.error.message}"
    flags = f" ({', '.join(record.flags)})" if record.flags else ""
    left = "" if not event.eta_seconds else f", about {duration(event.eta_seconds)} left"
    return f"{what}: {how}{flags}{left}"


class RunProgress(logging.Handler):
    """Shows the events of a run; use it in a ``with`` statement and pass :meth:`show` as the run's ``progress``.

    Meanwhile it also shows what the run's parts log as ``diptych``: long preparations, such as rendering clips.
    """

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        """Start listening, and the bar if stderr is a terminal."""
        LOG.addHandler(self)
        LOG.setLevel(logging.INFO)
        if is_terminal(sys.stderr):
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

            columns = (
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[left]}", markup=False),
                TextColumn("{task.description}", markup=False),
            )
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task("", total=None, left="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening and take the bar away."""
        LOG.removeHandler(self)
        if self._bar is not None:
            self._bar.stop()

    def emit(self, record: logging.LogRecord) -> None:
        """Show one line of the log."""
        if self._bar is None:
            say(record.getMessage())
        elif record.levelno >= logging.WARNING:  # stays on the screen
            self._bar.console.print(record.getMessage(), markup=False, highlight=False)
        else:
            self._bar.update(self._task, description=record.getMessage())

    def show(self, event: ProgressEvent) -> None:
        """Show one event."""
        failed = event.record is not None and event.record.status == "failed"
        if self._bar is not None:
            left = "" if event.eta_seconds is None else f"{duration(event.eta_seconds)} left"
            what = f"{event.trial.block.case} {event.trial.arm}" + (" (warm-up)" if event.phase == "warmup" else "")
            self._bar.update(self._task, completed=event.done, total=event.total, left=left, description=what)
            if failed:
                self._bar.console.print(told(event), markup=False, highlight=False)
        elif event.phase == "warmup" or (event.phase == "record" and (failed or worth_a_line(event.done, event.total))):
            say(told(event))


def worth_a_line(done: int, total: int) -> bool:
    """True for every trial of a short run, and for every tenth of the way of a long one."""
    return total <= LINES or done == total or done * 10 // total > (done - 1) * 10 // total


@contextmanager
def transferring() -> Iterator[Callable[[str, int, int | None], None]]:
    """Show how much of a file has come; give the yielded function (name, bytes, total bytes or None)."""
    if not is_terminal(sys.stderr):
        said: dict[str, int] = {}

        def tell(name: str, done: int, total: int | None) -> None:
            tenth = done * 10 // total if total else done // 10**7
            if said.get(name) != tenth:
                said[name] = tenth
                say(f"{name}: {done / 1e6:.1f} MB" + (f" of {total / 1e6:.1f}" if total else ""))

        yield tell
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def show(name: str, done: int, total: int | None) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name)
            bar.update(tasks[name], completed=done, total=total)

        yield show


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int, str], None]]:
    """Show how far something countable is; give the yielded function (done, total, name of the next).

    Args:
        what: What is counted, such as ``"videos"``.
    """
    if not is_terminal(sys.stderr):

        def tell(done: int, total: int, name: str) -> None:
            if total and worth_a_line(done, total):
                say(f"{done}/{total} {what}{': ' * bool(name)}{name}")

        yield tell
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, name: bar.update(task, completed=done, total=total, description=name)
