"""Scores of videos, read from what ``diptych score FOLDER … --json`` prints, or from a CSV file."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import DiptychError, UsageError, unknown

COMPOSITE = "omniscore"
"""What the name of a composite begins with; every other score is a dimension."""
ABSENT = frozenset({"", "none", "null", "nan", "not available"})
FORMS = "a JSON document of diptych score … --json, or a CSV file with the columns video, prompt and one for each score"


@dataclass(frozen=True)
class VideoRow:
    """One video: its scores by name, None where it has none; the prompt is None where the file has none."""

    video: str
    prompt: str | None
    scores: dict[str, float | None]


@dataclass(frozen=True)
class ScoreFile:
    """What a file says.

    Attributes:
        name: The file's name, without its folder.
        sha256: Of its bytes.
        composite: The score that ranks videos.
        dimensions: The other scores, in the order of their first appearance; other composites are not among them.
        absent: Scores that the file names and no video has.
        videos: In the order of the file.
    """

    name: str
    sha256: str
    composite: str
    dimensions: tuple[str, ...]
    absent: tuple[str, ...]
    videos: tuple[VideoRow, ...]

    def by_prompt(self) -> dict[str, list[float]]:
        """Prompt → composites of its videos; videos without prompt or composite are left out."""
        groups: dict[str, list[float]] = {}
        for row in self.videos:
            score = row.scores.get(self.composite)
            if row.prompt is not None and score is not None:
                groups.setdefault(row.prompt, []).append(score)
        return groups

    @property
    def composites(self) -> list[float]:
        """The composite of every video that has one."""
        return [score for row in self.videos if (score := row.scores.get(self.composite)) is not None]


def read_scores(path: Path, composite: str | None = None) -> ScoreFile:
    """Read a file of scores.

    Args:
        path: JSON (a document with ``videos: [{path, prompt, scores}]``) or CSV (columns ``video``, ``prompt`` and one
            per score); an empty cell, ``null`` or a number that is not finite is an absent score.
        composite: The score that ranks videos; the one that begins with ``omniscore`` if None.

    Raises:
        DiptychError: The file cannot be read.
        UsageError: It is neither form, says something impossible, or has no composite or several.
    """
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DiptychError(f"the scores in {path} cannot be read: {error}. Give {FORMS}.") from error
    rows = _from_json(text, path) if text.lstrip().startswith("{") else _from_csv(text, path)
    if not rows:
        raise UsageError(f"{path} has no video. Give {FORMS}.")
    twice = _twice([row.video for row in rows])
    if twice is not None:
        raise UsageError(f"{path} has video {twice!r} twice; name each once.")
    told = dict.fromkeys(name for row in rows for name in row.scores)
    names = [name for name in told if any(row.scores.get(name) is not None for row in rows)]
    absent = tuple(name for name in told if name not in names)
    chosen = _composite(names, composite, path)
    dimensions = tuple(name for name in names if name != chosen and not name.startswith(COMPOSITE))
    return ScoreFile(path.name, hashlib.sha256(data).hexdigest(), chosen, dimensions, absent, tuple(rows))


def _composite(names: Sequence[str], asked: str | None, path: Path) -> str:
    if asked is not None:
        if asked not in names:
            raise unknown(f"score in {path.name}", asked, names)
        return asked
    found = [name for name in names if name.startswith(COMPOSITE)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{path} has several composites: {', '.join(sorted(found))}; choose with --composite NAME.")
    raise UsageError(
        f"{path} has no score whose name begins with {COMPOSITE!r} (it has {', '.join(sorted(names)) or 'none'}); name "
        "the one that ranks videos with --composite NAME."
    )


def _twice(names: Sequence[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def _from_json(text: str, path: Path) -> list[VideoRow]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{path} is no JSON document: {error}. Give {FORMS}.") from error
    videos = document.get("videos")
    if not isinstance(videos, list):
        raise UsageError(f"{path} has no list 'videos'. Give {FORMS}.")
    rows = []
    for number, video in enumerate(videos):
        here = f"{path}: videos[{number}]"
        if not isinstance(video, dict) or not isinstance(video.get("path"), str):
            raise UsageError(f"{here} has no text 'path'.")
        prompt, scores = video.get("prompt"), video.get("scores") or {}
        if not isinstance(scores, dict) or not (prompt is None or isinstance(prompt, str)):
            raise UsageError(f"{here}: 'scores' has to be an object and 'prompt' a text.")
        known = {name: _number(value, f"{here}, {name}") for name, value in scores.items()}
        rows.append(VideoRow(video["path"], prompt or None, known))
    return rows


def _number(value: Any, where: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(f"{where}: {value!r} is no number.")
    return float(value) if math.isfinite(value) else None


def _from_csv(text: str, path: Path) -> list[VideoRow]:
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        heads = list(reader.fieldnames or ())
        lines = list(reader)
    except csv.Error as error:
        raise UsageError(f"{path} is no CSV file: {error}. Give {FORMS}.") from error
    if "video" not in heads:
        raise UsageError(f"{path} has no column 'video'. Give {FORMS}.")
    twice = _twice(heads)
    if twice is not None:
        raise UsageError(f"{path} has column {twice!r} twice; name each once.")
    names = [head for head in heads if head not in ("video", "prompt")]
    rows = []
    for number, line in enumerate(lines, start=2):
        if None in line or None in line.values():
            raise UsageError(f"{path}, row {number}: it has not the {len(heads)} cells of the heads.")
        known = {name: _cell(line[name], f"{path}, row {number}, {name}") for name in names}
        rows.append(VideoRow(line["video"], line.get("prompt") or None, known))
    return rows


def _cell(text: str, where: str) -> float | None:
    if text.strip().lower() in ABSENT:
        return None
    try:
        return _number(float(text), where)
    except ValueError:
        raise UsageError(f"{where}: {text!r} is no number; leave the cell empty where there is none.") from None
