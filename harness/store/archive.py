"""Records of a run that is over, packed: a seventh of the bytes, the same lines, and read wherever they are.

A run's folder holds ``trials.jsonl``, or ``trials.jsonl.gz`` in its place. Nothing is appended to a packed one.
"""

from __future__ import annotations

import gzip
import json
import os
import zlib
from pathlib import Path

from harness.errors import DiptychError
from harness.files import write_atomically
from harness.store.lock import WriterLock
from harness.store.names import LOCK, MANIFEST, PACKED, SUMMARY, TRIALS


def trials_data(folder: Path) -> bytes:
    """Every line of a run's records; empty where there are none.

    Raises:
        DiptychError: The packed file is damaged.
    """
    plain, packed = folder / TRIALS, folder / PACKED
    if plain.exists():
        return plain.read_bytes()
    if not packed.exists():
        return b""
    try:
        return gzip.decompress(packed.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise DiptychError(f"{packed} is damaged ({error}); restore it from a copy.") from error


def is_packed(folder: Path) -> bool:
    """Tell whether a run's records are packed, so that nothing can be added."""
    return (folder / PACKED).exists() and not (folder / TRIALS).exists()


def pack(folder: Path) -> tuple[int, int]:
    """Pack a run's records, and take the indentation out of its other files; equal records are equal bytes.

    Returns:
        Bytes of the records before and after.

    Raises:
        DiptychError: There are none, another process writes them, or the folder cannot be written to.
    """
    plain = folder / TRIALS
    if is_packed(folder):
        _flatten(folder)
        size = (folder / PACKED).stat().st_size
        return size, size
    if not plain.exists():
        raise DiptychError(f"{folder} has no records to pack.")
    lock = WriterLock(folder / LOCK)
    try:
        owner = lock.acquire()
        if owner is not None:
            raise DiptychError(f"{folder.name} is being written by another process (pid {owner}); wait for its end.")
        data = plain.read_bytes()
        packed = gzip.compress(data, 9, mtime=0)
        write_atomically(folder / PACKED, packed)
        if gzip.decompress((folder / PACKED).read_bytes()) != data:
            raise DiptychError(f"{folder / PACKED} does not read back as it was written; {plain} was kept.")
        os.unlink(plain)
        _flatten(folder)
    except OSError as error:
        raise DiptychError(f"{folder} cannot be written: {error.strerror}.") from error
    finally:
        lock.release()
    return len(data), len(packed)


def _flatten(folder: Path) -> None:
    """Write manifest and summary on one line each: the same JSON, a quarter smaller."""
    for path in (folder / MANIFEST, folder / SUMMARY):
        if path.exists():
            text = json.dumps(json.loads(path.read_bytes()), ensure_ascii=False, separators=(",", ":"))
            if len(text.encode()) + 1 < path.stat().st_size:
                write_atomically(path, text.encode() + b"\n")
