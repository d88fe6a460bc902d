"""The files of a run against each other: plan, key, patch, videos, weights, summary."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from harness.errors import DiptychError
from harness.plan import make_plan
from harness.provenance import code_facts, comparability_key, installed_packages
from harness.result import analysed, summary_facts
from harness.store.cleaning import is_baseline
from harness.store.records import Manifest, TrialRecord
from harness.store.run_store import RunStore
from harness.store.video import load_video
from harness.trial import trial_hashes
from harness.types import Made, Metric
from harness.verify.facts import Notes
from harness.verify.records import name_of

SUMMARY, SAMPLES, MANIFEST = "summary.json", "samples", "manifest.json"
SAME = 1e-9  # of a number in the summary: libraries may round another way, and nothing else
REBUILD = "rebuild it with: diptych results rebuild"
SHOWN = 3
TOLD = 25  # videos from one line of progress to the next
WORDING = re.compile(r"(.*\.)?(sentence|conclusion|remark|reason|method|notes|problems)(\[\d+\])?: ")
"""Differences in what is only said: another version may word it in another way."""


def check_plan(manifest: Manifest, notes: Notes) -> None:
    """Plan the run again from its declaration and its seed."""
    plan = manifest.plan
    notes.count("planned trials", len(plan.trials))
    try:
        again = make_plan(manifest.suite, plan.scale, plan.seed, plan.arms)
    except DiptychError as error:
        notes.problem("plan", MANIFEST, f"suite and seed give no plan: {error}")
        return
    for name in ("suite", "version", "order_seed"):
        mine, theirs = getattr(plan, name), getattr(again, name)
        if mine != theirs:
            notes.problem("plan", MANIFEST, f"the plan's {name} is {mine!r}; suite and seed give {theirs!r}")
    if len(plan.trials) != len(again.trials):
        why = f"the plan has {len(plan.trials)} trials; suite and seed give {len(again.trials)}"
        notes.problem("plan", MANIFEST, why)
    differing = [n for n, (mine, theirs) in enumerate(zip(plan.trials, again.trials, strict=False)) if mine != theirs]
    if differing:
        first = differing[0]
        why = f"{len(differing)} planned trials are not those of suite and seed; the first is {first}: "
        notes.problem("plan", MANIFEST, f"{why}{plan.trials[first]} instead of {again.trials[first]}")


def check_key(manifest: Manifest, notes: Notes) -> None:
    """Compute the comparability key again."""
    notes.count("keys")
    again = comparability_key(manifest.suite, manifest.plan, manifest.context)
    if again != manifest.comparability_key:
        why = f"the comparability key is {manifest.comparability_key}; case and context give {again}"
        notes.problem("key", MANIFEST, why)


def check_patch(manifest: Manifest, notes: Notes) -> None:
    """Hash the patch of uncommitted changes again."""
    code = manifest.info.get("code") or {}
    patch, recorded = code.get("patch"), code.get("patch_sha256")
    if not patch:
        if recorded:
            notes.skip("patch", "only the hash of the patch was kept")
        return
    if "\ufffd" in patch:
        notes.skip("patch", "the patch held bytes that are no UTF-8, which its text does not keep")
        return
    notes.count("patches")
    found = hashlib.sha256(patch.encode()).hexdigest()
    if found != recorded:
        notes.problem("patch", MANIFEST, f"the patch has SHA-256 {found}, recorded is {recorded}")


def check_videos(folder: Path, records: Mapping[int, TrialRecord], notes: Notes, tell: Callable[[str], None]) -> None:
    """Decode every kept video and hash its frames, and hold references against their trial's hash."""
    samples = folder / SAMPLES
    present = {path.stem for path in samples.glob("*.mkv")}
    wanted: dict[str, str] = {}
    truths: dict[str, TrialRecord] = {}
    for record in records.values():
        for kind, name in record.sample or ():
            if name is not None:
                wanted.setdefault(name, f"{kind} of {name_of(record)}")
        if record.sample is not None and record.sample.reference is not None:
            truths.setdefault(record.sample.reference, record)
    missing = {name: who for name, who in wanted.items() if name not in present}
    if missing and is_baseline(folder) and not present:
        notes.skip("video", f"a committed baseline keeps no samples: {len(missing)} videos")
    elif missing:
        for name, who in missing.items():
            notes.problem("video", f"{SAMPLES}/{name}.mkv", f"it is not there: the {who}")
    orphans = len(present - wanted.keys())
    if orphans:
        notes.skip("video", f"{orphans} videos that no record names; they are removed by: diptych results gc")
    kept = sorted(present & wanted.keys())
    for number, name in enumerate(kept):
        if number % TOLD == 0:
            tell(f"decoding video {number + 1} of {len(kept)}")
        notes.count("videos")
        try:
            frames = load_video(samples, name)
        except DiptychError as error:
            notes.problem("video", f"{SAMPLES}/{name}.mkv", str(error))
            continue
        truth = truths.get(name)
        if truth is not None and reference_hash(frames) != truth.hashes.get("reference"):
            why = f"it is not the true continuation that {name_of(truth)} was judged by"
            notes.problem("video", f"{SAMPLES}/{name}.mkv", why)


