"""One writer at a time: ``flock`` on a small file, which the kernel releases when the process dies, however it dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
import weakref
from pathlib import Path

ATTEMPTS, PAUSE_SECONDS = 10, 0.01  # a reader that asks who writes (:func:`writer_of`) holds the lock for microseconds


class WriterLock:
    """The right to write a run's folder.

    The file holds the writer's process id and is removed when the lock is given up in order; a killed process leaves it
    behind unlocked, and the next writer takes it over.
    """

    def __init__(self, path: Path) -> None:
        """Prepare to lock the file ``path``; nothing is opened yet."""
        self._path = path
        self._closer: weakref.finalize[[int], WriterLock] | None = None

    @property
    def held(self) -> bool:
        """True between :meth:`acquire` and :meth:`release`."""
        return self._closer is not None

    def acquire(self) -> str | None:
        """Take the lock.

        Returns:
            None, or the process id of who has it (``"?"`` if unknown).

        Raises:
            OSError: The file cannot be opened for writing.
        """
        attempts = ATTEMPTS
        while not self.held:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                owner = written_pid(handle)
                os.close(handle)
                attempts -= 1
                if attempts == 0:
                    return owner
                time.sleep(PAUSE_SECONDS)
                continue
            if same_file(handle, self._path):
                os.ftruncate(handle, 0)
                os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
                self._closer = weakref.finalize(self, os.close, handle)
            else:
                os.close(handle)  # its owner removed it between our opening and locking it: that lock guards nothing
        return None

    def release(self) -> None:
        """Give the lock up; harmless if it is not held."""
        if self._closer is not None:
            with contextlib.suppress(OSError):  # a file left behind is no obstacle
                self._path.unlink()  # before it is unlocked: afterwards it could be another writer's
            self._closer()
            self._closer = None


def writer_of(path: Path) -> str | None:
    """Return the process id of who holds the lock ``path`` (``"?"`` if unknown), or None if nobody does.

    Works in a folder that may only be read. A file left behind by a killed process is not a lock.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError:
        return "?"
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return written_pid(handle)
    finally:
        os.close(handle)
    return None


def written_pid(handle: int) -> str:
    """Return what the owner of an open lock file wrote into it, or ``"?"``."""
    return os.pread(handle, 32, 0).decode(errors="replace").strip() or "?"


def same_file(handle: int, path: Path) -> bool:
    """Tell whether an open file is still the one that its path names."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
