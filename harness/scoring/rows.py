"""What one video gives: values of metrics of single videos, feature rows, and why some of them are absent."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.features import extract_rows
from harness.files import file_sha256
from harness.protocols import Extractor
from harness.scoring.kept import Kept, Row, merged
from harness.scoring.values import made_of, size, told, values_of
from harness.types import Metric
from harness.videos.read import Reading, ReadVideo, VideoError, check_openable, read_video


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        folder: The videos.
        reference: What they are compared with, or None.
        metrics: By name, in the order asked for; those that are absent are not among them.
        extractors: By feature space.
        reading: How videos are read.
        by: Metric or feature space → hash of what its value depends on.
        prompts: Video → the text that belongs to it; empty where none were given.
    """

    folder: Path
    reference: Path | None
    metrics: Mapping[str, Metric]
    extractors: Mapping[str, Extractor]
    reading: Reading
    by: Mapping[str, str]
    prompts: Mapping[str, str] = field(default_factory=dict)

    @property
    def single(self) -> dict[str, Metric]:
        """The metrics that have a value for every video, alone or with its reference."""
        return {name: metric for name, metric in self.metrics.items() if metric.scale != "set"}

    @property
    def pairs(self) -> dict[str, Metric]:
        """Those of them that a video has only with its reference."""
        return {name: metric for name, metric in self.single.items() if "reference" in metric.needs}

    @property
    def alone(self) -> dict[str, Metric]:
        """Those that it has by itself, or with its prompt; composites are put together from these."""
        return {name: m for name, m in self.single.items() if "reference" not in m.needs and m.combine is None}

    @property
    def composites(self) -> dict[str, Metric]:
        """Those that are put together from others."""
        return {name: metric for name, metric in self.single.items() if metric.combine is not None}


@dataclass
class Sight:
    """A video that is read when it is first needed, once.

    Attributes:
        path: The file.
        reading: How it is read.
        found: What was read, or None.
    """

    path: Path
    reading: Reading
    found: ReadVideo | None = None

    def read(self) -> ReadVideo:
        """Return the video.

        Raises:
            VideoError: It cannot be read as asked.
        """
        if self.found is None:
            self.found = read_video(self.path, self.reading)
        return self.found


def row_of(
    question: Question, path: Path, reference: Path | None, kept: Kept, *, features_only: bool = False
) -> tuple[Row, bool]:
    """Return what a video gives, and whether earlier processes computed all of it.

    Features and values of single videos belong to the video, those of pairs to it and its reference, those of fits to
    it and its prompt: each is kept by the bytes of what it belongs to, and by what it depends on.

    Args:
        question: What is asked.
        path: The video.
        reference: What it is compared with, or None.
        kept: Rows that are there already; what they do not tell is computed and added. Where memory or the disk failed
            a value, it is tried again next time.
        features_only: True for videos of the reference folder.

    Raises:
        VideoError: The video cannot be read as asked.
    """
    video, key = Sight(path, question.reading), _content(path)
    pairs = {} if reference is None or features_only else question.pairs
    alone = {} if features_only else question.alone
    rows: list[Row] = []
    if question.extractors or not (pairs or alone):
        rows.append(_feature_row(question, video, key, kept))
    unread = {name: metric for name, metric in alone.items() if not metric.needs}
    if unread:
        rows.append(_value_row(question, unread, video, key, kept))
    prompt = question.prompts.get(str(path.relative_to(question.folder))) if alone else None
    fits = {name: metric for name, metric in alone.items() if metric.needs}
    if fits and prompt is not None:
        told = f"{key}:prompt:{hashlib.sha256(prompt.encode()).hexdigest()}"
        rows.append(_value_row(question, fits, video, told, kept, caption=prompt))
    if pairs and reference is not None:
        try:
            pair = f"{key}:{_content(reference)}"
        except VideoError as error:
            reasons = dict.fromkeys(pairs, f"its reference {error}")
            rows.append(Row(key=key, reasons=reasons, facts=video.read().facts))  # not kept: it may be there next time
        else:
            rows.append(_value_row(question, pairs, video, pair, kept, reference=reference))
    row = rows[0]
    for other in rows[1:]:
        row = merged(row, other)
    return row, video.found is None and all(one.key in kept.before for one in rows)


def _missing(row: Row | None, names: Iterable[str], question: Question) -> list[str]:
    return [name for name in names if row is None or row.by.get(name) != question.by[name]]


def _feature_row(question: Question, video: Sight, key: str, kept: Kept) -> Row:
    known = kept.rows.get(key)
    wanted = _missing(known, question.extractors, question)
    if known is not None and not wanted:
        return known
    found = video.read()
    features: dict[str, list[float]] = {}
    reasons: dict[str, str] = {}
    by: dict[str, str] = {}
    for space in wanted:
        try:
            # one by one: a row that is computed again after an interruption is the same to the last bit
            rows = extract_rows(question.extractors[space], [found.frames])
            features[space] = [float(value) for value in next(iter(rows))]
        except Exception as error:  # noqa: BLE001 - what a network cannot do is told; the rest goes on
            reasons[space] = told(error)
            if isinstance(error, OSError | MemoryError):
                continue
        by[space] = question.by[space]
    return kept.add(Row(key=key, by=by, features=features, reasons=reasons, facts=found.facts))


def _value_row(
    question: Question,
    metrics: Mapping[str, Metric],
    video: Sight,
    key: str,
    kept: Kept,
    *,
    reference: Path | None = None,
    caption: str | None = None,
) -> Row:
    """Values of a video alone, with its reference, or with its prompt."""
    known = kept.rows.get(key)
    wanted = _missing(known, metrics, question)
    if known is not None and not wanted:
        return known
    found = video.read()
    truth = None
    if reference is not None:
        try:
            truth = _truth(reference, question.reading, found)
        except VideoError as error:
            reasons = dict.fromkeys(wanted, str(error))
            by = {name: question.by[name] for name in wanted}
            return kept.add(Row(key=key, by=by, reasons=reasons, facts=found.facts))
    made = made_of(found.frames, None if truth is None else truth.frames, caption)
    values = values_of(made, {name: metrics[name] for name in wanted})
    by = {name: question.by[name] for name in wanted if name not in values.failed}
    return kept.add(
        Row(
            key=key,
            by=by,
            scores=values.scores,
            frame_scores=values.frame_scores,
            reasons=values.reasons,
            facts=found.facts,
            reference_facts=None if truth is None else truth.facts,
        )
    )


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
            f"is {size(video.frames)} and its reference {size(truth.frames)}. Read both alike with --frames and "
            "--size"
        )
    return truth
