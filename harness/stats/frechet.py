"""Fréchet distance between two sets of feature rows, from streaming moments, in float64.

``D = |mu_1 - mu_2|^2 + tr S_1 + tr S_2 - 2 tr (S_1 S_2)^(1/2)`` with unbiased covariances S (Dowson and Landau 1982;
Heusel et al. 2017 for images). The last trace is the nuclear norm of ``A_1^T A_2`` for any factors ``A_i A_i^T = S_i``,
so that no matrix square root of a non-symmetric product is ever taken. With at most as many clips as dimensions the
centred rows themselves are such factors, and the product is a small matrix of clips by clips: exact, and hundreds of
times faster than anything of d × d.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

CONDITION = 1e-8
"""Smallest ratio of eigenvalues of the product at which the fast route is used: its error is then below 1e-11 tr S."""


@dataclass
class Moments:
    """Count, mean and scatter of feature rows; rows stream in, and two halves merge exactly (Chan et al. 1979).

    Attributes:
        count: Rows seen.
        mean: Their mean, float64 ``[dimensions]``.
        scatter: Sum of outer products of deviations from the mean, float64 ``[dimensions, dimensions]``.
    """

    count: int
    mean: NDArray[np.float64]
    scatter: NDArray[np.float64]

    @classmethod
    def empty(cls, dimensions: int) -> Moments:
        """Return the moments of no rows."""
        return cls(0, np.zeros(dimensions), np.zeros((dimensions, dimensions)))

    @classmethod
    def of(cls, rows: ArrayLike) -> Moments:
        """Return the moments of ``rows`` ``[n, dimensions]``.

        Raises:
            ValueError: Not a matrix, or a value is not finite.
        """
        values = np.asarray(rows, dtype=np.float64)
        if values.ndim != 2:
            raise ValueError(f"feature rows form a matrix [clips, dimensions], not an array of shape {values.shape}")
        if not np.isfinite(values).all():
            raise ValueError("feature rows hold a value that is not finite")
        if len(values) == 0:
            return cls.empty(values.shape[1])
        mean = values.mean(axis=0)
        centred = values - mean
        return cls(len(values), mean, centred.T @ centred)

    def update(self, rows: ArrayLike) -> None:
        """Add ``rows`` ``[n, dimensions]`` to these moments, in place."""
        merged = self.merge(Moments.of(rows))
        self.count, self.mean, self.scatter = merged.count, merged.mean, merged.scatter

    def merge(self, other: Moments) -> Moments:
        """Return the moments of both sets of rows together.

        Raises:
            ValueError: The dimensions differ.
        """
        if self.mean.shape != other.mean.shape:
            raise ValueError(f"moments of {len(self.mean)} and of {len(other.mean)} dimensions do not merge")
        count = self.count + other.count
        if count == 0:
            return Moments.empty(len(self.mean))
        step = other.mean - self.mean
        mean = self.mean + step * (other.count / count)
        between = np.outer(step, step) * (self.count * other.count / count)
        return Moments(count, mean, self.scatter + other.scatter + between)

    def without(self, other: Moments) -> Moments:
        """Return the moments of these rows without those of ``other``, a part of them: the inverse of :meth:`merge`.

        Raises:
            ValueError: There are more rows in ``other``.
        """
        count = self.count - other.count
        if count < 0:
            raise ValueError(f"{other.count} rows cannot be taken from {self.count}")
        if count == 0:
            return Moments.empty(len(self.mean))
        mean = (self.count * self.mean - other.count * other.mean) / count
        step = other.mean - mean
        between = np.outer(step, step) * (count * other.count / self.count)
        return Moments(count, mean, self.scatter - other.scatter - between)

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Unbiased covariance ``[dimensions, dimensions]``.

        Raises:
            ValueError: Fewer than 2 rows.
        """
        if self.count < 2:
            raise ValueError(f"a covariance needs at least 2 clips, not {self.count}")
        return self.scatter / (self.count - 1)


