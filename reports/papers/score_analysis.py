"""What the analysis of a score counts: range against the number of videos, differences, correlations."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.stats.paired import few_clusters, t_quantile
from reports.papers.score_file import ScoreFile

LEVEL = 0.95
CONSTANT = 1e-12
"""Spread of a dimension, relative to its size, below which it counts as constant."""


@dataclass(frozen=True)
class RangeAt:
    """Mean over prompts of the expected max − min among n of a prompt's videos, with its t interval over prompts."""

    n: int
    mean: float
    low: float | None
    high: float | None
    prompts: int


@dataclass(frozen=True)
class Correlation:
    """Pearson's r of two dimensions over the videos that have both; None where one is constant among them."""

    first: str
    second: str
    r: float | None
    videos: int


@dataclass(frozen=True)
class Correlations:
    """All pairs of dimensions, and which of them have no correlation at all.

    Attributes:
        names: Dimensions that are not constant, in order.
        constants: Constant dimension → its value.
        pairs: Every pair of ``names``, the first before the second.
    """

    names: tuple[str, ...]
    constants: dict[str, float]
    pairs: tuple[Correlation, ...]

    def matrix(self) -> NDArray[np.float64]:
        """Square of r, 1 on the diagonal, NaN where there is none."""
        found = np.eye(len(self.names))
        for pair in self.pairs:
            i, j = self.names.index(pair.first), self.names.index(pair.second)
            found[i, j] = found[j, i] = math.nan if pair.r is None else pair.r
        return found


def expected_range(scores: Sequence[float], n: int) -> float:
    """Return the mean of max − min over all subsets of ``n`` scores, in closed form.

    Of N sorted scores the i-th (from 1) is the largest in C(i−1, n−1) of the C(N, n) subsets, and the smallest in
    C(N−i, n−1).

    Args:
        scores: At least ``n``.
        n: At least 1.

    Raises:
        ValueError: n is not from 1 to the number of scores.

    Example:
        >>> expected_range([0.0, 1.0, 3.0], 2)
        2.0
    """
    total = len(scores)
    if not 1 <= n <= total:
        raise ValueError(f"subsets of {n} among {total} scores")
    subsets = math.comb(total, n)
    terms = [
        value * ((math.comb(i, n - 1) - math.comb(total - 1 - i, n - 1)) / subsets)
        for i, value in enumerate(sorted(scores))
    ]
    return math.fsum(terms)


def usual_count(groups: Mapping[str, Sequence[float]]) -> int:
    """The number of scored videos, 2 at least, that most prompts have; of several, the largest; 0 if none has two."""
    counts = Counter(len(scores) for scores in groups.values() if len(scores) > 1)
    return max(counts, key=lambda size: (counts[size], size)) if counts else 0


def ranges(groups: Mapping[str, Sequence[float]]) -> list[RangeAt]:
    """Return the range at n = 2 … N, over the prompts that have N scored videos or more.

    N is the usual number of scored videos: the same prompts are behind every n, so that the curve does not change with
    who is in it. Below six prompts there is no interval.
    """
    most = usual_count(groups)
    used = [scores for scores in groups.values() if len(scores) >= most]
    found = []
    for n in range(2, most + 1):
        values = np.array([expected_range(scores, n) for scores in used])
        mean = math.fsum(values) / len(values)
        half = None
        if few_clusters(len(values)) is None:
            half = t_quantile(LEVEL, len(values) - 1) * float(values.std(ddof=1)) / math.sqrt(len(values))
        found.append(
            RangeAt(n, mean, None if half is None else mean - half, None if half is None else mean + half, len(values))
        )
    return found


def differences(groups: Mapping[str, Sequence[float]]) -> list[float]:
    """Return best minus worst of every prompt that has two scores which differ."""
    return [max(scores) - min(scores) for scores in groups.values() if len(scores) > 1 and max(scores) > min(scores)]


def correlations(file: ScoreFile) -> Correlations:
    """Return Pearson's correlation of every pair of dimensions, over all videos."""
    columns = {
        name: np.array([row.scores.get(name) for row in file.videos], dtype=np.float64)  # None becomes NaN
        for name in file.dimensions
    }
    constants = {name: float(np.nanmean(c)) for name, c in columns.items() if _constant(c[~np.isnan(c)])}
    names = tuple(name for name in file.dimensions if name not in constants)
    pairs = []
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            both = ~(np.isnan(columns[first]) | np.isnan(columns[second]))
            pairs.append(
                Correlation(first, second, pearson(columns[first][both], columns[second][both]), int(both.sum()))
            )
    return Correlations(names, constants, tuple(pairs))


def pearson(first: NDArray[np.float64], second: NDArray[np.float64]) -> float | None:
    """Return Pearson's r, or None where either is constant."""
    if _constant(first) or _constant(second):
        return None
    a, b = first - first.mean(), second - second.mean()
    return float(np.clip((a / np.linalg.norm(a)) @ (b / np.linalg.norm(b)), -1.0, 1.0))


def _constant(values: NDArray[np.float64]) -> bool:
    return len(values) == 0 or bool(np.ptp(values) <= CONSTANT * float(np.abs(values).max()))
