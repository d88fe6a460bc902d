"""Packed records are the same records, wherever they are read, and nothing is added to them."""

import shutil
from pathlib import Path

import pytest

from harness import list_results, show_run, verify_run
from harness.cli.stored import aggregate_runs, pack_runs
from harness.errors import DiptychError
from harness.store.archive import is_packed, trials_data
from harness.store.run_store import RunStore
from harness.store.scan import scan

GOLDEN = next((Path(__file__).resolve().parents[1] / "golden" / "schema-2").iterdir())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    manifest = RunStore.open(GOLDEN).manifest
    shutil.copytree(GOLDEN, tmp_path / manifest.suite.name / GOLDEN.name)
    return tmp_path


def test_everything_reads_packed_records_as_before(root: Path) -> None:
    (folder,) = next(root.iterdir()).iterdir()
    manifest = RunStore.open(folder).manifest
    data, records, scanned = trials_data(folder), RunStore.open(folder).records(), scan(folder)
    shown, rows = show_run(folder), aggregate_runs(results=str(root))
    ok, sizes = verify_run(str(folder)).ok, [run.finished for run in list_results(results=str(root)).runs]
    facts = pack_runs([folder])
    assert 0 < facts.bytes < len(data)
    assert is_packed(folder)
    assert (folder / "manifest.json").read_text().count("\n") == 1
    assert RunStore.open(folder).manifest == manifest
    assert not (folder / "trials.jsonl").exists()
    assert trials_data(folder) == data
    assert RunStore.open(folder).records() == records
    assert scan(folder) == scanned
    assert show_run(folder) == shown
    assert aggregate_runs(results=str(root)).equals(rows)
    assert verify_run(str(folder)).ok == ok
    assert [run.finished for run in list_results(results=str(root)).runs] == sizes
    first = (folder / "trials.jsonl.gz").read_bytes()
    assert pack_runs([folder]).bytes == 0
    assert (folder / "trials.jsonl.gz").read_bytes() == first


def test_nothing_is_added_and_damage_is_told(root: Path) -> None:
    (folder,) = next(root.iterdir()).iterdir()
    pack_runs([folder])
    with pytest.raises(DiptychError, match=r"takes nothing more\. To go on: gunzip"):
        RunStore.open(folder).lock()
    packed = folder / "trials.jsonl.gz"
    packed.write_bytes(packed.read_bytes()[:-30])
    with pytest.raises(DiptychError, match=r"trials\.jsonl\.gz is damaged"):
        RunStore.open(folder).records()
    packed.unlink()
    with pytest.raises(DiptychError, match="no records to pack"):
        pack_runs([folder])
