"""Which trial is being run, so that a trial that kills its process again and again becomes a failure and not a loop.

A crash inside native code or the kernel's out-of-memory killer leaves no exception behind. The index of the trial in
flight stands in a small file, which outlives the process; it need not outlive the machine, so nothing is synced.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path

FILE = ".in-flight.json"
DEATHS = 3  # fewer could be a user's kill -9 that hit the same long trial twice


class InFlight:
    """Counts the deaths of processes by the trial that they were running.

    Attributes:
        deaths: Trial index → how many processes died while they ran it or warmed up for it.
    """

    def __init__(self, folder: Path) -> None:
        """Read what earlier processes left in a run's folder."""
        self._file = folder / FILE
        self.deaths: dict[int, int] = {}
        # Absent, or cut off by the very death that it was to survive.
        with contextlib.suppress(OSError, ValueError, AttributeError, TypeError):
            self.deaths = {int(index): int(n) for index, n in json.loads(self._file.read_text()).items()}

    def deadly(self, index: int) -> bool:
        """Tell whether trial ``index`` has killed its process too often."""
        return self.deaths.get(index, 0) >= DEATHS

    def forget(self, done: Iterable[int]) -> None:
        """Drop trials that have their record: a process may die after the record and before :meth:`end`."""
        for index in done:
            self.deaths.pop(index, None)
        self.end()

    def begin(self, index: int) -> None:
        """Say that trial ``index`` is being run or warmed up for: if the process dies now, it counts."""
        self._write({**self.deaths, index: self.deaths.get(index, 0) + 1})

    def end(self, index: int | None = None) -> None:
        """Say that no trial is being run; with ``index``, that this one has its record."""
        if index is not None:
            self.deaths.pop(index, None)
        self._write(self.deaths)

    def _write(self, counts: dict[int, int]) -> None:
        with contextlib.suppress(OSError):  # a full disk is the record's to report, not this note's
            if counts:
                self._file.write_text(json.dumps(counts))
            else:
                self._file.unlink(missing_ok=True)
