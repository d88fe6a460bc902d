"""Runs: what is recorded, what fails without stopping the rest, and resuming after every kind of end."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import DiptychError, UsageError
from harness.plan import make_plan
from harness.progress import ProgressEvent, Teller
from harness.run import RunResult, resume_run, run_suite
from harness.samples import kept_blocks
from harness.store.in_flight import InFlight
from harness.store.records import TrialRecord
from harness.store.run_store import RunStore
from harness.store.sessions import read_sessions
from harness.types import Metric

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def load_fakes() -> Any:
    spec = importlib.util.spec_from_file_location("run_fakes", HERE / "run_fakes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


fakes = load_fakes()


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test here outlives a power cut; that every line is synced is tested with the store."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def run(tmp_path: Path, behaviour: dict[tuple[str, str], str] | None = None, **more: Any) -> tuple[RunResult, Any]:
    """Run the fake suite and return the result and its maker."""
    registry, built = fakes.a_registry(behaviour)
    suite = more.pop("suite", fakes.a_suite())
    settings = {"results": tmp_path, "threads": 1, "registry": registry, "analyse": fakes.fake_analyse}
    settings = {**settings, "keep_samples": 0, **more}
    return run_suite(suite, "smoke", **settings), built


def resume(path: Path, behaviour: dict[tuple[str, str], str] | None = None, **more: Any) -> tuple[RunResult, Any]:
    registry, built = fakes.a_registry(behaviour)
    return resume_run(path, registry=registry, analyse=fakes.fake_analyse, **more), built


def quality(path: Path) -> list[dict[str, Any]]:
    """Return everything that must not depend on when and how often a run was started."""
    kept = {"index", "block", "arm", "seed", "status", "values", "hashes", "features", "sample", "counts"}
    return [record.model_dump(include=kept) for record in RunStore.open(path).records()]


def errors(path: Path) -> dict[tuple[str, str, int], str]:
    return {
        (r.arm, r.block.case, r.block.repetition): r.error.type
        for r in RunStore.open(path).records()
        if r.error is not None
    }


def test_a_run_records_every_trial_of_its_plan_once(tmp_path: Path) -> None:
    result, built = run(tmp_path, argv=["diptych", "run"])
    assert (result.finished, result.failed, result.unpaired, result.missing, result.pairs) == (18, 0, 0, 0, 12)
    assert not result.interrupted
    assert len(built) == 1, "one maker per run, shared by its arms"
    store = RunStore.open(result.path)
    records = store.records()
    assert [r.index for r in records] == list(range(18))
    assert [(r.arm, r.block, r.seed) for r in records] == [(t.arm, t.block, t.seed) for t in store.manifest.plan.trials]
    assert result.path == tmp_path / "fake-suite" / result.run_id
    assert store.manifest.argv == ["diptych", "run"]
    assert json.loads((store.path / "summary.json").read_text()) == {
        "run_id": result.run_id,
        "records": 18,
        "findings": [],
        "trials": {"finished": 18, "failed": 0, "unpaired": 0},
        "problems": [],
    }
    first = records[0]
    assert first.values["rate"] == pytest.approx(12.0)
    assert first.values["frechet[means]"] is None
    assert first.seconds == [0.25] * 3
    assert len(first.features["means"].generated) == len(first.features["means"].reference) == 3
    assert first.peak_memory_bytes == 1000
    assert not (result.path / ".in-flight.json").exists()


def test_trials_run_in_the_planned_order_after_the_warm_ups_of_their_shapes(tmp_path: Path) -> None:
    result, built = run(tmp_path, suite=fakes.a_suite(warmups=2))
    plan = RunStore.open(result.path).manifest.plan
    calls = built[0].calls
    measured = [(arm, case, seed) for arm, case, seed, repeats in calls if repeats == 3]
    assert measured == [(t.arm, t.block.case, t.seed) for t in plan.trials]
    warm = [(position, arm, case) for position, (arm, case, _, repeats) in enumerate(calls) if repeats == 1]
    assert len(warm) == 2 * 3 * 2, "warm-ups x arms x groups"
    assert [position for position, _, case in warm if case == "case0"] == list(range(6))
    assert [c[3] for c in calls[6:12]] == [3] * 6, "no warm-up between the arms of a block"


def test_the_same_seed_gives_the_same_quality_and_another_does_not(tmp_path: Path) -> None:
    one, two = (run(tmp_path / name, seed=5)[0] for name in "ab")
    other = run(tmp_path / "c", seed=6)[0]
    assert quality(one.path) == quality(two.path)
    assert quality(one.path) != quality(other.path)
    keys = [RunStore.open(r.path).manifest.comparability_key for r in (one, two, other)]
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        ("raise", "RuntimeError", "a shape went wrong"),
        ("memory", "OutOfMemory", "MemoryError"),
        ("torch memory", "OutOfMemory", "DefaultCPUAllocator"),
        ("nan video", "NotFinite", "NaN"),
        ("float video", "InvalidOutput", "uint8"),
        ("nan seconds", "NotFinite", "durations"),
    ],
)
def test_a_failed_trial_is_recorded_and_the_rest_goes_on(tmp_path: Path, fault: str, kind: str, message: str) -> None:
    result, _ = run(tmp_path, {("fast", "case1"): fault})
    assert (result.finished, result.failed, result.unpaired) == (16, 2, 0)
    assert errors(result.path) == {("fast", "case1", 0): kind, ("fast", "case1", 1): kind}
    failed = next(r for r in RunStore.open(result.path).records() if r.error is not None)
    assert failed.error is not None
    assert message in failed.error.message
    assert "\n" not in failed.error.message
    assert (failed.error.traceback is not None) == (fault in ("raise", "memory", "torch memory"))
    assert failed.values == {}


def test_without_its_baseline_a_finished_trial_is_unpaired(tmp_path: Path) -> None:
    result, _ = run(tmp_path, {("base", "case0"): "raise"})
    assert (result.finished, result.failed, result.unpaired, result.pairs) == (16, 2, 4, 8)


def test_no_complete_pair_says_so(tmp_path: Path) -> None:
    result, _ = run(tmp_path, {("base", f"case{i}"): "raise" for i in range(3)})
    assert result.pairs == 0
    assert result.unpaired == result.finished == 12
    assert "no pair is complete" in result.message
    assert "RuntimeError: a shape went wrong" in result.message


@pytest.mark.parametrize("fault", ["other noise", "other weights"])
def test_halves_that_do_not_match_are_an_error_and_no_result(tmp_path: Path, fault: str) -> None:
    result, _ = run(tmp_path, {("fast", "case1"): fault})
    plan = RunStore.open(result.path).manifest.plan
    found = errors(result.path)
    assert set(found.values()) == {"HashMismatch"}
    for repetition in range(2):
        order = [t.arm for t in plan.trials if t.block.case == "case1" and t.block.repetition == repetition]
        # Whoever comes second is refused: if the odd one began the block, both others are.
        expected = {"base", "faster"} if order[0] == "fast" else {"fast"}
        assert {arm for arm, case, r in found if (case, r) == ("case1", repetition)} == expected
    failed = next(r for r in RunStore.open(result.path).records() if r.error is not None)
    assert failed.error is not None
    assert failed.error.message.startswith(f"the {fault.split()[1]} of arm ")


def test_greedy_halves_need_no_noise_hash_and_named_weights_may_differ(tmp_path: Path) -> None:
    suite = fakes.a_suite()
    arms = tuple(a.model_copy(update={"params": {"weights": a.name}}) for a in suite.arms)
    suite = suite.model_copy(update={"arms": arms})
    result, _ = run(tmp_path, {("fast", "case1"): "greedy"}, suite=suite)
    assert result.failed == 0


def test_a_shifted_seed_may_have_other_noise(tmp_path: Path) -> None:
    result, _ = run(tmp_path, suite=fakes.a_suite(shift=1))
    assert result.failed == 0
    seeds = {r.arm: r.seed for r in RunStore.open(result.path).records()[:3]}
    assert seeds["faster"] == seeds["base"] + 1 == seeds["fast"] + 1


def test_random_weights_have_speed_and_no_quality_and_need_no_extractor(tmp_path: Path) -> None:
    registry, _ = fakes.a_registry()
    registry.entries.pop(("extractor", "means"))
    result, _ = run(tmp_path, suite=fakes.a_suite(speed_only=True), registry=registry)
    record = RunStore.open(result.path).records()[0]
    assert record.values["rate"] is not None
    assert record.values["closeness"] is None
    assert record.features == {}


def test_samples_of_the_first_blocks_of_each_group_are_kept(tmp_path: Path) -> None:
    result, _ = run(tmp_path, suite=fakes.a_suite(cases=6), keep_samples=2)
    store = RunStore.open(result.path)
    with_sample = [r for r in store.records() if r.sample is not None]
    kept = {(r.block.case, r.block.repetition) for r in with_sample}
    assert kept == {("case0", 0), ("case2", 0), ("case1", 0), ("case3", 0)}
    assert len(with_sample) == 4 * 3
    sample = with_sample[0].sample
    assert sample is not None
    assert sample.generated is not None
    assert store.load_video(sample.generated).shape == (3, 8, 8, 3)
    none, _ = run(tmp_path / "none")
    assert not (none.path / "samples").exists()
    assert len(kept_blocks(make_plan(fakes.a_suite(cases=1), "smoke", 0), 9)) == 2


def test_progress_counts_up_and_estimates_the_rest(tmp_path: Path) -> None:
    events: list[ProgressEvent] = []
    run(tmp_path, progress=events.append)
    ended = [e for e in events if e.phase == "record"]
    assert [e.done for e in ended] == list(range(1, 19))
    assert all(e.total == 18 and e.record is not None for e in ended)
    assert ended[-1].eta_seconds == 0.0
    assert events[0].phase == "warmup"
    assert events[0].eta_seconds is None


def test_the_estimate_is_the_mean_of_each_arm() -> None:
    plan = make_plan(fakes.a_suite(), "smoke", 0)
    ticks = iter([0.0, 10.0, 14.0, 20.0, 26.0])
    events: list[ProgressEvent] = []
    teller = Teller(events.append, len(plan.trials), plan.trials, clock=lambda: next(ticks))
    first, second = plan.trials[0], plan.trials[1]
    for trial in (first, second):
        teller("trial", trial)
        teller("record", trial)
    left = [t.arm for t in plan.trials[2:]]
    expected = sum({first.arm: 4.0, second.arm: 6.0}.get(arm, 5.0) for arm in left)
    assert events[-1].eta_seconds == pytest.approx(expected)


def test_feature_rows_are_those_of_both_videos_and_nan_is_no_row(tmp_path: Path) -> None:
    result, _ = run(tmp_path, keep_samples=1)
    store = RunStore.open(result.path)
    record = store.records()[0]
    assert record.sample is not None
    for rows, name in (
        (record.features["means"].generated, record.sample.generated),
        (record.features["means"].reference, record.sample.reference),
    ):
        assert rows == pytest.approx(store.load_video(str(name)).astype(float).mean(axis=(0, 1, 2)))
    registry, _ = fakes.a_registry()
    registry.entries.pop(("extractor", "means"))
    fakes.register("extractor", "means", registry=registry)(lambda device: lambda video: np.full(3, np.nan))
    failed, _ = run(tmp_path / "nan", registry=registry)
    assert set(errors(failed.path).values()) == {"NotFinite"}


def test_a_metric_that_is_nan_is_a_failure(tmp_path: Path) -> None:
    registry, _ = fakes.a_registry()
    registry.entries.pop(("metric", "noise"))
    broken = Metric("noise", "n", "", "higher", "difference", lambda made: float("nan"))
    fakes.register("metric", "noise", registry=registry)(broken)
    result, _ = run(tmp_path, registry=registry)
    assert result.failed == 18
    first = RunStore.open(result.path).records()[0].error
    assert first is not None
    assert first.message == "metric noise is nan"


# ---- mistakes before any work ---------------------------------------------------------------------------------------


def test_an_arm_that_cannot_run_a_case_stops_before_any_trial(tmp_path: Path) -> None:
    with pytest.raises(DiptychError, match="arm 'fast' cannot run case 'case2': the grid is too small"):
        run(tmp_path, {("fast", "case2"): "impossible"})
    assert not list(tmp_path.glob("*/*"))


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"device": "tpu"}, "unknown device 'tpu'"),
        ({"seed": -1}, "at least 0"),
        ({"arms": ["fast"]}, "must include the baseline"),
        ({"threads": 0}, "must be from 1 to"),
        ({"keep_samples": -1}, "at least 0"),
        ({"results": ""}, "empty string"),
        ({"suite": "nothing"}, "unknown suite"),
    ],
)
def test_what_is_asked_wrongly_builds_nothing(tmp_path: Path, more: dict[str, Any], text: str) -> None:
    registry, built = fakes.a_registry()
    settings: dict[str, Any] = {"results": tmp_path, "registry": registry, "suite": fakes.a_suite(), **more}
    with pytest.raises(UsageError, match=text):
        run_suite(settings.pop("suite"), "smoke", **settings)
    assert built == []


def test_an_unusable_results_folder_stops_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    registry, built = fakes.a_registry()
    with pytest.raises(DiptychError, match="a file is in the way"):
        run_suite(fakes.a_suite(), "smoke", results=tmp_path / "file", registry=registry)
    assert built == []


def test_primary_metrics_are_recorded_even_if_the_list_forgets_them(tmp_path: Path) -> None:
    suite = fakes.a_suite().model_copy(update={"metrics": ("noise",)})
    result, _ = run(tmp_path, suite=suite)
    assert set(RunStore.open(result.path).records()[0].values) == {"noise", "rate", "closeness"}


# ---- resuming -------------------------------------------------------------------------------------------------------


def cut(path: Path, lines: int, torn: bytes = b"") -> None:
    """Leave the first ``lines`` records of a run and a torn rest."""
    file = path / "trials.jsonl"
    kept = file.read_bytes().splitlines(keepends=True)[:lines]
    file.write_bytes(b"".join(kept) + torn)


@pytest.mark.parametrize("lines", [0, 1, 4, 17])
def test_a_cut_run_is_finished_with_the_same_values_and_nothing_twice(tmp_path: Path, lines: int) -> None:
    whole, _ = run(tmp_path, keep_samples=1)
    before = quality(whole.path)
    cut(whole.path, lines, b'{"schema_version":1,"ind')
    result, built = resume(whole.path)
    assert quality(whole.path) == before
    assert result.finished == 18
    assert len([c for c in built[0].calls if c[3] == 3]) == 18 - lines, "exactly the missing trials"
    assert "set aside" in result.problems[0]
    assert (whole.path / "trials.jsonl").read_bytes().count(b"\n") == 18
    again, built = resume(whole.path)
    assert again.finished == 18
    assert built == [], "a complete run builds no maker"


def test_an_interrupt_stops_cleanly_and_says_how_to_go_on(tmp_path: Path) -> None:
    result, _ = run(tmp_path, {("fast", "case1"): "interrupt"})
    assert result.interrupted
    assert result.missing > 0
    assert f"diptych resume {result.path}" in result.message
    assert not (result.path / ".in-flight.json").exists(), "a user's Ctrl-C is no crash"
    finished, _ = resume(result.path)
    whole, _ = run(tmp_path / "whole")
    assert finished.finished == 18
    assert quality(finished.path) == quality(whole.path)


def test_resume_warms_up_again(tmp_path: Path) -> None:
    whole, _ = run(tmp_path)
    cut(whole.path, 17)
    _, built = resume(whole.path)
    assert [c[3] for c in built[0].calls] == [1, 1, 3], "two are the least that can show whether they are steady"


def test_failed_trials_are_retried_only_on_request(tmp_path: Path) -> None:
    first, _ = run(tmp_path, {("fast", "case1"): "raise"})
    kept, built = resume(first.path)
    assert (kept.failed, built) == (2, [])
    retried, built = resume(first.path, retry_failed=True)
    assert (retried.finished, retried.failed) == (18, 0)
    assert len([c for c in built[0].calls if c[3] == 3]) == 2
    assert quality(first.path) == quality(run(tmp_path / "whole")[0].path)
    assert (first.path / "trials.jsonl").read_bytes().count(b"\n") == 20, "the failures stay in the file"


def test_another_context_is_refused_unless_told(tmp_path: Path) -> None:
    whole, _ = run(tmp_path)
    cut(whole.path, 5)
    registry, built = fakes.a_registry()
    plain = registry.get("maker", "fake")

    def other_weights(device: str, threads: int) -> Any:
        maker = plain(device, threads)
        maker.weights = "w1"
        return maker

    registry.entries.pop(("maker", "fake"))
    fakes.register("maker", "fake", registry=registry)(other_weights)
    settings: dict[str, Any] = {"registry": registry, "analyse": fakes.fake_analyse}
    with pytest.raises(DiptychError, match=r"another context.*makers\.fake\.weights: w0 → w1.*--across-contexts"):
        resume_run(whole.path, **settings)
    assert built[0].calls == []
    assert resume_run(whole.path, across_contexts=True, **settings).finished == 18


def test_a_run_in_progress_cannot_be_resumed_beside_it(tmp_path: Path) -> None:
    whole, _ = run(tmp_path)
    cut(whole.path, 5)
    with RunStore.open(whole.path) as writer:
        writer.lock()
        with pytest.raises(DiptychError, match="written by another process"):
            resume(whole.path)


CHILD = """
    import importlib.util, sys
    from pathlib import Path
    spec = importlib.util.spec_from_file_location("run_fakes", sys.argv[1])
    fakes = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fakes)
    from harness.run import resume_run, run_suite
    behaviour = {("fast", "case1"): sys.argv[3]} if len(sys.argv) > 3 else {}
    registry, _ = fakes.a_registry(behaviour, sleep=0.05)
    path = Path(sys.argv[2])
    settings = dict(registry=registry, analyse=fakes.fake_analyse)
    if (path / "manifest.json").exists():
        resume_run(path, **settings)
    else:
        run_suite(fakes.a_suite(), "smoke", results=path, threads=1, keep_samples=0, **settings)
