"""Run the command line with a plug-in installed: in this process, or, where that matters, in one of its own."""

from __future__ import annotations

import importlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.cli.main import run
from harness.registry import REGISTRY, Entry

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
ENTRY_POINTS = """\
[diptych.suite]
tiny = diptych_tiny.suite
tiny-weights = diptych_tiny.weights
[diptych.maker]
tiny = diptych_tiny.suite
[diptych.model]
tiny = diptych_tiny.suite
tiny-weights = diptych_tiny.weights
"""


@dataclass(frozen=True)
class Said:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The JSON document in the last line of stdout."""
        return json.loads(self.out.splitlines()[-1])


Diptych = Callable[..., Said]


@pytest.fixture(scope="session")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> str:
    """PYTHONPATH that has this tree and the plug-in, the latter with its distribution's metadata."""
    site = tmp_path_factory.mktemp("site")
    info = site / "diptych_tiny-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: diptych-tiny\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    return os.pathsep.join(map(str, (site, HERE / "plugin", ROOT)))


def run_diptych(path: str, cwd: Path, *arguments: str, blocked: bool = False, **environment: str) -> Said:
    """Run ``diptych`` with PYTHONPATH ``path``; ``blocked`` makes torch impossible to import."""
    if blocked:
        path = os.pathsep.join((str(HERE / "blocked"), path))
    done = subprocess.run(
        [sys.executable, "-P", "-m", "harness.cli.main", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Said(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def tiny_entries(plugin: str) -> dict[tuple[str, str], Entry]:
    """What the plug-in registers, taken out of the registry again: other tests look at every component."""
    sys.path.insert(0, str(HERE / "plugin"))
    for module in ("suite", "weights"):
        importlib.import_module(f"diptych_tiny.{module}")
    names = [key for key, entry in REGISTRY.entries.items() if "diptych_tiny" in entry.origin]
    return {name: REGISTRY.entries.pop(name) for name in names}


@pytest.fixture
def diptych(
    plugin: str, tiny_entries: dict[tuple[str, str], Entry], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Diptych:
    """``diptych(*arguments)``, in a folder of the test's own.

    Runs in this process, where torch is imported already; ``blocked=True`` or a PYTHONPATH asks for one of its own.
    """
    monkeypatch.chdir(tmp_path)
    for key, entry in tiny_entries.items():
        monkeypatch.setitem(REGISTRY.entries, key, entry)

    def call(*arguments: str, blocked: bool = False, **environment: str) -> Said:
        path = environment.pop("PYTHONPATH", plugin)
        if blocked or path != plugin:
            return run_diptych(path, tmp_path, *arguments, blocked=blocked, **environment)
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.setattr(sys, "path", [plugin.split(os.pathsep)[0], *sys.path])  # for the worker process of a run
            for name, value in environment.items():
                patch.setenv(name, value)
            code = run(arguments)
        return Said(code, out.getvalue(), err.getvalue())

    return call


@pytest.fixture(scope="session")
def tiny_results(plugin: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Said]:
    """A results folder with one run of suite ``tiny``, and what the run said."""
    folder = tmp_path_factory.mktemp("tiny")
    said = run_diptych(
        plugin, folder, "run", "tiny", "--scale", "smoke", "--json", DIPTYCH_RESULTS=str(folder / "results")
    )
    assert said.code == 0, said.err
    return folder / "results", said
