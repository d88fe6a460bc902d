"""The folder of one run: a manifest, one line per trial, kept videos, a summary.

A line is one ``os.write`` on a descriptor opened ``O_APPEND``, followed by ``fsync``: a killed process loses the trial
in flight and nothing else. A line counts once its newline is written. There is one
writer at a time (:mod:`harness.store.lock`); readers need no lock and change nothing.
"""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import shutil
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from harness.errors import DiptychError
from harness.files import sync_folder, usable_folder, write_atomically
from harness.store import video
from harness.store.archive import file_data, is_packed, trials_data
from harness.store.lines import format_line, format_manifest, parse_line, parse_manifest, sound_end, sound_length
from harness.store.lock import WriterLock
from harness.store.names import LOCK, MANIFEST, PACKED, SAMPLES, SUMMARY, TORN, TRIALS
from harness.store.records import Manifest, TrialRecord
from harness.store.references import with_references
from harness.store.sessions import SESSIONS, add_session, contexts, read_sessions, session_problems

SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class RunStore:
    """One run on disk. Make it with :meth:`create` or :meth:`open`; close it, or use it in a ``with`` statement.

    Attributes:
        path: The run's folder.
        manifest: What was asked.
        problems: What :meth:`records` and :meth:`lock` found amiss and went on without, one sentence each.
        session: Number of this process among those that wrote the run; 0 began it.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest
        self.problems: list[str] = []
        self.session = 0
        self._reported: set[str] = set()
        self._lock = WriterLock(path / LOCK)
        self._trials: int | None = None
        self._closers: list[weakref.finalize[Any, Any]] = []

    @classmethod
    def create(cls, root: Path, manifest: Manifest) -> Self:
        """Make the folder ``root/<suite>/<run id>`` with its manifest, and lock it for writing.

        It is made aside and gets its name with the manifest in it: whoever is killed on the way leaves no run, and
        ``diptych results gc`` finds what is left.

        Raises:
            DiptychError: The folder cannot be made or exists already, a name cannot be a folder's, or something in the
                manifest is no JSON.
        """
        for name in (manifest.suite.name, manifest.run_id):
            if not SAFE_NAME.fullmatch(name):
                raise DiptychError(f"{name!r} cannot name a folder; use letters, digits, '.', '_' and '-'.")
        parent = usable_folder(root / manifest.suite.name, "results folder")
        path = parent / manifest.run_id
        content = format_manifest(manifest)
        aside = parent / f".{manifest.run_id}.{secrets.token_hex(3)}.partial"
        try:
            aside.mkdir()
            write_atomically(aside / MANIFEST, content)
            aside.rename(path)
        except BaseException as error:
            shutil.rmtree(aside, ignore_errors=True)
            if isinstance(error, OSError) and error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                why = f"run {manifest.run_id} exists already in {parent}; see: diptych show {path}"
                raise DiptychError(why) from None
            if isinstance(error, OSError):
                raise DiptychError(f"{path} cannot be written: {error.strerror}.") from error
            raise
        store = cls(path, manifest)
        store.lock()
        sync_folder(path)
        sync_folder(parent)
        return store

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the run in ``path`` for reading; the first :meth:`append` or :meth:`lock` makes it writable.

        Files of older versions are migrated in memory and stay as they are.

        Raises:
            DiptychError: No manifest, a damaged one, or one that a newer version wrote.
        """
        file = path / MANIFEST
        try:
            data = file_data(path, MANIFEST)
        except (FileNotFoundError, NotADirectoryError):
            raise DiptychError(
                f"{path} is not a run: it has no {MANIFEST}. A run is a folder results/<suite>/<run-id>."
            ) from None
        except OSError as error:
            raise DiptychError(f"{file} cannot be read: {error.strerror}.") from error
        return cls(path, parse_manifest(data, str(file)))

    def lock(self) -> None:
        """Become the one writer, and set a torn last line aside into ``trials.torn``.

        Raises:
            DiptychError: Another process writes this run, or the folder is not writable.
        """
        if self._trials is not None:
            return
        if is_packed(self.path):
            raise DiptychError(f"{self.path} is packed, and takes nothing more. To go on: unxz {self.path}/*{PACKED}")
        try:
            owner = self._lock.acquire()
            if owner is not None:
                raise DiptychError(
                    f"run {self.manifest.run_id} is being written by another process (pid {owner}); wait for its end."
                )
            self._trials = self._descriptor(self.path / TRIALS, os.O_RDWR | os.O_CREAT | os.O_APPEND)
            self._set_torn_aside()
        except OSError as error:
            self.close()
            raise DiptychError(f"{self.path} cannot be written: {error.strerror}.") from error

    def _descriptor(self, path: Path, flags: int) -> int:
        descriptor = os.open(path, flags | os.O_CLOEXEC, 0o644)
        self._closers.append(weakref.finalize(self, os.close, descriptor))
        return descriptor

    def close(self) -> None:
        """Give up the lock; harmless if there is none."""
        for closer in self._closers:
            closer()
        self._closers.clear()
        self._trials = None
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def append(self, record: TrialRecord) -> None:
        """Add one line, durably; an incomplete write is taken back.

        Raises:
            DiptychError: Something in the record is no JSON (it is named, and nothing is written), the disk is full or
                the folder not writable, or another process writes this run.
        """
        self.append_all([record])

    def append_all(self, records: Sequence[TrialRecord]) -> None:
        """Add several records that exist already, in one write: all of them are there, or none; see :meth:`append`."""
        if not records:
            return
        line = b"".join(format_line(record) for record in records)
        self.lock()
        assert self._trials is not None
        before = os.fstat(self._trials).st_size
        try:
            written = os.write(self._trials, line)
            if written != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._trials)
        except OSError as error:
            os.ftruncate(self._trials, before)
            raise DiptychError(
                f"{self.path / TRIALS} could not take trial {records[0].index}: {error.strerror}. Free space, then: "
                f"diptych resume {self.manifest.run_id}"
            ) from error

    def begin_session(self, **facts: Any) -> None:
        """Write down that this process goes on with the run; its facts are those of :class:`~.sessions.Session`.

        Raises:
            DiptychError: The folder is not writable, or another process writes this run.
        """
        self.lock()
        try:
            self.session = add_session(self.path, **facts).session
        except OSError as error:
            raise DiptychError(f"{self.path} cannot be written: {error.strerror}.") from error

    def _set_torn_aside(self) -> None:
        assert self._trials is not None
        good, rest = sound_end(self._trials)
        if not rest:
            return
        torn = self._descriptor(self.path / TORN, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(torn, rest + (b"" if rest.endswith(b"\n") else b"\n"))
        os.fsync(torn)
        os.ftruncate(self._trials, good)
        os.fsync(self._trials)

    def _report(self, problem: str) -> None:
        if problem not in self._reported:
            self._reported.add(problem)
            self.problems.append(problem)

    def records(self) -> list[TrialRecord]:
        """Return one record per trial, by index; what is amiss at the edges goes to :attr:`problems`.

        Each says what its session's context differs in from the manifest's, so that no reader can pair across contexts.

        A torn last line is left out (and moved to ``trials.torn`` when this store is the writer). Of two records of one
        trial the first counts, except that any later one replaces a failure: that trial was run again on request.

        Raises:
            DiptychError: A line in the middle is damaged, or a newer version wrote one.
        """
        file = self.path / TRIALS
        if self._trials is not None:
            self._set_torn_aside()
        data = trials_data(self.path)
        good = sound_length(data)
        torn = self.path / TORN
        if torn.exists():  # also where the process that set it aside was killed before it could say so
            self._report(f"a torn last line of {TRIALS} was set aside in {TORN} ({torn.stat().st_size} bytes)")
        sessions = read_sessions(self.path)
        for problem in session_problems(self.manifest.info.get("code") or {}, sessions):
            self._report(problem)
        if good < len(data):
            self._report(f"the last line of {TRIALS} is torn ({len(data) - good} bytes) and left out")
        found: dict[int, TrialRecord] = {}
        for number, line in enumerate(data[:good].split(b"\n"), 1):
            if line.strip():
                self._admit(parse_line(line, f"{file}:{number}"), number, found)
        known = contexts(sessions)
        return [_in_context(record, known) for record in with_references([found[index] for index in sorted(found)])]

    def _admit(self, record: TrialRecord, number: int, found: dict[int, TrialRecord]) -> None:
        planned = self.manifest.plan.trials
        expected = planned[record.index] if record.index < len(planned) else None
        if expected is None or (record.block, record.arm, record.seed) != (expected.block, expected.arm, expected.seed):
            self._report(f"line {number} of {TRIALS} is no trial of this plan (index {record.index}) and is ignored")
            return
        old = found.get(record.index)
        if old is not None and old.status == "finished":
            self._report(f"line {number} of {TRIALS} repeats trial {record.index}, which is finished, and is ignored")
            return
        found[record.index] = record

    def save_video(self, frames: Any) -> str:
        """Keep uint8 ``[T, H, W, 3]`` in ``samples/`` and return its name, by content."""
        return video.save_video(self.path / SAMPLES, frames)

    def load_video(self, name: str) -> NDArray[np.uint8]:
        """Read the video called ``name`` from ``samples/`` and check it against its name."""
        return video.load_video(self.path / SAMPLES, name)

    def write_summary(self, summary: dict[str, Any]) -> None:
        """Write ``summary.json`` atomically; it can be derived from the records at any time."""
        text = json.dumps(summary, indent=1, ensure_ascii=False)
        write_atomically(self.path / SUMMARY, (text + "\n").encode())


def _in_context(record: TrialRecord, known: Mapping[int, tuple[str, ...]]) -> TrialRecord:
    """Say of a record what its session's context differs in; a session that nobody tells of shares no other's."""
    facts = known.get(record.session, (f"session {record.session} is not in {SESSIONS}",))
    return record if facts == record.context_differences else record.model_copy(update={"context_differences": facts})
