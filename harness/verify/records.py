"""The lines of ``trials.jsonl``, one by one: readable, finite, planned, said once, matched, and true to themselves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from harness.declaration import judged_metrics
from harness.errors import DiptychError, NoValueError, RejectedError
from harness.metrics.by_frame import mean_of_frames
from harness.stats.pairing import mismatch
from harness.store.archive import trials_data
from harness.store.lines import line_facts, parse_line, sound_length
from harness.store.names import TRIALS
from harness.store.records import BlockKey, Manifest, PlannedTrial, TrialRecord
from harness.store.references import with_references
from harness.store.sessions import read_sessions
from harness.trial import check_hashes
from harness.types import Made, Metric
from harness.verify.facts import Notes

TOLERANCE = 1e-12  # of a value that is computed again: only the order of operations may have changed
NON_FINITE = (b"NaN", b"Infinity")


def check_lines(folder: Path, manifest: Manifest, notes: Notes) -> dict[int, TrialRecord]:
    """Read every line, note what is wrong with it, and return the records that count, by index."""
    data = trials_data(folder)
    good = sound_length(data)
    lines = data[:good].split(b"\n")
    if good < len(data):
        number = data[:good].count(b"\n") + 1
        notes.problem("line", f"{TRIALS}:{number}", f"the last line is torn or corrupt ({len(data) - good} bytes)")
    sessions = known_sessions(folder, notes)
    found: dict[int, tuple[int, TrialRecord]] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{TRIALS}:{number}"
        notes.count("lines")
        try:
            record = parse_line(line, where)
        except DiptychError as error:
            notes.problem("line", where, str(error))
            continue
        if any(word in line for word in NON_FINITE):
            for place in non_finite(line_facts(line, where)):
                notes.problem("line", where, f"{place} is NaN or infinite; no trial with one is ever recorded")
        if record.session > sessions:
            notes.problem("session", where, f"made by session {record.session}, which sessions.jsonl does not have")
        if check_planned(record, manifest.plan.trials, where, notes):
            admit(record, number, found, notes)
    notes.count("records", len(found))
    whole = with_references([record for _, (_, record) in sorted(found.items())])
    return {record.index: record for record in whole}


def known_sessions(folder: Path, notes: Notes) -> float:
    """Return the number of the last session that the run tells of."""
    try:
        return len(read_sessions(folder))
    except DiptychError as error:
        notes.problem("session", "sessions.jsonl", str(error))
        return math.inf


def non_finite(facts: Any, place: str = "") -> Iterator[str]:
    """Yield the places (dotted keys) of every number that is not finite."""
    if isinstance(facts, float) and not math.isfinite(facts):
        yield place
    items = facts.items() if isinstance(facts, dict) else enumerate(facts) if isinstance(facts, list) else ()
    for key, value in items:
        yield from non_finite(value, f"{place}.{key}" if place else str(key))


def check_planned(record: TrialRecord, planned: tuple[PlannedTrial, ...], where: str, notes: Notes) -> bool:
    """Note where a record is not the trial that was planned; return whether it is."""
    if record.index >= len(planned):
        notes.problem("plan", where, f"trial {record.index} is not in the plan, which has {len(planned)} trials")
        return False
    expected = planned[record.index]
    named = {
        "seed": (record.seed, expected.seed),
        "arm": (record.arm, expected.arm),
        "block": (tuple(record.block.model_dump().values()), tuple(expected.block.model_dump().values())),
    }
    differing = [
        f"{name} {mine!r} is not the planned {theirs!r}" for name, (mine, theirs) in named.items() if mine != theirs
    ]
    if differing:
        notes.problem("plan", where, f"trial {record.index}: {'; '.join(differing)}")
    return not differing


def admit(record: TrialRecord, number: int, found: dict[int, tuple[int, TrialRecord]], notes: Notes) -> None:
    """Keep a record by the rule of the store: a later one replaces a failure, and nothing else."""
    old = found.get(record.index)
    if old is not None and old[1].status == "finished":
        why = f"trial {record.index} is finished in line {old[0]} already; this line is ignored everywhere"
        notes.problem("duplicate", f"{TRIALS}:{number}", why)
        return
    found[record.index] = (number, record)


def check_pairs(records: Mapping[int, TrialRecord], manifest: Manifest, notes: Notes) -> None:
    """Prove again, by the run's own rule, that the finished halves of every block met the same things."""
    if manifest.imported:
        check_imported_pairs(records, notes)
        return
    arms = {arm.name: arm for arm in manifest.suite.arms}
    met: dict[Any, list[TrialRecord]] = {}
    for index, record in records.items():
        if record.status != "finished" or record.arm not in arms:
            continue
        halves = met.setdefault(record.block, [])
        trial = manifest.plan.trials[index]
        deterministic = bool(record.info.get("deterministic"))
        try:
            check_hashes(record.hashes, trial, arms[record.arm], halves, arms, deterministic=deterministic)
        except RejectedError as error:
            notes.problem("pair", name_of(record), str(error))
        halves.append(record)
        notes.count("pairs", int(len(halves) > 1))


