"""Retrieval: how often the right caption is among the k that fit a clip best, with its interval and what chance gives.

Several clips of a set may have one caption; any caption that equals a clip's own is right. Ties count against the
scorer, so that one which says the same of everything is never right by luck of the order.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.types import Data


class Recall(Data):
    """R@k of a set.

    Attributes:
        k: Candidates that are looked at.
        queries: Number of queries.
        hits: Queries with a right candidate among the best ``k``.
        value: ``hits / queries``.
        low: Lower end of the Wilson interval.
        high: Upper end.
        chance: What an order by lot gives on average, with the same duplicates.
        level: Of the interval.
    """

    k: int
    queries: int
    hits: int
    value: float
    low: float
    high: float
    chance: float
    level: float = 0.95


def retrieved(
    similarities: NDArray[np.float64], own: Sequence[Hashable], candidates: Sequence[Hashable], k: int
) -> NDArray[np.bool_]:
    """Whether a right candidate is among the best ``k`` of each query, bool ``[queries]``.

    Args:
        similarities: ``[queries, candidates]``, finite, higher is closer.
        own: What is right for each query, such as its caption.
        candidates: What each candidate is; those that equal ``own`` are right.
        k: Candidates that are looked at, from 1 to their number.

    Raises:
        UsageError: Sizes that do not fit, values that are not finite, or ``k`` out of range.
    """
    right = _right(similarities.shape, own, candidates, k)
    if not np.isfinite(similarities).all():
        raise UsageError("similarities must be finite.")
    best = np.where(right, similarities, -np.inf).max(1)
    ahead = (~right & (similarities >= best[:, None])).sum(1)
    hits: NDArray[np.bool_] = right.any(1) & (ahead < k)
    return hits


def chance_level(own: Sequence[Hashable], candidates: Sequence[Hashable], k: int) -> float:
    """R@k of an order by lot: the mean over queries of ``1 − C(n − m, k) / C(n, k)``, m of n candidates being right."""
    right = _right((len(own), len(candidates)), own, candidates, k)
    count = len(candidates)
    return float(np.mean([1 - math.comb(count - int(m), k) / math.comb(count, k) for m in right.sum(1)]))


def wilson_interval(hits: int, count: int, level: float = 0.95) -> tuple[float, float]:
    """Interval of a proportion (Wilson 1927), for independent trials.

    Raises:
        UsageError: No trials, more hits than trials, or a level that is not between 0 and 1.
    """
    if count < 1 or not 0 <= hits <= count or not 0 < level < 1:
        raise UsageError(f"{hits} hits of {count} trials at level {level} have no interval.")
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, spread = hits / count, z * z / count
    centre = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / count + spread / (4 * count)) / (1 + spread)
    # at none and all of the hits the interval ends there exactly, which rounding would miss
    return 0.0 if hits == 0 else centre - half, 1.0 if hits == count else centre + half


def recall_at(
    similarities: NDArray[np.float64],
    own: Sequence[Hashable],
    candidates: Sequence[Hashable],
    k: int,
    level: float = 0.95,
) -> Recall:
    """R@k with its Wilson interval and its chance level; see :func:`retrieved`."""
    hits = int(retrieved(similarities, own, candidates, k).sum())
    low, high = wilson_interval(hits, len(own), level)
    chance = chance_level(own, candidates, k)
    return Recall(
        k=k, queries=len(own), hits=hits, value=hits / len(own), low=low, high=high, chance=chance, level=level
    )


def _right(
    shape: tuple[int, ...], own: Sequence[Hashable], candidates: Sequence[Hashable], k: int
) -> NDArray[np.bool_]:
    if shape != (len(own), len(candidates)) or not own:
        raise UsageError(f"similarities {list(shape)} do not fit {len(own)} queries and {len(candidates)} candidates.")
    if not 1 <= k <= len(candidates):
        raise UsageError(f"k must be from 1 to the {len(candidates)} candidates, not {k}.")
    numbers: dict[Hashable, int] = {}
    rows, columns = ([numbers.setdefault(each, len(numbers)) for each in one] for one in (own, candidates))
    right: NDArray[np.bool_] = np.array(rows)[:, None] == np.array(columns)[None]
    return right
