"""Processes that the fault trials start, watch and kill."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def start(folder: Path, *, before: Callable[[], None] | None = None, **environment: str) -> subprocess.Popen[str]:
    """Begin or resume the fake run in ``folder``, in a process of its own with a worker below it.

    Args:
        folder: Results folder.
        before: Called in the child before Python starts (limits of resources).
        environment: Further variables.
    """
    path = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    return subprocess.Popen(
        [sys.executable, "-m", "tests.harness.launch_fakes", str(folder)],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **environment},
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=before,
    )


def finish(child: subprocess.Popen[str], timeout: float = 120) -> tuple[int, str]:
    """Wait for a child; returns its exit code and what it said on stderr."""
    _, said = child.communicate(timeout=timeout)
    return child.returncode, said
