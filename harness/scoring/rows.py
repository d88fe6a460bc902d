"""What one video gives: values of metrics of single videos, feature rows, and why some of them are absent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.errors import DiptychError, RejectedError
from harness.features import extract_rows
from harness.files import file_sha256
from harness.protocols import Extractor
from harness.scoring.kept import Kept, Row
from harness.trial import metric_frame_values, metric_values
from harness.types import Case, Made, Metric
from harness.videos.read import Reading, ReadVideo, VideoError, check_openable, read_video

NO_CASE = Case(name="score", group="score", model="")


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        folder: The videos.
        reference: What they are compared with, or None.
        metrics: By name, in the order asked for; those that are absent are not among them.
        extractors: By feature space.
        reading: How videos are read.
    """

    folder: Path
    reference: Path | None
    metrics: Mapping[str, Metric]
    extractors: Mapping[str, Extractor]
    reading: Reading

    @property
    def single(self) -> dict[str, Metric]:
        """The metrics that have a value for every pair of videos."""
        return {name: metric for name, metric in self.metrics.items() if metric.scale != "set"}


def row_of(question: Question, path: Path, reference: Path | None, kept: Kept) -> tuple[Row, bool]:
    """Return the row of a video, and whether an earlier process computed it.

    Args:
        question: What is asked.
        path: The video.
        reference: What it is compared with, or None: then only its features are asked for.
        kept: Rows that are there already; a new one is added, unless memory or the disk failed it.

    Raises:
        VideoError: It, or its reference where nothing but pairs is asked for, cannot be read as asked.
    """
    single = question.single if reference is not None else {}
    key = ":".join(_content(file) for file in (path, reference) if file is not None and (file == path or single))
    if key in kept.rows:
        return kept.rows[key], key in kept.before
    video = read_video(path, question.reading)
    scores: dict[str, float | None] = {}
    frame_scores: dict[str, list[float]] = {}
    features: dict[str, list[float]] = {}
    reasons: dict[str, str] = {}
    for_good = True
    truth: ReadVideo | None = None
    if single and reference is not None:
        try:
            truth = _truth(reference, question.reading, video)
        except VideoError as error:
            if not question.extractors:
                raise
            reasons.update(dict.fromkeys(single, str(error)))
    for name, metric in single.items() if truth is not None else ():
        try:
            made = _made(video.frames, None if truth is None else truth.frames)
            by_frame = metric_frame_values(made, NO_CASE, {name: metric})
            scores |= metric_values(made, NO_CASE, {name: metric}, by_frame)
            frame_scores |= by_frame
            if scores[name] is None:
                reasons[name] = f"{name} has no value for {_size(video.frames)}"
        except Exception as error:  # noqa: BLE001 - what a metric cannot do is told; other metrics go on
            scores[name], reasons[name] = None, _told(error)
            for_good = for_good and not isinstance(error, OSError | MemoryError)
    for space, extract in question.extractors.items():
        try:
            # one by one: a row that is computed again after an interruption is the same to the last bit
            features[space] = [float(value) for value in next(iter(extract_rows(extract, [video.frames])))]
        except Exception as error:  # noqa: BLE001
            reasons[space] = _told(error)
            for_good = for_good and not isinstance(error, OSError | MemoryError)
    row = Row(
        key=key,
        scores=scores,
        frame_scores=frame_scores,
        features=features,
        reasons=reasons,
        facts=video.facts,
        reference_facts=None if truth is None else truth.facts,
    )
    if for_good:
        kept.add(row)
    return row, False


def _content(path: Path) -> str:
    check_openable(path)
    try:
        return file_sha256(path)
    except OSError as error:
        raise VideoError(f"cannot be read: {error.strerror or error}") from error


def _truth(reference: Path, reading: Reading, video: ReadVideo) -> ReadVideo:
    try:
        truth = read_video(reference, reading)
    except VideoError as error:
        raise VideoError(f"its reference {error}") from error
    if truth.frames.shape != video.frames.shape:
        raise VideoError(
            f"is {_size(video.frames)} and its reference {_size(truth.frames)}. Read both alike with --frames and "
            "--size"
        )
    return truth


def _made(video: NDArray[np.uint8], reference: NDArray[np.uint8] | None) -> Made:
    return Made(
        video=video,
        reference=reference,
        prompt=None,
        seconds=[],
        first_call_seconds=None,
        prefill_seconds=None,
        peak_memory_bytes=None,
        counts={"frames": len(video)},
        values={},
        hashes={},
    )


def _size(frames: NDArray[np.uint8]) -> str:
    count, height, width = frames.shape[:3]
    return f"{count} frame{'s' if count != 1 else ''} of {height}x{width}"


def _told(error: Exception) -> str:
    text = str(error).strip().split("\n")[0]
    if isinstance(error, DiptychError | RejectedError | ValueError) and text:
        return text.removeprefix("clip 0: ").removeprefix("clip 0 ")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
