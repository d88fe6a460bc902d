"""``diptych bench store``: how fast results are written, read, listed, aggregated and verified, at size.

The runs are synthetic (:mod:`harness.benches.synthetic`), of the size of a decoding trial's records, and lie in a
temporary folder that goes away. Files that were just written are in the system's cache: a first look after a restart
adds the disk's time.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.benches.rows import BenchRow, row
from harness.benches.synthetic import a_manifest, a_record, write_run_with_videos, write_runs
from harness.registry import register
from harness.store.index import INDEX, indexed_runs
from harness.store.names import TRIALS
from harness.store.run_store import RunStore

LS_SECONDS, AGGREGATE_SECONDS = 1.0, 5.0
BEST_OF = 3


def seconds_of(call: Callable[[], object]) -> float:
    """Return the wall-clock seconds of one call."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def best(call: Callable[[], object]) -> float:
    """Return the shortest of a few calls: what the work takes where nobody else is in the way."""
    return min(seconds_of(call) for _ in range(BEST_OF))


@register("bench", "store", summary="writing, reading, listing, aggregating and verifying results at size")
def bench_store(*, quick: bool, seed: int, tell: Callable[[str], None]) -> Iterable[BenchRow]:
    """Measure the store; see :class:`harness.benches.rows.Bench`."""
    runs, trials = (50, 200) if quick else (1000, 1000)
    with tempfile.TemporaryDirectory(prefix="diptych-bench-") as place:
        folder = Path(place)
        tell("appending records, each with its fsync")
        yield from appending(folder / "append", 100 if quick else 1000, seed)
        number = 1000 if quick else 10_000
        tell(f"loading a run of {number} records")
        yield loading(folder / "load", number, seed)
        tell("verifying a run")
        yield from verifying(folder / "verify", 200 if quick else 1000, 8 if quick else 40, seed)
        needed = runs * trials * 2000
        free = shutil.disk_usage(folder).free
        if free < 1.5 * needed:
            why = f"{needed / 1e9:.1f} GB of synthetic runs need more than is free in {folder} ({free / 1e9:.1f} GB)"
            yield row(f"list {runs} runs of {trials}", None, "s", target=LS_SECONDS, better="lower", reason=why)
            return
        tell(f"writing {runs} runs of {trials} trials ({needed / 1e9:.1f} GB)")
        yield from listing(folder / "many", runs, trials, seed, tell)


def appending(root: Path, number: int, seed: int) -> Iterator[BenchRow]:
    """Append ``number`` records to a run."""
    manifest = a_manifest(4 * number)
    draw = random.Random(seed)
    records = [a_record(trial, draw) for trial in manifest.plan.trials[:number]]
    with RunStore.create(root, manifest) as store:
        begin = time.perf_counter()
        for record in records:
            store.append(record)
        took = time.perf_counter() - begin
        size = (store.path / TRIALS).stat().st_size
    yield row("append with fsync", number / took, "records/s")
    yield row("size of a record", size / number, "bytes")


def loading(root: Path, number: int, seed: int) -> BenchRow:
    """Load and validate every record of one run."""
    write_runs(root, 1, number, seed)
    (path,) = (root / "synthetic").iterdir()
    took = best(lambda: RunStore.open(path).records())
    return row(f"load {number} records, validated", took, "s", reason=f"{number / took:.0f} records/s")


def verifying(root: Path, trials: int, videos: int, seed: int) -> Iterator[BenchRow]:
    """Verify a run, its videos decoded and hashed again."""
    from harness.cli.verifying import verify_run

    path, size = write_run_with_videos(root, trials, videos, seed)
    found = verify_run(str(path))
    assert found.ok, found.problems
    took = best(lambda: verify_run(str(path)))
    yield row(
        f"verify a run of {trials} trials and {videos} videos", took, "s", reason=f"{size / 1e6:.1f} MB of frames"
    )


def listing(root: Path, runs: int, trials: int, seed: int, tell: Callable[[str], None]) -> Iterator[BenchRow]:
    """List and aggregate many runs, with and without the index."""
    import pandas  # noqa: F401 - its import is no part of what is measured

    from harness.cli.stored import aggregate_runs, list_results

    write_runs(root, runs, trials, seed)
    size = f"{runs} runs × {trials} trials"
    with only_there(root):
        folders = sorted((root / "synthetic").iterdir())
        tell("scanning every record: no index")
        total = sum(path.stat().st_size for path in root.rglob(TRIALS))
        cold = seconds_of(lambda: aggregate_runs(results=root))
        yield row(
            f"aggregate {size}, no index", cold, "s", target=AGGREGATE_SECONDS, better="lower",
            reason=f"{total / 1e9:.2f} GB of records read, {total / cold / 1e6:.0f} MB/s; the index written",
        )  # fmt: skip
        tell("with the index")
        yield row(
            f"aggregate {size}, index", best(lambda: aggregate_runs(results=root)), "s",
            target=AGGREGATE_SECONDS, better="lower", reason=f"index of {(root / INDEX).stat().st_size / 1e6:.2f} MB",
        )  # fmt: skip
        yield row(f"list {size}, index", best(lambda: list_results(results=str(root))), "s")
        command = [sys.executable, "-m", "harness.cli.main", "results", "ls", "--results", str(root)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}

        def ls() -> None:
            subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)

        yield row(
            f"diptych results ls: {size}, index", best(ls), "s", target=LS_SECONDS, better="lower",
            reason="the whole command, start of Python included",
        )  # fmt: skip
        (root / INDEX).unlink()
        yield row(f"diptych results ls: {size}, no index", seconds_of(ls), "s", reason="every record read")
        os.utime(folders[0] / TRIALS)
        yield row("list again after one run has changed", seconds_of(lambda: indexed_runs(root)), "s")


@contextmanager
def only_there(root: Path) -> Iterator[None]:
    """Work in ``root``, so that no ``./results/baselines`` adds to what is listed."""
    before = Path.cwd()
    os.chdir(root)
    try:
        yield
    finally:
        os.chdir(before)