def _factor(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``A`` ``[d, rank]`` with ``A A^T`` = the positive part of a symmetric matrix."""
    values, vectors = np.linalg.eigh(matrix)
    keep = values > max(values[-1], 0.0) * len(values) * np.finfo(np.float64).eps
    factor: NDArray[np.float64] = vectors[:, keep] * np.sqrt(values[keep])
    return factor


def trace_of_root(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return ``tr (S_1 S_2)^(1/2)`` of two covariances.

    Well-conditioned pairs take the fast route: eigenvalues of the symmetric ``L_1^T S_2 L_1`` with ``S_1 = L_1 L_1^T``
    (Cholesky). Their roots would amplify rounding at small eigenvalues (a zero becomes 1e-8 of the largest), so
    ill-conditioned pairs take the singular values of ``L_1^T L_2``, which do not, and singular ones (fewer clips than
    dimensions) those of factors from an eigendecomposition.
    """
    try:
        one, two = np.linalg.cholesky(first), np.linalg.cholesky(second)
    except np.linalg.LinAlgError:
        one, two = _factor(first), _factor(second)
    else:
        # the eigenvalues of S spread at least as far as the squared diagonal of L: no need to try the fast route then
        pivots = [np.diag(lower) for lower in (one, two)]
        if np.prod([(d.min() / d.max()) ** 2 for d in pivots]) > CONDITION:
            product = one.T @ second @ one
            values = np.linalg.eigvalsh((product + product.T) / 2)
            if values[0] > CONDITION * values[-1]:
                return float(np.sqrt(values).sum())
    return float(np.linalg.svd(one.T @ two, compute_uv=False).sum())


def distance_of_moments(first: Moments, second: Moments) -> float:
    """Return the Fréchet distance (squared 2-Wasserstein of the fitted Gaussians) of two sets' moments."""
    one, two = first.covariance, second.covariance
    step = first.mean - second.mean
    return float(step @ step + np.trace(one) + np.trace(two) - 2.0 * trace_of_root(one, two))


def frechet_distance(generated: ArrayLike, reference: ArrayLike) -> float:
    """Return the Fréchet distance of two sets of feature rows.

    Args:
        generated: Feature rows ``[n, dimensions]``, n >= 2.
        reference: Feature rows ``[m, dimensions]``, m >= 2.

    Returns:
        The raw (biased upwards for few clips) distance; 0 for identical sets up to 1e-6 of the covariance's trace.

    Raises:
        ValueError: Fewer than 2 rows, different dimensions, or values that are not finite.
    """
    one, two = checked_rows(generated), checked_rows(reference)
    if one.shape[1] != two.shape[1]:
        raise ValueError(f"feature rows of {one.shape[1]} and of {two.shape[1]} dimensions cannot be compared")
    if max(len(one), len(two)) <= one.shape[1]:
        return distance_of_few(one, two)
    return distance_of_moments(Moments.of(one), Moments.of(two))


def checked_rows(rows: ArrayLike) -> NDArray[np.float64]:
    """Return feature rows as float64 ``[n, dimensions]``.

    Raises:
        ValueError: Not a matrix, fewer than 2 rows, or a value is not finite.
    """
    values = np.asarray(rows, dtype=np.float64)
    if values.ndim != 2:
        raise ValueError(f"feature rows form a matrix [clips, dimensions], not an array of shape {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("feature rows hold a value that is not finite")
    if len(values) < 2:
        raise ValueError(f"a covariance needs at least 2 clips, not {len(values)}")
    return values


def distance_of_few(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return the Fréchet distance of two sets with at most as many clips as dimensions: ``[n, d]``, ``[m, d]``."""
    means = first.mean(axis=0), second.mean(axis=0)
    one, two = ((rows - mean) / np.sqrt(len(rows) - 1) for rows, mean in zip((first, second), means, strict=True))
    step = means[0] - means[1]
    root = float(np.linalg.svd(one @ two.T, compute_uv=False).sum())
    return float(step @ step + np.vdot(one, one) + np.vdot(two, two) - 2.0 * root)


def frechet_without_groups(
    generated: NDArray[np.float64],
    generated_groups: NDArray[np.int64],
    reference: NDArray[np.float64],
    reference_groups: NDArray[np.int64],
    groups: int,
) -> NDArray[np.float64]:
    """Return the distance without each group of rows in turn, both sets at once; float64 ``[groups]``.

    The moments of a group are taken from those of all rows, and never added up anew.

    Args:
        generated: Feature rows ``[n, d]``.
        generated_groups: Group of each, from 0.
        reference: Feature rows ``[m, d]``.
        reference_groups: Group of each.
        groups: How many.
    """
    one, two = checked_rows(generated), checked_rows(reference)
    if max(len(one), len(two)) <= one.shape[1]:
        left = [(one[generated_groups != g], two[reference_groups != g]) for g in range(groups)]
        return np.array([distance_of_few(checked_rows(a), checked_rows(b)) for a, b in left])
    whole = Moments.of(one), Moments.of(two)
    found = []
    for g in range(groups):
        ours = whole[0].without(Moments.of(one[generated_groups == g]))
        theirs = whole[1].without(Moments.of(two[reference_groups == g]))
        found.append(distance_of_moments(ours, theirs))
    return np.array(found)
