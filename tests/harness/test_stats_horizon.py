"""Metrics along the frames: means and intervals against scipy, on the blocks that every arm finished."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.stats.horizon import horizon
from harness.store.records import BlockKey, TrialRecord

GROUP = "g"


def record(index, case, arm, values, repetition=0, group=GROUP) -> TrialRecord:
    return TrialRecord(
        index=index,
        block=BlockKey(group=group, case=f"{case:03d}", repetition=repetition),
        arm=arm,
        seed=1,
        started_at="2026-02-03T04:05:06Z",
        status="finished",
        frame_values={} if values is None else {"psnr": [float(v) for v in values]},
    )


def run(cases: int, repetitions: int, frames: int, seed: int = 0) -> list[TrialRecord]:
    rng = np.random.default_rng(seed)
    blocks = [(case, repetition) for case in range(cases) for repetition in range(repetitions)]
    return [
        record(2 * i + j, case, arm, rng.normal(20, 3, frames), repetition)
        for i, (case, repetition) in enumerate(blocks)
        for j, arm in enumerate(("a", "b"))
    ]


@given(st.integers(6, 12), st.integers(1, 3), st.integers(1, 5), st.integers(0, 10**6))
def test_means_and_intervals_are_those_of_the_cases(cases, repetitions, frames, seed):
    records = run(cases, repetitions, frames, seed)
    found = horizon(records, GROUP, "psnr")
    assert found is not None
    assert (found.cases, found.frames, found.reason, found.cut) == (cases, frames, None, False)
    for arm in ("a", "b"):
        own = [r for r in records if r.arm == arm]
        by_case = np.array(
            [np.mean([r.frame_values["psnr"] for r in own if r.block.case == f"{c:03d}"], 0) for c in range(cases)]
        )
        course = found.courses[arm]
        np.testing.assert_allclose(course.means, by_case.mean(0), rtol=1e-12)
        low, high = stats.t.interval(0.95, cases - 1, loc=by_case.mean(0), scale=stats.sem(by_case))
        np.testing.assert_allclose(course.half_widths, (high - low) / 2, rtol=1e-9)
    shuffled = list(records)
    random.Random(seed).shuffle(shuffled)
    assert horizon(shuffled, GROUP, "psnr") == found


def test_a_block_that_one_arm_has_not_finished_counts_for_none():
    records = run(8, 1, 3)
    whole = horizon(records, GROUP, "psnr")
    extra = record(99, 8, "a", [0.0, 0.0, 0.0])
    assert horizon([*records, extra], GROUP, "psnr") == whole
    assert horizon([*records, extra, record(100, 8, "b", None)], GROUP, "psnr") == whole
    assert horizon([*records, record(101, 0, "a", [0, 0, 0], group="other")], GROUP, "psnr") == whole


def test_an_arm_without_the_metric_is_left_out_and_hinders_nobody():
    records = run(8, 1, 3)
    found = horizon([*records, *(record(50 + c, c, "c", None) for c in range(8))], GROUP, "psnr")
    assert found is not None
    assert set(found.courses) == {"a", "b"}


def test_few_cases_have_means_and_a_reason_in_place_of_an_interval():
    found = horizon(run(5, 2, 3), GROUP, "psnr")
    assert found is not None
    assert found.reason == "5 cases: an interval needs at least 6"
    assert found.courses["a"].half_widths is None
    assert len(found.courses["a"].means) == 3


def test_clips_of_two_lengths_are_told_as_far_as_all_go():
    longer = [r.model_copy(update={"frame_values": {"psnr": [*r.frame_values["psnr"], 1.0]}}) for r in run(6, 1, 3)[:4]]
    found = horizon([*longer, *run(6, 1, 3)[4:]], GROUP, "psnr")
    assert found is not None
    assert (found.frames, found.cut) == (3, True)
    assert found.courses == horizon(run(6, 1, 3), GROUP, "psnr").courses


@pytest.mark.parametrize("records", [[], run(6, 1, 3)])
def test_what_no_record_has_is_nothing(records):
    assert horizon(records, GROUP, "lpips") is None
    assert horizon(records, "elsewhere", "psnr") is None
