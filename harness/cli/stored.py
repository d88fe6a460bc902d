"""Looking after results as verbs: list, aggregate, remove, clean, export, rebuild."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.stored_facts import Changes, ExportFacts, Item, State, StoredRun, StoredRuns
from harness.cli.verbs import load_metrics
from harness.errors import DiptychError, UsageError, unknown

if TYPE_CHECKING:
    import pandas as pd


def list_results(suite: str | None = None, results: str | None = None) -> StoredRuns:
    """Say which runs there are, newest first; the runs of ``./results/baselines`` are among them.

    Args:
        suite: Only runs of this suite.
        results: Where runs are kept; ``$DIPTYCH_RESULTS`` or ``./results`` if None.

    Raises:
        UsageError: There is no run of that suite; names the suites that have runs.
    """
    from harness.store.cleaning import is_baseline
    from harness.store.index import indexed_runs
    from harness.store.locate import results_root
    from harness.store.lock import writer_of
    from harness.store.names import LOCK

    root = results_root(results)
    rows = []
    for run in indexed_runs(root):
        writer, why = writer_of(run.path / LOCK), run.why
        common = {"path": str(run.path), "bytes": run.bytes, "baseline": is_baseline(run.path)}
        if run.scan is None:
            rows.append(
                StoredRun(run_id=run.path.name, suite=run.path.parent.name, state="unreadable", why=why, **common)
            )
            continue
        facts = {name: value for name, value in run.scan.items() if name in StoredRun.model_fields}
        whole = run.scan["finished"] + run.scan["failed"] == run.scan["planned"]
        state: State = "being written" if writer else ("complete" if whole else "unfinished")
        rows.append(StoredRun(**facts, state=state, why=f"by process {writer}" if writer else None, **common))
    if suite is not None:
        chosen = [row for row in rows if row.suite == suite]
        if rows and not chosen:
            raise unknown("suite", suite, {row.suite for row in rows}, "diptych results ls")
        rows = chosen
    rows.sort(key=lambda row: (row.created_at or "", row.run_id), reverse=True)
    return StoredRuns(results=str(root), runs=tuple(rows), bytes=sum(row.bytes for row in rows))


def aggregate_runs(
    suite: str | None = None, metrics: Sequence[str] | None = None, results: str | Path | None = None
) -> pd.DataFrame:
    """Return number, mean and spread of every metric of every arm of every run, from the index.

    These are plain numbers of what each arm did; what an arm gained is in the findings of its run, which are paired.

    Args:
        suite: Only runs of this suite.
        metrics: Only these metrics.
        results: Where runs are kept; ``$DIPTYCH_RESULTS`` or ``./results`` if None.

    Returns:
        ``run_id, suite, scale, created_at, group, arm, metric, n, mean, sd, geometric_mean``, newest run first.
        Unreadable runs are left out (:func:`list_results` names them).
    """
    import pandas as pd

    from harness.store.index import indexed_runs
    from harness.store.locate import results_root
    from harness.store.scan import AGGREGATE

    wanted = None if metrics is None else set(metrics)
    scans = [run.scan for run in indexed_runs(results_root(results)) if run.scan is not None]
    rows = [
        (scan["run_id"], scan["suite"], scan["scale"], scan["created_at"], *row)
        for scan in sorted(scans, key=lambda scan: (scan["created_at"], scan["run_id"]), reverse=True)
        if suite is None or scan["suite"] == suite
        for row in scan["aggregates"]
        if wanted is None or row[2] in wanted
    ]
    frame = pd.DataFrame(rows, columns=["run_id", "suite", "scale", "created_at", *AGGREGATE])
    return frame.astype({"mean": "float64", "sd": "float64", "geometric_mean": "float64"})


def removable(runs: Sequence[str], *, baselines: bool = False, results: str | None = None) -> list[Path]:
    """Return the folders of the runs to remove, if all of them may go.

    Args:
        runs: Paths, or unique prefixes of run ids.
        baselines: Committed baselines may go, too.
        results: Where runs are kept.

    Raises:
        UsageError: No such run, or a baseline that was not asked for.
        DiptychError: One is being written.
    """
    from harness.store.cleaning import is_baseline
    from harness.store.locate import find_run, results_root
    from harness.store.lock import writer_of
    from harness.store.names import LOCK

    root = results_root(results)
    folders = list(dict.fromkeys(find_run(run, root) for run in runs))
    for folder in folders:
        if is_baseline(folder) and not baselines:
            raise UsageError(f"{folder} is a committed baseline. To remove it all the same: --baselines")
        writer = writer_of(folder / LOCK)
        if writer is not None:
            raise DiptychError(f"run {folder.name} is being written by process {writer}; wait for its end.")
    return folders


def remove_runs(runs: Sequence[str], *, baselines: bool = False, results: str | None = None) -> Changes:
    """Delete runs for good: all that are named, or none if one may not go.

    Args:
        runs: Paths, or unique prefixes of run ids.
        baselines: Committed baselines may go, too.
        results: Where runs are kept.

    Raises:
        UsageError: No such run, or a baseline that was not asked for.
        DiptychError: One is being written, or cannot be deleted.
    """
    from harness.store.cleaning import remove_run

    folders = removable(runs, baselines=baselines, results=results)
    items = [Item(path=str(folder), bytes=remove_run(folder), why="removed") for folder in folders]
    return Changes(items=tuple(items), bytes=sum(item.bytes for item in items))


def pack_runs(runs: Sequence[str | Path], results: str | None = None) -> Changes:
    """Pack the files of runs that are over, to a seventh of their bytes; everything reads them as before.

    Args:
        runs: Paths, or unique prefixes of run ids.
        results: Where runs are kept.

    Raises:
        UsageError: No such run.
        DiptychError: One has no records, is being written, or cannot be written to.
    """
    from harness.store.archive import pack
    from harness.store.locate import find_run, results_root

    items = []
    for run in runs:
        folder = find_run(run, results_root(results))
        before, after = pack(folder)
        items.append(Item(path=str(folder), bytes=before - after, why=f"packed to {after} of {before} bytes"))
    return Changes(items=tuple(items), bytes=sum(item.bytes for item in items))


def collect_garbage(*, dry_run: bool = False, results: str | None = None) -> Changes:
    """Delete what nothing refers to: videos that no record names, and what killed processes left behind.

    Args:
        dry_run: Only say what would go.
        results: Where runs are kept.

    Returns:
        What went; runs that are being written, or whose records are damaged, are skipped.
    """
    from harness.store.cleaning import collect
    from harness.store.locate import results_root

    found = collect(results_root(results), dry_run=dry_run)
    return Changes(
        items=tuple(Item(path=str(item.path), bytes=item.bytes, why=item.why) for item in found.items),
        bytes=sum(item.bytes for item in found.items),
        dry_run=dry_run,
        skipped=tuple(Item(path=str(path), bytes=0, why=why) for path, why in found.skipped.items()),
    )


def export_runs(runs: Sequence[str], output: Path | None = None, results: str | None = None) -> ExportFacts:
    """Write one row per trial to a CSV or Parquet file.

    Args:
        runs: Paths, or unique prefixes of run ids.
        output: ``….csv`` or ``….parquet``; None names a CSV after the run in the working directory.
        results: Where runs are kept.

    Raises:
        UsageError: No such run, or another kind of file.
        DiptychError: A run cannot be read, pyarrow is missing, or the file cannot be written.
    """
    from harness.cli.frames import load_run, trials_frame
    from harness.export.table import checked_format, write_frame

    if output is not None:
        checked_format(output)  # before a long read
    loaded = [load_run(run, results) for run in runs]
    frame = trials_frame(loaded)
    path = output or Path(f"{loaded[0].run_id}.csv" if len(loaded) == 1 else "trials.csv")
    size = write_frame(frame, path)
    return ExportFacts(
        path=path.resolve(),
        rows=len(frame),
        columns=tuple(str(name) for name in frame.columns),
        bytes=size,
        runs=tuple(run.run_id for run in loaded),
    )


def rebuild_summaries(runs: Sequence[str], results: str | None = None) -> Changes:
    """Write ``summary.json`` of each run anew from its records.

    Args:
        runs: Paths, or unique prefixes of run ids.
        results: Where runs are kept.

    Raises:
        UsageError: No such run.
        DiptychError: A run is being written, or cannot be read or analysed.
    """
    from harness.result import analysed, summary_facts
    from harness.store.locate import find_run, results_root
    from harness.store.names import SUMMARY
    from harness.store.run_store import RunStore

    metrics, root = load_metrics(), results_root(results)
    items = []
    for folder in [find_run(run, root) for run in runs]:
        file = folder / SUMMARY
        with RunStore.open(folder) as store:
            store.lock()
            before = file.read_bytes() if file.exists() else None
            store.write_summary(summary_facts(analysed(store, metrics)))
        after = file.read_bytes()
        why = "unchanged" if after == before else ("written anew" if before is not None else "written")
        items.append(Item(path=str(file), bytes=len(after), why=why))
    return Changes(items=tuple(items), bytes=sum(item.bytes for item in items))
