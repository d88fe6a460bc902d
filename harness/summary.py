"""``summary.json``: what a run found, derived from its records alone, and at any time again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.analyse import analyse
from harness.run import counted
from harness.store.records import TrialRecord
from harness.store.run_store import RunStore
from harness.types import Metric


def summary_facts(store: RunStore, records: Sequence[TrialRecord], metrics: Mapping[str, Metric]) -> dict[str, Any]:
    """Return the content of ``summary.json``.

    Args:
        store: The run, its :meth:`~harness.store.run_store.RunStore.records` read.
        records: Those records.
        metrics: At least the suite's metrics, by name.

    Raises:
        DiptychError: The suite cannot be judged.
    """
    result = counted(store, records)
    found = analyse(store.manifest.suite, records, metrics).model_dump(mode="json")
    trials = {"finished": result.finished, "failed": result.failed, "unpaired": result.unpaired}
    return {"run_id": result.run_id, **found, "trials": trials, "problems": result.problems}
