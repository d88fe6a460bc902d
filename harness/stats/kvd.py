"""Kernel video distance: unbiased polynomial-kernel MMD², the unbiased companion of the Fréchet distance.

``k(x, y) = (x . y / dimensions + 1)^3`` (Binkowski et al. 2018; Unterthiner et al. 2018 for video). The estimate is
Gretton et al.'s MMD²_u (2012, equation 3): means of k over distinct pairs inside each set, minus twice the mean over
all pairs across. All pairs are used, no random subsets, so the number has one definition. It may be negative and is
never clamped. Where a generated clip and its true continuation share a prompt, the cross term holds n dependent pairs
of n²; the jackknife's centring removes that O(1/n) bias.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def kernel(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the cubic kernel of all rows of ``first`` ``[n, d]`` with all rows of ``second`` ``[m, d]``."""
    values: NDArray[np.float64] = (first @ second.T / first.shape[1] + 1.0) ** 3
    return values


def _mean_of_distinct(rows: NDArray[np.float64]) -> float:
    values = kernel(rows, rows)
    return float((values.sum() - np.trace(values)) / (len(rows) * (len(rows) - 1)))


def kernel_distance(generated: ArrayLike, reference: ArrayLike) -> float:
    """Return the unbiased MMD² of two sets of feature rows.

    Args:
        generated: Feature rows ``[n, dimensions]``, n >= 2.
        reference: Feature rows ``[m, dimensions]``, m >= 2.

    Raises:
        ValueError: Fewer than 2 rows, different dimensions, or values that are not finite.
    """
    first, second = _checked(generated, reference)
    return _mean_of_distinct(first) + _mean_of_distinct(second) - 2.0 * float(kernel(first, second).mean())


def _checked(generated: ArrayLike, reference: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first, second = np.asarray(generated, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise ValueError(f"feature rows of shapes {first.shape} and {second.shape} cannot be compared")
    if min(len(first), len(second)) < 2:
        raise ValueError(f"the kernel distance needs at least 2 clips a set, not {len(first)} and {len(second)}")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("feature rows hold a value that is not finite")
    return first, second


def kernel_without_groups(
    generated: NDArray[np.float64],
    generated_groups: NDArray[np.int64],
    reference: NDArray[np.float64],
    reference_groups: NDArray[np.int64],
    groups: int,
) -> NDArray[np.float64]:
    """Return :func:`kernel_distance` without each group of rows in turn, both sets at once; float64 ``[groups]``.

    The kernel is computed once: leaving a group out takes its rows and columns from the sums.

    Args:
        generated: Feature rows ``[n, d]``.
        generated_groups: Group of each, from 0.
        reference: Feature rows ``[m, d]``.
        reference_groups: Group of each.
        groups: How many.

    Raises:
        ValueError: As :func:`kernel_distance`, and where fewer than 2 rows are left.
    """
    first, second = _checked(generated, reference)
    ours, theirs = (np.eye(groups)[np.asarray(g)] for g in (generated_groups, reference_groups))
    within = _distinct_without(kernel(first, first), ours) + _distinct_without(kernel(second, second), theirs)
    across = kernel(first, second)
    left = across.sum() - (ours.T @ across).sum(axis=1) - (across @ theirs).sum(axis=0)
    left += np.einsum("ng,nm,mg->g", ours, across, theirs, optimize=True)
    pairs = (len(first) - ours.sum(axis=0)) * (len(second) - theirs.sum(axis=0))
    found: NDArray[np.float64] = within - 2.0 * left / pairs
    return found


def _distinct_without(values: NDArray[np.float64], members: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over distinct pairs of a kernel ``[n, n]`` without each group; members ``[n, groups]`` are 0 or 1."""
    diagonal = np.diag(values)
    rows = members.T @ values
    inside = (rows @ members).diagonal()
    sums = values.sum() - 2.0 * rows.sum(axis=1) + inside - (diagonal.sum() - members.T @ diagonal)
    left = len(values) - members.sum(axis=0)
    if (left < 2).any():
        raise ValueError("the kernel distance needs at least 2 clips a set, also without a group")
    means: NDArray[np.float64] = sums / (left * (left - 1))
    return means
