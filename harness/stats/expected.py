"""What an arm should gain: by counted passes, which are exact, and by the bound, as good as its measured ceilings."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from harness.store.records import TrialRecord
from harness.types import Data


class Expected(Data):
    """How much faster than the baseline an arm should be, in one group of cases.

    Attributes:
        group: Stratum of cases.
        arm: The arm.
        passes: Model passes of one generation of the arm, or None where cases differ in it.
        by_passes: Passes of the baseline over those of the arm.
        by_bound: Bound of the baseline over that of the arm, each the least time at the bandwidth and arithmetic peak
            that the run measured on its device; None where no bound was recorded.
    """

    group: str
    arm: str
    passes: int | None
    by_passes: float
    by_bound: float | None


def expected_gains(records: Sequence[TrialRecord], group: str, arms: Sequence[str], baseline: str) -> list[Expected]:
    """Say what each of ``arms`` should gain over ``baseline`` in ``group``; arms without counted passes are left out.

    Args:
        records: Finished trials; those of other groups are ignored.
        group: Stratum of cases.
        arms: Arms to look at, in order.
        baseline: What they are counted from.
    """
    here = [record for record in records if record.block.group == group]
    found = []
    for arm in arms:
        by_passes = exact_ratio(here, arm, baseline, passes)
        if by_passes is not None:
            counts = {record.counts.get("passes") for record in here if record.arm == arm}
            found.append(
                Expected(
                    group=group,
                    arm=arm,
                    passes=counts.pop() if len(counts) == 1 else None,
                    by_passes=by_passes,
                    by_bound=exact_ratio(here, arm, baseline, bound_seconds),
                )
            )
    return found


def exact_ratio(
    records: Sequence[TrialRecord], arm: str, baseline: str, read: Callable[[TrialRecord], float | None]
) -> float | None:
    """Baseline over arm of a count or a prediction, as the geometric mean over shared blocks.

    Args:
        records: Finished trials of one group.
        arm: The arm.
        baseline: The baseline arm.
        read: The quantity of one trial, or None.
    """
    by_arm: dict[str, dict[tuple[str, int], float]] = {arm: {}, baseline: {}}
    for record in records:
        value = read(record)
        if record.arm in by_arm and value is not None and value > 0:
            by_arm[record.arm][record.block.case, record.block.repetition] = value
    shared = sorted(by_arm[arm].keys() & by_arm[baseline].keys())
    if not shared:
        return None
    return math.exp(math.fsum(math.log(by_arm[baseline][key] / by_arm[arm][key]) for key in shared) / len(shared))


def passes(record: TrialRecord) -> float | None:
    """Model passes of one generation."""
    return record.counts.get("passes")


def bound_seconds(record: TrialRecord) -> float | None:
    """Predicted seconds of one generation at the device's measured bandwidth and arithmetic peak, where recorded."""
    value = record.info.get("bound_seconds")
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
