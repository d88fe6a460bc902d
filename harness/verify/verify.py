"""All checks of a run, in order."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from harness.progress import Progress
from harness.registry import Registry
from harness.store.records import Manifest
from harness.store.run_store import RunStore
from harness.types import Metric
from harness.verify.facts import Notes, Verification
from harness.verify.records import check_lines, check_pairs, check_values
from harness.verify.rerun import rerun
from harness.verify.static import check_key, check_patch, check_plan, check_summary, check_videos

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

    Raises:
        DiptychError: The folder is no run, or its manifest cannot be read.
    """
    store = RunStore.open(folder)
    manifest, notes = store.manifest, Notes()
    tell("reading the records")
    records = check_lines(folder, manifest, notes)
    check_plan(manifest, notes)
    check_key(manifest, notes)
    check_patch(manifest, notes)
    check_pairs(records, manifest, notes)
    check_values(records, manifest, metrics, notes)
    check_videos(folder, records, notes, tell)
    if any(problem.what == "line" for problem in notes.problems):
        notes.skip("summary", "not every line can be read")
    else:
        check_summary(store, records, metrics, notes)
    tell("hashing weights")
    check_weights(manifest, notes)
    again = None
    if blocks:
        tell("building what the run was made with")
        again = rerun(
            store, records, blocks, metrics, registry, notes, progress=progress, across_contexts=across_contexts
        )
    version = json.loads((folder / "manifest.json").read_bytes())["schema_version"]
    return Verification(
        ok=not notes.problems,
        problems=tuple(notes.problems),
        run_id=manifest.run_id,
        path=str(folder.resolve()),
        schema_version=version,
        checked=notes.checked,
        skipped=tuple(notes.skipped),
        rerun=again,
    )
