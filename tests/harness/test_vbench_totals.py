"""VBench's totals: the golden row, an independent formula, and laws."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import DiptychError, UsageError
from harness.vbench.dimensions import DIMENSIONS, QUALITY, SEMANTIC, TABLE
from harness.vbench.totals import totals
from tests.harness.vbench_cases import BOUNDS, NAMES, VC2_PERCENT, fractions

VALUES = st.fixed_dictionaries({name: st.floats(0, 1) for name in NAMES})


def by_hand(values: dict[str, float]) -> tuple[float, float, float]:
    """The formula once more, from constants typed again."""
    parts: dict[str, list[float]] = {"Q": [], "S": []}
    for name, (low, high, weight, part) in BOUNDS.items():
        parts[part].append(weight * (values[name] - low) / (high - low))
    quality, semantic = sum(parts["Q"]) / 6.5, sum(parts["S"]) / 9
    return 100 * quality, 100 * semantic, 100 * (4 * quality + semantic) / 5


def test_the_table_is_that_of_the_paper_notes():
    assert {d.name: (d.minimum, d.maximum, d.weight, d.part[0].upper()) for d in TABLE} == BOUNDS
    assert (len(QUALITY), len(SEMANTIC)) == (7, 9)
    assert all(d.measured_by for d in TABLE)


def test_videocrafter2_has_the_totals_of_the_leaderboard():
    found = totals(fractions(VC2_PERCENT))
    assert (round(found.quality, 2), round(found.semantic, 2), round(found.total, 2)) == (82.20, 73.42, 80.44)
    assert (round(found.quality, 3), round(found.semantic, 3), round(found.total, 3)) == (82.197, 73.418, 80.441)
    assert (found.missing, found.reason) == ((), None)


@given(VALUES)
def test_totals_are_those_of_an_independent_formula(values):
    found = totals(values)
    assert (found.quality, found.semantic, found.total) == pytest.approx(by_hand(values), abs=1e-9)


@given(st.floats(0, 1))
def test_a_share_of_every_range_is_that_share_of_every_total(share):
    found = totals({d.name: d.minimum + share * (d.maximum - d.minimum) for d in TABLE})
    assert (found.quality, found.semantic, found.total) == pytest.approx((100 * share,) * 3, abs=1e-9)


@given(VALUES, st.sampled_from(NAMES), st.floats(0, 1))
def test_one_dimension_moves_its_own_part_and_by_its_weight(values, name, value):
    low, high, weight, part = BOUNDS[name]
    before, after = totals(values), totals({**values, name: value})
    change = 100 * weight * (value - values[name]) / (high - low) / {"Q": 6.5, "S": 9.0}[part]
    moved, still = ("quality", "semantic") if part == "Q" else ("semantic", "quality")
    assert getattr(after, moved) - getattr(before, moved) == pytest.approx(change, abs=1e-9)
    assert getattr(after, still) == getattr(before, still)
    assert after.total - before.total == pytest.approx(change * {"Q": 0.8, "S": 0.2}[part], abs=1e-9)


@given(VALUES, st.sets(st.sampled_from(NAMES), min_size=1))
def test_what_lacks_a_dimension_is_absent_and_says_which(values, gone):
    whole, found = totals(values), totals({name: value for name, value in values.items() if name not in gone})
    assert found.total is None
    assert found.quality == (None if gone & set(QUALITY) else whole.quality)
    assert found.semantic == (None if gone & set(SEMANTIC) else whole.semantic)
    assert found.missing == tuple(name for name in NAMES if name in gone)
    assert all(name in found.reason for name in gone)
    assert "puts 0 there" in found.reason


def test_the_zero_that_vbench_puts_is_told_with_what_it_does():
    """VBench's own script would take 242 % of a dimension, 0.8/6.5 of it from Total, for a file that is not there."""
    values = fractions(VC2_PERCENT)
    del values["motion_smoothness"]
    assert "-242 % for motion_smoothness" in totals(values).reason
    assert totals({**values, "motion_smoothness": 0.0}).total < totals(fractions(VC2_PERCENT)).total - 40


@given(VALUES, st.permutations(NAMES))
def test_neither_order_nor_spelling_matters(values, order):
    spoken = {name.replace("_", " ").title(): values[name] for name in order}
    assert totals(spoken) == totals(values)


@given(st.sampled_from(NAMES), st.sampled_from([math.nan, math.inf, -math.inf, 1.01, 96.85, -1.5]))
def test_what_cannot_be_is_refused_by_its_name(name, value):
    with pytest.raises(DiptychError, match=name):
        totals({name: value})


def test_cosines_may_be_negative_and_other_dimensions_not():
    assert totals({"overall_consistency": -0.02}).missing
    assert DIMENSIONS["overall_consistency"].normalised(-0.02) < 0
    with pytest.raises(DiptychError, match=r"color is -0\.02, outside of 0 to 1"):
        totals({"color": -0.02})


def test_a_mean_of_ones_that_rounds_up_is_one():
    assert totals({"color": 1 + 1e-12}).missing


def test_unknown_dimensions_are_refused_with_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'subject_consistency'"):
        totals({"subject_consistancy": 0.9})
    with pytest.raises(DiptychError, match="VBench-I2V"):
        totals({"i2v_subject": 0.9})
