"""All checks of a run, in order."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from harness.errors import DiptychError, unknown
from harness.progress import Progress
from harness.registry import Registry
from harness.store.archive import file_data
from harness.store.names import MANIFEST
from harness.store.records import Manifest
from harness.store.run_store import RunStore
from harness.types import Metric
from harness.verify.facts import Notes, Rerun, Verification
from harness.verify.records import check_complete, check_lines, check_pairs, check_values
from harness.verify.rerun import rerun
from harness.verify.static import check_declaration, check_key, check_machine, check_patch, check_plan
from harness.verify.summary import check_summary
from harness.verify.videos import check_videos

CheckWeights = Callable[[Manifest, Notes], None]


def verify(
    folder: Path,
    metrics: Mapping[str, Metric],
    registry: Registry,
    check_weights: CheckWeights,
    *,
    blocks: int = 0,
    progress: Progress | None = None,
    across_contexts: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> Verification:
    """Check a run's files against themselves, and run some of its blocks again.

    Args:
        folder: The run's folder; nothing in it is changed.
        metrics: All metrics by name.
        registry: Where makers and extractors come from.
        check_weights: Notes which of the recorded weights are others on this machine.
        blocks: How many blocks to run again; 0 for none.
        progress: Told of every trial that is run again.
        across_contexts: Run again although facts of the context differ.
        tell: Told what is being done, one line each.

    Returns:
        What was found. A manifest that cannot be read is a problem, and ends it: everything else is held against it.
    """
    notes = Notes()
    try:
        store = RunStore.open(folder)
        check_scale(store.manifest)
    except DiptychError as error:
        notes.problem("manifest", MANIFEST, str(error))
        return verification(folder, folder.name, None, notes)
    manifest = store.manifest
    tell("reading the records")
    records = check_lines(folder, manifest, notes)
    check_plan(manifest, notes)
    check_key(manifest, notes)
    check_declaration(manifest, notes)
    check_machine(manifest, notes)
    check_patch(manifest, notes)
    check_pairs(records, manifest, notes)
    check_complete(records, manifest, metrics, notes)
    check_values(records, manifest, metrics, notes)
    check_videos(folder, records, manifest, metrics, notes, tell)
    if any(problem.what == "line" for problem in notes.problems):
        notes.skip("summary", "not every line can be read")
    else:
        check_summary(store, records, metrics, notes)
    tell("hashing weights")
    check_weights(manifest, notes)
    again = None
    if blocks and manifest.imported:
        notes.skip("rerun", "the run was read from another tool's files; nothing of it can be run here")
    elif blocks:
        tell("building what the run was made with")
        again = rerun(
            store, records, blocks, metrics, registry, notes, progress=progress, across_contexts=across_contexts
        )
    version = json.loads(file_data(folder, MANIFEST))["schema_version"]
    return verification(folder, manifest.run_id, version, notes, again)


def check_scale(manifest: Manifest) -> None:
    """Refuse a manifest whose plan or baseline is of another suite (DiptychError)."""
    suite, plan = manifest.suite, manifest.plan
    if plan.scale not in suite.scales:
        raise unknown("scale of the plan:", plan.scale, suite.scales)
    if suite.baseline not in {arm.name for arm in suite.arms}:
        raise unknown("baseline of the suite:", suite.baseline, [arm.name for arm in suite.arms])


def verification(
    folder: Path, run_id: str, version: int | None, notes: Notes, again: Rerun | None = None
) -> Verification:
    """Return what was noted."""
    return Verification(
        ok=not notes.problems,
        problems=tuple(notes.problems),
        run_id=run_id,
        path=str(folder.resolve()),
        schema_version=version,
        checked=notes.checked,
        skipped=tuple(notes.skipped),
        rerun=again,
    )
