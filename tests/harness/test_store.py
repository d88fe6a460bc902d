"""The run folder: atomic lines, torn lines, damage, newer formats, two writers, videos by content."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from harness.errors import DiptychError, UsageError
from harness.files import write_atomically
from harness.plan import make_plan
from harness.store import lines, run_store, video
from harness.store.cleaning import collect
from harness.store.locate import find_run, list_runs, results_root
from harness.store.lock import WriterLock
from harness.store.records import FeatureRows, Manifest, TrialRecord
from harness.store.run_store import RunStore
from harness.types import Arm, Case, Scale, Suite

ROOT = Path(__file__).resolve().parents[2]


def a_manifest(run_id: str = "20260101T000000Z-smoke-abc123", suite_name: str = "demo") -> Manifest:
    cases = tuple(Case(name=f"case{i}", group="g", model="m", params={"clip": i}) for i in range(3))
    suite = Suite(
        name=suite_name,
        version=1,
        question="?",
        arms=(Arm(name="a", maker="fake", params={"k": 2, "x": None}), Arm(name="b", maker="fake")),
        baseline="a",
        scales={"smoke": Scale(name="smoke", cases=cases)},
        metrics=("psnr",),
        primary_speed="frames_per_second",
        primary_quality="psnr",
        margin=0.5,
        margin_why="test",
    )
    return Manifest(
        run_id=run_id,
        suite=suite,
        plan=make_plan(suite, "smoke", 0),
        device="cpu",
        threads=1,
        created_at="2026-01-01T00:00:00+00:00",
        comparability_key="0" * 64,
    )


def a_record(manifest: Manifest, index: int, status: str = "finished", **more: object) -> TrialRecord:
    trial = manifest.plan.trials[index]
    return TrialRecord.model_validate(
        {
            "index": index,
            "block": trial.block,
            "arm": trial.arm,
            "seed": trial.seed,
            "status": status,
            "started_at": "2026-01-01T00:00:00+00:00",
            **more,
        }
    )


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore.create(tmp_path, a_manifest())


def test_what_is_written_is_read_back(store: RunStore) -> None:
    first = a_record(
        store.manifest,
        1,
        values={"psnr": 1 / 3, "ssim": None},
        seconds=[0.1],
        features={"space": FeatureRows(generated=[0.1, 1e-300], reference=[])},
        info={"text": "a\nb"},
    )
    store.append(first)
    store.append(a_record(store.manifest, 0, "failed", error={"type": "E", "message": "é"}))
    again = RunStore.open(store.path)
    assert again.manifest == store.manifest
    assert [r.index for r in again.records()] == [0, 1]
    assert again.records()[1] == first
    assert again.problems == []
    assert (store.path / "trials.jsonl").read_text().count("\n") == 2


def test_append_is_one_write_on_an_append_descriptor_and_one_sync(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, int]] = []
    write, sync = os.write, os.fsync

    def spy_write(fd: int, data: bytes) -> int:
        assert fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_APPEND
        calls.append(("write", len(data)))
        return write(fd, data)

    def spy_sync(fd: int) -> None:
        calls.append(("fsync", 0))
        sync(fd)

    monkeypatch.setattr(run_store.os, "write", spy_write)
    monkeypatch.setattr(run_store.os, "fsync", spy_sync)
    store.append(a_record(store.manifest, 0))
    monkeypatch.undo()
    assert [name for name, _ in calls] == ["write", "fsync"]
    assert calls[0][1] == (store.path / "trials.jsonl").stat().st_size


def test_a_full_disk_takes_the_line_back(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.append(a_record(store.manifest, 0))
    before = (store.path / "trials.jsonl").read_bytes()
    write = os.write
    monkeypatch.setattr(run_store.os, "write", lambda fd, data: write(fd, data[: len(data) // 2]))
    with pytest.raises(DiptychError, match="No space left"):
        store.append(a_record(store.manifest, 1))
    monkeypatch.undo()
    assert (store.path / "trials.jsonl").read_bytes() == before
    store.append(a_record(store.manifest, 1))
    assert len(store.records()) == 2


@settings(max_examples=40, deadline=None)
@given(cut=st.integers(1, 200))
def test_any_torn_tail_loses_one_trial_and_is_set_aside(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    store = RunStore.create(tmp_path_factory.mktemp("torn"), a_manifest())
    for index in range(3):
        store.append(a_record(store.manifest, index))
    store.close()
    file = store.path / "trials.jsonl"
    data = file.read_bytes()
    last = len(data) - data[:-1].rfind(b"\n") - 1
    cut = min(cut, last - 1)
    file.write_bytes(data[:-cut])
    reader = RunStore.open(store.path)
    assert [r.index for r in reader.records()] == [0, 1]
    assert "torn" in reader.problems[0]
    assert file.read_bytes() == data[:-cut], "a reader changes nothing"
    with RunStore.open(store.path) as writer:
        writer.append(a_record(store.manifest, 2))
        assert [r.index for r in writer.records()] == [0, 1, 2]
        assert "set aside in trials.torn" in writer.problems[0]
    assert (store.path / "trials.torn").read_bytes() == data[:-cut][len(data) - last :] + b"\n"
    assert RunStore.open(store.path).records()[2].index == 2


@settings(max_examples=200, deadline=None)
@given(
    pieces=st.lists(st.sampled_from([b"{}", b'{"a":1}', b"{bad", b"\n", b"\n\n", b"x" * 40]), max_size=12),
    tail=st.integers(1, 50),
)
def test_the_torn_end_is_found_from_the_tail_as_from_the_whole_file(pieces: list[bytes], tail: int) -> None:
    data = b"".join(pieces)
    with tempfile.TemporaryFile() as file, pytest.MonkeyPatch.context() as patch:
        file.write(data)
        file.flush()
        patch.setattr(lines, "TAIL_BYTES", tail)
        good, rest = lines.sound_end(file.fileno())
    assert good == lines.sound_length(data)
    assert rest == data[good:]


def test_a_corrupt_last_line_is_set_aside(store: RunStore) -> None:
    store.append(a_record(store.manifest, 0))
    store.close()
    with (store.path / "trials.jsonl").open("ab") as file:
        file.write(b'{"index": 1, \x00\x00\n')
    with RunStore.open(store.path) as writer:
        writer.lock()
        assert [r.index for r in writer.records()] == [0]
        assert len(writer.problems) == 1
    assert (store.path / "trials.torn").read_bytes() == b'{"index": 1, \x00\x00\n'


def test_a_corrupt_middle_line_is_an_error_that_names_it(store: RunStore) -> None:
    for index in range(3):
        store.append(a_record(store.manifest, index))
    file = store.path / "trials.jsonl"
    good = file.read_bytes().split(b"\n")
    for bad in (b"{not json", b'{"index": 1}', b"\xff\xfe"):
        file.write_bytes(b"\n".join([good[0], bad, *good[2:]]))
        with pytest.raises(DiptychError, match=r"trials\.jsonl:2 is damaged.*diptych resume"):
            RunStore.open(store.path).records()


def test_a_newer_schema_is_refused_in_records_and_manifest(store: RunStore) -> None:
    store.append(a_record(store.manifest, 0))
    store.close()
    line = json.loads(a_record(store.manifest, 1).model_dump_json())
    file = store.path / "trials.jsonl"
    old = file.read_bytes()
    for extra in ({}, {"a_field_of_the_future": 1}):
        file.write_bytes(old + json.dumps({**line, "schema_version": 98, **extra}).encode() + b"\n")
        with pytest.raises(DiptychError, match=r"trials\.jsonl:2 has schema_version 98.*pip install --upgrade"):
            RunStore.open(store.path).records()
    text = json.loads((store.path / "manifest.json").read_text())
    for extra in ({}, {"a_field_of_the_future": 1}):
        (store.path / "manifest.json").write_text(json.dumps({**text, "schema_version": 99, **extra}))
        with pytest.raises(DiptychError, match="schema_version 99"):
            RunStore.open(store.path)


def test_a_damaged_or_missing_manifest_is_one_sentence(store: RunStore, tmp_path: Path) -> None:
    (store.path / "manifest.json").write_text('{"run_id": ')
    with pytest.raises(DiptychError, match="damaged"):
        RunStore.open(store.path)
    for path in (tmp_path / "nowhere", store.path / "trials.jsonl"):
        with pytest.raises(DiptychError, match="is not a run"):
            RunStore.open(path)


def test_duplicates_are_ignored_and_reported_but_a_retry_replaces_a_failure(store: RunStore) -> None:
    store.append(a_record(store.manifest, 0, values={"psnr": 1.0}))
    store.append(a_record(store.manifest, 0, values={"psnr": 2.0}))
    store.append(a_record(store.manifest, 1, "failed", error={"type": "E", "message": "m"}))
    store.append(a_record(store.manifest, 1, values={"psnr": 3.0}))
    found = store.records()
    assert [r.values["psnr"] for r in found] == [1.0, 3.0]
    assert len(store.problems) == 1
    assert "repeats trial 0" in store.problems[0]
    store.records()
    assert len(store.problems) == 1, "said once"


def test_a_record_of_another_plan_is_ignored_and_reported(store: RunStore) -> None:
    store.append(a_record(store.manifest, 0).model_copy(update={"seed": 1}))
    store.append(a_record(store.manifest, 1).model_copy(update={"index": 77}))
    assert store.records() == []
    assert len(store.problems) == 2


def test_a_second_writer_is_refused_until_the_first_is_gone(store: RunStore) -> None:
    other = RunStore.open(store.path)
    assert other.records() == []
    with pytest.raises(DiptychError, match=f"written by another process .pid {os.getpid()}."):
        other.append(a_record(store.manifest, 0))
    store.close()
    other.append(a_record(store.manifest, 0))
    assert len(store.records()) == 1


def test_the_lock_dies_with_its_process(store: RunStore) -> None:
    store.close()
    code = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        from harness.store.run_store import RunStore
        store = RunStore.open(Path(sys.argv[1]))
        store.lock()
        print("locked", flush=True)
        time.sleep(60)
        """
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(store.path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "locked\n"
        with pytest.raises(DiptychError, match=f"pid {child.pid}"):
            store.append(a_record(store.manifest, 0))
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
        if child.stdout is not None:
            child.stdout.close()
    store.append(a_record(store.manifest, 0))
    assert len(store.records()) == 1


def test_a_lock_given_up_in_order_leaves_no_file(store: RunStore) -> None:
    assert (store.path / ".lock").read_text() == f"{os.getpid()}\n"
    store.close()
    assert not (store.path / ".lock").exists()
    store.close()


def test_a_lock_file_removed_while_it_was_being_locked_guards_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / ".lock"
    first, second = WriterLock(path), WriterLock(path)
    assert first.acquire() is None
    flock = fcntl.flock

    def late(handle: int, operation: int) -> None:
        first.release()  # the owner goes between our opening and locking its file
        flock(handle, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    assert second.acquire() is None
    monkeypatch.undo()
    assert WriterLock(path).acquire() == str(os.getpid()), "the file that is there is the one that is locked"
    second.release()


def test_a_forgotten_store_gives_up_its_lock(tmp_path: Path) -> None:
    store = RunStore.create(tmp_path, a_manifest())
    path = store.path
    del store
    RunStore.open(path).append(a_record(a_manifest(), 0))


def test_the_same_run_twice_is_refused(store: RunStore, tmp_path: Path) -> None:
    with pytest.raises(DiptychError, match="exists already"):
        RunStore.create(tmp_path, a_manifest())
    with pytest.raises(DiptychError, match="cannot name a folder"):
        RunStore.create(tmp_path, a_manifest(suite_name="../evil"))


def test_a_run_that_cannot_be_begun_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run_store, "write_atomically", fail)
    with pytest.raises(DiptychError, match="cannot be written: No space left"):
        RunStore.create(tmp_path, a_manifest())
    assert list((tmp_path / "demo").iterdir()) == []


def test_a_run_that_is_killed_before_its_manifest_is_none_and_is_collected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code = """
        import os, signal, sys
        from pathlib import Path
        from harness.store import run_store
        from tests.harness.test_store import a_manifest
        run_store.write_atomically = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        run_store.RunStore.create(Path(sys.argv[1]), a_manifest())
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code), str(tmp_path)], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = (tmp_path / "demo").iterdir()
    assert list_runs(tmp_path) == []
    assert collect(tmp_path, dry_run=False).items == []  # it may be about to be written
    os.utime(left, (time.time() - 7200,) * 2)
    for dry_run in (True, False):
        assert [(item.path, item.why) for item in collect(tmp_path, dry_run=dry_run).items] == [
            (left, "a run that was killed before its first trial")
        ]
        assert left.exists() == dry_run
    with RunStore.create(tmp_path, a_manifest()) as store:
        assert list_runs(tmp_path) == [store.path]


NO_JSON = [
    ("info", {"x": np.float32(1)}, r"info\.x, a float32,"),
    ("info", {"deep": [1, {"y": np.arange(3)}]}, r"info\.deep\.1\.y, a ndarray,"),
    ("info", {"path": "no file \udcff.bin"}, r"info\.path, a str,"),
    ("flags", ["load", "\udcff"], r"flags\.1, a str,"),
    ("error", {"type": "E", "message": "no file \udcff.bin"}, r"error\.message, a str,"),
]


@pytest.mark.parametrize(("field", "value", "why"), NO_JSON)
def test_what_is_no_json_is_named_and_nothing_is_written(store: RunStore, field: str, value: object, why: str) -> None:
    store.append(a_record(store.manifest, 0, info={"nan": float("nan")}))
    before = (store.path / "trials.jsonl").read_bytes()
    with pytest.raises(DiptychError, match=r"trial 1 \(case\d, repetition 0, [ab]\) cannot be written: " + why) as told:
        store.append(a_record(store.manifest, 1, **{field: value}))
    assert "\n" not in str(told.value)
    str(told.value).encode()
    assert (store.path / "trials.jsonl").read_bytes() == before
    store.append(a_record(store.manifest, 1))
    assert len(store.records()) == 2


def test_a_manifest_that_is_no_json_is_named_and_begins_no_run(tmp_path: Path) -> None:
    with pytest.raises(DiptychError, match=r"the manifest of run .* cannot be written: argv\.1, a str, is no JSON"):
        RunStore.create(tmp_path, a_manifest().model_copy(update={"argv": ["run", "\udcff"]}))
    assert list((tmp_path / "demo").iterdir()) == []


@pytest.mark.parametrize("place", ["/proc/diptych", "a-file", "a-file/below", "nul\x00byte", "x" * 300])
def test_impossible_results_folders_are_one_message(tmp_path: Path, place: str) -> None:
    (tmp_path / "a-file").write_text("in the way")
    with pytest.raises(DiptychError, match=r"results folder .* Choose another with --results"):
        RunStore.create(tmp_path / place, a_manifest())


def test_a_folder_without_permission_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.NamedTemporaryFile", refuse)  # root may write anywhere, so chmod proves nothing
    with pytest.raises(DiptychError, match="not writable: permission denied"):
        RunStore.create(tmp_path, a_manifest())


def test_summary_is_the_newest_one(store: RunStore) -> None:
    store.write_summary({"a": [1.5, None]})
    store.write_summary({"a": 2})
    assert json.loads((store.path / "summary.json").read_text()) == {"a": 2}


def test_a_failed_atomic_write_leaves_the_old_file_and_no_rubbish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "f.json"
    write_atomically(path, b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("harness.files.os.replace", fail)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["f.json"]


# ---- locating -------------------------------------------------------------------------------------------------------


def test_results_root_prefers_option_then_variable_then_default() -> None:
    assert results_root("x", {"DIPTYCH_RESULTS": "y"}) == Path("x")
    assert results_root(None, {"DIPTYCH_RESULTS": "y"}) == Path("y")
    assert results_root(None, {}) == Path("results")
    for option, environment in (("", {}), (None, {"DIPTYCH_RESULTS": " "})):
        with pytest.raises(UsageError, match="empty string"):
            results_root(option, environment)


def test_runs_are_found_by_path_id_prefix_and_suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "out"
    ids = ["2026a-smoke-111111", "2026b-smoke-222222"]
    paths = [RunStore.create(root, a_manifest(i)).path for i in ids]
    baseline = RunStore.create(root / "baselines", a_manifest("2025-full-333333")).path
    committed = RunStore.create(tmp_path / "results" / "baselines", a_manifest("2024-full-444444")).path
    assert find_run(str(paths[0]), root) == paths[0]
    assert find_run(paths[0] / "manifest.json", root) == paths[0]
    assert find_run("2026a", root) == paths[0]
    assert find_run("demo/2026b", root) == paths[1]
    assert find_run("2025", root) == baseline
    assert find_run("2024", root).resolve() == committed
    assert len(list_runs(root)) == 4
    with pytest.raises(UsageError, match="ambiguous: 2 runs"):
        find_run("2026", root)
    with pytest.raises(UsageError, match=r"unknown run '2026a-smoke-111112'; did you mean '2026a-smoke-111111'"):
        find_run("2026a-smoke-111112", root)
    with pytest.raises(UsageError, match="must be named"):
        find_run("", root)
    with pytest.raises(UsageError, match="without manifest"):
        find_run(str(root), root)


def test_an_exact_id_wins_over_longer_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    short = RunStore.create(tmp_path, a_manifest("run1")).path
    RunStore.create(tmp_path, a_manifest("run12"))
    assert find_run("run1", tmp_path) == short


# ---- videos ---------------------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(
    frames=hnp.arrays(
        np.uint8,
        st.tuples(st.integers(1, 3), st.integers(1, 40), st.integers(1, 40), st.just(3)),
        elements=st.integers(0, 255),
        fill=st.integers(0, 255),
    )
)
def test_ffv1_is_bit_exact(tmp_path_factory: pytest.TempPathFactory, frames: np.ndarray) -> None:
    folder = tmp_path_factory.mktemp("video")
    name = video.save_video(folder, frames)
    assert np.array_equal(video.load_video(folder, name), frames)
    assert [p.name for p in folder.iterdir()] == [f"{name}.mkv"]


def test_every_level_of_every_channel_survives(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (4, 48, 64, 3), dtype=np.uint8)
    ramp = np.zeros((3, 16, 256, 3), np.uint8)
    for channel in range(3):
        ramp[channel, :, :, channel] = np.arange(256, dtype=np.uint8)
    for frames in (noise, ramp):
        assert np.array_equal(video.load_video(tmp_path, video.save_video(tmp_path, frames)), frames)


def test_names_tell_shape_and_content_apart(store: RunStore) -> None:
    frames = np.zeros((2, 4, 8, 3), np.uint8)
    names = {
        store.save_video(frames),
        store.save_video(frames.reshape(2, 8, 4, 3)),
        store.save_video(frames.reshape(4, 4, 4, 3)),
        store.save_video(frames + 1),
    }
    assert len(names) == 4
    assert store.save_video(np.asfortranarray(frames)) in names
    assert len(list((store.path / "samples").iterdir())) == 4


def test_a_swapped_or_damaged_video_is_noticed(store: RunStore) -> None:
    rng = np.random.default_rng(1)
    one, two = (store.save_video(rng.integers(0, 256, (2, 20, 20, 3), dtype=np.uint8)) for _ in range(2))
    folder = store.path / "samples"
    (folder / f"{one}.mkv").write_bytes((folder / f"{two}.mkv").read_bytes())
    with pytest.raises(DiptychError, match="does not hold the frames"):
        store.load_video(one)
    (folder / f"{two}.mkv").write_bytes(b"rubbish")
    with pytest.raises(DiptychError, match="cannot be read as a video"):
        store.load_video(two)
    with pytest.raises(DiptychError, match="keep no samples"):
        store.load_video("0" * 64)


def test_an_encoder_that_loses_bits_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = np.zeros((1, 8, 8, 3), np.uint8)
    honest = video.encode
    monkeypatch.setattr(video, "encode", lambda array, path: honest(array ^ 1, path))
    with pytest.raises(DiptychError, match="read back"):
        video.save_video(tmp_path, frames)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "frames", [np.zeros((2, 4, 4, 3)), np.zeros((4, 4, 3), np.uint8), np.zeros((0, 4, 4, 3), np.uint8)]
)
def test_what_is_no_video_is_refused(tmp_path: Path, frames: np.ndarray) -> None:
    with pytest.raises(DiptychError, match="uint8"):
        video.save_video(tmp_path, frames)
