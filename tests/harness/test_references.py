"""A true continuation's features are kept once a block, and are there for every arm when records are read."""

from __future__ import annotations

import json

from harness.store.records import BlockKey, FeatureRows, TrialRecord
from harness.store.references import with_references, without_repeated_references

BLOCK = BlockKey(group="g", case="c", repetition=0)


def record(
    index: int, reference: list[float], *, truth: str = "t", block: BlockKey = BLOCK, session: int = 0
) -> TrialRecord:
    return TrialRecord(
        index=index,
        block=block,
        arm=f"arm{index}",
        seed=1,
        session=session,
        status="finished",
        started_at="",
        hashes={"reference": truth},
        features={"space": FeatureRows(generated=[float(index)], reference=reference)},
    )


def test_equal_rows_are_left_out_and_come_back() -> None:
    first, second = record(0, [1.0, 2.0]), record(1, [1.0, 2.0])
    kept = without_repeated_references(second, [first])
    assert kept.features["space"] == FeatureRows(generated=[1.0], reference=[])
    assert with_references([first, kept]) == [first, second]
    assert with_references([kept, first]) == [second, first]  # whichever comes first in the plan
    assert without_repeated_references(first, []) == first


def test_other_rows_stay() -> None:
    first, second = record(0, [1.0, 2.0]), record(1, [1.0, 2.5])
    assert without_repeated_references(second, [first]) == second


def test_nothing_is_taken_from_another_block_or_another_truth() -> None:
    first = record(0, [1.0, 2.0])
    elsewhere = record(1, [], block=BlockKey(group="g", case="d", repetition=0))
    other = record(2, [], truth="another")
    assert with_references([first, elsewhere, other]) == [first, elsewhere, other]
    assert json.loads(elsewhere.model_dump_json())["features"]["space"]["reference"] == []


def test_rows_of_another_session_are_neither_left_out_against_nor_filled_in() -> None:
    """A resumed run may be in another context, where a row differs in its last digits."""
    before, after = record(0, [1.0]), record(5, [1.0000001], session=1)
    later = record(7, [1.0000001], session=1)
    kept = without_repeated_references(later, [before, after])
    assert kept.features["space"].reference == []
    assert with_references([before, after, kept]) == [before, after, later]
    same = record(8, [1.0], session=1)
    assert without_repeated_references(same, [before]) == same
