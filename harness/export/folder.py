"""A folder that holds one export and nothing else: what an earlier export wrote and this one does not is removed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.errors import DiptychError
from harness.files import usable_folder, write_atomically

INDEX = ".diptych-export"
"""Lists the files that belong to the export, one path a line, so that nobody else's are touched."""


def write_export(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Make ``folder`` hold ``files``; each is written atomically.

    Args:
        folder: Made if need be.
        files: Path inside the folder, parts joined by ``/`` → content.

    Returns:
        The files, by path.

    Raises:
        DiptychError: The folder cannot be written, or holds asv results that no export wrote.
    """
    usable_folder(folder, "export folder", "Choose another with -o DIR.")
    index = folder / INDEX
    old = set(index.read_text().splitlines()) if index.is_file() else set()
    if not index.is_file() and ((folder / "benchmarks.json").exists() or any(folder.glob("*/machine.json"))):
        raise DiptychError(
            f"{str(folder)!r} holds results of asv that diptych export did not write, and would mix with them. "
            "Choose another folder with -o DIR."
        )
    new = set(files)
    write_atomically(index, _lines(old | new))  # a crash from here on leaves no file that the next export disowns
    for name in sorted(new):
        write_atomically(folder / name, files[name])
    for name in sorted(old - new):
        stale = folder / name
        if not stale.resolve().is_relative_to(folder.resolve()):
            continue  # no line that we write; somebody else's hand was in the index
        stale.unlink(missing_ok=True)
        if stale.parent != folder and stale.parent.is_dir() and not any(stale.parent.iterdir()):
            stale.parent.rmdir()
    write_atomically(index, _lines(new))
    return [folder / name for name in sorted(new)]


def _lines(names: set[str]) -> bytes:
    return "".join(f"{name}\n" for name in sorted(names)).encode()
