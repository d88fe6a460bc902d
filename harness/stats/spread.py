"""How far apart the videos of one prompt are: what is lost when a model makes the same video of every seed.

``mean over pairs i < j of |x_i - x_j| / sqrt(dimensions)``, with ``x`` the feature rows of the videos of one prompt,
each of another initial noise. In expectation it does not depend on the number of videos (a mean over pairs); it is 0
for equal videos, and about sqrt(2) for independent draws of whitened features.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def mean_pairwise_distance(rows: ArrayLike) -> float:
    """Return the mean distance of two different rows, root mean square over the dimensions.

    Args:
        rows: Feature rows ``[videos, dimensions]``, at least 2.

    Raises:
        ValueError: Fewer than 2 rows, or values that are not finite.

    >>> mean_pairwise_distance([[0.0, 0.0], [3.0, 3.0], [0.0, 0.0]])
    2.0
    """
    values = np.asarray(rows, dtype=np.float64)
    if values.ndim != 2 or len(values) < 2:
        raise ValueError(f"a distance within a prompt needs at least 2 videos, not rows of shape {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("feature rows hold a value that is not finite")
    first, second = np.triu_indices(len(values), 1)
    return float(np.sqrt(((values[first] - values[second]) ** 2).mean(1)).mean())
