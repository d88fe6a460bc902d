"""Settings of every test: one thread, derandomised properties, folders of their own, visible reasons for skips."""

from __future__ import annotations

import functools
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported
os.environ.setdefault("MPLBACKEND", "Agg")

import harness  # noqa: F401 - lets torchvision be imported beside a CPU torch

settings.register_profile(
    "diptych",
    derandomize=True,  # the same examples on every machine: a failure can be seen again
    deadline=None,  # a busy machine is no failure
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("diptych")


@functools.cache
def cuda_absent() -> str:
    """Say why tests marked ``gpu`` cannot run; empty if they can."""
    import torch

    if torch.version.cuda is None:
        return "torch is built without CUDA"
    return "" if torch.cuda.is_available() else "no CUDA device"


@functools.cache
def network_absent() -> str:
    """Say why tests marked ``network`` cannot run; empty if they can."""
    if os.environ.get("DIPTYCH_OFFLINE"):
        return "DIPTYCH_OFFLINE is set"
    try:
        socket.getaddrinfo("example.org", 443)
    except OSError as error:
        return f"no network: {error}"
    return ""


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what cannot run here, and say why."""
    if item.get_closest_marker("gpu") and cuda_absent():
        pytest.skip(f"gpu: {cuda_absent()}")
    if item.get_closest_marker("network") and network_absent():
        pytest.skip(f"network: {network_absent()}")


@pytest.fixture(scope="session", autouse=True)
def _one_torch_thread() -> Iterator[None]:
    try:
        import torch
    except ImportError:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session", autouse=True)
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One cache of clips for the whole session: the caller's if ``DIPTYCH_CACHE`` is set, else a folder of its own."""
    if os.environ.get("DIPTYCH_CACHE"):
        yield Path(os.environ["DIPTYCH_CACHE"])
        return
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIPTYCH_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session", autouse=True)
def mirror_folders() -> Iterator[None]:
    """The caller's mirror folders, else the one that lies beside a clone: ``../shared/assets``, if it is there."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "assets"
    with pytest.MonkeyPatch.context() as patch:
        if "DIPTYCH_ASSETS" not in os.environ and beside.is_dir():
            patch.setenv("DIPTYCH_ASSETS", str(beside))
        yield


@pytest.fixture(autouse=True)
def results_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A results folder of the test's own, so that no test writes into the tree."""
    folder = tmp_path / "results"
    monkeypatch.setenv("DIPTYCH_RESULTS", str(folder))
    return folder
