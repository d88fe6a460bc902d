"""Whether a dimension sees its own fault, and what it says of the others': areas under the ROC curve.

Formula: ``AUC = P(clean better than faulty) + ½ P(equal)`` over all pairs of a clean and a faulty video of one group;
its interval is a jackknife over cases (a clip and its faulty self are one case), Student's t.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.stats.paired import t_quantile
from harness.types import Data, Direction

LEVEL = 0.95
LEAST_CASES = 6
LEAST_AUC = 0.8
MOST_SATURATED = 0.9
MOST_VARIANCE_SHARE = 0.5
"""The admission test (a dimension enters a reward only if it passes all three)."""


class Auc(Data):
    """How well one metric tells faulty videos from clean ones.

    Attributes:
        value: 1 where every clean video is better than every faulty one, 0.5 by chance.
        low: Lower end of the interval, or None.
        high: Upper end.
        cases: Clips behind it.
    """

    value: float
    low: float | None = None
    high: float | None = None
    cases: int


def area(clean: NDArray[np.float64], faulty: NDArray[np.float64]) -> float:
    """The area under the ROC curve, higher values being better.

    Example:
        >>> area(np.array([3.0, 2.0]), np.array([1.0, 2.0]))
        0.875
    """
    from scipy.stats import rankdata

    ranks = rankdata(np.concatenate([clean, faulty]))
    count = len(clean)
    return float((ranks[:count].sum() - count * (count + 1) / 2) / (count * len(faulty)))


def auc(clean: Sequence[float], faulty: Sequence[float], direction: Direction) -> Auc:
    """Return the area with its interval.

    Args:
        clean: Values of the clean videos, one a case.
        faulty: Values of the faulty ones, the same cases in the same order.
        direction: Which way the metric is better.

    Raises:
        ValueError: No case, or numbers that differ.
    """
    if len(clean) != len(faulty) or not clean:
        raise ValueError(f"{len(clean)} clean and {len(faulty)} faulty values are no cases")
    sign = 1.0 if direction == "higher" else -1.0
    good, bad = sign * np.array(clean, float), sign * np.array(faulty, float)
    value, n = area(good, bad), len(good)
    if n < LEAST_CASES:
        return Auc(value=value, cases=n)
    left = np.array([area(np.delete(good, i), np.delete(bad, i)) for i in range(n)])
    error = math.sqrt((n - 1) / n * float(((left - left.mean()) ** 2).sum()))
    half = t_quantile(LEVEL, n - 1) * error
    return Auc(value=value, low=max(0.0, value - half), high=min(1.0, value + half), cases=n)


def fault_matrix(
    values: Mapping[str, Mapping[str, Mapping[str, float | None]]], baseline: str, directions: Mapping[str, Direction]
) -> dict[str, dict[str, Auc]]:
    """Return metric → faulty arm → area against the baseline, over the cases where both have a value.

    Args:
        values: Metric → arm → case → value, of one group of cases.
        baseline: The arm of clean videos.
        directions: Which way each metric is better.
    """
    found: dict[str, dict[str, Auc]] = {}
    for metric, arms in values.items():
        clean = arms.get(baseline, {})
        row: dict[str, Auc] = {}
        for arm, cases in arms.items():
            both = [(clean[c], value) for c, value in sorted(cases.items()) if clean.get(c) is not None]
            pairs = [(one, other) for one, other in both if one is not None and other is not None]
            if arm != baseline and pairs:
                row[arm] = auc([one for one, _ in pairs], [other for _, other in pairs], directions[metric])
        if row:
            found[metric] = row
    return found


def saturated_share(scaled: Sequence[float]) -> float:
    """The share of videos at one end of the scale, the fuller one.

    Example:
        >>> saturated_share([1.0, 1.0, 1.2, 0.4])
        0.75
    """
    at = np.array(scaled, float)
    return float(max((at >= 1).mean(), (at <= 0).mean()))


def variance_shares(videos: Sequence[tuple[str, Mapping[str, float]]]) -> dict[str, float]:
    """How much of the variance inside prompts each part has, of the sum over parts.

    Args:
        videos: Prompt, and part → its weighted share of the total.

    Returns:
        Part → share, adding up to 1; empty where no prompt has two videos, or nothing varies.
    """
    of: dict[str, list[Mapping[str, float]]] = {}
    for prompt, parts in videos:
        of.setdefault(prompt, []).append(parts)
    several = [group for group in of.values() if len(group) > 1]
    if not several:
        return {}
    names = list(several[0][0])
    squares = {name: sum(len(g) * float(np.var([parts[name] for parts in g])) for g in several) for name in names}
    whole = sum(squares.values())
    return {name: square / whole for name, square in squares.items()} if whole > 0 else {}


class Admission(Data):
    """Whether a dimension may enter a reward in one world.

    Attributes:
        metric: The metric.
        own: Arm of an own fault → area against clean videos.
        saturated: Share of videos at one end of the scale, or None where no samples were given.
        variance_share: Its share of the variance inside prompts, or None.
        why_not: What it fails in; empty where it is admitted.
    """

    metric: str
    own: dict[str, Auc]
    saturated: float | None = None
    variance_share: float | None = None
    why_not: tuple[str, ...] = ()


def admit(metric: str, own: Mapping[str, Auc], saturated: float | None, variance_share: float | None) -> Admission:
    """Hold a dimension to the admission test; every own fault must be seen.

    Example:
        >>> admit("sharp", {"blur": Auc(value=0.7, cases=9)}, 0.1, 0.2).why_not
        ('tells blur from clean video with an AUC of 0.70, below 0.8',)
    """
    why = [
        f"tells {arm} from clean video with an AUC of {found.value:.2f}, below {LEAST_AUC}"
        for arm, found in own.items()
        if found.value < LEAST_AUC
    ]
    if not own:
        why.append("no own fault was measured")
    if saturated is not None and saturated >= MOST_SATURATED:
        why.append(f"stands at one end of its scale in {saturated:.0%} of videos, {MOST_SATURATED:.0%} or more")
    if variance_share is not None and variance_share >= MOST_VARIANCE_SHARE:
        why.append(f"holds {variance_share:.0%} of the variance inside prompts, {MOST_VARIANCE_SHARE:.0%} or more")
    return Admission(
        metric=metric, own=dict(own), saturated=saturated, variance_share=variance_share, why_not=tuple(why)
    )
