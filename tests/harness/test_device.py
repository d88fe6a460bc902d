"""Device names, threads, determinism that is put back, and the load of others."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness import device as devices
from harness.device import (
    Device,
    available_cores,
    determinism_facts,
    parse_device,
    quota_cores,
    quota_memory_bytes,
    reproducible,
    thread_count,
)
from harness.errors import UsageError
from harness.load import LoadReading, foreign_cores, read_load


def pretend_cards(monkeypatch: pytest.MonkeyPatch, count: int, built: str | None = "12.8") -> None:
    """Let torch see ``count`` cards."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.version, "cuda", built)


@pytest.mark.parametrize("text", ["cpu", " CPU "])
def test_cpu_needs_no_torch(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    assert parse_device(text) == Device("cpu")
    assert str(parse_device(text)) == "cpu"


def test_cards_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_cards(monkeypatch, 2)
    assert parse_device("cuda") == Device("cuda", 0)
    assert str(parse_device("cuda")) == "cuda:0"
    assert str(parse_device("CUDA:1")) == "cuda:1"
    with pytest.raises(UsageError, match="this machine has cuda:0 to cuda:1"):
        parse_device("cuda:7")
    pretend_cards(monkeypatch, 1)
    with pytest.raises(UsageError, match="only cuda:0"):
        parse_device("cuda:1")


def test_no_cuda_says_why_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_cards(monkeypatch, 0)
    with pytest.raises(UsageError, match=r"no usable NVIDIA card.*--device cpu"):
        parse_device("cuda")
    pretend_cards(monkeypatch, 0, None)
    with pytest.raises(UsageError, match="built without CUDA"):
        parse_device("cuda:0")


@given(st.text(max_size=12))
def test_any_other_text_is_one_line(text: str) -> None:
    known = text.strip().lower()
    if known == "cpu" or known.startswith("cuda"):
        return
    with pytest.raises(UsageError, match="unknown device") as caught:
        parse_device(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["cuda:", "cuda:-1", "cuda:x", "cuda:1:2", "cpu:0", "cuda 1", "gpu", "", "cuda:99999"])
def test_near_misses_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="Valid: cpu, cuda"):
        parse_device(text)


def test_threads_stay_within_affinity_and_quota(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 1 <= available_cores() <= len(os.sched_getaffinity(0))
    assert thread_count(None) == 1
    assert thread_count(available_cores()) == available_cores()
    for wrong in (0, -3, available_cores() + 1, 9999):
        with pytest.raises(UsageError, match="must be from 1 to"):
            thread_count(wrong)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    monkeypatch.setattr("psutil.cpu_count", lambda logical: 32)
    monkeypatch.setattr(devices, "quota_cores", lambda: None)
    assert available_cores() == 32
    monkeypatch.setattr(devices, "quota_cores", lambda: 3)
    assert available_cores() == 3


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "250000 100000\n"}, 2),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu/cpu.cfs_quota_us": "400000", "cpu/cpu.cfs_period_us": "100000"}, 4),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ({"cpu.max": "rubbish"}, None),
        ({}, None),
    ],
)
def test_quota_of_the_control_group(tmp_path: Path, files: dict[str, str], expected: int | None) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert quota_cores(tmp_path) == expected


V1 = "memory/memory."


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"memory.max": "1000\n", "memory.current": "700\n", "memory.stat": "anon 5\ninactive_file 200\n"}, 500),
        ({"memory.max": "1000", "memory.current": "1300", "memory.stat": "anon 5"}, 0),
        ({"memory.max": "max\n", "memory.current": "700", "memory.stat": ""}, None),
        ({"memory.max": "1000", "memory.current": "700"}, None),
        ({f"{V1}limit_in_bytes": "90", f"{V1}usage_in_bytes": "50", f"{V1}stat": "total_inactive_file 7"}, 47),
        ({f"{V1}limit_in_bytes": str(2**63 - 4096), f"{V1}usage_in_bytes": "50", f"{V1}stat": ""}, None),
        ({}, None),
    ],
)
def test_memory_quota_of_both_versions(tmp_path: Path, files: dict[str, str], expected: int | None) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert quota_memory_bytes(tmp_path) == expected


def fail_inside() -> None:
    """Fail while determinism is in force, after looking at it."""
    with reproducible(Device("cpu"), 1) as facts:
        assert facts["deterministic_algorithms"]
        assert facts["cudnn_deterministic"]
        assert not facts["cudnn_benchmark"]
        assert not facts["cudnn_allow_tf32"]
        assert facts["float32_matmul_precision"] == "highest"
        assert facts["threads"] == torch.get_num_threads() == 1
        assert not torch.utils.deterministic.fill_uninitialized_memory
        raise KeyError


def test_determinism_is_in_force_inside_and_put_back_outside() -> None:
    before, threads = determinism_facts(), torch.get_num_threads()
    torch.set_num_threads(2)  # another number than inside
    torch.backends.cudnn.benchmark = True
    changed = determinism_facts()
    try:
        with pytest.raises(KeyError):
            fail_inside()
        assert determinism_facts() == changed
        assert torch.get_num_threads() == 2
        assert torch.utils.deterministic.fill_uninitialized_memory
        assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ
    finally:
        torch.backends.cudnn.benchmark = before["cudnn_benchmark"]
        torch.set_num_threads(threads)


def test_cublas_is_told_on_cuda_only_and_a_users_choice_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    with reproducible(Device("cuda", 0), 1):
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    with reproducible(Device("cuda", 0), 1):
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"


def test_foreign_load_is_everyone_minus_this_process() -> None:
    before = LoadReading(wall_seconds=0.0, machine_seconds=100.0, own_seconds=10.0)
    after = LoadReading(wall_seconds=2.0, machine_seconds=104.0, own_seconds=11.0)
    assert foreign_cores(before, after) == pytest.approx(1.5)
    assert foreign_cores(before, LoadReading(2.0, 101.0, 12.0)) == 0.0
    assert foreign_cores(before, LoadReading(0.1, 104.0, 11.0)) is None, "too short to be told in 10 ms steps"
    assert foreign_cores(before, LoadReading(2.0, None, 11.0)) is None


def test_load_counts_this_process_own_work_and_all_usable_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stat = tmp_path / "stat"
    stat.write_text(
        "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 100 10 20 5000 7 1 2 3 0 0\ncpu1 200 0 0 0 0 0 0 0 0 0\n"
        "cpu2 1000 0 0 0 0 0 0 0 0 0\nintr 5\n"
    )
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(os, "sysconf", lambda _: 100)
    monkeypatch.setattr(
        os, "times", lambda: SimpleNamespace(user=1.0, system=2.0, children_user=3.0, children_system=4.0, elapsed=0)
    )
    reading = read_load(stat)
    assert reading.machine_seconds == pytest.approx((136 + 200) / 100)
    assert reading.own_seconds == 10.0
    assert read_load(tmp_path / "absent").machine_seconds is None
