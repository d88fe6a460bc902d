"""How many cases an effect needs to be seen, and which effect a number of cases can see.

The verdicts' own rule, turned round. An interval ``mean ± t(m - 1) · sd / √m`` over m cases lies wholly beyond a limit
with the probability that a noncentral t variable (m - 1 degrees of freedom, noncentrality ``distance · √m / sd``)
exceeds the interval's own quantile, where *distance* is how far the true mean lies beyond that limit:

* an effect e is judged improved or regressed beyond ± τ: ``distance = |e| - τ``, on the log scale for ratios;
* a loss l of quality is shown to be comparable within a margin: ``distance = margin - l``.

The one assumption is that case effects are roughly normal, as for the intervals themselves.
"""

from __future__ import annotations

import math

from harness.stats.paired import MINIMUM_CLUSTERS, t_quantile

MOST_CASES = 10**7
"""Beyond it a number of cases is no plan."""


def power_beyond(distance: float, sd: float, cases: int, confidence: float) -> float:
    """Return the probability that an interval lies wholly beyond a limit.

    Args:
        distance: How far the true mean lies beyond the limit; negative if it lies on the near side.
        sd: Standard deviation of the case effects, ≥ 0.
        cases: Cases; below 6 there is no interval and so no verdict.
        confidence: Of that interval alone: the family's, where it belongs to one.
    """
    if cases < MINIMUM_CLUSTERS:
        return 0.0
    if sd == 0:
        return float(distance > 0)
    from scipy.stats import nct

    shift = distance * math.sqrt(cases) / sd
    found = float(nct.sf(t_quantile(confidence, cases - 1), cases - 1, shift))
    return found if math.isfinite(found) else float(shift > 0)  # far out in a tail scipy gives no number


def cases_needed(distance: float, sd: float, confidence: float, power: float) -> int | None:
    """Return the fewest cases whose interval lies beyond the limit with probability ``power``.

    None if no number up to :data:`MOST_CASES` does.

    Args:
        distance: See :func:`power_beyond`.
        sd: Standard deviation of the case effects, ≥ 0.
        confidence: Of the interval.
        power: The wished probability, at least 0.5 and below 1.
    """
    if distance <= 0:
        return None

    def enough(cases: int) -> bool:
        return power_beyond(distance, sd, cases, confidence) >= power

    low, high = MINIMUM_CLUSTERS - 1, MINIMUM_CLUSTERS
    while not enough(high):
        if high == MOST_CASES:
            return None
        low, high = high, min(2 * high, MOST_CASES)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def upper_sd(sd: float, cases: int, confidence: float) -> float:
    """Return the one-sided upper confidence limit of a standard deviation of normal case effects (chi-square).

    Args:
        sd: The recorded one, ≥ 0.
        cases: Cases that it was recorded on, at least 2.
        confidence: Probability that the limit is not below the true one, such as 0.8.
    """
    from scipy.special import chdtri

    return sd * math.sqrt((cases - 1) / float(chdtri(cases - 1, confidence)))


def distance_needed(sd: float, cases: int, confidence: float, power: float) -> float | None:
    """Return how far beyond a limit the true mean must lie for ``cases`` cases to show it, or None below 6 cases.

    Args:
        sd: Standard deviation of the case effects, ≥ 0.
        cases: Cases.
        confidence: Of the interval.
        power: The wished probability, at least 0.5 and below 1.
    """
    if cases < MINIMUM_CLUSTERS:
        return None
    if sd == 0:
        return 0.0
    from scipy.optimize import brentq
    from scipy.special import stdtrit

    critical, error = t_quantile(confidence, cases - 1), sd / math.sqrt(cases)
    # the central quantiles bracket the noncentral one: twice their sum is surely enough
    most = 2 * (critical + float(stdtrit(cases - 1, max(power, 0.5))) + 1)
    found = brentq(lambda shift: power_beyond(shift * error, sd, cases, confidence) - power, -most, most)
    return float(found) * error
