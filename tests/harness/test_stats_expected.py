"""What an arm should gain: exact ratios over shared blocks."""

from __future__ import annotations

import pytest

from harness.stats.expected import expected_gains
from harness.store.records import BlockKey, TrialRecord


def record(case: str, arm: str, passes: int, bound: float | None = None, group: str = "g") -> TrialRecord:
    return TrialRecord(
        index=0,
        block=BlockKey(group=group, case=case, repetition=0),
        arm=arm,
        seed=0,
        status="finished",
        started_at="2026-01-01T00:00:00+00:00",
        counts={"passes": passes},
        info={} if bound is None else {"bound_seconds": bound},
    )


def test_gains_are_baseline_over_arm_as_a_geometric_mean():
    records = [
        record("a", "slow", 100, 4.0),
        record("a", "fast", 25, 2.0),
        record("b", "slow", 100, 9.0),
        record("b", "fast", 25, 1.0),
        record("a", "slow", 7, 7.0, group="other"),
    ]
    (gain,) = expected_gains(records, "g", ["fast"], "slow")
    assert (gain.arm, gain.passes) == ("fast", 25)
    assert gain.by_passes == pytest.approx(4.0)
    assert gain.by_bound == pytest.approx((2.0 * 9.0) ** 0.5)


def test_only_blocks_that_both_arms_finished_count():
    records = [record("a", "slow", 100), record("a", "fast", 50), record("b", "fast", 10)]
    (gain,) = expected_gains(records, "g", ["fast", "absent"], "slow")
    assert gain.by_passes == pytest.approx(2.0)
    assert gain.passes is None  # cases differ
    assert gain.by_bound is None
    assert expected_gains(records[1:], "g", ["fast"], "slow") == []
