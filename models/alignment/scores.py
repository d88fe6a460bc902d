"""The score that ranks videos, out of what was kept of each: the composite, one side of it, or any one metric."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from harness.errors import unknown
from models.alignment.artefact import CollectionPlan, VideoRow

SIDES = ("quality", "semantics")


def score_choices(plan: CollectionPlan) -> tuple[str, ...]:
    """What pairs may be ranked by: every kept metric, and the sides of a composite whose scales are known."""
    return (*plan.metrics, *(SIDES if _parts(plan) else ()))


def ranking_scores(rows: Sequence[VideoRow], plan: CollectionPlan, score: str) -> tuple[list[float | None], str]:
    """The score of every video, higher is better; None where it has none.

    The composite counts as it is. One of its parts counts by its share between worst and best, as inside the
    composite, so that bins of 0.01 mean the same; ``"quality"`` and ``"semantics"`` are the means of their parts'
    shares by weight. Any other metric counts as it is, with the sign turned where lower is better.

    Returns:
        Scores in the order of ``rows``; a note where their scale is not the composite's, or nothing.

    Raises:
        UsageError: Nothing of that name was kept.
    """
    if score not in score_choices(plan):
        raise unknown("score of the collection", score, score_choices(plan))
    if score == plan.score:
        return [row.scores.get(score) for row in rows], ""
    parts = _parts(plan)
    clip = bool(plan.scoring.get("clip", True))
    chosen = [part for part in parts if part["side"] == score] if score in SIDES else _named(parts, score)
    if chosen:
        return [_mean_share(row, chosen, clip) for row in rows], ""
    sign = -1.0 if plan.scoring.get("directions", {}).get(score) == "lower" else 1.0
    note = f"{score} is ranked by its own values{', lower is better' if sign < 0 else ''}: bins of 0.01 in its unit"
    return [None if (value := row.scores.get(score)) is None else sign * value for row in rows], note


def score_table(rows: Sequence[VideoRow], plan: CollectionPlan) -> bytes:
    """The scores as CSV: columns video, prompt and one a metric; an empty cell where a video has none.

    A prompt that was asked before has its number added, so that each prompt is a group of its own.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["video", "prompt", *plan.metrics])
    first: dict[str, int] = {}
    for row in rows:
        before = first.setdefault(row.text, row.prompt)
        prompt = row.text if before == row.prompt else f"{row.text} (prompt {row.prompt})"
        values = [row.scores.get(name) for name in plan.metrics]
        writer.writerow([row.video, prompt, *("" if value is None else repr(value) for value in values)])
    return text.getvalue().encode()


def _parts(plan: CollectionPlan) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = plan.scoring.get("parts", [])
    return parts


def _named(parts: Sequence[dict[str, Any]], metric: str) -> list[dict[str, Any]]:
    return [part for part in parts if part["metric"] == metric]


def _mean_share(row: VideoRow, parts: Sequence[Mapping[str, Any]], clip: bool) -> float | None:
    total = weights = 0.0
    for part in parts:
        value = row.scores.get(part["metric"])
        if value is None:
            return None
        share = (value - part["worst"]) / (part["best"] - part["worst"])
        total += part["weight"] * (min(max(share, 0.0), 1.0) if clip else share)
        weights += part["weight"]
    return total / weights
