"""Results as pandas DataFrames: one row per trial, one row per finding, and columns that say what they hold.

pandas is imported when a frame is made, and not before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from harness.cli.builtin import load_builtin
from harness.store.locate import find_run, results_root
from harness.store.records import Manifest, TrialRecord
from harness.store.run_store import RunStore

if TYPE_CHECKING:
    import pandas as pd

    from harness.analyse import Analysis

TRIAL_COLUMNS = (
    "run_id", "suite", "group", "case", "repetition", "arm", "index", "status", "seed", "session", "started_at",
    "seconds_median", "seconds_count", "first_call_seconds", "prefill_seconds", "warmup_seconds",
    "peak_memory_bytes", "energy_joules", "flags", "error_type", "error",
)  # fmt: skip
"""Columns of every frame of trials; ``value.<metric>``, ``count.<name>`` and ``hash.<name>`` follow."""


@dataclass(frozen=True)
class Run:
    """A run that was read.

    Attributes:
        path: Its folder.
        manifest: What was asked, by which code, where.
        records: One record per trial, by index.
        problems: What is amiss in the files, one sentence each.
    """

    path: Path
    manifest: Manifest
    records: tuple[TrialRecord, ...]
    problems: tuple[str, ...]

    @property
    def run_id(self) -> str:
        """The run's name."""
        return self.manifest.run_id

    @cached_property
    def analysis(self) -> Analysis:
        """Findings, conclusions and notes, computed from the records."""
        from harness.analyse import analyse

        metrics = {entry.name: entry.load() for entry in load_builtin().list("metric")}
        return analyse(self.manifest.as_run, self.records, metrics, absent=self.manifest.absent_metrics)

    @cached_property
    def trials(self) -> pd.DataFrame:
        """One row per trial: :func:`trials_frame`."""
        return trials_frame(self)

    @cached_property
    def findings(self) -> pd.DataFrame:
        """One row per finding: :func:`findings_frame`."""
        return findings_frame(self)


def load_run(run: str | Path, results: str | Path | None = None) -> Run:
    """Read a run.

    Args:
        run: Path of a run's folder, or a unique prefix of its id.
        results: Where runs are kept; ``$DIPTYCH_RESULTS`` or ``./results`` if None.

    Raises:
        DiptychError: No such run, more than one, or files that cannot be read.
    """
    path = find_run(run, results_root(results))
    store = RunStore.open(path)
    records = tuple(store.records())
    return Run(path, store.manifest, records, tuple(store.problems))


Runs = Run | str | Path


def trials_frame(runs: Runs | Sequence[Runs], results: str | Path | None = None) -> pd.DataFrame:
    """Return one row per trial, failed ones included.

    Args:
        runs: One run or several: loaded ones, paths, or unique prefixes of run ids.
        results: Where runs are kept; ``$DIPTYCH_RESULTS`` or ``./results`` if None.

    Returns:
        :data:`TRIAL_COLUMNS`, then ``value.<metric>`` (float; missing where it does not apply), ``count.<name>`` and
        ``hash.<name>`` for every name that any of the trials has. ``flags`` are joined by ``;``. Durations are in
        seconds; ``seconds_median`` is the trial's one value, ``warmup_seconds`` the sum of what it waited for.

    Raises:
        DiptychError: No such run, or files that cannot be read.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for run in loaded(runs, results):
        rows += [trial_row(run.manifest, record) for record in run.records]
    further = {name: None for row in rows for name in row if name not in TRIAL_COLUMNS}
    kinds = ("value.", "count.", "hash.")
    ordered = [name for kind in kinds for name in further if name.startswith(kind)]
    frame = pd.DataFrame(rows, columns=[*TRIAL_COLUMNS, *ordered])
    numbers = [name for name in ordered if name.startswith("value.")]
    numbers += [name for name in TRIAL_COLUMNS if name.endswith(("_seconds", "_bytes", "_joules", "_median"))]
    return frame.astype(dict.fromkeys(numbers, "float64"))


def trial_row(manifest: Manifest, record: TrialRecord) -> dict[str, Any]:
    """Return one trial as flat columns."""
    row: dict[str, Any] = {
        "run_id": manifest.run_id,
        "suite": manifest.suite.name,
        "group": record.block.group,
        "case": record.block.case,
        "repetition": record.block.repetition,
        "arm": record.arm,
        "index": record.index,
        "status": record.status,
        "seed": record.seed,
        "session": record.session,
        "started_at": record.started_at,
        "seconds_median": median(record.seconds) if record.seconds else None,
        "seconds_count": len(record.seconds),
        "first_call_seconds": record.first_call_seconds,
        "prefill_seconds": record.prefill_seconds,
        "warmup_seconds": sum(record.warmup_seconds),
        "peak_memory_bytes": record.peak_memory_bytes,
        "energy_joules": record.energy_joules,
        "flags": ";".join(record.flags),
        "error_type": None if record.error is None else record.error.type,
        "error": None if record.error is None else record.error.message,
    }
    row |= {f"value.{name}": value for name, value in record.values.items()}
    row |= {f"count.{name}": value for name, value in record.counts.items()}
    return row | {f"hash.{name}": value for name, value in record.hashes.items()}


def findings_frame(runs: Runs | Sequence[Runs], results: str | Path | None = None) -> pd.DataFrame:
    """Return one row per finding: metric × arm × group, with estimate, interval and verdict.

    Args:
        runs: One run or several: loaded ones, paths, or unique prefixes of run ids.
        results: Where runs are kept; ``$DIPTYCH_RESULTS`` or ``./results`` if None.

    Returns:
        ``run_id``, ``suite``, then the fields of :class:`harness.types.Finding` and, in place of ``estimate``, those of
        :class:`harness.types.Estimate`; the finding's own unit, that of ``arm_value``, is ``arm_unit``.

    Raises:
        DiptychError: No such run, or files that cannot be read or analysed.
    """
    import pandas as pd

    rows = []
    for run in loaded(runs, results):
        for finding in run.analysis.findings:
            facts = finding.model_dump()
            estimate = facts.pop("estimate")
            facts["arm_unit"] = facts.pop("unit")
            rows.append({"run_id": run.run_id, "suite": run.manifest.suite.name, **facts, **estimate})
    return pd.DataFrame(rows)


def loaded(runs: Runs | Sequence[Runs], results: str | Path | None) -> list[Run]:
    """Return every run that was named, read."""
    several = [runs] if isinstance(runs, Run | str | Path) else list(runs)
    return [run if isinstance(run, Run) else load_run(run, results) for run in several]
