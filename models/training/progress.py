"""How far a long piece of work is: a bar with the time left on a terminal, plain lines elsewhere; always on stderr."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

LINE_SECONDS = 20.0


class Progress:
    """Context manager that shows how much is done, and the time left.

    Args:
        what: What is counted, such as ``"step"``.
        total: How many in all.
        done: Done before.
    """

    def __init__(self, what: str, total: int, done: int = 0) -> None:
        self.what, self.total, self.first = what, total, done
        self.began = self.said = time.monotonic()
        self.bar: Any = None

    def __enter__(self) -> Progress:
        """Start the bar if standard error is a terminal."""
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[detail]}", markup=False),
            )
            self.bar = Bar(*columns, console=Console(stderr=True))
            self.task = self.bar.add_task(self.what, total=self.total, completed=self.first, detail="")
            self.bar.start()
        return self

    def update(self, done: int, detail: str = "") -> None:
        """Show that ``done`` are done, with a few words of ``detail``."""
        now = time.monotonic()
        if self.bar is not None:
            self.bar.update(self.task, completed=done, detail=detail)
        elif now - self.said > LINE_SECONDS or (done == self.total and done > self.first):
            self.said = now
            pace = (now - self.began) / max(1, done - self.first)
            left = f"{pace:.3f} s each, {pace * (self.total - done) / 60:.1f} min left"
            self.say(done, f"{detail}, {left}" if detail else left)

    def count(self, done: int, total: int) -> None:
        """The same for work that finds out itself how much there is, and what was there before it began."""
        if self.total != total:
            self.total, self.first, self.began = total, done, time.monotonic()
            if self.bar is not None:
                self.bar.update(self.task, total=total)
        self.update(done)

    def say(self, done: int, text: str) -> None:
        """Print one line."""
        line = f"{self.what} {done}/{self.total}: {text}"
        if self.bar is not None:
            self.bar.console.print(line, markup=False, highlight=False)
        else:
            print(line, file=sys.stderr, flush=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the bar."""
        if self.bar is not None:
            self.bar.stop()
