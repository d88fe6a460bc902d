"""A CUDA build of torchvision beside a CPU build of torch."""

from __future__ import annotations

import subprocess
import sys

import pytest

import harness
from harness import torchvision_cpu

USE = """
import importlib.util, sys
import harness
print(importlib.util.find_spec("torchvision") is not None, "torch" in sys.modules, "torchvision" in sys.modules)
import torch
from torchvision.models.optical_flow import raft_small
from torchvision.transforms import v2
small = v2.functional.resize(torch.arange(192, dtype=torch.uint8).reshape(3, 8, 8), [4, 4], antialias=True)
print(tuple(small.shape), small.dtype)
print(sum(p.numel() for p in raft_small(weights=None).parameters()))
print(type(sys.modules["torchvision"].__spec__.loader).__name__)
"""


def test_transforms_and_optical_flow_work_and_asking_imports_nothing():
    done = subprocess.run([sys.executable, "-c", USE], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["True False False", "(3, 4, 4) torch.uint8", "990162", "SourceFileLoader"]


def test_installing_twice_adds_one_finder():
    torchvision_cpu.install()
    torchvision_cpu.install()
    finders = [f for f in sys.meta_path if isinstance(f, torchvision_cpu.TorchvisionFinder)]
    assert len(finders) == 1
    assert harness.torchvision_cpu is torchvision_cpu


def test_a_cuda_build_of_torch_is_left_alone(monkeypatch, tmp_path):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.version, "cuda", "13.0")

    def touched(*_arguments: object) -> None:
        raise AssertionError("a library was made")

    monkeypatch.setattr(torch.library, "Library", touched)
    assert torchvision_cpu.declare_missing_operators(tmp_path) is False


def test_a_library_that_loads_needs_no_declaration(monkeypatch, tmp_path):
    torch = pytest.importorskip("torch")
    (tmp_path / "_C.so").touch()
    loaded = []
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.ops, "load_library", lambda path: loaded.append(path))
    assert torchvision_cpu.declare_missing_operators(tmp_path) is False
    assert loaded == [tmp_path / "_C.so"]


def test_another_module_is_not_this_finders_business():
    assert torchvision_cpu.TorchvisionFinder().find_spec("torch", None) is None
