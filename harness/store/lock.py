"""One writer at a time: ``flock`` on a small file, which the kernel releases when the process dies, however it dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
import weakref
from pathlib import Path


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
        while not self.held:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                owner = os.pread(handle, 32, 0).decode(errors="replace").strip()
                os.close(handle)
                return owner or "?"
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


def same_file(handle: int, path: Path) -> bool:
    """Tell whether an open file is still the one that its path names."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
