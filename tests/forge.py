"""Records changed as by a hand that mends the checksum: what else then notices is what these tests are about."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harness.store.lines import checksum

TRIALS = "trials.jsonl"


def read_lines(run: Path) -> list[dict[str, Any]]:
    """Return what the lines of a run's ``trials.jsonl`` hold, without their checksums."""
    lines = [json.loads(line) for line in (run / TRIALS).read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "checksum"} for line in lines]


def forged(line: Mapping[str, Any]) -> str:
    """Return a line with the checksum that fits it."""
    text = json.dumps(line)
    return f'{text[:-1]},"checksum":"{checksum(text.encode()).decode()}"}}\n'


def write_lines(run: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Write ``trials.jsonl`` anew."""
    (run / TRIALS).write_text("".join(map(forged, lines)))
