"""What the verbs that look after results return, with the keys of ``--json``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from harness.types import Data

State = Literal["complete", "unfinished", "being written", "unreadable"]


class StoredRun(Data):
    """One run in a listing.

    Attributes:
        run_id: Its name.
        path: Its folder.
        suite: Suite name.
        version: Suite version, or None where the run cannot be read.
        scale: Scale name, or None.
        created_at: ISO 8601, UTC, or None.
        planned: Trials of the plan, or None.
        finished: Trials with a result, or None.
        failed: Trials whose last record is a failure, or None.
        bytes: Size of all its files.
        state: Every trial has a record; or some have none; or a process writes it now; or it cannot be read.
        why: Which process writes it, or why it cannot be read; None for the rest.
        baseline: True for a committed baseline.
    """

    run_id: str
    path: str
    suite: str
    version: int | None = None
    scale: str | None = None
    created_at: str | None = None
    planned: int | None = None
    finished: int | None = None
    failed: int | None = None
    bytes: int
    state: State
    why: str | None = None
    baseline: bool


class StoredRuns(Data):
    """What a results folder holds.

    Attributes:
        results: The folder.
        runs: Newest first.
        bytes: Of all of them.
    """

    results: str
    runs: tuple[StoredRun, ...]
    bytes: int


class Item(Data):
    """Something that was, or would be, deleted or written.

    Attributes:
        path: File or folder.
        bytes: Its size.
        why: What it is, or what became of it.
    """

    path: str
    bytes: int
    why: str


class Changes(Data):
    """What a command deleted or wrote.

    Attributes:
        items: One by one.
        bytes: Of all of them.
        dry_run: True if nothing was done.
        skipped: What was left alone, and why.
    """

    items: tuple[Item, ...]
    bytes: int
    dry_run: bool = False
    skipped: tuple[Item, ...] = ()


class ExportFacts(Data):
    """A table that was written.

    Attributes:
        path: The file.
        rows: Trials in it.
        columns: Their names.
        bytes: Its size.
        runs: Ids of the runs in it.
    """

    path: Path
    rows: int
    columns: tuple[str, ...]
    bytes: int
    runs: tuple[str, ...]
