"""Scores a folder of videos: reads each once, keeps what it gives, and puts it together at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import DiptychError, RejectedError
from harness.files import file_sha256
from harness.protocols import Extractor
from harness.scoring.estimates import absent, mean_score, set_score
from harness.scoring.facts import MetricScore, ScoreFacts, VideoScore
from harness.scoring.kept import KeepingError, Kept, Row
from harness.scoring.pairing import Found, stem
from harness.trial import metric_frame_values, metric_values
from harness.types import Case, Made, Metric
from harness.videos.read import Reading, VideoError, read_video

Tell = Callable[[int, int, str], None]
NO_CASE = Case(name="score", group="score", model="")


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        folder: The videos.
        reference: What they are compared with, or None.
        metrics: By name, in the order asked for; those that are absent are not among them.
        absent: Metric name → why it has no value here.
        extractors: By feature space.
        reading: How videos are read.
    """

    folder: Path
    reference: Path | None
    metrics: Mapping[str, Metric]
    absent: Mapping[str, str]
    extractors: Mapping[str, Extractor]
    reading: Reading


def score_folder(
    question: Question, found: Sequence[Found], references: Sequence[Path], kept: Kept, tell: Tell
) -> tuple[list[VideoScore], dict[str, Row], dict[str, Row], dict[str, str], int]:
    """Score every video, and the reference videos that set metrics need.

    Args:
        question: What is asked.
        found: The folder's videos.
        references: The reference folder's videos.
        kept: Rows that are there already; new ones are added.
        tell: Told of (done, total, name).

    Returns:
        Scores in the order of ``found``; rows of scored videos by stem; rows of reference videos by stem; errors of
        reference videos by path; how many rows were there already.
    """
    total = len(found) + (len(references) if question.extractors else 0)
    scores: list[VideoScore] = []
    ours: dict[str, Row] = {}
    theirs: dict[str, Row] = {}
    errors: dict[str, str] = {}
    reused = 0
    for number, video in enumerate(found):
        tell(number, total, video.name)
        try:
            row, known = _row(question, video.path, video.reference, kept)
        except KeepingError:
            raise
        except DiptychError as error:
            scores.append(VideoScore(path=video.name, error=str(error)))
            continue
        reused += known
        ours[stem(question.folder, video.path)] = row
        shown = None if video.reference is None or question.reference is None else video.reference
        name = None if shown is None or question.reference is None else str(shown.relative_to(question.reference))
        scores.append(
            VideoScore(
                path=video.name, reference=name, scores=row.scores, frame_scores=row.frame_scores, facts=row.facts
            )
        )
    if question.extractors and question.reference is not None:
        for number, path in enumerate(references):
            name = str(path.relative_to(question.reference))
            tell(len(found) + number, total, name)
            try:
                row, _ = _row(question, path, None, kept)
            except KeepingError:
                raise
            except DiptychError as error:
                errors[name] = str(error)
                continue
            theirs[stem(question.reference, path)] = row
    tell(total, total, "")
    return scores, ours, theirs, errors, reused


def _row(question: Question, path: Path, reference: Path | None, kept: Kept) -> tuple[Row, bool]:
    """The row of a video, kept or new, and whether it was kept."""
    if path.exists() and not path.is_file():
        raise VideoError("is not a regular file")
    try:
        key = file_sha256(path)
        key += "" if reference is None else f":{file_sha256(reference)}"
    except OSError as error:
        raise VideoError(f"cannot be read: {error.strerror or error}") from error
    if key in kept.rows:
        return kept.rows[key], key in kept.loaded
    video = read_video(path, question.reading)
    truth: NDArray[np.uint8] | None = None
    if reference is not None:
        try:
            truth = read_video(reference, question.reading).frames
        except VideoError as error:
            raise VideoError(f"its reference {error}") from error
        if truth.shape != video.frames.shape:
            raise VideoError(
                f"is {_size(video.frames)} and its reference {_size(truth)}. Read both alike with --frames and --size"
            )
    made = Made(
        video=video.frames,
        reference=truth,
        prompt=None,
        seconds=[],
        first_call_seconds=None,
        prefill_seconds=None,
        peak_memory_bytes=None,
        counts={"frames": len(video.frames)},
        values={},
        hashes={},
    )
    single = {name: metric for name, metric in question.metrics.items() if metric.scale != "set"}
    features: dict[str, list[float]] = {}
    refused: dict[str, str] = {}
    for space, extract in question.extractors.items():
        try:
            features[space] = _features(space, extract, video.frames)
        except DiptychError as error:  # the other metrics of this video are as good as ever
            refused[space] = str(error)
    try:
        frame_values = metric_frame_values(made, NO_CASE, single)
        row = Row(
            key=key,
            scores=metric_values(made, NO_CASE, single, frame_values),
            frame_scores=frame_values,
            features=features,
            refused=refused,
            facts=video.facts,
        )
    except RejectedError as error:
        raise VideoError(str(error)) from error
    kept.add(row)
    return row, False


