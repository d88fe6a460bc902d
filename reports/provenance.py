"""Where a run's numbers come from: command, code, seeds, machine, packages."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from reports.reading import Reading
from reports.tables import Cell, Column, Table
from reports.wording import count


def run_facts(reading: Reading) -> Iterator[tuple[str, str]]:
    """Yield what identifies a run, as (term, value)."""
    m = reading.manifest
    yield "Run", m.run_id
    yield "Command", shlex.join(m.argv) if m.argv else "not recorded"
    yield "Code", _code(m.info.get("code"))
    yield "Started", m.created_at
    yield "Suite", f"{m.suite.name}, version {m.suite.version}, scale {m.plan.scale}"
    yield "Schema version", str(m.schema_version)
    yield "Seed", f"{m.plan.seed}; order of arms {m.plan.order_seed}"
    yield "Device", "not known: imported" if m.imported else f"{m.device}, {count(m.threads, 'thread')}"
    yield (
        "Trials",
        (
            f"{len(m.plan.trials)} planned, {reading.analysis.finished} finished, {reading.analysis.failed} failed, "
            f"{reading.analysis.unpaired} unpaired"
        ),
    )
    yield "Comparability key", m.comparability_key
    yield "Records", f"{m.suite.name}/{m.run_id}/trials.jsonl"


def _code(code: Any) -> str:
    """Commit and whether the tree was changed, or why neither is known."""
    if not isinstance(code, Mapping) or not code.get("commit"):
        reason = code.get("reason") if isinstance(code, Mapping) else None
        return f"commit unknown: {reason or 'not recorded'}"
    patch = code.get("patch_sha256")
    changed = f", changed since (patch {patch})" if patch else ", changed since (new files)"
    return f"commit {code['commit']}{changed if code.get('dirty') else ', clean'}"


def shown_info(info: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is said elsewhere, and the text of a patch, which stays in the manifest."""
    code = info.get("code")
    rest = {k: v for k, v in info.items() if k not in ("argv", "code")}
    if isinstance(code, Mapping):
        rest["code"] = {k: v for k, v in code.items() if k not in ("patch", "patch_sha256", "commit", "dirty") and v}
    return rest


def without_packages(facts: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split facts into the rest and the versions of packages, which are many and are folded."""
    rest = {k: v for k, v in facts.items() if k != "packages"}
    packages = facts.get("packages", {})
    return rest, dict(packages) if isinstance(packages, Mapping) else {"packages": packages}


def _flat(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key in sorted(facts):
        value = facts[key]
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key} · ")
        else:
            text = (
                value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
            )
            yield f"{prefix}{key}", text


def facts_table(title: str, facts: Mapping[str, Any]) -> Table:
    """Write nested facts as a table, the names of a nested fact joined by a middle dot."""
    rows = tuple((Cell(k), Cell(v)) for k, v in _flat(facts))
    return Table(title, "", (Column("Fact"), Column("Value")), rows)