def check_imported_pairs(records: Mapping[int, TrialRecord], notes: Notes) -> None:
    """Note every finished trial of an imported run without a prompt's hash, or with another than its block's first."""
    met: dict[BlockKey, TrialRecord] = {}
    for record in records.values():
        if record.status != "finished":
            continue
        first = met.setdefault(record.block, record)
        why = mismatch(first, record) if record.hashes.get("prompt") else "prompt"
        if why is not None:
            said = f"its {why} is not that of {first.arm} in the same block, or not known"
            notes.problem("pair", name_of(record), said)
        notes.count("pairs", int(first is not record))


def check_complete(
    records: Mapping[int, TrialRecord], manifest: Manifest, metrics: Mapping[str, Metric], notes: Notes
) -> None:
    """Note every finished trial without one of the suite's metrics, or with no quality where its twin has one.

    A record holds every judged metric, null where it does not apply. Whether quality applies is a matter of case and
    maker (a true continuation, frames large enough), not of what came out: where one half of a block has a value,
    every other half that the same maker made has one.
    """
    makers = {arm.name: arm.maker for arm in manifest.suite.arms}
    told = {name for name, metric in metrics.items() if metric.told}  # another tool leaves out what it pleases
    names = [name for name in judged_metrics(manifest.suite) if name not in {*told, *manifest.absent_metrics}]
    finished = [record for record in records.values() if record.status == "finished"]
    valued: dict[tuple[BlockKey, str | None, str], str] = {}
    for record in finished:
        for name, value in record.values.items():
            if value is not None:
                valued.setdefault((record.block, makers.get(record.arm), name), record.arm)
    for record in finished:
        absent = [name for name in names if name not in record.values]
        if absent:
            why = f"it is finished and has no {' and no '.join(absent)}; each is recorded, null where it does not apply"
            notes.problem("value", name_of(record), why)
        for name in names:
            metric = metrics.get(name)
            twin = valued.get((record.block, makers.get(record.arm), name))
            if metric is not None and metric.quality and name in record.values and record.values[name] is None and twin:
                why = f"{name} is null, but {twin}, of the same block and maker, has a value"
                notes.problem("value", name_of(record), why)


class NeedsMoreError(Exception):
    """A metric looks at something that a record does not keep."""


class Remembered:
    """A :class:`harness.types.Made` as far as its record tells it; anything else raises :class:`NeedsMoreError`.

    What else is known of it, such as its kept video, is given by keyword.
    """

    KEPT = (
        "seconds",
        "first_call_seconds",
        "prefill_seconds",
        "peak_memory_bytes",
        "energy_joules",
        "counts",
        "hashes",
    )

    def __init__(self, record: TrialRecord, **known: Any) -> None:
        self._record = record
        self.__dict__.update(known)

    def __getattr__(self, name: str) -> Any:
        if name in self.KEPT:
            return getattr(self._record, name)
        raise NeedsMoreError(name)


def check_values(
    records: Mapping[int, TrialRecord], manifest: Manifest, metrics: Mapping[str, Metric], notes: Notes
) -> None:
    """Compute again every value that follows from the record alone: rates, means over frames, counts, memory."""
    random = {case.name for case in manifest.suite.scales[manifest.plan.scale].cases if case.speed_only}
    for record in records.values():
        if record.status != "finished":
            continue
        for name, value in record.values.items():
            metric = metrics.get(name)
            if metric is None or (metric.quality and record.block.case in random):
                continue
            frames = record.frame_values.get(name)
            if frames and not same_number(value, mean_of_frames(frames)):
                why = f"{name} is {value}, but the mean of its {len(frames)} frames is {mean_of_frames(frames)}"
                notes.problem("value", name_of(record), why)
            try:
                if metric.combine is None:
                    again = metric.compute(cast(Made, Remembered(record)))
                else:
                    again = metric.combine(record.values)
            except NeedsMoreError:
                continue
            except NoValueError:
                again = None
            notes.count("values")
            if not same_number(value, again):
                why = f"{name} is {value}, but its durations and counts give {again}"
                notes.problem("value", name_of(record), why)


def same_number(one: float | None, other: float | None) -> bool:
    """Tell whether two values are one, up to rounding."""
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=0.0)


def name_of(record: TrialRecord) -> str:
    """Return how a reader finds a trial."""
    return f"trial {record.index} ({record.block.case}, repetition {record.block.repetition}, {record.arm})"
