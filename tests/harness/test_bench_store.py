"""The benchmark of the store: synthetic runs that are sound, rows that are whole, and nothing left behind."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from harness.benches import store as bench
from harness.benches.synthetic import METRICS, write_run_with_videos, write_runs
from harness.cli.verbs import run_bench
from harness.cli.verifying import verify_run
from harness.store.index import indexed_runs


def test_quick_gives_every_row_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    told: list[str] = []
    facts = run_bench("store", quick=True, tell=told.append)
    rows = {row.name: row for row in facts.rows}
    assert len(rows) == 10
    assert all(row.value is not None and row.value > 0 for row in rows.values())
    assert [row.target for row in rows.values() if row.target is not None] == [5.0, 5.0, 1.0]
    assert 1200 < (rows["size of a record"].value or 0) < 2000  # as large as a real one, or the times mean nothing
    assert told[0].startswith("appending")
    assert list(tmp_path.iterdir()) == []


def test_too_small_a_disk_is_a_row_with_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    last = list(bench.bench_store(quick=True, seed=0, tell=lambda _: None))[-1]
    assert (last.value, last.met) == (None, False)
    assert "need more than is free" in str(last.reason)


def test_synthetic_runs_are_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_runs(tmp_path, 3, 40, 0)
    found = indexed_runs(tmp_path)
    assert [(run.scan["planned"], run.scan["finished"]) for run in found if run.scan] == [(40, 40)] * 3
    assert all(run.scan and len(run.scan["aggregates"]) == 4 * len(METRICS) for run in found)
    path, size = write_run_with_videos(tmp_path, 8, 2, 0)
    facts = verify_run(str(path))
    assert facts.problems == ()
    assert facts.checked["videos"] == 2
    assert size == 2 * 6 * 72 * 72 * 3
