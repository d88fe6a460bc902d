"""Scores on disk, one checksummed line per video, so that scoring can be interrupted and goes on."""

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
        scores: Metric → value; None where the metric does not apply.
        frame_scores: Metric → one value per frame.
        features: Feature space → row of the video itself.
        refused: Feature space → why it has no row of this video.
        facts: What the file held.
    """

    key: str
    scores: dict[str, float | None] = Field(default_factory=dict)
    frame_scores: dict[str, list[float]] = Field(default_factory=dict)
    features: dict[str, list[float]] = Field(default_factory=dict)
    refused: dict[str, str] = Field(default_factory=dict)
    facts: VideoFacts


class Kept:
    """Rows of one question, appended one by one.

    Args:
        folder: Where; made if need be.
        asked: The question (JSON); another one in the folder is refused.
        fresh: True begins anew.

    Raises:
        DiptychError: The folder cannot be written, or holds the scores of another question.
    """

    def __init__(self, folder: Path, asked: dict[str, Any], *, fresh: bool = False) -> None:
        self.folder = usable_folder(folder, "scores folder", "Choose another with --output.")
        self.rows: dict[str, Row] = {}
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
                f"{folder} holds scores of another question (other metrics, reading, weights or versions). "
                "Choose another folder with --output, or begin anew with --fresh."
            )
        else:
            self._read(folder / LINES)
        self.loaded = frozenset(self.rows)
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
                self.rows[row.key] = row
                sound.append(line)
        self.torn = len(damaged)
        if damaged:
            write_atomically(path.with_suffix(".torn"), b"".join(damaged))
            write_atomically(path, b"".join(sound))

    def add(self, row: Row) -> None:
        """Append a row; it is on disk when this returns."""
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
        self.rows[row.key] = row


def parse(line: bytes) -> Row | None:
    """Return the row of a line, or None where it is torn or altered."""
    try:
        facts = from_json(line)
        told = facts.pop("checksum").encode()
        row = Row.model_validate(facts)
    except (ValueError, KeyError, AttributeError, ValidationError):
        return None
    return row if checksum(as_json(row, "a video's scores")) == told else None
