"""Which text belongs to which video: a file of prompts, read beside a folder of videos."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from harness.errors import UsageError

SUFFIXES = (".txt", ".json", ".csv")
NUMBERED = re.compile(r"(.+?)[-_](\d+)")
HOW = (
    "a .json file that maps file names to prompts, a .csv file with the columns video and prompt, or a .txt file with "
    "one prompt a line: for files called PROMPT-0, PROMPT-1 …, or as many lines as videos, in the order of their names"
)


def read_prompts(path: Path, videos: Sequence[str]) -> dict[str, str]:
    """Return the prompt of every video.

    Args:
        path: A ``.json``, ``.csv`` or ``.txt`` file.
        videos: Paths of the videos below their folder, sorted.

    Raises:
        UsageError: No such file, another kind of file, an empty prompt, videos without one or prompts without a video.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"the prompts {str(path)!r} are no {', '.join(SUFFIXES)} file. Give {HOW}.")
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise UsageError(f"the prompts {str(path)!r} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"the prompts {str(path)!r} are not UTF-8: byte {error.start} is no character.") from error
    if suffix == ".txt":
        return _of_lines(path, text, videos)
    named = _of_json(path, text) if suffix == ".json" else _of_csv(path, text)
    return _of_names(path, named, videos)


def _of_lines(path: Path, text: str, videos: Sequence[str]) -> dict[str, str]:
    lines = [line.strip() for line in text.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    empty = [number for number, line in enumerate(lines, 1) if not line]
    if empty or not lines:
        where = f"line {empty[0]} is" if empty else "the file is"
        raise UsageError(f"{path}: {where} empty; every prompt needs words.")
    numbered = {video: NUMBERED.fullmatch(Path(video).stem) for video in videos}
    by_name = {video: match[1] for video, match in numbered.items() if match is not None and match[1] in set(lines)}
    if len(by_name) == len(videos):
        return by_name
    if len(lines) != len(videos):
        raise UsageError(f"{path} has {len(lines)} prompts, and there are {len(videos)} videos. Give {HOW}.")
    return dict(zip(videos, lines, strict=True))


def _of_json(path: Path, text: str) -> dict[str, str]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{path} is no JSON: {error}.") from error
    if not isinstance(found, dict) or not all(isinstance(prompt, str) for prompt in found.values()):
        raise UsageError(f"{path} does not map names to prompts. Give {HOW}.")
    return found


def _of_csv(path: Path, text: str) -> dict[str, str]:
    rows = csv.DictReader(text.splitlines())
    if not {"video", "prompt"} <= set(rows.fieldnames or ()):
        columns = ", ".join(rows.fieldnames or ()) or "no columns"
        raise UsageError(f"{path} has {columns}; it needs the columns video and prompt.")
    named: dict[str, str] = {}
    for row in rows:
        if row["video"] in named:
            raise UsageError(f"{path} names {row['video']!r} twice.")
        named[row["video"]] = row["prompt"] or ""
    return named


def _of_names(path: Path, named: Mapping[str, str], videos: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for video in videos:
        key = next((key for key in _names_of(video) if key in named), None)
        if key is None:
            near = get_close_matches(video, named, n=1, cutoff=0.6)
            hint = f" Did you mean the entry {near[0]!r}?" if near else ""
            raise UsageError(f"{path} has no prompt for the video {video!r}; it has {len(named)} entries.{hint}")
        if not named[key].strip():
            raise UsageError(f"{path}: the prompt of {key!r} is empty; every prompt needs words.")
        found[video] = named[key].strip()
    used = {name for video in videos for name in _names_of(video)}
    spare = [name for name in named if name not in used]
    if spare:
        raise UsageError(f"{path} has prompts for {len(spare)} videos that are not there: {', '.join(spare[:3])} …")
    return found


def _names_of(video: str) -> tuple[str, ...]:
    """What an entry may call a video: its path below the folder or its name, with or without its suffix."""
    path = Path(video)
    return video, str(path.with_suffix("")), path.name, path.stem
