"""From a run's records to numbers for a history: each arm's own value, and its time against the baseline's.

An estimate of one arm alone is the paired estimate against 1 (ratios) or 0 (differences): the same t interval over
cases, at 99 % because that is what asv's columns are called. It is the interval of that one number, not of a family.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.analyse import LOST_SHARE
from harness.export.lower import Lowered
from harness.stats.jackknife import jackknife_estimate, leave_groups_out, rank_problem
from harness.stats.paired import Pairs, Scale, effects, estimate_from_pairs, make_pairs
from harness.stats.pairing import Table, feature_blocks, feature_rows, pair_values
from harness.types import Estimate, Metric

LEVEL = 0.99


@dataclass(frozen=True)
class Cell:
    """One number of a history, lower is better.

    Attributes:
        value: The number; None for a cell that failed.
        low: Lower end of its 99 % interval, or None.
        high: Upper end, or None.
        quartiles: 25 % and 75 % of the blocks' values, or None where a value belongs to a set of clips.
        blocks: Blocks behind it.
        reason: Why there is no value.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    quartiles: tuple[float, float] | None = None
    blocks: int = 0
    reason: str = ""


def lost(have: int, planned: int, what: str) -> Cell | None:
    """Return a failed cell if more than 5 % of the planned blocks are lost: the rest are survivors, no fair sample."""
    if have and (planned - have) / planned <= LOST_SHARE:
        return None
    return Cell(None, blocks=have, reason=f"{have} of {planned} planned blocks have {what}")


def _cell(estimate: Estimate, values: Sequence[float] | None, blocks: int) -> Cell:
    if estimate.value is None or not math.isfinite(estimate.value):
        return Cell(None, blocks=blocks, reason=estimate.reason or "not a finite number")
    quartiles = None
    if values is not None:
        first, third = (float(q) for q in np.quantile(np.asarray(values, dtype=np.float64), [0.25, 0.75]))
        quartiles = (first, third)
    return Cell(estimate.value, estimate.low, estimate.high, quartiles, blocks)


def arm_cell(table: Table, group: str, arm: str, metric: Metric, form: Lowered, planned: int) -> Cell | None:
    """Return an arm's own value: the mean over cases of what its blocks measured (geometric for ratios).

    Args:
        table: Finished trials by block and arm.
        group: Stratum of cases.
        arm: The arm.
        metric: The metric.
        form: Its lower-is-better form.
        planned: Blocks that the plan has for this arm and group.

    Returns:
        The cell; None where not one block has a value: failed, or the metric does not apply.
    """
    if metric.scale == "set":
        return _set_cell(table, group, arm, metric, form, planned)
    found = [
        (form.convert(value), block[1])
        for block, halves in sorted(table.items())
        if block[0] == group and arm in halves and (value := halves[arm].values.get(metric.name)) is not None
    ]
    if not found:
        return None
    values, cases = [value for value, _ in found], [case for _, case in found]
    failed = lost(len(values), planned, f"a value of {metric.name}")
    if failed is not None:
        return failed
    scale: Scale = "ratio" if metric.scale == "ratio" else "difference"
    against = np.full(len(values), 1.0 if scale == "ratio" else 0.0)
    pairs = make_pairs(values, against, cases)
    estimate = estimate_from_pairs(pairs, scale, unit=form.unit, direction="lower", level=LEVEL)
    return _cell(estimate, values, len(values))


def _set_cell(table: Table, group: str, arm: str, metric: Metric, form: Lowered, planned: int) -> Cell | None:
    if metric.feature_space is None or metric.distance is None:
        return None
    blocks = feature_blocks(table, group, metric.feature_space, (arm,))
    if not blocks:
        return None
    failed = lost(len(blocks), planned, f"features in {metric.feature_space}")
    if failed is not None or len(blocks) < 2:
        return failed or Cell(None, blocks=len(blocks), reason="a distance needs at least 2 clips")
    rows, cases, reference, reference_cases = feature_rows(table, blocks, metric.feature_space, arm)
    clips = min(len(rows), len(reference))
    estimate = jackknife_estimate(
        leave_groups_out(metric.distance, rows, cases, reference, reference_cases),
        clips=len(blocks),
        cases=len({block[1] for block in blocks}),
        unit=metric.unit,
        direction=metric.direction,
        level=LEVEL,
        reason=rank_problem(clips, rows.shape[1]) if metric.needs_full_rank else None,
    )
    ends = [None if end is None else form.convert(end) for end in (estimate.value, estimate.low, estimate.high)]
    if ends[1] is not None and ends[2] is not None:
        ends[1:] = sorted((ends[1], ends[2]))
    shown = estimate.model_copy(update=dict(zip(("value", "low", "high"), ends, strict=True)))
    return _cell(shown, None, len(blocks))


def time_ratio_cell(table: Table, group: str, arm: str, baseline: str, metric: Metric, planned: int) -> Cell:
    """Return time of ``arm`` / time of ``baseline`` over the blocks that both finished side by side.

    Args:
        table: Finished trials by block and arm.
        group: Stratum of cases.
        arm: The arm.
        baseline: The arm it is matched with.
        metric: The suite's primary speed metric, a rate (then the ratio is turned over) or a time.
        planned: Blocks that the plan has for this arm and group.
    """
    pairs, _ = pair_values(table, group, metric, arm, baseline)
    failed = lost(len(pairs.clusters), planned, f"{metric.name} of both {arm} and {baseline}")
    if failed is not None:
        return failed
    if metric.direction == "higher":
        pairs = Pairs(pairs.baseline, pairs.candidate, pairs.clusters)
    estimate = estimate_from_pairs(pairs, "ratio", unit="ratio", direction="lower", level=LEVEL)
    values = None if estimate.value is None else [float(ratio) for ratio in np.exp(effects(pairs, "ratio"))]
    return _cell(estimate, values, len(pairs.clusters))
