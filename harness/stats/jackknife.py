"""Joint group jackknife for metrics of a whole set of clips (Fréchet distances, KVD).

Such a metric has one value per set, and resampling with replacement makes duplicates that bias it: the value lies
outside its own bootstrap interval. Instead whole cases are dealt into G >= 32 groups, and one group at a time is left
out of the arm, of the baseline *and* of the reference. With D of everything and D_-g without group g:

* corrected value ``G D - (G - 1) mean(D_-g)``, which removes the bias of order 1/n;
* standard error ``sqrt((G - 1) / G · sum (D_-g - mean)²)``; interval by Student's t with G - 1 degrees of freedom.

The paired difference of two arms is the same with D replaced by D(arm) - D(baseline), on the same groups.

Measured coverage of the nominal 95 % interval of the paired corrected difference (Gaussian features, 32 groups):
95.6 % (Fréchet) and 94.4 % (KVD) at 64 clips in 6 dimensions, 97.3 % and 95.0 % at 128 in 16, both arms away from the
reference; 97-99 % where one arm has the reference's distribution, where the statistic is degenerate and the
jackknife's error errs on the wide side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.stats.frechet import frechet_distance, frechet_without_groups
from harness.stats.kvd import kernel_distance, kernel_without_groups
from harness.stats.paired import t_quantile
from harness.types import Direction, Estimate

MINIMUM_GROUPS = 32
MINIMUM_CLIPS = 64
Rows = NDArray[np.float64]
Distance = Callable[[Rows, Rows], float]
WithoutGroups = Callable[[Rows, NDArray[np.int64], Rows, NDArray[np.int64], int], Rows]
SHORTCUTS: dict[Distance, WithoutGroups] = {
    frechet_distance: frechet_without_groups,
    kernel_distance: kernel_without_groups,
}
"""Distances that know how to leave every group out at once; equal to leaving them out one by one (tested)."""


@dataclass(frozen=True)
class LeaveOut:
    """A set metric on everything and with each group left out.

    Attributes:
        full: The raw value.
        left_out: Value without each group, float64 ``[groups]``.
    """

    full: float
    left_out: NDArray[np.float64]

    def __sub__(self, other: LeaveOut) -> LeaveOut:
        """Return the paired difference, which must come from the same groups."""
        return LeaveOut(self.full - other.full, self.left_out - other.left_out)

    @property
    def corrected(self) -> float:
        """The bias-corrected value."""
        groups = len(self.left_out)
        return float(groups * self.full - (groups - 1) * self.left_out.mean())

    @property
    def error(self) -> float:
        """The jackknife's standard error."""
        groups = len(self.left_out)
        spread = self.left_out - self.left_out.mean()
        return float(np.sqrt((groups - 1) / groups * (spread @ spread)))


def case_groups(cases: Sequence[str]) -> dict[str, int]:
    """Deal distinct cases into groups, by sorted name and so free of order.

    The number of groups is the one in [32, 63], and at most the number of cases, that leaves the fewest cases over
    (the smallest such number): equal groups keep the correction exact.

    Returns:
        Case → group from 0; empty if there are fewer than 32 cases.
    """
    names = sorted(set(cases))
    if len(names) < MINIMUM_GROUPS:
        return {}
    groups = min(range(MINIMUM_GROUPS, min(len(names), 2 * MINIMUM_GROUPS - 1) + 1), key=lambda g: (len(names) % g, g))
    return {name: index % groups for index, name in enumerate(names)}


def few_groups(cases: int) -> str | None:
    """Return why ``cases`` distinct cases carry no jackknife interval, or None if they do."""
    if cases >= MINIMUM_GROUPS:
        return None
    return f"{cases} case{'s' if cases != 1 else ''}: the group jackknife needs at least {MINIMUM_GROUPS}"


def rank_problem(clips: int, dimensions: int) -> str | None:
    """Return why ``clips`` feature rows are too few for a Fréchet verdict, or None if they are enough."""
    if clips >= MINIMUM_CLIPS and clips > dimensions:
        return None
    return (
        f"rank-deficient: {clips} clips in {dimensions} dimensions; a Fréchet verdict needs at least {MINIMUM_CLIPS} "
        "clips and more clips than dimensions"
    )


def leave_groups_out(
    distance: Distance, generated: Rows, generated_cases: Sequence[str], reference: Rows, reference_cases: Sequence[str]
) -> LeaveOut:
    """Evaluate ``distance`` on everything and without each group of cases.

    Args:
        distance: ``f(generated, reference)``.
        generated: Feature rows of the arm ``[n, dimensions]``.
        generated_cases: Case of each row.
        reference: Feature rows of the true continuations ``[m, dimensions]``.
        reference_cases: Case of each row; the same cases.

    Raises:
        ValueError: The two sets' cases differ (they could not be dropped jointly).
    """
    if set(generated_cases) != set(reference_cases):
        raise ValueError("generated and reference clips come from different cases and cannot be dropped jointly")
    groups = case_groups(generated_cases)
    ours = np.array([groups.get(case, -1) for case in generated_cases])
    theirs = np.array([groups.get(case, -1) for case in reference_cases])
    count = len(set(groups.values()))
    if count and distance in SHORTCUTS:
        left_out = SHORTCUTS[distance](generated, ours, reference, theirs, count)
    else:
        left_out = np.array([distance(generated[ours != g], reference[theirs != g]) for g in range(count)], np.float64)
    return LeaveOut(distance(generated, reference), left_out)


def jackknife_estimate(
    result: LeaveOut,
    *,
    clips: int,
    cases: int,
    unit: str,
    direction: Direction,
    level: float = 0.95,
    reason: str | None = None,
    paired: bool = False,
) -> Estimate:
    """Turn left-out values into an estimate.

    Args:
        result: Of one arm, or the difference of two.
        clips: Clips behind it.
        cases: Distinct cases behind it.
        unit: Unit of the metric.
        direction: Which way it is better.
        level: Coverage asked for.
        reason: Why no interval may be given (rank-deficient), if so; fewer than 32 cases add their own.
        paired: True for a difference of two arms, for ``method``.

    Returns:
        The corrected value with its interval; or the raw value with a reason and no interval.
    """
    what = "paired difference" if paired else "value"
    reason = reason or few_groups(cases)
    base = Estimate(
        value=result.full, level=level, n=clips, clusters=cases, unit=unit, direction=direction, method=f"raw {what}"
    )
    if reason is not None:
        return base.model_copy(update={"reason": reason})
    groups = len(result.left_out)
    width = t_quantile(level, groups - 1) * result.error
    return base.model_copy(
        update={
            "value": result.corrected,
            "low": result.corrected - width,
            "high": result.corrected + width,
            "method": f"corrected {what}, joint jackknife over {groups} groups of cases",
        }
    )
