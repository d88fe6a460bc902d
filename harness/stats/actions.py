"""Precision, recall and F1 of commanded actions from rows of counts.

A clip's row holds, for each group of actions in turn, true positives, false positives and false negatives of what an
inverse-dynamics network sees in it. Counts of clips add up, so a score belongs to a *set* of clips:

* precision TP / (TP + FP), recall TP / (TP + FN), F1 = 2 TP / (2 TP + FP + FN), each 0 where TP is 0;
* the macro score is the plain mean over the groups that were commanded at least once (TP + FN > 0).

The commands of all arms are the same, so every arm is scored over the same groups.

Measured coverage of the nominal 95 % jackknife interval of the macro F1 (clips of six transitions, two groups with 82 %
and 15 % of the commands, 1,000 sets of 32 and 64 clips, 400 of 128 and 256):

======  ==================================  ==================================
clips   value, true F1 about .97, .9, .7    difference of .9, .8, .5 from those
======  ==================================  ==================================
32      89.1, 93.4, 95.4 %                  95.4, 95.6, 94.4 %
64      91.5, 92.7, 94.6 %                  94.9, 95.6, 95.9 %
128     93.8, 92.2, 94.5 %                  95.8, 94.5, 95.0 %
256     95.8, 94.0, 94.5 %                  94.2, 94.2, 94.2 %
======  ==================================  ==================================

Verdicts are on differences. The interval of a value near 1 errs on the side of praise: it misses from above.
A group of a handful of commands breaks it (69 % for differences, with five of them in 64 clips), so groups are made
large enough: see :mod:`models.idm.groups`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.stats.jackknife import jackknife_estimate, leave_groups_out
from harness.types import Data, Estimate

Score = Literal["precision", "recall", "f1"]
SCORES: tuple[Score, ...] = ("precision", "recall", "f1")
COUNTS = 3
"""Numbers of a group in a row: true positives, false positives, false negatives."""


class GroupScores(Data):
    """How well one group of actions is followed.

    Attributes:
        group: Its name.
        support: Times that it was commanded.
        precision: Of what looks like it, the share that was commanded so.
        recall: Of what was commanded, the share that looks like it.
        f1: Their harmonic mean.
    """

    group: str
    support: int
    precision: Estimate
    recall: Estimate
    f1: Estimate


def summed_counts(rows: ArrayLike) -> NDArray[np.float64]:
    """Counts of a set of clips: rows ``[clips, 3 · groups]`` → ``[groups, 3]`` (TP, FP, FN).

    Raises:
        ValueError: No clips, or rows that are no counts.
    """
    array = np.asarray(rows, np.float64)
    if array.ndim != 2 or len(array) == 0 or array.shape[1] % COUNTS or array.shape[1] == 0:
        raise ValueError(f"rows of counts are [clips ≥ 1, {COUNTS} · groups], not {list(array.shape)}")
    if not np.isfinite(array).all() or (array < 0).any():
        raise ValueError("counts are finite and not negative")
    counts: NDArray[np.float64] = array.sum(0).reshape(-1, COUNTS)
    return counts


def group_values(rows: ArrayLike, score: Score) -> NDArray[np.float64]:
    """The score of every group, ``[groups]``, in [0, 1]; NaN for a group that was never commanded."""
    hits, alarms, misses = summed_counts(rows).T
    below = {"precision": hits + alarms, "recall": hits + misses, "f1": hits + (alarms + misses) / 2}[score]
    values = np.divide(hits, below, out=np.zeros_like(hits), where=below > 0)
    return np.where(hits + misses > 0, values, np.nan)


def macro(rows: ArrayLike, score: Score) -> float:
    """The mean of a score over the groups that were commanded, in [0, 1].

    Raises:
        ValueError: No clips, rows that are no counts, or no commanded action that belongs to a group.
    """
    values = group_values(rows, score)
    occurring = values[~np.isnan(values)]
    if len(occurring) == 0:
        raise ValueError("no commanded action belongs to a group")
    return float(occurring.mean())


def macro_of(score: Score) -> Callable[[ArrayLike, ArrayLike], float]:
    """The macro score as a set metric's ``distance(generated, reference)``: of the generated rows alone.

    The same of (reference, reference) is the ceiling: what the network's own errors leave on real video.
    """

    def distance(generated: ArrayLike, reference: ArrayLike) -> float:
        del reference
        return macro(generated, score)

    return distance


def group_scores(rows: ArrayLike, cases: Sequence[str], names: Sequence[str], level: float = 0.95) -> list[GroupScores]:
    """Every group's scores with their jackknife intervals.

    Args:
        rows: ``[clips, 3 · groups]``.
        cases: Case of each row; whole cases are left out together.
        names: Of the groups, in the order of the rows.
        level: Coverage asked for.

    Returns:
        One entry a group. A group that was never commanded has no values, with the reason; an interval is missing where
        leaving cases out leaves a group without a command, or where there are fewer than 32 cases.
    """
    array = np.asarray(rows, np.float64)
    counts = summed_counts(array)
    if len(names) != len(counts):
        raise ValueError(f"{len(names)} names for {len(counts)} groups")
    return [
        GroupScores(
            group=name,
            support=int(counts[position, 0] + counts[position, 2]),
            **{s: _estimate(array[:, COUNTS * position :][:, :COUNTS], cases, s, level) for s in SCORES},
        )
        for position, name in enumerate(names)
    ]


def macro_estimate(rows: ArrayLike, cases: Sequence[str], score: Score, level: float = 0.95) -> Estimate:
    """The macro score of a set of clips with its jackknife interval, or the reason for none."""
    return _estimate(np.asarray(rows, np.float64), cases, score, level)


def _estimate(rows: NDArray[np.float64], cases: Sequence[str], score: Score, level: float) -> Estimate:
    distinct = len(set(cases))
    none = Estimate(value=None, level=level, n=len(rows), clusters=distinct, unit="fraction", direction="higher")
    try:
        macro(rows, score)
    except ValueError:
        return none.model_copy(update={"reason": "never commanded"})
    try:
        result = leave_groups_out(macro_of(score), rows, cases, rows, cases)
    except ValueError:
        why = "commanded in the clips of one group of cases only: too rare for an interval"
        return none.model_copy(update={"value": macro(rows, score), "reason": why})
    return jackknife_estimate(result, clips=len(rows), cases=distinct, unit="fraction", direction="higher", level=level)
