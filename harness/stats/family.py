"""Simultaneous intervals for a declared family: all of them cover at once with the stated probability.

The family of a group of cases is {primary speed, primary quality} × the arms other than the baseline. The confidence
that each member's own Student interval needs is a max-t quantile:

1. the case effects of all members, on the cases that all members share, are centred and multiplied, case by case, by
   one standard normal weight per resample (a multiplier bootstrap: the dependence between members is kept, because a
   case has one weight for all of them), and studentised again;
2. each member's resampled |t| is mapped, by rank, to the Student distribution that a single studentised mean follows
   (at 8 cases the raw multiplier statistic has too light a tail), and the largest member is taken per resample;
3. the quantile of those maxima at the asked level is that confidence.

It lies between the level itself (one member, or perfectly dependent members) and Bonferroni's (to which it is
clipped). Members that do not vary have degenerate intervals and do not widen the others'.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.stats.paired import (
    MINIMUM_CLUSTERS,
    Pairs,
    Scale,
    cluster_means,
    effects,
    estimate_from_pairs,
    identical,
    problem,
    t_quantile,
)
from harness.types import Direction, Estimate

RESAMPLES = 9999
"""Default number of resamples: the quantile's own error is then about 0.2 % of coverage."""

CHUNK = 2**20
"""Most weights held at a time (8 MiB): memory does not grow with the number of resamples."""


@dataclass(frozen=True)
class Member:
    """One metric of one arm against the baseline.

    Attributes:
        pairs: Values of both arms.
        scale: ``"ratio"`` or ``"difference"``.
        unit: Unit of the metric.
        direction: Which way it is better.
    """

    pairs: Pairs
    scale: Scale
    unit: str
    direction: Direction


def joint_confidence(
    table: NDArray[np.float64], *, level: float, generator: np.random.Generator, resamples: int = RESAMPLES
) -> float:
    """Return the confidence that each member's own interval needs, so that all of them cover together.

    Args:
        table: Case effects, float64 ``[cases, members]``, at least 2 cases; columns without variance are ignored.
        level: Simultaneous coverage asked for.
        generator: Source of the multipliers.
        resamples: Number of resamples.

    Returns:
        A confidence between ``level`` and Bonferroni's ``1 - (1 - level) / members``.
    """
    centred = table - table.mean(axis=0)
    centred = centred[:, [not identical(column) for column in table.T]]
    members = centred.shape[1]
    if members <= 1:
        return level
    statistics = _resampled_statistics(centred / centred.std(axis=0), generator, resamples)
    ranks = np.empty_like(statistics)
    np.put_along_axis(ranks, np.argsort(statistics, axis=0), np.arange(1.0, resamples + 1)[:, None], axis=0)
    found = float(np.quantile(ranks.max(axis=1) / (resamples + 1), level))
    return float(np.clip(found, level, 1 - (1 - level) / members))


def _resampled_statistics(
    centred: NDArray[np.float64], generator: np.random.Generator, resamples: int
) -> NDArray[np.float64]:
    """Return |t| of every member in every resample, up to a factor common to all, float64 ``[resamples, members]``."""
    cases = len(centred)
    squares = centred**2
    # the number of weights at a time depends on the cases alone: the same seed gives the same bits everywhere
    step = max(1, CHUNK // cases)
    buffer = np.empty((min(step, resamples), cases))
    statistics = np.empty((resamples, centred.shape[1]))
    for start in range(0, resamples, step):
        weights = generator.standard_normal(out=buffer[: resamples - start])
        means = weights @ centred / cases
        spread = np.maximum(np.square(weights, out=weights) @ squares - cases * means**2, np.finfo(np.float64).tiny)
        statistics[start : start + step] = np.abs(means) / np.sqrt(spread)
    return statistics


def simultaneous(
    members: Sequence[Member],
    *,
    generator: np.random.Generator,
    seed: int | None = None,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> list[Estimate]:
    """Estimate every member with intervals that cover jointly.

    The dependence between members, and so the confidence that each needs, comes from the cases that all of them share;
    mean, standard error and degrees of freedom are each member's own, so that one arm with few pairs does not widen
    the others. With fewer than 6 shared cases Bonferroni's confidence is used instead. Members without usable values
    are left out of the family and come back with their reason.

    Args:
        members: The family.
        generator: Source of the resampling.
        seed: Its seed, recorded in the estimates.
        level: Simultaneous coverage asked for.
        resamples: Number of resamples.

    Returns:
        One estimate per member, in order.
    """
    columns: list[dict[str, float]] = []
    for member in members:
        if problem(member.pairs, member.scale) is None:
            names, means = cluster_means(effects(member.pairs, member.scale), member.pairs.clusters)
            if len(names) >= MINIMUM_CLUSTERS:
                columns.append(dict(zip(names, means.tolist(), strict=True)))
    shared = sorted(set.intersection(*(set(column) for column in columns))) if columns else []
    size = len(columns)
    resampled = size > 1 and len(shared) >= MINIMUM_CLUSTERS
    confidence = 1 - (1 - level) / max(size, 1)
    if resampled:
        table = np.array([[column[name] for column in columns] for name in shared])
        confidence = joint_confidence(table, level=level, generator=generator, resamples=resamples)
        note = f"max-t family of {size}"
    elif size > 1:
        note = f"Bonferroni family of {size} (fewer than {MINIMUM_CLUSTERS} shared cases)"
    else:
        note = f"family of {size}"
    result = []
    for member in members:
        half_width = t_quantile(confidence, max(len(set(member.pairs.clusters)) - 1, 1))
        result.append(
            estimate_from_pairs(
                member.pairs,
                member.scale,
                unit=member.unit,
                direction=member.direction,
                level=level,
                critical=half_width,
                note=note,
                resamples=resamples if resampled else None,
                seed=seed if resampled else None,
            )
        )
    return result
