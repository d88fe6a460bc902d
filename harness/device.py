"""Which device, how many threads, and what must be switched off so that the same trial gives the same bits."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from harness.errors import UsageError

VALID = "Valid: cpu, cuda, cuda:0, cuda:1, …"
NO_LIMIT_BYTES = 2**60  # version 1 of control groups says "none" by the largest number of whole pages


@dataclass(frozen=True)
class Device:
    """A device that is there.

    Attributes:
        kind: ``"cpu"`` or ``"cuda"``.
        index: Number of the card; None on the CPU.
    """

    kind: Literal["cpu", "cuda"]
    index: int | None = None

    def __str__(self) -> str:
        return self.kind if self.index is None else f"{self.kind}:{self.index}"


def parse_device(text: str) -> Device:
    """Read a device's name once, and make sure that the device is there.

    Args:
        text: ``"cpu"``, ``"cuda"`` (the first card) or ``"cuda:N"``. Case and outer spaces do not matter.

    Raises:
        UsageError: Another text, no CUDA, or too few cards; says what there is.
    """
    found = re.fullmatch(r"cpu|cuda(?::(\d{1,4}))?", text.strip().lower())
    if found is None:
        raise UsageError(f"unknown device {text!r}. {VALID}. Try: --device cpu")
    if found.group(0) == "cpu":
        return Device("cpu")
    import torch

    if not torch.cuda.is_available():
        why = "this torch is built without CUDA" if torch.version.cuda is None else "no usable NVIDIA card or driver"
        raise UsageError(f"device {text!r} cannot be used: {why}. Try: --device cpu, or: diptych doctor")
    index, count = int(found.group(1) or 0), torch.cuda.device_count()
    if index >= count:
        there = "only cuda:0" if count == 1 else f"cuda:0 to cuda:{count - 1}"
        raise UsageError(f"device {text!r} is not there: this machine has {there}.")
    return Device("cuda", index)


def quota_cores(root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Return the whole cores that the control group's CPU quota allows (at least 1), or None without a quota."""
    try:
        v2 = (root / "cpu.max").read_text().split()
        quota, period = (-1, 1) if v2[0] == "max" else (int(v2[0]), int(v2[1]))
    except (OSError, ValueError, IndexError):
        try:
            quota = int((root / "cpu" / "cpu.cfs_quota_us").read_text())
            period = int((root / "cpu" / "cpu.cfs_period_us").read_text())
        except (OSError, ValueError):
            return None
    return max(1, quota // period) if quota > 0 and period > 0 else None


def quota_memory_bytes(root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Return the bytes that the control group's memory limit leaves, or None without a limit.

    File pages that the group has not used lately are free: the kernel takes them before it kills.
    """
    names = (
        ("memory.max", "memory.current", "memory.stat", "inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"),
    )
    for limit, used, stat, idle in names:
        try:
            most, now = int((root / limit).read_text()), int((root / used).read_text())
            facts = dict(line.split() for line in (root / stat).read_text().splitlines())
            left = most - now + int(facts.get(idle, 0))
        except (OSError, ValueError):  # "max" is no number either
            continue
        return None if most >= NO_LIMIT_BYTES else max(0, left)
    return None


def available_cores() -> int:
    """Return how many threads computation should use: physical cores, within affinity and the group's quota."""
    import psutil

    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limits = [affinity, psutil.cpu_count(logical=False), quota_cores()]
    return max(1, min(limit for limit in limits if limit))


def thread_count(asked: int | None) -> int:
    """Return the number of threads to pin: what was asked, else 1.

    One thread is the default because a second one that has to wait for a busy core spins: on two shared cores under
    load a sequential pass took 4 ms with one thread and more than 200 ms with two. Both arms of a pair use the same.

    Raises:
        UsageError: Fewer than 1, or more than there are cores to run them: they would only wait for each other.
    """
    if asked is None:
        return 1
    cores = available_cores()
    if not 1 <= asked <= cores:
        raise UsageError(
            f"the number of threads must be from 1 to {cores}, the cores that this process may use, not {asked}. "
            f"Try: --threads {cores}"
        )
    return asked


def set_threads(count: int) -> int:
    """Pin torch's intra-operation threads to ``count`` and return the number that was in force before."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    return before


def determinism_facts() -> dict[str, Any]:
    """Return the settings that decide whether the same trial gives the same bits, as they are now."""
    import torch

    return {
        "deterministic_algorithms": torch.are_deterministic_algorithms_enabled(),
        "cudnn_deterministic": torch.backends.cudnn.deterministic,
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "cudnn_allow_tf32": torch.backends.cudnn.allow_tf32,
        "float32_matmul_precision": torch.get_float32_matmul_precision(),
    }


@contextmanager
def reproducible(device: Device, threads: int) -> Iterator[dict[str, Any]]:
    """Pin threads and make torch deterministic inside the ``with`` statement; everything is put back after it.

    Deterministic algorithms (only a warning where CUDA has none: cutting a run short would be worse), no cuDNN
    autotuning, no TF32. Filling of uninitialised memory, which torch adds in this mode, stays off: it costs time and no
    bits depend on it. On CUDA ``CUBLAS_WORKSPACE_CONFIG`` is set, which cuBLAS reads when it is first used.

    Args:
        device: Where the trials run.
        threads: Threads to pin.

    Yields:
        The settings in force, for the manifest.
    """
    import torch
    from torch.utils import deterministic

    before = determinism_facts()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    filling = deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    workspace = os.environ.get("CUBLAS_WORKSPACE_CONFIG")
    threads_before = set_threads(threads)
    try:
        if device.kind == "cuda" and workspace is None:
            os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
        torch.use_deterministic_algorithms(True, warn_only=device.kind == "cuda")
        deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.allow_tf32 = False
        torch.set_float32_matmul_precision("highest")
        yield {**determinism_facts(), "threads": torch.get_num_threads()}
    finally:
        torch.use_deterministic_algorithms(before["deterministic_algorithms"], warn_only=warn_only)
        deterministic.fill_uninitialized_memory = filling  # type: ignore[attr-defined]
        torch.backends.cudnn.deterministic = before["cudnn_deterministic"]
        torch.backends.cudnn.benchmark = before["cudnn_benchmark"]
        torch.backends.cudnn.allow_tf32 = before["cudnn_allow_tf32"]
        torch.set_float32_matmul_precision(before["float32_matmul_precision"])
        if device.kind == "cuda" and workspace is None:
            os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)
        set_threads(threads_before)


def check_bfloat16(device: str) -> None:
    """Refuse bfloat16 on a card that only emulates it.

    Raises:
        UsageError: Names what the card has.
    """
    import torch

    # not torch.cuda.is_bf16_supported: it says yes where bfloat16 is only emulated, and looks at the current card
    if device.startswith("cuda") and torch.cuda.get_device_capability(device) < (8, 0):
        raise UsageError(f"{device} has no units for bfloat16. Valid there: float32, float16.")


@contextmanager
def unsorted_writes() -> Iterator[None]:
    """Write by index as if torch were not made deterministic, inside the ``with`` statement.

    For indices that are all different, or whose duplicates nobody reads: there the order of writes decides nothing. On
    CUDA the deterministic way is to check, sort and only then write, a dozen kernels and more in place of one
    (``index_copy_`` and ``index_put_`` in ATen's ``TensorAdvancedIndexing.cpp`` and ``cuda/Indexing.cu``).
    """
    import torch

    before = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(False)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warn_only)
