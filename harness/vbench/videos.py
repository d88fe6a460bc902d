"""The per-video lists of VBench's result files: names taken apart, values as fractions, what they do not agree with.

Facts about the official tool (Vchitect/VBench at commit 45e79ec), each of which a reader of its files meets: imaging
quality is 0 to 100 per video and a fraction in the aggregate; dynamic degree and human action are booleans per video;
``color`` leaves out every video in which the object was not found; older releases wrote sums over frames as a video's
subject consistency; with several GPUs the aggregate of appearance style is the mean of each video's *last frame*
(``cur_sim``), with one it is the mean over frames; with one GPU some aggregates are means over frames, not over videos.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.vbench.dimensions import DIMENSIONS
from harness.vbench.totals import SLACK

EXTENSION = re.compile(r"\.(mp4|gif|avi|mov|mkv|webm|m4v|png|jpe?g)$", re.IGNORECASE)
NUMBER = re.compile(r"-(\d+)$")
AGREES = 5e-4  # of an aggregate with the mean of its videos; frame counts that differ move it by more
BY_FRAMES = frozenset(
    {"subject_consistency", "background_consistency", "appearance_style", "spatial_relationship"}
    | {"object_class", "multiple_objects", "scene"}
)
"""Dimensions whose aggregate is, at least with one GPU, a mean over frames."""

Key = tuple[str, int]


@dataclass(frozen=True)
class Videos:
    """One dimension's videos in one file.

    Attributes:
        values: (prompt, number of the video) → value as a fraction; None where the file says null.
        names: The same keys → the file's name.
        reason: Why there are none that can be used, or None.
        notes: What a reader must know.
    """

    values: Mapping[Key, float | None]
    names: Mapping[Key, str]
    reason: str | None = None
    notes: tuple[str, ...] = ()


def printable(text: str) -> str:
    """Return ``text`` as UTF-8 can hold it, without what a terminal would obey."""
    whole = text.encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() else " " for c in whole).strip()


def video_name(path: str) -> str:
    """Return the last part of a path, of any system."""
    return printable(re.split(r"[/\\]", path)[-1])


def video_key(path: str, *, numbered: bool = True) -> Key:
    """Return prompt and number of a video by its name: ``"videos/a cat-3.mp4"`` is ``("a cat", 3)``, no number is 0.

    Underscores count as spaces: where frames are read from folders, the tool writes them so.

    Args:
        path: As the file says it.
        numbered: False where a number at the end is part of the prompt: every video has a prompt of its own.
    """
    stem = EXTENSION.sub("", video_name(path))
    found = NUMBER.search(stem) if numbered else None
    prompt = stem[: found.start()] if found else stem
    return " ".join(prompt.replace("_", " ").split()), int(found[1]) if found else 0


def read_videos(name: str, aggregate: float, rows: Any, *, numbered: bool = True) -> Videos:
    """Read the second half of ``[aggregate, rows]``.

    Args:
        name: The dimension.
        aggregate: Its value, a fraction.
        rows: What the file says; anything.
        numbered: As for :func:`video_key`.

    Returns:
        The videos. What cannot be used says why: the aggregate counts all the same.
    """
    if not isinstance(rows, list) or not rows:
        return _unusable("the file lists no videos of it")
    unit = DIMENSIONS[name].video_unit
    values: dict[Key, float | None] = {}
    names: dict[Key, str] = {}
    for row in rows:
        path = row.get("video_path") if isinstance(row, dict) else None
        if not isinstance(path, str) or not path or "video_results" not in row:
            return _unusable("an entry of its list has no video_path or no video_results")
        value, key, own = row["video_results"], video_key(path, numbered=numbered), video_name(path)
        if value is not None and not isinstance(value, bool | int | float):
            return _unusable(f"{own!r} has {type(value).__name__} for a value")
        try:
            number = None if value is None else float(value) / unit
        except OverflowError:
            number = math.inf
        lowest = DIMENSIONS[name].lowest
        if number is not None and not lowest - SLACK <= number <= 1 + SLACK:
            why = "older releases of VBench wrote sums over frames"
            return _unusable(f"{own!r} has {number * unit:g}, outside of {lowest * unit:g} to {unit:g} ({why})")
        if key in values and (names[key] != own or values[key] != number):
            return _unusable(f"{names[key]!r} and {own!r} are both video {key[1]} of one prompt")
        values[key], names[key] = number, own
    return Videos(values, names, notes=tuple(_notes(name, aggregate, values, rows)))


def _unusable(reason: str) -> Videos:
    return Videos({}, {}, reason=reason)


def _notes(name: str, aggregate: float, values: Mapping[Key, float | None], rows: Sequence[Any]) -> list[str]:
    """Say where list and aggregate are not one, and which videos have no value."""
    known = [value for value in values.values() if value is not None]
    notes = [f"{name}: {len(values) - len(known)} of {len(values)} videos have null for a value"]
    notes = notes if len(known) < len(values) else []
    mean = math.fsum(known) / len(known) if known else math.nan
    if not known or abs(mean - aggregate) <= AGREES:
        return notes
    said = f"{name}: the aggregate is {aggregate:.4f}, the mean of its {len(known)} videos {mean:.4f}"
    last = [row.get("cur_sim") for row in rows]
    if all(isinstance(value, int | float) for value in last) and abs(math.fsum(last) / len(last) - aggregate) < SLACK:
        said += "; it is the mean of their last frames, as VBench writes it with several GPUs"
    elif name in BY_FRAMES:
        said += "; VBench may have weighted the videos by their frames"
    else:
        said += "; the list is not the one that the aggregate was made of"
    return [*notes, said]