def _features(space: str, extract: Extractor, frames: NDArray[np.uint8]) -> list[float]:
    row = np.asarray(extract(frames), float)
    if not np.isfinite(row).all():
        raise VideoError(f"gives features in {space} that are NaN or infinite")
    return [float(value) for value in row]


def _size(frames: NDArray[np.uint8]) -> str:
    count, height, width = frames.shape[:3]
    return f"{count} frames of {height}x{width}"


def metric_scores(
    question: Question,
    scores: Sequence[VideoScore],
    ours: Mapping[str, Row],
    theirs: Mapping[str, Row],
    *,
    paired: bool | None = None,
) -> dict[str, MetricScore]:
    """Put the rows together, metric by metric, in the order asked for; ``paired``: the files are pairs of one name."""
    found: dict[str, MetricScore] = {}
    for name, metric in question.metrics.items():
        if metric.scale != "set":
            found[name] = mean_score(metric, [score.scores.get(name) for score in scores if score.error is None])
        else:
            space = str(metric.feature_space)
            generated, reference = (
                {k: r.features[space] for k, r in rows.items() if space in r.features} for rows in (ours, theirs)
            )
            found[name] = set_score(metric, generated, reference, paired=paired)
    return found


def facts_of(
    question: Question,
    metrics: dict[str, MetricScore],
    scored: tuple[list[VideoScore], dict[str, Row], dict[str, Row], dict[str, str], int],
    settings: dict[str, Any],
    kept: Kept,
) -> ScoreFacts:
    """Everything that is said in the end."""
    scores, _, _, errors, reused = scored
    notes: list[str] = []
    lossy = [s.path for s in scores if s.facts is not None and s.facts.lossless is False]
    unknown = [s.path for s in scores if s.facts is not None and s.facts.lossless is None]
    if lossy or unknown:
        notes.append(
            f"{len(lossy) + len(unknown)} of {len(scores)} videos are of a codec that changes pixels, or may: their "
            "scores are of what was decoded"
        )
    without = [s.path for s in scores if s.error is None and s.reference is None]
    if question.reference is not None and without:
        told = ", ".join(without[:3]) + " …" * (len(without) > 3)
        notes.append(f"{told}: without a reference of that name, so only metrics of sets count {len(without)} of them")
    refused: dict[str, list[str]] = {}
    for name, row in scored[1].items():
        for space, why in row.refused.items():
            refused.setdefault(f"{space}: {why}", []).append(name)
    for why, names in refused.items():
        notes.append(f"{', '.join(names[:3])}{' …' * (len(names) > 3)}: no features in {why} (read alike with --size)")
    if kept.torn:
        notes.append(f"{kept.torn} damaged lines of {kept.folder} were set aside (scores.torn) and computed again")
    return ScoreFacts(
        folder=str(question.folder),
        reference=None if question.reference is None else str(question.reference),
        metrics=metrics,
        videos=tuple(scores),
        reference_errors=errors,
        reading=str(question.reading),
        settings=settings,
        kept=str(kept.folder),
        reused=reused,
        notes=tuple(notes),
    )


__all__ = ["Question", "absent", "facts_of", "metric_scores", "score_folder"]
