"""A run in a few numbers, read fast: how its trials ended, and count, mean and spread of each metric of each arm.

Only the keys that are needed are built, which takes a sixth of the time that whole records take; which records count is
decided by the rules of :meth:`harness.store.run_store.RunStore.records`.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from harness.errors import DiptychError
from harness.store.archive import file_data, is_packed, trials_data
from harness.store.lines import damaged_line, first_line, line_facts, manifest_facts, parse_manifest, sound_length
from harness.store.migrations import RESTORE
from harness.store.names import MANIFEST, TRIALS
from harness.store.records import SCHEMA_VERSION


class Block(TypedDict):
    """What of a block is looked at."""

    group: str


class Trial(TypedDict):
    """What of a planned trial is looked at."""

    arm: str
    seed: int
    block: Block


class PlanHead(TypedDict):
    """What of a plan is looked at."""

    scale: str
    trials: list[Trial]


class SuiteHead(TypedDict):
    """What of a suite is looked at."""

    name: str
    version: int


class Head(TypedDict):
    """What of a manifest is looked at."""

    schema_version: int
    run_id: str
    suite: SuiteHead
    plan: PlanHead
    device: str
    created_at: str


class Row(TypedDict):
    """What of a record is looked at."""

    schema_version: int
    index: int
    arm: str
    seed: int
    status: str
    values: dict[str, float | None]


HEAD: TypeAdapter[Head] = TypeAdapter(Head)
ROW: TypeAdapter[Row] = TypeAdapter(Row)


AGGREGATE = ("group", "arm", "metric", "n", "mean", "sd", "geometric_mean")
"""One metric of one arm in one group, over the finished trials of a run: number of trials with a value, their mean,
their standard deviation (n - 1; None for one), exp of their mean logarithm (None where a value is not positive)."""


class Scan(TypedDict):
    """What is told of a run without analysing it; JSON as it stands, because an index holds thousands."""

    run_id: str
    suite: str
    version: int
    scale: str
    device: str
    created_at: str
    planned: int
    finished: int
    failed: int
    aggregates: list[tuple[str, str, str, int, float, float | None, float | None]]


def read_head(data: bytes, where: str) -> Head:
    """Return the needed keys of a manifest; ``where`` is its file.

    Raises:
        DiptychError: It is damaged, or a newer version wrote it.
    """
    try:
        head = HEAD.validate_json(data)
        # no step has changed these keys so far, but a later one may: old manifests take the long way
        return head if head["schema_version"] == SCHEMA_VERSION else HEAD.validate_python(manifest_facts(data, where))
    except ValidationError as error:
        parse_manifest(data, where)  # says it better
        raise DiptychError(f"{where} is damaged: {first_line(error)}. {RESTORE}") from error


def read_rows(folder: Path) -> list[Row]:
    """Return the needed keys of every line of a run's records but a torn last one; none where there are no records.

    Raises:
        DiptychError: A line in the middle is damaged, or a newer version wrote it.
        OSError: The file cannot be read.
    """
    file = folder / TRIALS
    validate = ROW.validator.validate_json
    try:
        if is_packed(folder) or not file.exists():
            return [read_row(line, f"{file}:{n}") for n, line in enumerate(trials_data(folder).split(b"\n"), 1) if line]
        with file.open("rb", buffering=1 << 16) as opened:  # line by line: the whole file at once is copied thrice
            rows: list[Row] = [validate(line) for line in opened]
            opened.seek(max(0, opened.tell() - 1))
            if opened.read(1) in (b"", b"\n") and all(row["schema_version"] == SCHEMA_VERSION for row in rows):
                return rows
    except ValidationError:
        pass  # an old line, an empty one, or a bad one: once more, with care
    data = file.read_bytes()
    lines = data[: sound_length(data)].split(b"\n")
    return [read_row(line, f"{file}:{number}") for number, line in enumerate(lines, 1) if line.strip()]


def read_row(line: bytes, where: str) -> Row:
    """Return the needed keys of one line, migrated; ``where`` is ``file:number``.

    Raises:
        DiptychError: The line is damaged, or a newer version wrote it.
    """
    try:
        row = ROW.validate_json(line)
        return row if row["schema_version"] == SCHEMA_VERSION else ROW.validate_python(line_facts(line, where))
    except ValidationError as error:
        line_facts(line, where)  # a missing or newer version says more than a missing key
        raise damaged_line(where, first_line(error)) from error


def scan(folder: Path) -> Scan:
    """Read the run in ``folder``.

    Raises:
        DiptychError: Its manifest or a line in the middle is damaged, or a newer version wrote it.
    """
    try:
        head = read_head(file_data(folder, MANIFEST), str(folder / MANIFEST))
        read = read_rows(folder)
    except OSError as error:
        raise DiptychError(f"{folder} cannot be read: {error.strerror}.") from error
    planned = head["plan"]["trials"]
    counted = admitted(planned, read)
    finished = [row for row in counted.values() if row["status"] == "finished"]
    return Scan(
        run_id=head["run_id"],
        suite=head["suite"]["name"],
        version=head["suite"]["version"],
        scale=head["plan"]["scale"],
        device=head["device"],
        created_at=head["created_at"],
        planned=len(planned),
        finished=len(finished),
        failed=len(counted) - len(finished),
        aggregates=aggregates(planned, finished),
    )


def admitted(planned: list[Trial], rows: list[Row]) -> dict[int, Row]:
    """Return one row per planned trial: the first finished one, or the last failure."""
    found: dict[int, Row] = {}
    for row in rows:
        index = row["index"]
        if not 0 <= index < len(planned):
            continue
        expected = planned[index]
        if row["arm"] != expected["arm"] or row["seed"] != expected["seed"]:
            continue
        old = found.get(index)
        if old is None or old["status"] != "finished":
            found[index] = row
    return found


def aggregates(
    planned: list[Trial], finished: list[Row]
) -> list[tuple[str, str, str, int, float, float | None, float | None]]:
    """Return one row of :data:`AGGREGATE` for every metric of every arm in every group."""
    arms: dict[tuple[str, str], list[dict[str, float | None]]] = {}
    for row in finished:
        arms.setdefault((planned[row["index"]]["block"]["group"], row["arm"]), []).append(row["values"])
    found = []
    for (group, arm), trials in sorted(arms.items()):
        for metric in dict.fromkeys(name for values in trials for name in values):
            column = [value for values in trials if (value := values.get(metric)) is not None]
            if column:
                found.append((group, arm, metric, len(column), *numbers(np.array(column))))
    return found


def numbers(column: NDArray[np.float64]) -> tuple[float, float | None, float | None]:
    """Return mean, standard deviation (n - 1) and geometric mean of a column of at least one value."""
    n = len(column)
    mean = float(column.sum()) / n
    away = column - mean
    sd = math.sqrt(float(away @ away) / (n - 1)) if n > 1 else None
    geometric = math.exp(float(np.log(column).sum()) / n) if column.min() > 0 else None
    return mean, sd, geometric
