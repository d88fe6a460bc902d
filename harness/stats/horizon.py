"""How a metric goes along the generated frames: each arm's mean at every frame, with an interval over cases.

Only blocks in which every arm has values count, so that all arms are told of the same clips. Repetitions of a case are
averaged first; the interval is ``mean ± t(m - 1) · sd / √m`` over the m case means, at each frame by itself. Bands of
two arms are wide for what the cases have in common and may overlap where the paired difference is clear: nothing is
judged by them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from harness.stats.paired import cluster_means, few_clusters, t_quantile
from harness.stats.pairing import tabulate, without_mismatches
from harness.store.records import TrialRecord

LEVEL = 0.95


@dataclass(frozen=True)
class Course:
    """One arm along the frames.

    Attributes:
        arm: The arm.
        means: Mean over cases at every generated frame.
        half_widths: Half the interval's width at every frame, or None where there is no interval.
    """

    arm: str
    means: tuple[float, ...]
    half_widths: tuple[float, ...] | None


@dataclass(frozen=True)
class Horizon:
    """A metric along the frames, in one group of cases.

    Attributes:
        metric: The metric.
        courses: One per arm that has values, by name.
        trials: Indices of the records that they come from.
        cases: How many cases.
        level: Coverage asked for, at each frame by itself.
        reason: Why there is no interval, or None.
        cut: True if clips of the group differ in length, and only the frames that all have are told.
    """

    metric: str
    courses: dict[str, Course]
    trials: tuple[int, ...]
    cases: int
    level: float
    reason: str | None
    cut: bool

    @property
    def frames(self) -> int:
        """How many frames."""
        return len(next(iter(self.courses.values())).means)


def horizon(
    records: Iterable[TrialRecord], group: str, metric: str, level: float = LEVEL, *, baseline: str | None = None
) -> Horizon | None:
    """Return how ``metric`` goes along the frames in ``group``, or None where no block has it for every arm.

    Args:
        records: Trials of one run, in any order.
        group: Stratum.
        metric: Name of a metric with a value per frame.
        level: Coverage asked for.
        baseline: The arm that halves must be matched to, as for the findings; None takes all.

    Example:
        >>> horizon([], "crafter-9x9", "psnr") is None
        True
    """
    tried = tabulate(records)
    matched = tried if baseline is None else without_mismatches(tried, baseline)[0]
    table = {block: halves for block, halves in matched.items() if block[0] == group}
    arms = sorted({arm for halves in table.values() for arm, record in halves.items() if metric in record.frame_values})
    blocks = [
        block
        for block, halves in table.items()
        if arms and all(arm in halves and halves[arm].frame_values.get(metric) for arm in arms)
    ]
    if not blocks:
        return None
    lengths = {len(table[block][arm].frame_values[metric]) for block in blocks for arm in arms}
    frames, clusters = min(lengths), [block[1] for block in blocks]
    cases = len(set(clusters))
    reason = few_clusters(cases)
    courses = {}
    for arm in arms:
        rows = np.array([table[block][arm].frame_values[metric][:frames] for block in blocks])
        means = np.stack([cluster_means(rows[:, t], clusters)[1] for t in range(frames)], axis=1)
        widths = None
        if reason is None:
            spread = means.std(axis=0, ddof=1) * t_quantile(level, cases - 1) / math.sqrt(cases)
            widths = tuple(float(width) for width in spread)
        courses[arm] = Course(arm, tuple(float(mean) for mean in means.mean(axis=0)), widths)
    trials = tuple(sorted(table[block][arm].index for block in blocks for arm in arms))
    return Horizon(metric, courses, trials, cases, level, reason, len(lengths) > 1)
