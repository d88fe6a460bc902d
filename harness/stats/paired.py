"""Paired estimates: log-ratios or differences of two arms on the same blocks, with a t interval over cases.

A trial gives one value. Repetitions of a case are averaged first, so that the *case* is the unit whose variation the
interval describes; the interval is ``mean ± t(m - 1) · sd / √m`` over the m case means (unweighted). Coverage of that
interval at the nominal 95 %, measured by :func:`harness.stats.coverage.coverage_grid` (its docstring has the table):
93-97 % for normal, clustered and log-ratio effects at 8-64 cases; less for the plain mean of a heavy-tailed quantity.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.types import Direction, Estimate

Scale = Literal["ratio", "difference"]

MINIMUM_CLUSTERS = 6
"""Fewest cases for an interval: below it the studentised mean has too few degrees of freedom to be worth printing."""

ROUNDING = 1e-13
"""Relative spread of case means below which they count as identical: what float64 averaging leaves of equal numbers."""


@dataclass(frozen=True)
class Pairs:
    """The two arms' values on the blocks that both finished.

    Attributes:
        candidate: Values of the arm judged, float64 ``[blocks]``.
        baseline: Values of the arm it is judged against, float64 ``[blocks]``.
        clusters: Case name of each block, ``[blocks]``.
    """

    candidate: NDArray[np.float64]
    baseline: NDArray[np.float64]
    clusters: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse lengths that differ (ValueError)."""
        if not len(self.candidate) == len(self.baseline) == len(self.clusters):
            raise ValueError(
                f"{len(self.candidate)} candidate values, {len(self.baseline)} baseline values and "
                f"{len(self.clusters)} cluster names: a pair needs one of each"
            )


def make_pairs(candidate: ArrayLike, baseline: ArrayLike, clusters: Sequence[str]) -> Pairs:
    """Build :class:`Pairs` from anything array-like, in a canonical order so that the input's order changes nothing."""
    new, old = np.asarray(candidate, dtype=np.float64), np.asarray(baseline, dtype=np.float64)
    names = np.asarray(list(clusters), dtype=object)
    if new.shape == old.shape == names.shape:
        order = sorted(range(len(names)), key=lambda i: (names[i], old[i], new[i]))
        new, old, names = new[order], old[order], names[order]
    return Pairs(new, old, tuple(str(name) for name in names))


def problem(pairs: Pairs, scale: Scale) -> str | None:
    """Return why no effect can be computed from ``pairs``, or None if it can.

    Values that are not finite are never dropped: leaving out the trials in which an arm broke would flatter it.
    """
    count = len(pairs.clusters)
    if count == 0:
        return "no complete pair"
    broken = int(np.count_nonzero(~(np.isfinite(pairs.candidate) & np.isfinite(pairs.baseline))))
    if broken:
        return f"{broken} of {count} pairs hold a value that is not finite"
    if scale == "ratio":
        bad = int(np.count_nonzero((pairs.candidate <= 0) | (pairs.baseline <= 0)))
        if bad:
            return f"{bad} of {count} pairs hold a value that is zero or negative, which has no ratio"
    return None


def effects(pairs: Pairs, scale: Scale) -> NDArray[np.float64]:
    """Return each block's effect: ``log(candidate / baseline)`` or ``candidate - baseline``, float64 ``[blocks]``."""
    if scale == "ratio":
        # a difference of logs, not the log of a quotient: swapping the arms then flips the sign exactly
        return np.log(pairs.candidate) - np.log(pairs.baseline)
    return pairs.candidate - pairs.baseline


def cluster_means(values: NDArray[np.float64], clusters: Sequence[str]) -> tuple[list[str], NDArray[np.float64]]:
    """Average ``values`` inside each cluster.

    Returns:
        The cluster names, sorted, and their means, float64 ``[clusters]``.
    """
    names, index = np.unique(np.asarray(list(clusters), dtype=str), return_inverse=True)
    # exactly rounded sums: the order of repetitions, and which arm is called the baseline, change no bit
    members = np.split(values[np.argsort(index, kind="stable")], np.cumsum(np.bincount(index))[:-1])
    return [str(name) for name in names], np.array([math.fsum(part) / len(part) for part in members])


def identical(means: NDArray[np.float64]) -> bool:
    """True if the cluster means differ by no more than the rounding of float64 averages."""
    return bool(np.ptp(means) <= ROUNDING * float(np.max(np.abs(means))))


