"""Which files of a folder are videos, and which of a reference folder belongs to each."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UsageError
from harness.videos.read import VIDEO_SUFFIXES


@dataclass(frozen=True)
class Found:
    """One video.

    Attributes:
        name: Path below its folder.
        path: The file.
        reference: The file of the reference folder with the same name but for its suffix, or None.
    """

    name: str
    path: Path
    reference: Path | None = None


def videos_in(folder: Path, what: str) -> list[Path]:
    """Return the video files below a folder, sorted by name; hidden ones are left out.

    Raises:
        UsageError: No such folder, or no video in it.
    """
    if not folder.is_dir():
        kind = "is a file, not a folder" if folder.exists() else "does not exist"
        raise UsageError(f"the {what} {str(folder)!r} {kind}. Name a folder of videos.")
    found = sorted(path for path in _files(folder) if path.suffix.lower() in VIDEO_SUFFIXES)
    if not found:
        read = " ".join(VIDEO_SUFFIXES)
        raise UsageError(f"the {what} {str(folder)!r} holds no video. Suffixes that are read: {read}")
    return found


def other_files(folder: Path) -> int:
    """How many files below a folder are no videos by their suffix; hidden ones are not counted."""
    return sum(path.suffix.lower() not in VIDEO_SUFFIXES for path in _files(folder))


def _files(folder: Path) -> Iterator[Path]:
    """Every file below a folder that is not hidden; links to folders are followed, and loops of them are not."""
    seen: set[str] = set()
    for root, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(root)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(root) / name for name in names if not name.startswith("."))


def stem(folder: Path, path: Path) -> str:
    """The name of a video in its folder, without its suffix."""
    return str(path.relative_to(folder).with_suffix(""))


def pair_videos(folder: Path, reference: Path | None) -> tuple[list[Found], list[Path]]:
    """Return the videos of a folder with their references, and the reference folder's videos.

    The reference folder may lie inside the other.

    Raises:
        UsageError: A folder is missing or empty, or two of its videos have one name.
    """
    ours = videos_in(folder, "folder")
    theirs = [] if reference is None else videos_in(reference, "reference folder")
    if reference is not None:
        if folder.resolve() in reference.resolve().parents:  # lies inside: its videos are no videos of the folder
            ours = [path for path in ours if reference.resolve() not in path.resolve().parents]
            if not ours:
                raise UsageError(f"the folder {str(folder)!r} holds no video outside the reference folder.")
        _refuse_twins(reference, theirs)
        _refuse_twins(folder, ours)
    by_stem = {} if reference is None else {stem(reference, path): path for path in theirs}
    found = [Found(str(path.relative_to(folder)), path, by_stem.get(stem(folder, path))) for path in ours]
    return found, theirs


def _refuse_twins(folder: Path, paths: Sequence[Path]) -> None:
    twice = [name for name, n in Counter(stem(folder, path) for path in paths).items() if n > 1]
    if twice:
        raise UsageError(f"{str(folder)!r} holds several videos called {twice[0]!r}: which belongs to which?")
