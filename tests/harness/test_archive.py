"""Packed records are the same records, wherever they are read, and nothing is added to them."""

import lzma
import shutil
from pathlib import Path

import pytest

from harness import list_results, show_run, verify_run
from harness.cli.stored import aggregate_runs, collect_garbage, pack_runs
from harness.errors import DiptychError
from harness.store.archive import bytes_of, is_packed, trials_data
from harness.store.locate import find_run
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
    assert facts.bytes == sum(path.stat().st_size for path in GOLDEN.iterdir()) - bytes_of(folder)
    assert is_packed(folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        "manifest.json.xz",
        "summary.json.xz",
        "trials.jsonl.xz",
    ]
    for path in folder.iterdir():  # as any other tool would unpack it
        assert lzma.decompress(path.read_bytes()) == (GOLDEN / path.stem).read_bytes()
    assert RunStore.open(folder).manifest == manifest
    assert trials_data(folder) == data
    assert RunStore.open(folder).records() == records
    assert scan(folder) == scanned
    assert show_run(folder) == shown
    assert aggregate_runs(results=str(root)).equals(rows)
    assert verify_run(str(folder)).ok == ok
    assert [run.finished for run in list_results(results=str(root)).runs] == sizes
    first = {path: path.read_bytes() for path in folder.iterdir()}
    assert pack_runs([folder / "manifest.json.xz"]).bytes == 0
    assert {path: path.read_bytes() for path in folder.iterdir()} == first
    assert find_run(folder.name[:12], root) == folder
    assert not collect_garbage(results=str(root)).items


def test_nothing_is_added_and_damage_is_told(root: Path) -> None:
    (folder,) = next(root.iterdir()).iterdir()
    pack_runs([folder])
    with pytest.raises(DiptychError, match=r"takes nothing more\. To go on: unxz .*\*\.xz"):
        RunStore.open(folder).lock()
    packed = folder / "trials.jsonl.xz"
    packed.write_bytes(packed.read_bytes()[:-30])
    with pytest.raises(DiptychError, match=r"trials\.jsonl\.xz is damaged"):
        RunStore.open(folder).records()
    packed.unlink()
    with pytest.raises(DiptychError, match="no records to pack"):
        pack_runs([folder])