def t_quantile(confidence: float, degrees: int) -> float:
    """Two-sided Student quantile: ``P(|T| <= q) = confidence`` with ``degrees`` degrees of freedom."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.5 * (1.0 + confidence)))


def few_clusters(clusters: int) -> str | None:
    """Return the reason why ``clusters`` cases carry no interval, or None if they do."""
    if clusters >= MINIMUM_CLUSTERS:
        return None
    return f"{clusters} case{'s' if clusters != 1 else ''}: an interval needs at least {MINIMUM_CLUSTERS}"


def estimate_from_pairs(
    pairs: Pairs,
    scale: Scale,
    *,
    unit: str,
    direction: Direction,
    level: float = 0.95,
    critical: float | None = None,
    note: str = "",
    resamples: int | None = None,
    seed: int | None = None,
) -> Estimate:
    """Estimate the mean effect of the candidate over the baseline.

    Args:
        pairs: Both arms' values.
        scale: ``"ratio"``: the geometric mean ratio candidate / baseline, unit ``"ratio"``, with the interval of the
            mean log-ratio mapped by exp; ``"difference"``: the mean of candidate - baseline in ``unit``.
        unit: Unit of the metric (ignored for ratios).
        direction: Which way the metric is better.
        level: Coverage asked for.
        critical: Half-width in standard errors; Student's quantile with (cases - 1) degrees of freedom if None.
        note: Added to the method, such as the family that ``critical`` belongs to.
        resamples: Number of resamples behind ``critical``, if any.
        seed: Their seed.

    Returns:
        The estimate. Value None with a reason for empty or broken input; interval None with a reason for fewer than
        :data:`MINIMUM_CLUSTERS` cases. Identical cases (zero variance: a deterministic count, or the quality of an arm
        against itself under the same seed) give a degenerate interval, and ``method`` says so.
    """
    blocks, clusters = len(pairs.clusters), len(set(pairs.clusters))
    shown = "ratio" if scale == "ratio" else unit
    name = "paired log-ratio" if scale == "ratio" else "paired difference"
    base = Estimate(value=None, level=level, n=blocks, clusters=clusters, unit=shown, direction=direction, method=name)
    why = problem(pairs, scale)
    if why is not None:
        return base.model_copy(update={"reason": why})
    _, means = cluster_means(effects(pairs, scale), pairs.clusters)
    reason = few_clusters(clusters)
    ends: list[float]
    if identical(means):
        # 0.0 where the sum of equal numbers is off by an ulp would be wrong; the first mean is exact
        value = float(means[0])
        ends = [value, value, value]
        method = f"{name}, all case means identical (no variance)"
    else:
        value = float(np.mean(means))
        error = float(np.std(means, ddof=1) / np.sqrt(clusters))
        width = (t_quantile(level, clusters - 1) if critical is None else critical) * error
        ends = [value, value - width, value + width]
        method = f"{name}, studentised t over cases" + (f", {note}" if note else "")
    if scale == "ratio":
        with np.errstate(over="ignore"):
            ends = [float(end) for end in np.exp(ends)]
    if not all(np.isfinite(end) and (scale != "ratio" or end > 0) for end in ends):
        reason = reason or "the interval exceeds what float64 can hold"
    if reason is not None:
        keep = ends[0] if np.isfinite(ends[0]) else None
        return base.model_copy(update={"value": keep, "reason": reason})
    return base.model_copy(
        update={
            "value": ends[0],
            "low": ends[1],
            "high": ends[2],
            "method": method,
            "resamples": resamples,
            "seed": seed,
        }
    )


def paired_log_ratio(
    candidate: ArrayLike,
    baseline: ArrayLike,
    clusters: Sequence[str],
    *,
    direction: Direction = "higher",
    level: float = 0.95,
) -> Estimate:
    """Geometric mean of candidate / baseline over cases (rates, times, memory); see :func:`estimate_from_pairs`."""
    pairs = make_pairs(candidate, baseline, clusters)
    return estimate_from_pairs(pairs, "ratio", unit="ratio", direction=direction, level=level)


def paired_difference(
    candidate: ArrayLike,
    baseline: ArrayLike,
    clusters: Sequence[str],
    *,
    unit: str = "",
    direction: Direction = "higher",
    level: float = 0.95,
) -> Estimate:
    """Mean of candidate - baseline over cases (quality), in the metric's unit; see :func:`estimate_from_pairs`."""
    pairs = make_pairs(candidate, baseline, clusters)
    return estimate_from_pairs(pairs, "difference", unit=unit, direction=direction, level=level)


def correlation(pairs: Pairs, scale: Scale) -> float | None:
    """Pearson correlation of the two arms over blocks (of logs for ratios).

    Pairing reduces variance only where this is positive.

    Returns:
        The correlation, or None for fewer than 3 blocks, unusable values or an arm that does not vary.
    """
    if problem(pairs, scale) is not None or len(pairs.clusters) < 3:
        return None
    new, old = pairs.candidate, pairs.baseline
    if scale == "ratio":
        new, old = np.log(new), np.log(old)
    if identical(new) or identical(old):
        return None
    return float(np.clip(np.corrcoef(new, old)[0, 1], -1.0, 1.0))
