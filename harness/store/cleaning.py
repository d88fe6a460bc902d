"""Removing runs, and finding what crashes and retries have left behind. Nothing that is being written is touched.

A run is renamed aside before it is deleted, so that a half-deleted one is never taken for a run; the writer's lock is
held meanwhile, so that no process begins to write what goes.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.errors import DiptychError
from harness.store.archive import file_data, has_file, trials_data
from harness.store.index import folder_bytes
from harness.store.lines import line_facts, sound_length
from harness.store.locate import folders
from harness.store.lock import WriterLock, writer_of
from harness.store.names import LOCK, MANIFEST, SAMPLES, SUMMARY, TRIALS

ASIDE = ".removed."
TEMPORARY = (".partial", ".probe.")
SETTLED_SECONDS = 3600.0
"""Temporary files outside a locked run may belong to a process that is writing right now, until they are this old."""


def is_baseline(folder: Path) -> bool:
    """Tell whether a run is a committed baseline: ``…/baselines/<suite>/<run-id>``."""
    return folder.absolute().parent.parent.name == "baselines"


def remove_run(folder: Path) -> int:
    """Delete a run's folder and return how many bytes it took.

    Raises:
        DiptychError: Another process writes it, or the folder may not be changed.
    """
    size = folder_bytes(folder)
    lock = WriterLock(folder / LOCK)
    try:
        owner = lock.acquire()
        if owner is not None:
            raise DiptychError(
                f"run {folder.name} is being written by another process (pid {owner}); wait for its end."
            )
        aside = folder.with_name(f"{ASIDE}{folder.name}.{secrets.token_hex(3)}")
        folder.rename(aside)
        shutil.rmtree(aside)
    except OSError as error:
        raise DiptychError(
            f"{folder} cannot be removed: {error.strerror}. What is left of it is removed by: diptych results gc"
        ) from error
    finally:
        lock.release()
    with contextlib.suppress(OSError):  # other runs are in it
        folder.parent.rmdir()
    return size


@dataclass(frozen=True)
class Garbage:
    """Something that nothing refers to.

    Attributes:
        path: The file or folder.
        bytes: Its size.
        why: What it is.
    """

    path: Path
    bytes: int
    why: str


@dataclass(frozen=True)
class Found:
    """What :func:`garbage` found.

    Attributes:
        items: What may go.
        skipped: Run → why it was not looked into.
    """

    items: list[Garbage]
    skipped: dict[Path, str]


def collect(root: Path, *, dry_run: bool) -> Found:
    """Find the garbage of a results folder and of ``baselines`` in it, and delete it unless ``dry_run``.

    Args:
        root: The results folder.
        dry_run: Only say what would go.

    Raises:
        DiptychError: Something may not be deleted; what came before it is gone.
    """
    items: list[Garbage] = []
    skipped: dict[Path, str] = {}
    for place in (root, root / "baselines"):
        items += remove_all(list(leftovers(place, SETTLED_SECONDS)), dry_run)
        for suite in folders(place):
            if place == root and suite.name == "baselines":
                continue
            items += remove_all(list(leftovers(Path(suite.path), SETTLED_SECONDS)), dry_run)
            for run in folders(suite.path):
                folder = Path(run.path)
                if not has_file(folder, MANIFEST):
                    continue
                try:
                    items += collect_run(folder, dry_run=dry_run)
                except DiptychError as error:
                    skipped[folder] = str(error)
    return Found(items, skipped)


def collect_run(folder: Path, *, dry_run: bool) -> list[Garbage]:
    """Find the garbage in one run's folder, and delete it unless ``dry_run``.

    Raises:
        DiptychError: The run is being written, its records cannot be read, or something may not be deleted.
    """
    file = folder / LOCK
    owner = writer_of(file)
    stale = [Garbage(file, file.stat().st_size, "lock of a process that was killed")] if file.exists() else []
    if owner is None and dry_run:
        return [*stale, *run_garbage(folder)]
    if owner is None and not stale and not run_garbage(folder):
        return []  # nothing to do: no lock is taken, and no folder changed
    lock = WriterLock(file)
    try:
        owner = owner or lock.acquire()
        if owner is not None:
            raise DiptychError(f"it is being written (pid {owner})")
        return [*stale, *remove_all(run_garbage(folder), dry_run)]  # giving the lock up removes its file
    except OSError as error:
        raise DiptychError(f"{folder} cannot be written: {error.strerror}") from error
    finally:
        lock.release()


def run_garbage(folder: Path) -> list[Garbage]:
    """Return temporary files, and videos that no line of the run's records names."""
    found = [*leftovers(folder, 0.0), *leftovers(folder / SAMPLES, 0.0)]
    videos = sorted((folder / SAMPLES).glob("*.mkv"))
    if videos:
        refuse_lost_records(folder)
        wanted = referred(folder)
        found += [Garbage(v, v.stat().st_size, "no record names it") for v in videos if v.stem not in wanted]
    return found


