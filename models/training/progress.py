"""How far a training run is: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

LINE_SECONDS = 20.0


class Progress:
    """Context manager that shows steps, loss and time left on standard error.

    Args:
        steps: Steps in all.
        done: Steps done before.
    """

    def __init__(self, steps: int, done: int) -> None:
        self.steps, self.first = steps, done
        self.began = self.said = time.monotonic()
        self.bar: Any = None

    def __enter__(self) -> Progress:
        """Start the bar if standard error is a terminal."""
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("loss {task.fields[loss]}"))
            self.bar = Bar(*columns, console=Console(stderr=True))
            self.task = self.bar.add_task("training", total=self.steps, completed=self.first, loss="?")
            self.bar.start()
        return self

    def update(self, step: int, loss: float) -> None:
        """Show that ``step`` steps are done."""
        if self.bar is not None:
            self.bar.update(self.task, completed=step, loss=f"{loss:.4f}")
        elif time.monotonic() - self.said > LINE_SECONDS or step == self.steps:
            self.said = time.monotonic()
            pace = (self.said - self.began) / max(1, step - self.first)
            self.say(step, f"loss {loss:.4f}, {pace:.3f} s/step, {pace * (self.steps - step) / 60:.1f} min left")

    def say(self, step: int, text: str) -> None:
        """Print one line."""
        line = f"step {step}/{self.steps}: {text}"
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
