"""Scan many runs on every core: plain child processes, which work wherever this one does.

``multiprocessing`` would either fork beside torch's threads or import the caller's main module again, which a script
without a main guard does not survive.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.errors import DiptychError
from harness.store.scan import TRIALS, Scan, scan

WORTH_BYTES = 200_000_000
"""Less than this is read sooner than another process has started."""

Outcome = Scan | str
CHILD = "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from harness.store.pool import serve; serve()"


def outcome(folder: Path) -> Outcome:
    """Return the scan of a run, or why it cannot be read."""
    try:
        return scan(folder)
    except DiptychError as error:
        return str(error)


def scan_all(folders: Sequence[Path], processes: int | None = None) -> list[Outcome]:
    """Return :func:`outcome` of every folder, in order.

    Args:
        folders: Folders of runs.
        processes: How many at once; None for one per usable core where that is worth its start, else one.
    """
    if processes is None:
        size = sum((folder / TRIALS).stat().st_size for folder in folders if (folder / TRIALS).exists())
        processes = usable_cores() if size > WORTH_BYTES else 1
    shares = [list(folders[start::processes]) for start in range(processes)]
    children = [(share, start_child(share)) for share in shares[1:] if share]
    found = {folder: outcome(folder) for folder in shares[0]}
    for share, child in children:
        said, _ = child.communicate()
        try:
            outcomes = json.loads(said)
        except ValueError:  # the child died: its share is not lost
            outcomes = [outcome(folder) for folder in share]
        found |= dict(zip(share, outcomes, strict=True))
    return [found[folder] for folder in folders]


def start_child(folders: Sequence[Path]) -> subprocess.Popen[bytes]:
    """Start a process that scans ``folders`` and prints the outcomes as one JSON list."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, json.dumps(sys.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert child.stdin is not None
    child.stdin.write(json.dumps([str(folder.absolute()) for folder in folders]).encode())
    child.stdin.close()
    child.stdin = None  # communicate() would flush it again
    return child


def serve() -> None:
    """Be the child of :func:`start_child`."""
    json.dump([outcome(Path(folder)) for folder in json.load(sys.stdin)], sys.stdout)


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
