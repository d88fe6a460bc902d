"""``summary.json`` against what the records give."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from harness.errors import DiptychError
from harness.provenance import code_facts, installed_packages
from harness.result import analysed, summary_facts
from harness.store.archive import file_data, has_file
from harness.store.names import SUMMARY, TRIALS
from harness.store.records import Manifest, TrialRecord
from harness.store.run_store import RunStore
from harness.types import Metric
from harness.verify.facts import Notes

SAME = 1e-9  # of a number in the summary: libraries may round another way, and nothing else
REBUILD = "rebuild it with: diptych results rebuild"
SHOWN = 3
LONGEST = 60  # characters that are shown of a value
WORDING = re.compile(r"(.*\.)?(sentence|conclusion|remark|reason|method|notes|problems)(\[\d+\])?: ")
"""Differences in what is only said: another version may word it in another way."""
# fmt: off
ALWAYS = frozenset({
    "run_id", "suite", "version", "baseline", "findings", "conclusions", "conclusion", "set_values", "finished",
    "failed", "unpaired", "seed", "notes", "trials", "problems",
    "metric", "group", "arm", "estimate", "verdict", "threshold", "primary", "arm_value", "baseline_value", "unit",
    "correlation",
    "value", "low", "high", "level", "method", "n", "clusters", "direction", "resamples", "reason",
    "word", "sentence",
})
# fmt: on
"""Keys that every version has written: a summary without one was emptied. Others may be a later version's."""
ABSENT = "absent"


def check_summary(
    store: RunStore, records: Mapping[int, TrialRecord], metrics: Mapping[str, Metric], notes: Notes
) -> None:
    """Derive the summary again and hold it against ``summary.json``."""
    if not has_file(store.path, SUMMARY):
        planned = len(store.manifest.plan.trials)
        whole = len(records) == planned
        why = f"the run is not finished ({len(records)} of {planned} trials)" if not whole else f"none; {REBUILD}"
        notes.skip("summary", why)
        return
    remedy = f"{REBUILD} {store.path}"
    try:
        stored = json.loads(file_data(store.path, SUMMARY))
        assert isinstance(stored, dict)
    except (ValueError, AssertionError, OSError, DiptychError) as error:
        notes.problem("summary", SUMMARY, f"it cannot be read ({error}); {remedy}")
        return
    told = told_trials(stored)
    if told > len(records):
        why = f"{told - len(records)} of {told} records are missing that {SUMMARY} tells of"
        notes.problem("records", TRIALS, f"{why}. Restore it from a copy, or run them: diptych resume {store.path}")
        return
    notes.count("summaries")
    try:
        again = json.loads(json.dumps(summary_facts(analysed(store, metrics))))
    except DiptychError as error:
        notes.skip("summary", f"the records cannot be analysed: {error}")
        return
    changed = sorted(value_differences(stored, again), key=lambda text: text.partition(": ")[0].count("."))
    harmless = [text for text in changed if of_another_version(text)]
    if len(harmless) == len(changed) > 0 and not same_code(store.manifest):
        why = f"its numbers and verdicts are right; {len(harmless)} of its sentences and keys are another version's"
        notes.skip("summary", f"{why}; {remedy}")
    elif changed:
        more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
        why = f"it is not what the records give: {'; '.join(changed[:SHOWN])}{more}"
        notes.problem("summary", SUMMARY, f"{why}. Restore what was changed; if it is the summary alone, {remedy}")


def told_trials(summary: Mapping[str, Any]) -> int:
    """Return how many trials a summary tells of, 0 where it does not say."""
    trials = summary.get("trials")
    counts = [trials.get(name) for name in ("finished", "failed")] if isinstance(trials, dict) else []
    return sum(number for number in counts if isinstance(number, int))


def same_code(manifest: Manifest) -> bool:
    """Tell whether the code that runs now is the one that made the run."""
    made, now = manifest.info.get("code") or {}, code_facts()
    packages = manifest.info.get("packages") or {}
    return packages.get("diptych") == installed_packages().get("diptych") and all(
        made.get(key) == now[key] for key in ("commit", "patch_sha256", "untracked")
    )


def of_another_version(difference: str) -> bool:
    """Tell whether a difference may come from another version of the code: a sentence, or a key that was added."""
    place, _, change = difference.partition(": ")
    if change.startswith(f"{ABSENT} → ") or change.endswith(f" → {ABSENT}"):
        return place.rpartition(".")[2] not in ALWAYS
    return WORDING.match(difference) is not None


def value_differences(old: Any, new: Any, place: str = "") -> list[str]:
    """Return ``place: old → new`` where two JSON values differ, :data:`ABSENT` for a key that one side lacks."""
    if isinstance(old, dict) and isinstance(new, dict):
        found = []
        for key in {**old, **new}:
            where = f"{place}.{key}" if place else key
            if key in old and key in new:
                found += value_differences(old[key], new[key], where)
            else:
                sides = [shown(side[key]) if key in side else ABSENT for side in (old, new)]
                found.append(f"{where}: {sides[0]} → {sides[1]}")
        return found
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return [text for n, (a, b) in pairs for text in value_differences(a, b, f"{place}[{n}]")]
    numbers = [isinstance(value, int | float) and not isinstance(value, bool) for value in (old, new)]
    if all(numbers) and math.isclose(old, new, rel_tol=SAME, abs_tol=SAME):
        return []
    if isinstance(old, list) and isinstance(new, list):
        return [f"{place}: {len(old)} → {len(new)} entries"]
    return [] if old == new else [f"{place}: {old!r} → {new!r}"]


def shown(value: Any) -> str:
    """Return a value as text, a long one by its beginning."""
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
