"""Stored runs as results of asv (airspeed velocity 0.6): pure, from manifests and records to the text of files.

One benchmark per suite, group, scale and metric, its parameter the arms; one more per suite, group and scale for the
time of each arm relative to the baseline's. The format, version 2 of asv's files: ``benchmarks.json``,
``<machine>/machine.json``, ``<machine>/<first 8 digits of commit>-<environment>.json``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from harness.declaration import judged_metrics
from harness.export.cells import Cell, arm_cell, time_ratio_cell
from harness.export.lower import lowered, relative_threshold
from harness.export.select import Skipped, StoredRun, select
from harness.stats.findings import threshold
from harness.stats.pairing import tabulate, without_mismatches
from harness.types import Metric

COLUMNS = (
    "result",
    "params",
    "version",
    "started_at",
    "duration",
    "stats_ci_99_a",
    "stats_ci_99_b",
    "stats_q_25",
    "stats_q_75",
    "stats_number",
    "stats_repeat",
)
CONFIG = "asv.conf.jsonc"
"""Not ``.json``: asv takes every file of that ending in its results folder for a result."""

LONGEST_NAME = 180
TYPES = {"seconds": "time", "bytes": "peakmemory"}


@dataclass(frozen=True)
class Series:
    """One benchmark in one run.

    Attributes:
        name: Of the benchmark.
        code: What it is, shown beside its graph.
        unit: Unit of the values.
        cells: By arm, in the suite's order.
        tau: Threshold that the suite declares, or None.
        scale: How ``tau`` is meant: ``"ratio"``, or in the metric's unit.
    """

    name: str
    code: str
    unit: str
    cells: dict[str, Cell]
    tau: float | None
    scale: str


@dataclass(frozen=True)
class Documents:
    """What an export writes.

    Attributes:
        files: Path inside the results folder → JSON data.
        thresholds: Regular expression → relative threshold, for asv's configuration.
        benchmarks: Names, sorted.
        commits: Hashes, in the order of their dates.
        skipped: What was left out.
    """

    files: dict[str, Any]
    thresholds: dict[str, float]
    benchmarks: tuple[str, ...]
    commits: tuple[str, ...]
    skipped: tuple[Skipped, ...]


def milliseconds(iso: str) -> int:
    """Return an ISO 8601 time as milliseconds since 1970."""
    return round(datetime.fromisoformat(iso).timestamp() * 1000)


def benchmark_name(*parts: str) -> str:
    """Join ``parts`` by dots into a name that asv finds again.

    asv names graph files after benchmarks and then looks benchmarks up by file name, and cuts names at ``(``. What a
    file name or that cut would change becomes ``_``, with six digits of the hash of the true name, so that two names
    stay two.
    """
    name = ".".join(parts)
    safe = re.sub(r"[^A-Za-z0-9._+\[\]-]", "_", name)[:LONGEST_NAME]
    return name if safe == name else f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def series_of(run: StoredRun, metrics: Mapping[str, Metric]) -> tuple[list[Series], list[Skipped]]:
    """Return every benchmark that a run has values for, and the metrics that are not registered here."""
    manifest = run.manifest
    suite, scale = manifest.suite, manifest.plan.scale
    table, _ = without_mismatches(tabulate(run.records), suite.baseline)
    speed_only = {case.group for case in suite.scales[scale].cases if case.speed_only}
    planned: dict[str, dict[str, int]] = {}
    for trial in manifest.plan.trials:
        arms = planned.setdefault(trial.block.group, {})
        arms[trial.arm] = arms.get(trial.arm, 0) + 1
    names = judged_metrics(suite)
    unknown = [name for name in names if name not in metrics]
    missing = [Skipped(run=manifest.run_id, what=name, reason="this metric is not registered") for name in unknown]
    found = []
    for group, counts in sorted(planned.items()):
        order = [arm.name for arm in suite.arms if arm.name in counts]
        for metric in (metrics[name] for name in names if name in metrics):
            if metric.quality and group in speed_only:
                continue
            form = lowered(metric)
            cells = {arm: arm_cell(table, group, arm, metric, form, counts[arm]) for arm in order}
            if all(cell is None for cell in cells.values()):
                continue  # does not apply to these cases, or every trial failed
            none = Cell(None, reason=f"no finished trial has a value of {metric.name}")
            name = benchmark_name(suite.name, group, scale, form.name)
            kept = {arm: cell or none for arm, cell in cells.items()}
            found.append(Series(name, form.what, form.unit, kept, threshold(suite, metric.name), metric.scale))
        speed = metrics.get(suite.primary_speed or "")
        others = [arm for arm in order if arm != suite.baseline]
        if speed is not None and suite.baseline in counts and others:
            ratios = {arm: time_ratio_cell(table, group, arm, suite.baseline, speed, counts[arm]) for arm in others}
            name = benchmark_name(suite.name, group, scale, f"time_relative_to_{suite.baseline}")
            what = f"time of an arm / time of {suite.baseline}, over blocks measured side by side ({speed.name})"
            if any(cell.blocks for cell in ratios.values()):
                found.append(Series(name, what, "ratio", ratios, threshold(suite, speed.name), "ratio"))
    return found, missing


def _statistics(cell: Cell) -> tuple[Any, ...]:
    """Return the statistics columns of a cell: all of them or none, because asv's commands take one for all.

    A distance of a set of clips has no quartiles, and few cases have no interval.
    """
    if cell.value is None or cell.low is None or cell.high is None or cell.quartiles is None:
        return (None,) * 6
    return cell.low, cell.high, *cell.quartiles, 1, cell.blocks


def _row(series: Series, version: int, started_at: int) -> list[Any]:
    """Return a benchmark's result in the order of :data:`COLUMNS`; a number is one measurement, a repeat one block."""
    cells = list(series.cells.values())
    columns = zip(*(_statistics(cell) for cell in cells), strict=True)
    values = [cell.value for cell in cells]
    params = [[repr(arm) for arm in series.cells]]
    return [values, params, str(version), started_at, None, *(list(column) for column in columns)]


def build(runs: Sequence[StoredRun], metrics: Mapping[str, Metric], dates: Mapping[str, int]) -> Documents:
    """Turn runs into the documents of asv's results folder.

    Args:
        runs: In any order; the order changes nothing.
        metrics: All metrics by name.
        dates: Commit → its date, in milliseconds since 1970; the first run's time where a commit is not in it.

    Returns:
        The documents; without any file if no run can be exported.
    """
    chosen, skipped = select(runs)
    files: dict[str, Any] = {}
    benchmarks: dict[str, dict[str, Any]] = {}
    history: dict[tuple[str, str], tuple[Series, list[float]]] = {}
    commits: dict[str, int] = {}
    for run in chosen:
        manifest, place = run.manifest, run.place
        found, missing = series_of(run, metrics)
        skipped += missing
        if not found:
            skipped.append(Skipped(run=manifest.run_id, reason="none of its trials has a value"))
            continue
        started_at = milliseconds(manifest.created_at)
        date = commits.setdefault(run.commit, dates.get(run.commit, started_at))
        files[f"{place.machine}/machine.json"] = {**place.machine_facts, "version": 1}
        document = files.setdefault(
            run.file,
            {
                "commit_hash": run.commit,
                "date": date,
                "durations": {},
                "env_name": place.environment,
                "env_vars": {},
                "params": place.params,
                "python": place.params.get("python", ""),
                "requirements": {},
                "result_columns": list(COLUMNS),
                "results": {},
                "version": 2,
            },
        )
        for series in found:
            document["results"][series.name] = _row(series, manifest.suite.version, started_at)
            _declare(benchmarks, series, manifest.suite.version)
            for arm, cell in series.cells.items():
                entry = f"{series.name}({arm!r})"
                if cell.value is None:
                    skipped.append(Skipped(run=manifest.run_id, what=entry, reason=cell.reason))
                else:
                    history.setdefault((series.name, arm), (series, []))[1].append(cell.value)
                    history[series.name, arm] = (series, history[series.name, arm][1])  # the newest run's τ
    if files:
        files["benchmarks.json"] = {**benchmarks, "version": 2}
    return Documents(
        files=files,
        thresholds=_thresholds(history),
        benchmarks=tuple(sorted(benchmarks)),
        commits=tuple(sorted(commits, key=lambda commit: (commits[commit], commit))),
        skipped=tuple(skipped),
    )


def _declare(benchmarks: dict[str, dict[str, Any]], series: Series, version: int) -> None:
    """Add a benchmark, or the arms that an older run had and a newer one has not (and the other way round)."""
    old = benchmarks.get(series.name, {"params": [[]]})["params"][0]
    new = [repr(arm) for arm in series.cells]
    benchmarks[series.name] = {
        "code": series.code,
        "name": series.name,
        "param_names": ["arm"],
        "params": [[*new, *(arm for arm in old if arm not in new)]],
        "pretty_name": series.name,
        "type": TYPES.get(series.unit, "track"),
        "unit": series.unit,
        "version": str(version),
    }


def _thresholds(history: Mapping[tuple[str, str], tuple[Series, list[float]]]) -> dict[str, float]:
    """Return asv's ``regressions_thresholds``: one expression per benchmark and arm that has a τ."""
    found = {}
    for (name, arm), (series, values) in sorted(history.items()):
        relative = None if series.tau is None else relative_threshold(series.tau, series.scale, values)
        if relative is not None:
            found[re.escape(f"{name}({arm!r})")] = relative
    return found


def configuration(thresholds: Mapping[str, float], repository: str, html: str) -> dict[str, Any]:
    """Return asv's configuration beside the exported results.

    Args:
        thresholds: See :class:`Documents`.
        repository: Path of the repository, relative to the results folder.
        html: Folder that ``asv publish`` fills, relative to the results folder and outside it.
    """
    return {
        "version": 1,
        "project": "diptych",
        "project_url": "#",
        "repo": repository,
        "dvcs": "git",
        "branches": ["HEAD"],
        "benchmark_dir": ".",
        "results_dir": ".",
        "html_dir": html,
        "show_commit_url": "#",
        "regressions_thresholds": dict(thresholds),
    }


def as_bytes(document: Any) -> bytes:
    """Return ``document`` as JSON text: the same bytes for the same data, and no NaN (ValueError)."""
    return (json.dumps(document, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()
