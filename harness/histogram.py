"""Histogram of scores in bins of 0.01: how often a score is met among the videos that were made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError

BIN_WIDTH = 0.01


def score_bins(scores: Sequence[float] | NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the number of each score's bin, ``floor(round(score·1e6) / 1e4)``.

    Bin b holds [b/100, (b + 1)/100). Rounding to millionths first keeps a score that is printed as an edge in the bin
    that begins there: 0.29 is in bin 29, though 0.29 / 0.01 is below 29 in floating point, and 1.0 is in bin 100.

    Args:
        scores: Finite numbers of any sign; float32 is taken as it is.

    Raises:
        UsageError: A score is not finite.
    """
    values = np.asarray(scores, dtype=np.float64)
    if not np.isfinite(values).all():
        raise UsageError(f"score {values[~np.isfinite(values)][0]} is not a finite number; leave such videos out.")
    return np.rint(values * 1e6).astype(np.int64) // 10_000


@dataclass(frozen=True)
class ScoreHistogram:
    """Videos by bin of their score.

    Attributes:
        counts: Bin → videos, by rising bin; bins without a video are not in it.
        n: Videos in all.
    """

    counts: dict[int, int]
    n: int

    @classmethod
    def of(cls, scores: Sequence[float] | NDArray[np.float64]) -> ScoreHistogram:
        """Count ``scores``; UsageError if there are none, or one is not finite."""
        bins = score_bins(scores)
        if not bins.size:
            raise UsageError("a histogram needs one score at least; none is there.")
        numbers, counts = np.unique(bins, return_counts=True)
        return cls(dict(zip(numbers.tolist(), counts.tolist(), strict=True)), int(bins.size))

    @property
    def mode(self) -> int:
        """The most frequent bin; of several, the lowest."""
        return min(self.counts, key=lambda number: (-self.counts[number], number))

    @property
    def mode_probability(self) -> float:
        """Share of the videos in the most frequent bin."""
        return self.counts[self.mode] / self.n

    def probabilities(self, scores: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Return p(s), the share of the videos in the bin of each score; 0 where no video was."""
        return np.array([self.counts.get(int(number), 0) / self.n for number in score_bins(scores)], dtype=np.float64)
