"""Writing files so that a crash leaves either the old one or the new one, and checking a folder before any work."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from harness.errors import DiptychError


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_folder(folder: Path) -> None:
    """Make the names inside ``folder`` durable: a renamed file is only safe once its folder is on disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path`` so that it is absent, old or complete, whatever happens; its folder is made.

    Temporary file in the same folder, fsync, rename, fsync of the folder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def joined_sha256(digests: Sequence[str]) -> str:
    """The digest that stands for files used together: of one file its own, of several that of their digests."""
    return digests[0] if len(digests) == 1 else hashlib.sha256(" ".join(digests).encode()).hexdigest()


def usable_folder(
    folder: Path, what: str, remedy: str = "Choose another with --results DIR or DIPTYCH_RESULTS."
) -> Path:
    """Create ``folder`` with its parents if need be, and prove that a file can be written in it.

    Args:
        folder: The folder.
        what: What it is for, such as ``"results folder"``.
        remedy: What to do about it.

    Returns:
        The folder.

    Raises:
        DiptychError: A file is in the way, permission is missing, or the place is impossible.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".probe."):
            pass
    except (FileExistsError, NotADirectoryError) as error:
        raise DiptychError(f"the {what} {str(folder)!r} cannot be made: a file is in the way. {remedy}") from error
    except PermissionError as error:
        raise DiptychError(f"the {what} {str(folder)!r} is not writable: permission denied. {remedy}") from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise DiptychError(f"the {what} {str(folder)!r} cannot be used: {why}. {remedy}") from error
    return folder
