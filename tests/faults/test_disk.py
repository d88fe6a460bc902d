"""A full disk, a read-only disk: what was recorded stays, one line says what to do, and the run can be finished."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.cli.main import run as diptych
from harness.store.run_store import RunStore
from tests.faults.child import finish, start
from tests.harness.launch_fakes import CASES

pytestmark = pytest.mark.full


def mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"mount: no file system can be mounted here ({done.stderr.strip() or done.returncode})")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 200 kB."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mount: only root can mount a small file system")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount("-t", "tmpfs", "-o", "size=200k", "diptych-test", str(folder))
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def check_resumable(folder: Path, said: str, cases: int) -> int:
    """Assert that the run stopped with one helpful line and sound records; returns how many there were."""
    (message,) = [line for line in said.splitlines() if line.strip()]
    assert "Traceback" not in said
    assert "could not take trial" in message
    assert "diptych resume" in message
    (path,) = (manifest.parent for manifest in folder.glob("*/*/manifest.json"))
    store = RunStore.open(path)
    kept = store.records()
    assert 0 < len(kept) < 3 * cases
    assert not store.problems, "an incomplete line was taken back at once"
    return len(kept)


def check_finished(folder: Path, cases: int) -> None:
    code, said = finish(start(folder, **{CASES: str(cases)}))
    assert code == 0, said
    (path,) = (manifest.parent for manifest in folder.glob("*/*/manifest.json"))
    records = RunStore.open(path).records()
    assert [(r.index, r.status) for r in records] == [(index, "finished") for index in range(3 * cases)]


def test_a_full_disk_stops_the_run_and_space_finishes_it(small_disk: Path) -> None:
    cases = 120
    code, said = finish(start(small_disk, **{CASES: str(cases)}))
    assert code == 1
    check_resumable(small_disk, said, cases)
    mount("-o", "remount,size=8m", str(small_disk))
    check_finished(small_disk, cases)


def test_a_file_size_limit_is_a_full_disk(tmp_path: Path) -> None:
    cases = 60

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    code, said = finish(start(tmp_path, before=limit, **{CASES: str(cases)}))
    assert code == 1, said
    check_resumable(tmp_path, said, cases)
    check_finished(tmp_path, cases)


def test_a_read_only_store_can_be_read_and_says_so_to_who_would_write(
    small_disk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    code, said = finish(start(small_disk, **{CASES: "3"}))
    assert code == 0, said
    (path,) = (manifest.parent for manifest in small_disk.glob("*/*/manifest.json"))
    (path / "trials.jsonl").write_text("".join((path / "trials.jsonl").read_text().splitlines(keepends=True)[:-1]))
    mount("-o", "remount,ro", str(small_disk))
    code, said = finish(start(small_disk))
    assert code == 1
    assert "Traceback" not in said
    assert "Read-only file system" in said
    capsys.readouterr()
    assert diptych(["run", "decoding", "--results", str(small_disk)]) == 1
    told = capsys.readouterr()
    assert told.err.count("\n") == 1
    assert "Read-only file system" in told.err
    assert len(RunStore.open(path).records()) == 8
