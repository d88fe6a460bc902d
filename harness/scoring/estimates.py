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


def mean_score(metric: Metric, values: Sequence[float | None]) -> MetricScore:
    """Mean over videos, Student t interval; each video is one cluster.

    Args:
        metric: The metric.
        values: One per video that was scored; None where the metric does not apply.
    """
    known = np.array([value for value in values if value is not None], float)
    if len(known) == 0:
        return absent(metric, "no video has a value of it")
    value = float(known.mean())
    base = {"value": value, "n": len(known), "unit": metric.unit, "direction": metric.direction}
    if len(known) < FEWEST:
        return MetricScore(
            **base, method="mean over videos", reason=f"{len(known)} videos: an interval needs at least {FEWEST}"
        )
    half = t_quantile(LEVEL, len(known) - 1) * float(known.std(ddof=1)) / math.sqrt(len(known))
    method = "mean over videos, Student t interval"
    return MetricScore(**base, low=value - half, high=value + half, level=LEVEL, method=method)


def set_score(
    metric: Metric,
    generated: Mapping[str, Sequence[float]],
    reference: Mapping[str, Sequence[float]],
    *,
    paired: bool | None = None,
) -> MetricScore:
    """Distance of two sets of feature rows.

    Args:
        metric: A set metric.
        generated: Name of each video → its row.
        reference: Name of each reference video → its row. Where both have the same names, each pair is a case that the
            jackknife drops from both sets; otherwise there is no interval.
        paired: Whether the folders' files are pairs of one name: a video whose partner could not be read is then left
            out with it. None asks the names given.
    """
    assert metric.distance is not None
    if paired is None:
        paired = set(generated) == set(reference)
    elif paired:
        both = generated.keys() & reference.keys()
        generated = {name: row for name, row in generated.items() if name in both}
        reference = {name: row for name, row in reference.items() if name in both}
    if min(len(generated), len(reference)) < 2:
        counts = f"{len(generated)} and {len(reference)}"
        return absent(metric, f"a distance of sets needs at least 2 videos in each, not {counts}")
    ours, theirs = sorted(generated), sorted(reference)
    rows, others = np.array([generated[n] for n in ours], float), np.array([reference[n] for n in theirs], float)
    n = min(len(rows), len(others))
    reason = rank_problem(n, rows.shape[1]) if metric.needs_full_rank else None
    if not paired:
        reason = reason or "the folders' videos are not pairs of one name, so no case can be dropped from both"
    reason = reason or few_groups(n)
    try:
        if reason is not None:
            value = float(metric.distance(rows, others))
            method = "raw distance of the two sets"
            return MetricScore(
                value=value, n=n, unit=metric.unit, direction=metric.direction, method=method, reason=reason
            )
        result = leave_groups_out(metric.distance, rows, ours, others, theirs)
    except ValueError as error:
        return absent(metric, str(error), n)
    found = jackknife_estimate(
        result, clips=n, cases=n, unit=metric.unit, direction=metric.direction, level=LEVEL, reason=None
    )
    return MetricScore(
        value=found.value,
        low=found.low,
        high=found.high,
        n=n,
        unit=metric.unit,
        direction=metric.direction,
        level=LEVEL,
        method=found.method,
    )