"""


def child(path: Path, fault: str | None = None) -> subprocess.Popen[bytes]:
    arguments = [str(HERE / "run_fakes.py"), str(path), *([fault] if fault else [])]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(CHILD), *arguments], cwd=ROOT, env=environment)


def test_kill_9_loses_only_the_trial_in_flight(tmp_path: Path) -> None:
    whole, _ = run(tmp_path / "whole")
    process = child(tmp_path / "killed")
    deadline = time.monotonic() + 60
    lines = 0
    while lines < 4 and time.monotonic() < deadline and process.poll() is None:
        lines = sum(f.read_bytes().count(b"\n") for f in tmp_path.glob("killed/*/*/trials.jsonl"))
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    path = next(tmp_path.glob("killed/*/*"))
    before = [r.index for r in RunStore.open(path).records()]
    assert 4 <= len(before) < 18
    result, built = resume(path)
    assert (result.finished, result.failed, result.missing) == (18, 0, 0)
    assert len([c for c in built[0].calls if c[3] == 3]) == 18 - len(before)
    assert [json.loads(line)["index"] for line in (path / "trials.jsonl").read_text().splitlines()] == list(range(18))
    assert quality(path) == quality(whole.path)


def test_a_trial_that_kills_its_process_three_times_fails_and_the_rest_goes_on(tmp_path: Path) -> None:
    suite = fakes.a_suite()
    path = run(tmp_path, suite=suite)[0].path
    deadly = next(
        t.index for t in RunStore.open(path).manifest.plan.trials if (t.arm, t.block.case) == ("fast", "case1")
    )
    cut(path, deadly)
    note = InFlight(path)
    note.deaths = {deadly: 1}
    note.begin(deadly)  # two processes died already
    assert child(path, "die").wait() == -signal.SIGKILL
    assert InFlight(path).deaths == {deadly: 3}
    result, _ = resume(path)
    assert errors(path) == {("fast", "case1", 0): "Crashed"}
    assert (result.finished, result.failed, result.missing) == (17, 1, 0)
    retried, _ = resume(path, retry_failed=True)
    assert (retried.finished, retried.failed) == (18, 0)


def test_a_damaged_note_of_the_trial_in_flight_is_no_obstacle(tmp_path: Path) -> None:
    for text in ("", "[]", '{"1": ', '{"a": "b"}', "null"):
        (tmp_path / ".in-flight.json").write_text(text)
        assert InFlight(tmp_path).deaths == {}


def test_a_record_is_read_back_as_it_was(tmp_path: Path) -> None:
    result, _ = run(tmp_path)
    for record in RunStore.open(result.path).records():
        assert TrialRecord.model_validate_json(record.model_dump_json()) == record


# ---- what a reader must be told -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fault", "kind"), [("other truth", "HashMismatch"), ("no hashes", "NoHash")])
def test_what_cannot_be_matched_is_no_result(tmp_path: Path, fault: str, kind: str) -> None:
    result, _ = run(tmp_path, {("fast", "case1"): fault})
    assert kind in errors(result.path).values()


def test_a_suite_that_could_not_be_judged_runs_nothing(tmp_path: Path) -> None:
    registry, built = fakes.a_registry()
    with pytest.raises(DiptychError, match="margin"):
        run(tmp_path, suite=fakes.a_suite().model_copy(update={"margin": 0.0}), registry=registry)
    assert built == []


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ImportError("no codec"), ValueError("x")])
def test_a_video_that_cannot_be_kept_costs_no_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(folder: Path, frames: object) -> str:
        raise error

    monkeypatch.setattr("harness.samples.save_video", full)
    result, _ = run(tmp_path, keep_samples=1)
    assert result.failed == 0
    flagged = [r for r in RunStore.open(result.path).records() if "sample-not-kept" in r.flags]
    assert len(flagged) == 6
    assert str(error) in flagged[0].info["sample_error"]


def test_a_full_disk_is_no_death_of_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = run(tmp_path)
    cut(whole.path, 4)
    append = RunStore.append

    def full(self: RunStore, record: object) -> None:
        raise DiptychError("the disk is full")

    for _ in range(4):
        monkeypatch.setattr(RunStore, "append", full)
        with pytest.raises(DiptychError, match="disk is full"):
            resume(whole.path)
    monkeypatch.setattr(RunStore, "append", append)
    result, _ = resume(whole.path)
    assert (result.finished, result.failed) == (18, 0)


def test_sessions_are_counted_and_other_code_or_context_is_said(tmp_path: Path) -> None:
    whole, _ = run(tmp_path)
    cut(whole.path, 5)
    manifest = json.loads((whole.path / "manifest.json").read_text())
    manifest["info"]["code"]["commit"] = "0" * 40
    manifest["context"]["cpu"] = "another"
    (whole.path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DiptychError, match=r"another context.*cpu: another"):
        resume(whole.path)
    result, _ = resume(whole.path, across_contexts=True, argv=["diptych", "resume"])
    records = RunStore.open(whole.path).records()
    assert [r.session for r in records] == [0] * 5 + [1] * 13
    assert any("began at 000000000000" in problem for problem in result.problems)
    assert any("another context: cpu: another" in problem for problem in result.problems)
    (session,) = read_sessions(whole.path)
    assert session.argv == ["diptych", "resume"]
    assert session.code["patch"] is None


def test_a_torn_line_is_said_even_if_the_process_that_set_it_aside_was_killed(tmp_path: Path) -> None:
    whole, _ = run(tmp_path)
    cut(whole.path, 5, b'{"schema_version":1,"ind')
    with RunStore.open(whole.path) as writer:
        writer.lock()
    assert any("set aside in trials.torn" in problem for problem in resume(whole.path)[0].problems)


def test_a_note_of_a_finished_trial_in_flight_does_not_outlive_the_next_resume(tmp_path: Path) -> None:
    whole, _ = run(tmp_path)
    cut(whole.path, 17)
    (whole.path / ".in-flight.json").write_text('{"3": 2}')  # killed between the record and the end of the flight
    resume(whole.path)
    assert not (whole.path / ".in-flight.json").exists()