def refuse_lost_records(folder: Path) -> None:
    """Refuse to call videos orphans where the summary tells of more trials than have a record.

    Raises:
        DiptychError: Records are missing, and with them what the videos belong to.
    """
    try:
        trials = json.loads(file_data(folder, SUMMARY))["trials"]
        told = int(trials["finished"]) + int(trials["failed"])
    except (DiptychError, OSError, ValueError, KeyError, TypeError):
        return  # an interrupted run has no summary
    file = folder / TRIALS
    found = trials_data(folder).count(b"\n")
    if found < told:
        raise DiptychError(
            f"{file} has {found} records and {SUMMARY} tells of {told} trials; restore it from a copy. "
            f"See: diptych verify {folder}"
        )


def referred(folder: Path) -> set[str]:
    """Return the names of all videos that a line refers to, replaced failures included.

    Raises:
        DiptychError: A line is damaged, so that nobody knows what it refers to.
    """
    file, data = folder / TRIALS, trials_data(folder)
    names: set[str] = set()
    for number, line in enumerate(data[: sound_length(data)].split(b"\n"), 1):
        if b'"sample"' in line:
            sample = line_facts(line, f"{file}:{number}").get("sample")
            names |= {name for name in sample.values() if isinstance(name, str)} if isinstance(sample, dict) else set()
    return names


def leftovers(folder: Path, settled_seconds: float) -> Iterator[Garbage]:
    """Yield what interrupted writes and removals left directly in ``folder``, if it is old enough."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            with contextlib.suppress(OSError):
                aside = entry.name.startswith(ASIDE) and entry.is_dir(follow_symlinks=False)
                temporary = entry.name.endswith(TEMPORARY[0]) or entry.name.startswith(TEMPORARY[1])
                if not aside and not temporary:
                    continue
                found = entry.stat(follow_symlinks=False)
                if aside:
                    yield Garbage(Path(entry.path), folder_bytes(entry.path), "a removal that did not finish")
                elif time.time() - found.st_mtime < settled_seconds:
                    continue
                elif entry.is_dir(follow_symlinks=False):
                    why = "a run that was killed before its first trial"
                    yield Garbage(Path(entry.path), folder_bytes(entry.path), why)
                else:
                    yield Garbage(Path(entry.path), found.st_size, "a write that did not finish")


def remove_all(items: list[Garbage], dry_run: bool) -> list[Garbage]:
    """Delete ``items`` unless ``dry_run``, and return them.

    Raises:
        DiptychError: One may not be deleted.
    """
    for item in items if not dry_run else []:
        try:
            if item.path.is_dir() and not item.path.is_symlink():
                shutil.rmtree(item.path)
            else:
                item.path.unlink(missing_ok=True)
        except OSError as error:
            raise DiptychError(f"{item.path} cannot be deleted: {error.strerror}.") from error
    return items
