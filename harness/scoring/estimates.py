"""From rows of single videos to metrics of the folder, each with its interval or the reason why it has none."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from harness.scoring.facts import MetricScore
from harness.stats.jackknife import few_groups, jackknife_estimate, leave_groups_out, rank_problem
from harness.stats.paired import t_quantile
from harness.types import Metric

LEVEL = 0.95
FEWEST = 6
"""Videos that an interval of a mean needs."""


def absent(metric: Metric, reason: str, n: int = 0) -> MetricScore:
    """A metric without a value."""
    return MetricScore(value=None, n=n, unit=metric.unit, direction=metric.direction, reason=reason)


def mean_score(
    metric: Metric,
    values: Sequence[float | None],
    reasons: Sequence[str] = (),
    prompts: Sequence[str | None] = (),
) -> MetricScore:
    """Mean over videos, Student t interval; the videos of one prompt are one cluster, without prompts each is one.

    Where prompts have unequal numbers of videos every prompt weighs the same.

    Args:
        metric: The metric.
        values: One per video; None where it was not scored.
        reasons: Why videos have none.
        prompts: The text of each; empty for none.
    """
    of: dict[str, list[float]] = {}
    for number, value in enumerate(values):
        prompt = prompts[number] if prompts else None
        if value is not None:
            of.setdefault(f"video {number}" if prompt is None else f"prompt {prompt}", []).append(value)
    known = np.array([float(np.mean(cluster)) for cluster in of.values()])
    count = sum(len(cluster) for cluster in of.values())
    if len(known) == 0:
        return absent(metric, f"no video has a value of it{_first(reasons)}")
    value = float(known.mean())
    base = {"value": value, "n": count, "unit": metric.unit, "direction": metric.direction}
    what = "videos" if count == len(known) else "prompts"
    over = "videos" if count == len(known) else f"{len(known)} prompts of {count} videos"
    if len(known) < FEWEST:
        return MetricScore(
            **base,
            method=f"mean over {over}",
            reason=f"{len(known)} {what if len(known) > 1 else what[:-1]}: an interval needs at least {FEWEST}",
        )
    half = t_quantile(LEVEL, len(known) - 1) * float(known.std(ddof=1)) / math.sqrt(len(known))
    method = f"mean over {over}, Student t interval"
    return MetricScore(**base, low=value - half, high=value + half, level=LEVEL, method=method)


def set_score(
    metric: Metric,
    generated: Mapping[str, Sequence[float]],
    reference: Mapping[str, Sequence[float]],
    *,
    pairs: bool,
    reasons: Sequence[str] = (),
) -> MetricScore:
    """Distance of two sets of feature rows.

    Args:
        metric: A set metric.
        generated: Name of each video → its row.
        reference: Name of each reference video → its row.
        pairs: True if both folders hold files of the same names. Each pair is then a case that the jackknife drops from
            both sets, and one with a half that could not be read is left out of both. Otherwise all rows count, and
            there is no interval.
        reasons: Why videos have no row.
    """
    assert metric.distance is not None
    ours, theirs = sorted(generated), sorted(reference)
    halves = 0
    if pairs:
        halves = len(set(ours) ^ set(theirs))
        ours = theirs = sorted(set(ours) & set(theirs))
    left_out = f"; {halves} pair{'s' if halves != 1 else ''} left out with one half unread" if halves else ""
    if min(len(ours), len(theirs)) < 2:
        counts = f"{len(ours)} and {len(theirs)}"
        why = f"a distance of sets needs at least 2 videos in each, not {counts}{left_out}{_first(reasons)}"
        return absent(metric, why)
    rows, others = np.array([generated[n] for n in ours], float), np.array([reference[n] for n in theirs], float)
    n = min(len(rows), len(others))
    reason = rank_problem(n, rows.shape[1]) if metric.needs_full_rank else None
    if not pairs:
        reason = reason or "the folders' videos are not pairs of one name, so no case can be dropped from both"
    reason = reason or few_groups(n)
    base = MetricScore(value=None, n=n, unit=metric.unit, direction=metric.direction, level=LEVEL)
    try:
        if reason is not None:
            value = float(metric.distance(rows, others))
            method = f"raw distance of {len(rows)} and {len(others)} videos{left_out}"
            return base.model_copy(update={"value": value, "method": method, "reason": reason})
        result = leave_groups_out(metric.distance, rows, ours, others, theirs)
    except ValueError as error:
        return absent(metric, str(error), n)
    found = jackknife_estimate(result, clips=n, cases=n, unit=metric.unit, direction=metric.direction, level=LEVEL)
    method = f"{found.method}{left_out}"
    return base.model_copy(update={"value": found.value, "low": found.low, "high": found.high, "method": method})


def _first(reasons: Sequence[str]) -> str:
    """The first reasons that differ."""
    several = list(dict.fromkeys(reasons))
    return f": {'; '.join(several[:2])}{' …' * (len(several) > 2)}" if several else ""
