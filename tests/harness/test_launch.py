"""The worker process: what it answers, and what a trial that kills or hangs it costs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.errors import DiptychError, UsageError
from harness.launch.drive import MOST_LOSSES, MOST_WARMUPS, settle
from harness.launch.executor import Request
from harness.launch.supervised import SupervisedExecutor, oom_kills
from harness.plan import make_plan
from harness.run import RunResult, resume_run, run_suite
from harness.store.run_store import RunStore
from harness.store.sessions import read_sessions
from tests.harness.launch_fakes import FAULTS, WORKER, a_suite, fake_analyse, filled


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, faults: dict[str, str], **more: Any) -> RunResult:
    monkeypatch.setenv(FAULTS, json.dumps(faults))
    settings: dict[str, Any] = {"threads": 1, "registry": filled(), "analyse": fake_analyse, "worker": WORKER}
    return run_suite(a_suite(more.pop("cases", 3)), "smoke", results=folder, **{**settings, **more})


def resume(result: RunResult, **more: Any) -> RunResult:
    return resume_run(result.path, registry=filled(), analyse=fake_analyse, worker=WORKER, **more)


def outcomes(result: RunResult) -> dict[tuple[str, str], str]:
    records = RunStore.open(result.path).records()
    return {(r.arm, r.block.case): r.error.type if r.error else r.status for r in records}


def test_a_worker_gives_the_records_that_this_process_would_give(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = run(tmp_path / "there", monkeypatch, {}, keep_samples=1)
    here = run(tmp_path / "here", monkeypatch, {}, keep_samples=1, worker=None)
    volatile = {"started_at", "info", "flags"}
    one, two = ([r.model_dump(exclude=volatile) for r in RunStore.open(x.path).records()] for x in (there, here))
    assert one == two
    assert len(one) == 9
    manifests = [RunStore.open(x.path).manifest for x in (there, here)]
    assert manifests[0].comparability_key == manifests[1].comparability_key
    assert {p.name for p in (there.path / "samples").iterdir()} == {p.name for p in (here.path / "samples").iterdir()}


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        ("die", "Crashed", "SIGKILL"),
        pytest.param("segfault", "Crashed", "SIGSEGV", marks=pytest.mark.full),
        pytest.param("exit", "Crashed", "ended with code 7", marks=pytest.mark.full),
        ("hang", "Timeout", "--trial-timeout"),
        ("memory", "OutOfMemory", "MemoryError"),
    ],
)
def test_a_trial_that_its_process_does_not_survive_fails_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, kind: str, message: str
) -> None:
    result = run(tmp_path, monkeypatch, {"fast case1": fault}, trial_timeout_seconds=1.5)
    assert (result.finished, result.failed, result.missing) == (8, 1, 0)
    failed = [r for r in RunStore.open(result.path).records() if r.error is not None]
    assert [(r.arm, r.block.case) for r in failed] == [("fast", "case1")]
    assert failed[0].error is not None
    assert failed[0].error.type == kind
    assert message in failed[0].error.message
    lost = fault != "memory"  # an exception costs no process
    assert [s.reason for s in read_sessions(result.path)] == ["a worker process was lost"] * lost
    sessions = [r.session for r in RunStore.open(result.path).records()]
    assert max(sessions) == int(lost), "trials of the new process are told apart from those of the old one"
    again = resume(result, retry_failed=True)  # with the run's own limit of time
    assert outcomes(again)["fast", "case1"] == kind


def test_the_partner_of_a_killed_trial_is_kept_and_counted_as_unpaired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run(tmp_path, monkeypatch, {"base case1": "die"})
    assert (result.finished, result.failed, result.unpaired, result.pairs) == (8, 1, 2, 4)


@pytest.mark.full
def test_an_arm_that_kills_every_time_is_given_up_and_the_others_are_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = MOST_LOSSES + 2
    result = run(tmp_path, monkeypatch, {f"fast case{i}": "die" for i in range(cases)}, cases=cases)
    found = outcomes(result)
    assert [found["fast", f"case{i}"] for i in range(cases)] == ["Crashed"] * MOST_LOSSES + ["NotTried"] * 2
    assert all(word == "finished" for (arm, _), word in found.items() if arm != "fast")
    assert len(read_sessions(result.path)) == MOST_LOSSES


@pytest.mark.full
def test_a_warm_up_that_kills_costs_no_other_arm_its_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(tmp_path, monkeypatch, {f"faster case{i}": "die at once" for i in range(3)})
    found = outcomes(result)
    assert all(word == "finished" for (arm, _), word in found.items() if arm != "faster")
    assert [found["faster", f"case{i}"] for i in range(3)] == ["NotTried"] * 3
    records = RunStore.open(result.path).records()
    messages = {r.error.message for r in records if r.error is not None}
    assert all("SIGKILL" in message for message in messages), "what it died of is told"


@pytest.mark.full
def test_losses_with_successes_between_are_no_reason_to_give_an_arm_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run(tmp_path, monkeypatch, {f"fast case{i}": "die" for i in (0, 2, 4, 6)}, cases=8)
    found = outcomes(result)
    assert [found["fast", f"case{i}"] for i in range(8)] == ["Crashed", "finished"] * 4


@pytest.mark.full
def test_an_arm_that_has_lost_a_process_is_warmed_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(tmp_path, monkeypatch, {"fast case0": "die"})
    records = [r for r in RunStore.open(result.path).records() if r.status == "finished"]
    assert not any(r.info["cold"] for r in records), "no trial pays for a new process"
    assert {r.session for r in records if r.arm == "fast"} == {1}


@pytest.mark.parametrize("fault", ["dead next time", pytest.param("stuck next time", marks=pytest.mark.full)])
def test_a_worker_that_cannot_be_replaced_costs_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setenv("STARTS", str(tmp_path / "starts"))
    monkeypatch.setattr("harness.launch.supervised.RESTART_SECONDS", 4.0)
    with pytest.raises(DiptychError, match="could not be made ready"):
        run(tmp_path / "runs", monkeypatch, {"fast case0": fault}, trial_timeout_seconds=4.0)
    (path,) = (manifest.parent for manifest in (tmp_path / "runs").glob("*/*/manifest.json"))
    failed = [(r.arm, r.block.case) for r in RunStore.open(path).records() if r.error is not None]
    assert failed == [("fast", "case0")], "the trial that cost the process has its record"
    monkeypatch.setenv(FAULTS, "{}")
    finished = resume_run(path, registry=filled(), analyse=fake_analyse, worker=WORKER)
    assert (finished.finished, finished.failed, finished.missing) == (8, 1, 0)


def test_a_device_that_an_error_has_spoilt_is_given_up_with_its_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run(tmp_path, monkeypatch, {"fast case1": "poison"})
    assert (result.finished, result.failed) == (8, 1)
    assert outcomes(result)["fast", "case1"] == "RuntimeError"
    assert len(read_sessions(result.path)) == 1


@pytest.mark.parametrize("worker", [None, pytest.param(WORKER, marks=pytest.mark.full)])
@pytest.mark.parametrize(("fault", "kind"), [("numpy", "NotJson"), ("surrogate", "FileNotFoundError")])
def test_what_cannot_be_written_down_fails_its_trial_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, kind: str, worker: str | None
) -> None:
    result = run(tmp_path, monkeypatch, {"fast case1": fault}, worker=worker)
    assert (result.finished, result.failed) == (8, 1)
    assert outcomes(result)["fast", "case1"] == kind


@pytest.mark.full
def test_the_kernels_kill_is_told_from_others_by_the_control_groups_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = tmp_path / "memory.events"
    events.write_text("low 0\noom 1\noom_kill 4\n")
    assert oom_kills(events) == 4
    assert oom_kills(tmp_path / "absent") is None
    monkeypatch.setenv(FAULTS, json.dumps({"fast case0": f"oom {events}"}))
    suite = a_suite(1)
    plan = make_plan(suite, "smoke", 0)
    request = Request(suite=suite, plan=plan, device="cpu", threads=1, keep_samples=0)
    executor = SupervisedExecutor(request, WORKER, events=events)
    try:
        records = {trial.arm: executor.run(trial, 0, []) for trial in plan.trials}
    finally:
        executor.close()
    error = records["fast"].error
    assert error is not None
    assert error.type == "OutOfMemory"
    assert records["base"].status == records["faster"].status == "finished"


def test_what_a_worker_cannot_build_is_told_as_this_process_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DiptychError, match="arm 'fast' cannot run case 'case1': the grid is too small"):
        run(tmp_path, monkeypatch, {"fast case1": "impossible"})
    with pytest.raises(DiptychError, match=r"failed while it was built: ZeroDivisionError.*doctor") as caught:
        run(tmp_path, monkeypatch, {"fast case1": "broken"})
    assert "launch_fakes.py" in str(caught.value.__cause__), "where it broke is the cause"
    with pytest.raises(DiptychError, match=r"could not be made ready.*SIGKILL"):
        run(tmp_path, monkeypatch, {"fast case1": "dead"})
    with pytest.raises(UsageError, match="positive number of seconds"):
        run(tmp_path, monkeypatch, {}, trial_timeout_seconds=0)
    assert not list(tmp_path.rglob("manifest.json"))


def test_what_parts_print_and_log_does_not_disturb_the_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "diptych"):
        result = run(tmp_path, monkeypatch, {"fast case1": "noisy"})
    assert result.finished == 9
    assert "rendering: 1 of 2" in caplog.messages


def children_of(process: int) -> list[psutil.Process]:
    return psutil.Process(process).children(recursive=True)


def test_a_worker_that_is_told_no_more_ends_at_once_in_the_middle_of_a_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FAULTS, json.dumps({"fast case0": "hang"}))
    suite = a_suite(1)
    plan = make_plan(suite, "smoke", 0)
    request = Request(suite=suite, plan=plan, device="cpu", threads=1, keep_samples=0)
    executor = SupervisedExecutor(request, WORKER)
    worker = executor._child
    assert worker is not None
    assert worker.stdin is not None
    try:
        trial = next(trial for trial in plan.trials if trial.arm == "fast")
        command = {"do": "run", "trial": trial.model_dump(mode="json"), "session": 0, "halves": []}
        worker.stdin.write(json.dumps(command).encode() + b"\n")
        worker.stdin.close()  # the parent lives, so only the worker itself can end it
        assert worker.wait(20) == -signal.SIGKILL
    finally:
        executor.close()


@pytest.mark.parametrize(
    "how", [signal.SIGKILL, *(pytest.param(how, marks=pytest.mark.full) for how in (signal.SIGTERM, signal.SIGINT))]
)
def test_the_worker_ends_with_its_parent_and_the_run_can_be_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: signal.Signals
) -> None:
    environment = {**os.environ, FAULTS: json.dumps({"fast case1": "hang"}), "PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen(
        [sys.executable, "-m", "tests.harness.launch_fakes", str(tmp_path)], env=environment, stderr=subprocess.PIPE
    )
    try:
        deadline = time.monotonic() + 60
        while not list(tmp_path.rglob("hanging")):
            assert time.monotonic() < deadline
            assert parent.poll() is None
            time.sleep(0.05)
        workers = children_of(parent.pid)
        assert workers
        parent.send_signal(how)
        parent.wait(30)
        gone, alive = psutil.wait_procs(workers, timeout=30)
        assert not alive
        assert len(gone) == len(workers)
    finally:
        parent.kill()
        assert parent.stderr is not None
        said = parent.stderr.read().decode()
        parent.stderr.close()
    assert ("diptych resume" in said) == (how != signal.SIGKILL), said
    (path,) = (p.parent for p in tmp_path.rglob("manifest.json"))
    monkeypatch.setenv(FAULTS, "{}")
    result = resume_run(path, registry=filled(), analyse=fake_analyse, worker=WORKER)
    assert (result.finished, result.failed, result.missing) == (9, 0, 0)


@pytest.mark.full
def test_a_worker_in_native_code_ends_with_its_parent(tmp_path: Path) -> None:
    environment = {**os.environ, FAULTS: json.dumps({"fast case1": "hold"}), "PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen([sys.executable, "-m", "tests.harness.launch_fakes", str(tmp_path)], env=environment)
    try:
        deadline = time.monotonic() + 60
        while not list(tmp_path.rglob("hanging")):
            assert time.monotonic() < deadline
            assert parent.poll() is None
            time.sleep(0.05)
        workers = children_of(parent.pid)
    finally:
        parent.kill()
        parent.wait()
    assert workers
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert not alive


@pytest.mark.parametrize(
    ("durations", "fewest", "calls", "steady"),
    [
        ([1.0], 0, 0, True),
        ([1.0, 1.0], 1, 2, True),
        ([9.0, 1.0, 1.0], 1, 3, True),
        ([9.0, 1.0, 1.2], 1, 3, True),
        ([5.0, 4.0, 3.0, 2.0, 1.0], 1, MOST_WARMUPS, False),
        ([5.0, 4.0, 3.0, 2.0, 2.0], 1, MOST_WARMUPS, True),
        ([1.0] * 7, 7, 7, True),
        ([40.0, 30.0, 1.0], 1, 2, False),
        ([9.0, None], 1, 1, True),
    ],
)
def test_warm_ups_go_on_until_they_are_steady(
    durations: list[float | None], fewest: int, calls: int, steady: bool
) -> None:
    left = iter(durations)

    def call() -> list[float] | None:
        found = next(left)
        return None if found is None else [found]

    assert settle(call, fewest) == ([d for d in durations[:calls] if d is not None], steady)


def test_what_the_warm_ups_took_is_kept_with_the_first_trial_of_its_arm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run(tmp_path, monkeypatch, {"fast case0": "never steady"}, worker=None)
    records = RunStore.open(result.path).records()
    first = {}
    for record in records:
        first.setdefault(record.arm, record)
    assert all(len(record.warmup_seconds) == 2 for arm, record in first.items() if arm != "fast")
    assert first["fast"].warmup_seconds == [16.0, 8.0, 4.0, 2.0, 1.0]
    assert first["fast"].flags == ["not-steady"]
    assert not any(r.warmup_seconds or "not-steady" in r.flags for r in records if r is not first[r.arm])
