"""Run the command line as a user does: another process, another working directory, a plug-in installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
ENTRY_POINTS = """\
[diptych.suite]
tiny = diptych_tiny.suite
[diptych.maker]
tiny = diptych_tiny.suite
[diptych.model]
tiny = diptych_tiny.suite
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


@pytest.fixture
def diptych(plugin: str, tmp_path: Path) -> Diptych:
    """``diptych(*arguments, blocked=False, **environment)``, in a folder of the test's own."""

    def call(*arguments: str, blocked: bool = False, **environment: str) -> Said:
        return run_diptych(plugin, tmp_path, *arguments, blocked=blocked, **environment)

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
