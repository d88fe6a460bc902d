"""How often an arm beats the baseline: the share of matched blocks, ties counting half, with an interval over cases.

A block is a win where the arm's value is better than the baseline's, a loss where it is worse. With ``p`` the mean over
cases of the case's share, and ``s²`` the variance of these shares, the interval is Wilson's (1927) for ``p`` at the
number of independent blocks ``p (1 - p) / (s² / cases)`` that the cases' spread shows, with Student's quantile: it
stays inside [0, 1], and is no point where every block is a win. Fewer than six cases carry none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from harness.stats.paired import Pairs, cluster_means, few_clusters, t_quantile
from harness.stats.pairing import Table, pair_values
from harness.types import Data, Direction, Estimate, Metric, Suite


class WinRate(Data):
    """How often an arm is better than the baseline by one metric.

    Attributes:
        metric: Metric name.
        group: Stratum of cases.
        arm: The arm.
        baseline: What it is held against.
        estimate: Share of blocks that are won, ties half; 0.5 is no difference.
        wins: Blocks.
        ties: Blocks of equal values.
        losses: Blocks.
    """

    metric: str
    group: str
    arm: str
    baseline: str
    estimate: Estimate
    wins: int
    ties: int
    losses: int


def win_share(pairs: Pairs, direction: Direction, level: float = 0.95) -> tuple[Estimate, int, int, int]:
    """Return the share of blocks that the candidate wins, and its wins, ties and losses.

    Args:
        pairs: Both arms' values.
        direction: Which way is better.
        level: Coverage asked for.

    Returns:
        The estimate has no value, with a reason, where there is no pair or a value is not finite.
    """
    count, cases = len(pairs.clusters), len(set(pairs.clusters))
    base = Estimate(value=None, level=level, n=count, clusters=cases, unit="fraction", direction="higher")
    better = pairs.candidate - pairs.baseline if direction == "higher" else pairs.baseline - pairs.candidate
    if count == 0:
        return base.model_copy(update={"reason": "no complete pair"}), 0, 0, 0
    if not np.isfinite(better).all():
        broken = int(np.count_nonzero(~np.isfinite(better)))
        return base.model_copy(update={"reason": f"{broken} of {count} pairs hold a value that is not finite"}), 0, 0, 0
    wins, losses = int((better > 0).sum()), int((better < 0).sum())
    told = (wins, count - wins - losses, losses)
    _, means = cluster_means((np.sign(better) + 1) / 2, pairs.clusters)
    share = float(means.mean())
    reason = few_clusters(cases)
    if reason is not None:
        return base.model_copy(update={"value": share, "reason": reason}), *told
    low, high = _wilson(share, _independent(share, means, count), t_quantile(level, cases - 1))
    method = "Wilson's interval at the effective number of blocks, over cases"
    return base.model_copy(update={"value": share, "low": low, "high": high, "method": method}), *told


def _independent(share: float, means: np.ndarray[tuple[int], np.dtype[np.float64]], blocks: int) -> float:
    """Blocks that would show the cases' spread if they were independent; as many as there are cases without spread."""
    variance = float(means.var(ddof=1)) / len(means)
    if variance > 0:
        return share * (1 - share) / variance
    # ties alone have no spread to speak of; wins or losses alone may be luck
    return math.inf if share == 0.5 and blocks else float(len(means))


def _wilson(share: float, count: float, quantile: float) -> tuple[float, float]:
    if math.isinf(count):
        return share, share
    spread = quantile**2 / count
    centre = (share + spread / 2) / (1 + spread)
    half = quantile * math.sqrt(share * (1 - share) / count + spread / (4 * count)) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


def win_rates(
    suite: Suite, table: Table, group: str, arms: Sequence[str], metrics: Mapping[str, Metric], level: float = 0.95
) -> list[WinRate]:
    """Return the win rates that a suite asks for in one group, by arm and metric.

    Args:
        suite: The question.
        table: Finished trials by block and arm.
        group: Stratum of cases.
        arms: Arms other than the baseline.
        metrics: By name.
        level: Coverage of the intervals.
    """
    found = []
    for arm in arms:
        for name in suite.win_rate_of:
            pairs, _ = pair_values(table, group, metrics[name], arm, suite.baseline)
            estimate, wins, ties, losses = win_share(pairs, metrics[name].direction, level)
            if estimate.n == 0:
                estimate = estimate.model_copy(update={"reason": f"no pair of trials has a value of {name}"})
            told = {"wins": wins, "ties": ties, "losses": losses}
            found.append(WinRate(metric=name, group=group, arm=arm, baseline=suite.baseline, estimate=estimate, **told))
    return found