def reference_hash(frames: NDArray[np.uint8]) -> str:
    """Return the hash that a trial keeps of its true continuation."""
    return trial_hashes(cast(Made, SimpleNamespace(reference=frames, hashes={})))["reference"]


def check_summary(
    store: RunStore, records: Mapping[int, TrialRecord], metrics: Mapping[str, Metric], notes: Notes
) -> None:
    """Derive the summary again and hold it against ``summary.json``."""
    file = store.path / SUMMARY
    if not file.exists():
        planned = len(store.manifest.plan.trials)
        whole = len(records) == planned
        why = f"the run is not finished ({len(records)} of {planned} trials)" if not whole else f"none; {REBUILD}"
        notes.skip("summary", why)
        return
    remedy = f"{REBUILD} {store.manifest.run_id}"
    try:
        stored = json.loads(file.read_bytes())
        assert isinstance(stored, dict)
    except (ValueError, AssertionError, OSError) as error:
        notes.problem("summary", SUMMARY, f"it cannot be read ({error}); {remedy}")
        return
    notes.count("summaries")
    try:
        again = json.loads(json.dumps(summary_facts(analysed(store, metrics))))
    except DiptychError as error:
        notes.skip("summary", f"the records cannot be analysed: {error}")
        return
    changed = sorted(value_differences(stored, again), key=lambda text: text.partition(": ")[0].count("."))
    worded = [text for text in changed if WORDING.match(text)]
    if len(worded) == len(changed) > 0 and not same_code(store.manifest):
        why = f"its numbers and verdicts are right; {len(worded)} of its sentences are those of another version"
        notes.skip("summary", f"{why}; {remedy}")
    elif changed:
        more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
        why = f"it is not what the records give: {'; '.join(changed[:SHOWN])}{more}; {remedy}"
        notes.problem("summary", SUMMARY, why)


def same_code(manifest: Manifest) -> bool:
    """Tell whether the code that runs now is the one that made the run."""
    made, now = manifest.info.get("code") or {}, code_facts()
    packages = manifest.info.get("packages") or {}
    return packages.get("diptych") == installed_packages().get("diptych") and all(
        made.get(key) == now[key] for key in ("commit", "patch_sha256", "untracked")
    )


def value_differences(old: Any, new: Any, place: str = "") -> list[str]:
    """Return ``place: old → new`` where two JSON values differ; keys that only one side has are another version's."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [
            text
            for key in old
            if key in new
            for text in value_differences(old[key], new[key], f"{place}.{key}" if place else key)
        ]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return [text for n, (a, b) in pairs for text in value_differences(a, b, f"{place}[{n}]")]
    numbers = [isinstance(value, int | float) and not isinstance(value, bool) for value in (old, new)]
    if all(numbers) and math.isclose(old, new, rel_tol=SAME, abs_tol=SAME):
        return []
    if isinstance(old, list) and isinstance(new, list):
        return [f"{place}: {len(old)} → {len(new)} entries"]
    return [] if old == new else [f"{place}: {old!r} → {new!r}"]
