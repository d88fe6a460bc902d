"""Scores a folder of videos: reads each once, keeps what it gives, and puts it together at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.scoring.estimates import mean_score, set_score
from harness.scoring.facts import MetricScore, VideoScore
from harness.scoring.kept import Kept, Row
from harness.scoring.pairing import Found, stem
from harness.scoring.rows import Question, row_of
from harness.scoring.values import combine
from harness.videos.reading import VideoError, VideoFacts

Tell = Callable[[int, int, str], None]


@dataclass
class Scored:
    """What a folder gave.

    Attributes:
        videos: One per file, in order.
        ours: Rows of the folder's videos by stem.
        theirs: Rows of the reference folder's videos by stem, where sets are compared.
        reference_errors: Reference videos that could not be read: path → why.
        reference_facts: What was read of the others: path → facts.
        reused: Rows that were there already.
    """

    videos: list[VideoScore] = field(default_factory=list)
    ours: dict[str, Row] = field(default_factory=dict)
    theirs: dict[str, Row] = field(default_factory=dict)
    reference_errors: dict[str, str] = field(default_factory=dict)
    reference_facts: dict[str, VideoFacts] = field(default_factory=dict)
    reused: int = 0


def score_folder(
    question: Question, found: Sequence[Found], references: Sequence[Path], kept: Kept, tell: Tell
) -> Scored:
    """Score every video, and extract the features of the reference videos where sets are compared.

    Args:
        question: What is asked.
        found: The folder's videos.
        references: The reference folder's videos.
        kept: Rows that are there already; new ones are added.
        tell: Told of (done, total, name).
    """
    others = references if question.extractors else ()
    total = len(found) + len(others)
    scored = Scored()
    for number, video in enumerate(found):
        tell(number, total, video.name)
        scored.videos.append(_scored_video(question, video, kept, scored))
    for number, path in enumerate(others):
        assert question.reference is not None
        name = str(path.relative_to(question.reference))
        tell(len(found) + number, total, name)
        try:
            row, known = row_of(question, path, None, kept, features_only=True)
        except VideoError as error:
            scored.reference_errors[name] = str(error)
            continue
        if not any(space in row.features for space in question.extractors):
            reasons = [row.reasons[space] for space in question.extractors if space in row.reasons]
            scored.reference_errors[name] = "; ".join(dict.fromkeys(reasons))
        scored.reused += known
        scored.theirs[stem(question.reference, path)] = row
        scored.reference_facts[name] = row.facts
    tell(total, total, "")
    return scored


def _scored_video(question: Question, video: Found, kept: Kept, scored: Scored) -> VideoScore:
    single = question.single
    name = None
    if video.reference is not None and question.reference is not None:
        name = str(video.reference.relative_to(question.reference))
    without = f"has no reference: the reference folder holds no video called {stem(question.folder, video.path)!r}"
    try:
        row, known = row_of(question, video.path, video.reference, kept)
    except VideoError as error:
        prompt = question.prompts.get(video.name)
        return VideoScore(path=video.name, reference=name, prompt=prompt, error=str(error))
    scored.reused += known
    scored.ours[stem(question.folder, video.path)] = row
    if name is not None and row.reference_facts is not None:
        scored.reference_facts[name] = row.reference_facts
    # the row may know of more metrics: of those that were asked for before
    reasons = {what: row.reasons[what] for what in (*single, *question.extractors) if what in row.reasons}
    reasons |= dict.fromkeys(question.pairs, without) if video.reference is None else {}
    scores = {metric: row.scores.get(metric) for metric in single}
    combine(scores, question.composites, reasons)
    nothing = not any(space in row.features for space in question.extractors) and all(
        value is None for value in scores.values()
    )
    return VideoScore(
        path=video.name,
        reference=name,
        prompt=question.prompts.get(video.name),
        scores={} if nothing else scores,
        frame_scores={metric: values for metric, values in row.frame_scores.items() if metric in single},
        reasons=reasons,
        facts=row.facts,
        error="; ".join(dict.fromkeys(reasons.values())) or None if nothing else None,
    )


def metric_scores(
    question: Question, found: Sequence[Found], references: Sequence[Path], scored: Scored
) -> dict[str, MetricScore]:
    """Put the rows together, metric by metric, in the order asked for."""
    names = {stem(question.folder, video.path) for video in found}
    others = set() if question.reference is None else {stem(question.reference, path) for path in references}
    values: dict[str, MetricScore] = {}
    for name, metric in question.metrics.items():
        if metric.scale == "set":
            space = str(metric.feature_space)
            ours, theirs = _features(scored.ours, space), _features(scored.theirs, space)
            reasons = [r.reasons[space] for r in (*scored.ours.values(), *scored.theirs.values()) if space in r.reasons]
            values[name] = set_score(metric, ours, theirs, pairs=names == others, reasons=reasons)
            continue
        reasons = [video.reasons[name] for video in scored.videos if name in video.reasons]
        scores = [video.scores.get(name) for video in scored.videos]
        values[name] = mean_score(metric, scores, reasons, [video.prompt for video in scored.videos])
    return values


def _features(rows: Mapping[str, Row], space: str) -> dict[str, list[float]]:
    return {name: row.features[space] for name, row in rows.items() if space in row.features}
