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
    first, second = np.asarray(generated, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise ValueError(f"feature rows of shapes {first.shape} and {second.shape} cannot be compared")
    if min(len(first), len(second)) < 2:
        raise ValueError(f"the kernel distance needs at least 2 clips a set, not {len(first)} and {len(second)}")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("feature rows hold a value that is not finite")
    return _mean_of_distinct(first) + _mean_of_distinct(second) - 2.0 * float(kernel(first, second).mean())
