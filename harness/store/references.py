"""The features of a true continuation are kept once a block: all its arms are judged by the same one.

A row of 2048 numbers takes 40 kB as text, and a block may have twenty arms. The first record of a block that has a row
keeps it; what is equal in later ones is left out of their lines, and filled in again when they are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.store.records import BlockKey, TrialRecord

Key = tuple[BlockKey, int, str, str]


def without_repeated_references(record: TrialRecord, halves: Iterable[TrialRecord]) -> TrialRecord:
    """Leave out the reference rows that another record of the block, of the same session, keeps already."""
    kept: dict[Key, list[float]] = {}
    for half in halves:
        for name, rows in half.features.items():
            if rows.reference:
                kept.setdefault(_key(half, name), rows.reference)
    own = {name: rows.reference for name, rows in record.features.items() if rows.reference}
    repeated = {name for name, row in own.items() if kept.get(_key(record, name)) == row}
    features = {
        name: rows.model_copy(update={"reference": []}) if name in repeated else rows
        for name, rows in record.features.items()
    }
    return record.model_copy(update={"features": features})


def with_references(records: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Fill in what :func:`without_repeated_references` left out, from a record with the same true continuation."""
    kept: dict[Key, list[float]] = {}
    for record in records:
        for name, rows in record.features.items():
            if rows.reference:
                kept.setdefault(_key(record, name), rows.reference)
    return [_filled(record, kept) for record in records]


def _filled(record: TrialRecord, kept: dict[Key, list[float]]) -> TrialRecord:
    lacking = {
        name: reference
        for name, rows in record.features.items()
        if not rows.reference and (reference := kept.get(_key(record, name))) is not None
    }
    if not lacking:
        return record
    features = {
        name: rows.model_copy(update={"reference": lacking[name]}) if name in lacking else rows
        for name, rows in record.features.items()
    }
    return record.model_copy(update={"features": features})


def _key(record: TrialRecord, space: str) -> Key:
    # of one session: another may run in another context, where features differ in their last digits
    return record.block, record.session, record.hashes.get("reference", ""), space
