"""The files of a run that is over, packed: a seventh of the bytes, the same content, and read wherever they are.

A run's folder holds ``manifest.json``, ``trials.jsonl`` and ``summary.json``, or each with ``.xz`` behind its name in
its place. Where both are there the plain one counts. Nothing is appended to a packed run; ``unxz`` gives files back.
"""

from __future__ import annotations

import lzma
import os
from pathlib import Path

from harness.errors import DiptychError
from harness.files import write_atomically
from harness.store.lock import WriterLock
from harness.store.names import LOCK, MANIFEST, PACKED, SUMMARY, TRIALS

# no literal position bits: text has no alignment, and a hundredth goes
FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "pb": 0}]


def has_file(folder: str | Path, name: str) -> bool:
    """Tell whether a run's folder has the file ``name``, plain or packed."""
    plain = os.path.join(folder, name)  # strings: thousands of folders are asked when runs are listed
    return os.path.exists(plain) or os.path.exists(plain + PACKED)


def file_data(folder: Path, name: str) -> bytes:
    """Return what a run's file ``name`` holds, plain or packed.

    Raises:
        DiptychError: The packed file is damaged.
        OSError: There is neither, or it cannot be read.
    """
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError as missing:
        packed = folder / (name + PACKED)
        try:
            data = packed.read_bytes()
        except FileNotFoundError:
            raise missing from None
    try:
        return lzma.decompress(data, format=lzma.FORMAT_XZ)
    except lzma.LZMAError as error:
        raise DiptychError(f"{packed} is damaged ({error}); restore it from a copy.") from error


def trials_data(folder: Path) -> bytes:
    """Every line of a run's records; empty where there are none.

    Raises:
        DiptychError: The packed file is damaged.
    """
    return file_data(folder, TRIALS) if has_file(folder, TRIALS) else b""


def is_packed(folder: Path) -> bool:
    """Tell whether a run's records are packed, so that nothing can be added."""
    return (folder / (TRIALS + PACKED)).exists() and not (folder / TRIALS).exists()


def pack(folder: Path) -> tuple[int, int]:
    """Pack a run's manifest, records and summary; equal files are equal bytes.

    Returns:
        Bytes of the three before and after.

    Raises:
        DiptychError: There are no records, another process writes them, or the folder cannot be written to.
    """
    if not has_file(folder, TRIALS):
        raise DiptychError(f"{folder} has no records to pack.")
    lock = WriterLock(folder / LOCK)
    before = bytes_of(folder)
    try:
        plain = [folder / name for name in (MANIFEST, TRIALS, SUMMARY) if (folder / name).exists()]
        if not plain:
            return before, before
        owner = lock.acquire()
        if owner is not None:
            raise DiptychError(f"{folder.name} is being written by another process (pid {owner}); wait for its end.")
        for path in plain:
            pack_file(path)
    except OSError as error:
        raise DiptychError(f"{folder} cannot be written: {error.strerror}.") from error
    finally:
        lock.release()
    return before, bytes_of(folder)


def pack_file(path: Path) -> None:
    """Put a packed file in the place of a plain one, which goes once the packed one reads back as it was.

    Raises:
        DiptychError: It does not.
        OSError: It cannot be read or written.
    """
    data = path.read_bytes()
    packed = path.with_name(path.name + PACKED)
    write_atomically(packed, lzma.compress(data, format=lzma.FORMAT_XZ, filters=FILTERS))
    if lzma.decompress(packed.read_bytes(), format=lzma.FORMAT_XZ) != data:
        raise DiptychError(f"{packed} does not read back as it was written; {path} was kept.")
    path.unlink()


def bytes_of(folder: Path) -> int:
    """Return what a run's manifest, records and summary take on the disk, as they are there."""
    files = [folder / (name + suffix) for name in (MANIFEST, TRIALS, SUMMARY) for suffix in ("", PACKED)]
    return sum(file.stat().st_size for file in files if file.exists())
