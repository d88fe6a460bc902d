"""Scores on disk, one checksummed line for what a video or a pair gave: scoring goes on where it was interrupted."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from pydantic_core import from_json

from harness.errors import DiptychError
from harness.files import usable_folder, write_atomically
from harness.store.lines import as_json, checksum
from harness.types import Data
from harness.videos.reading import VideoFacts

LINES, ASKED = "scores.jsonl", "asked.json"


class KeepingError(DiptychError):
    """What was computed cannot be written down: no fault of a video, and nothing goes on."""


class Row(Data):
    """What was computed of one file, or of a pair of files.

    Attributes:
        key: SHA-256 of the video's bytes, and of its reference's where there is one, joined by a colon.
        by: Metric or feature space → hash of what its value depends on (:mod:`harness.scoring.depends`).
        scores: Metric → value; None where the metric does not apply.
        frame_scores: Metric → one value per frame.
        features: Feature space → row of the video itself.
        reasons: Metric or feature space → why it is absent.
        facts: What the file held.
        reference_facts: What the reference's file held, where it was read.
    """

    key: str
    by: dict[str, str] = Field(default_factory=dict)
    scores: dict[str, float | None] = Field(default_factory=dict)
    frame_scores: dict[str, list[float]] = Field(default_factory=dict)
    features: dict[str, list[float]] = Field(default_factory=dict)
    reasons: dict[str, str] = Field(default_factory=dict)
    facts: VideoFacts
    reference_facts: VideoFacts | None = None


def merged(old: Row | None, new: Row) -> Row:
    """Return both rows of one file, or pair, as one; what the newer one tells takes the place of the older."""
    if old is None:
        return new
    names = ("by", "scores", "frame_scores", "features", "reasons")
    told = {what for name in names for what in getattr(new, name)}
    parts: dict[str, Any] = {}
    for name in names:
        before = {what: value for what, value in getattr(old, name).items() if what not in told}
        parts[name] = before | getattr(new, name)
    return new.model_copy(update={**parts, "reference_facts": new.reference_facts or old.reference_facts})


class Kept:
    """Rows of two folders that are read in one way, appended one by one; metrics may be asked for one after another.

    Attributes:
        folder: Where they are.
        rows: By key.
        before: Keys of those that an earlier process wrote.
        torn: Damaged lines that were set aside.

    Args:
        folder: Where; made if need be.
        asked: Folders and reading (JSON); others in the folder are refused.
        fresh: True begins anew.

    Raises:
        DiptychError: The folder cannot be written, or holds the scores of other folders or another reading.
    """

    def __init__(self, folder: Path, asked: dict[str, Any], *, fresh: bool = False) -> None:
        self.folder = usable_folder(folder, "scores folder", "Choose another with --output.")
        self.rows: dict[str, Row] = {}
        self.before: frozenset[str] = frozenset()
        self.torn = 0
        text = json.dumps(asked, indent=1, sort_keys=True).encode() + b"\n"
        there = folder / ASKED
        if (folder / LINES).exists() and not there.exists():
            raise DiptychError(
                f"{folder / LINES} is there and is no file of ours: nothing says what was asked. Choose another folder "
                "with --output."
            )
        if fresh:
            (folder / LINES).unlink(missing_ok=True)
        elif there.exists() and there.read_bytes() != text:
            raise DiptychError(
                f"{folder} holds scores of other folders or of another reading (frames, rate, size). Choose another "
                "folder with --output, or begin anew with --fresh."
            )
        else:
            self._read(folder / LINES)
        self.before = frozenset(self.rows)
        write_atomically(there, text)

    def _read(self, path: Path) -> None:
        if not path.exists():
            return
        sound, damaged = [], []
        for line in path.read_bytes().splitlines(keepends=True):
            row = parse(line)
            if row is None:
                damaged.append(line)
            else:
                self.rows[row.key] = merged(self.rows.get(row.key), row)
                sound.append(line)
        self.torn = len(damaged)
        if damaged:
            write_atomically(path.with_suffix(".torn"), b"".join(damaged))
            write_atomically(path, b"".join(sound))

    def add(self, row: Row) -> Row:
        """Append a row, which is on disk when this returns, and return it with what was known before."""
        text = as_json(row, "a video's scores")
        line = text[:-1] + b',"checksum":"%s"}\n' % checksum(text)
        try:
            with (self.folder / LINES).open("ab") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise KeepingError(
                f"the scores cannot be written to {self.folder / LINES}: {error.strerror or error}. What is there is "
                "kept: make room and ask again, or choose another folder with --output."
            ) from error
        self.rows[row.key] = merged(self.rows.get(row.key), row)
        return self.rows[row.key]


def parse(line: bytes) -> Row | None:
    """Return the row of a line, or None where it is torn or altered."""
    try:
        facts = from_json(line)
        told = facts.pop("checksum").encode()
        row = Row.model_validate(facts)
    except (ValueError, KeyError, AttributeError, ValidationError):
        return None
    return row if checksum(as_json(row, "a video's scores")) == told else None
