"""From bytes to manifests and records, and back: torn ends, damaged lines, older versions (:mod:`.migrations`).

A record's line ends in a checksum of all before it: JSON alone would not notice a digit that the disk has changed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError, from_json, to_json

from harness.errors import DiptychError
from harness.store.migrations import RESTORE, migrated
from harness.store.records import SCHEMA_VERSION, Manifest, TrialRecord
from harness.types import Data

TAIL_BYTES = 1 << 16
MEND_LINE = "Restore the file from a copy, or delete that line: its trial is then run again by diptych resume."
STARTS_CURRENT = re.compile(rb'\s*\{\s*"schema_version"\s*:\s*%d\s*[,}]' % SCHEMA_VERSION)


CHECKSUM = re.compile(rb',"checksum":"([0-9a-f]{16})"\}\s*$')


def checksum(text: bytes) -> bytes:
    """Return the first 16 hexadecimal digits of the SHA-256 of a record's JSON without its checksum."""
    return hashlib.sha256(text).hexdigest()[:16].encode()


def format_line(record: TrialRecord) -> bytes:
    """Return the line of ``trials.jsonl`` that holds ``record``, its checksum and the newline included.

    Raises:
        DiptychError: Something in it is no JSON; it is named.
    """
    where = f"trial {record.index} ({record.block.case}, repetition {record.block.repetition}, {record.arm})"
    text = as_json(record, where)
    return text[:-1] + b',"checksum":"%s"}\n' % checksum(text)


def format_manifest(manifest: Manifest) -> bytes:
    """Return the content of ``manifest.json``.

    Raises:
        DiptychError: Something in it is no JSON; it is named.
    """
    return as_json(manifest, f"the manifest of run {manifest.run_id}", indent=1) + b"\n"


def as_json(facts: Data, where: str, indent: int | None = None) -> bytes:
    """Return ``facts`` as JSON; ``where`` is what they are.

    Raises:
        DiptychError: A value is none that JSON can hold (an array, a text that is no Unicode); it is named.
    """
    try:
        return facts.model_dump_json(indent=indent).encode()
    except (PydanticSerializationError, ValueError, TypeError, RecursionError) as error:
        place, value = unwritable(dict(facts), "")
        what = "" if value is None else f", a {type(value).__name__},"
        raise DiptychError(
            f"{where} cannot be written: {place or 'a value'}{what} is no JSON ({str(error).splitlines()[0]})."
        ) from error


def unwritable(value: Any, place: str) -> tuple[str, Any]:
    """Return the dotted key of the innermost value that cannot become JSON, and that value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    for key, item in dict(value).items() if isinstance(value, Data) else inside:
        try:
            to_json(item, inf_nan_mode="constants")
        except (PydanticSerializationError, ValueError, TypeError, RecursionError):
            return unwritable(item, f"{place}.{key}" if place else str(key))
    return place, value


def without_checksum(line: bytes, where: str) -> bytes:
    """Return a line's JSON without its checksum, which is checked; a line that has none is returned as it is.

    Raises:
        DiptychError: The line is not what was written.
    """
    found = CHECKSUM.search(line)
    if found is None:  # version 1, or written by hand
        return line
    text = line[: found.start()] + b"}"
    if checksum(text) != found.group(1):
        raise damaged_line(where, "its checksum does not fit, so something in it was changed after it was written")
    return text


def sound_length(data: bytes) -> int:
    """Return how many bytes of ``trials.jsonl`` are left when a torn or corrupt *last* line is taken off."""
    end = data.rfind(b"\n") + 1
    if end < len(data):  # the last line has no newline: its write did not finish
        return end
    body = data.rstrip(b"\n")
    start = body.rfind(b"\n") + 1
    try:
        json.loads(body[start:] or b"{}")
    except ValueError:
        return start
    return end


def sound_end(descriptor: int) -> tuple[int, bytes]:
    """Return :func:`sound_length` of an open file and the bytes after it, reading no more than the last lines."""
    size = os.fstat(descriptor).st_size
    wanted = TAIL_BYTES
    while True:
        start = max(0, size - wanted)
        tail = os.pread(descriptor, size - start, start)
        # A whole line before the last one shows where the last one begins.
        complete = start == 0 or tail.rstrip(b"\n").count(b"\n") > 0
        if complete:
            good = sound_length(tail)
            if start == 0 or good > 0:
                return start + good, tail[good:]
        wanted *= 4


def parse_manifest(data: bytes, where: str) -> Manifest:
    """Return the manifest that ``data`` holds, migrated; ``where`` is its file.

    Raises:
        DiptychError: It is damaged, or a newer version wrote it.
    """
    try:
        return Manifest.model_validate(manifest_facts(data, where))
    except ValidationError as error:
        raise DiptychError(f"{where} is damaged: {first_line(error)}. {RESTORE}") from error


def manifest_facts(data: bytes, where: str) -> dict[str, Any]:
    """Return what a manifest holds, migrated but not validated; ``where`` is its file.

    Raises:
        DiptychError: It is no JSON object, has no version or a nonsensical one, or a newer version wrote it.
    """
    try:
        facts = from_json(data)
    except ValueError as error:
        raise DiptychError(f"{where} is damaged: {error}. {RESTORE}") from error
    return migrated(facts, "manifest", where)


def parse_line(line: bytes, where: str) -> TrialRecord:
    """Return the record of one line, migrated; ``where`` is ``file:number``.

    Raises:
        DiptychError: The line is damaged, or a newer version wrote it.
    """
    line = without_checksum(line, where)
    try:
        if STARTS_CURRENT.match(line):  # read in one go, without building dictionaries first: three times as fast
            record = TrialRecord.model_validate_json(line)
            if record.schema_version == SCHEMA_VERSION:  # JSON may name a key twice
                return record
        return TrialRecord.model_validate(line_facts(line, where))
    except ValidationError as error:
        raise damaged_line(where, first_line(error)) from error


def line_facts(line: bytes, where: str) -> dict[str, Any]:
    """Return what one line holds, migrated but not validated; ``where`` is ``file:number``.

    Raises:
        DiptychError: It is no JSON object, has no version or a nonsensical one, or a newer version wrote it.
    """
    try:
        facts = from_json(line)
    except ValueError as error:
        raise damaged_line(where, str(error)) from error
    return migrated(facts, "record", where, MEND_LINE)


def damaged_line(where: str, why: str) -> DiptychError:
    """Return the error for a line that cannot be read."""
    return DiptychError(f"{where} is damaged: {why}. {MEND_LINE}")


def first_line(error: ValidationError) -> str:
    """Say the first thing that is wrong, in one line."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place + ': ' if place else ''}{first['msg']}"
