"""``kill -9`` at random points, again and again: every trial ends up recorded once, with the values of a quiet run.

``DIPTYCH_KILLS`` says how many kills (10); ``nox -s soak`` makes it 50.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.run import resume_run
from harness.store.run_store import RunStore
from harness.store.sessions import read_sessions
from tests.faults.child import finish, start
from tests.harness.launch_fakes import CASES, SLEEP, WORKER, fake_analyse, filled

pytestmark = pytest.mark.full
KILLS = int(os.environ.get("DIPTYCH_KILLS", "10"))


def quality(path: Path) -> list[dict[str, Any]]:
    kept = {"index", "block", "arm", "seed", "status", "values", "hashes", "features", "sample", "counts", "seconds"}
    return [record.model_dump(include=kept) for record in RunStore.open(path).records()]


def lines_of(folder: Path) -> int:
    return sum(file.read_bytes().count(b"\n") for file in folder.glob("*/*/trials.jsonl"))


def test_a_run_that_is_killed_again_and_again_is_the_run_that_was_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(KILLS)
    cases = 10 + 8 * KILLS
    settings = {SLEEP: "0.04", CASES: str(cases)}
    code, said = finish(start(tmp_path / "quiet", **settings), 600)
    assert code == 0, said
    counts = {"parent": 0, "worker": 0, "before the manifest": 0, "in the start": 0, "among trials": 0}
    folder = tmp_path / "killed"
    for number in range(KILLS):
        before = lines_of(folder)
        child = start(folder, **settings)
        if number % 2:  # every other kill is sure to come while trials run; the rest may come before the manifest
            deadline = time.monotonic() + 120
            while lines_of(folder) == before and child.poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.7))
        workers = psutil.Process(child.pid).children() if child.poll() is None else []
        victim = chance.choice(["parent", "parent", "worker"]) if workers else "parent"
        where = "among trials" if lines_of(folder) > before else "in the start"
        if not list(folder.glob("*/*/manifest.json")):
            where = "before the manifest"
        counts[where] += 1
        counts[victim] += 1
        if victim == "worker":  # the run survives: it records the trial as failed and goes on, until it is killed too
            workers[0].send_signal(signal.SIGKILL)
            time.sleep(chance.uniform(0, 4.0))
        child.send_signal(signal.SIGKILL)
        finish(child)
    (path,) = (manifest.parent for manifest in folder.glob("*/*/manifest.json"))
    torn = len(RunStore.open(path).problems)
    lost = [r for r in RunStore.open(path).records() if r.error is not None]
    result = resume_run(path, registry=filled(), analyse=fake_analyse, worker=WORKER, retry_failed=True)
    assert (result.finished, result.failed, result.missing) == (3 * cases, 0, 0)
    assert quality(path) == quality(next((tmp_path / "quiet").glob("*/*")))
    written = [json.loads(line) for line in (path / "trials.jsonl").read_text().splitlines()]
    finished = [line["index"] for line in written if line["status"] == "finished"]
    assert sorted(finished) == list(range(3 * cases)), "each trial finished exactly once"
    assert {r.error.type for r in lost if r.error} <= {"Crashed"}
    sessions = read_sessions(path)
    assert [session.session for session in sessions] == list(range(1, len(sessions) + 1))
    with capsys.disabled():
        print(
            f"\n{KILLS} kills ({', '.join(f'{n} {what}' for what, n in counts.items())}): {len(written)} lines, "
            f"{len(finished)} trials finished once each, {len(lost)} lost to a killed worker and run again, "
            f"{torn} problems told, {len(sessions)} sessions"
        )
