"""A tiny maker for the worker process; what goes wrong in it comes from the environment, which the worker inherits."""

from __future__ import annotations

import ctypes
import hashlib
import json
import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import DiptychError
from harness.registry import Registry, register
from harness.types import Arm, Case, Made, Metric, Repeats, Scale, Suite, Threshold

FAULTS = "DIPTYCH_TEST_FAULTS"
SLEEP = "DIPTYCH_TEST_SLEEP"
CASES = "DIPTYCH_TEST_CASES"
WORKER = "tests.harness.launch_fakes:filled"


def digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def note_start() -> int:
    """Count the processes that have come here, in the file that the environment names."""
    with Path(os.environ["STARTS"]).open("a+") as file:
        file.write("x")
        file.seek(0)
        return len(file.read())


def hold_the_interpreter(seconds: int) -> None:
    """Sleep in native code without letting any other thread run."""
    ctypes.PyDLL(None).sleep(seconds)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class FaultyMaker:
    """Makes an 8 × 8 video out of seed and arm, unless the environment says otherwise."""

    def __init__(self, device: str, threads: int) -> None:
        self.faults: dict[str, str] = json.loads(os.environ.get(FAULTS, "{}"))
        self.poisoned = False
        self.made: set[str] = set()  # arms that are warm in this process
        self.warm: list[float] = [16.0, 8.0, 4.0, 2.0, 1.0]

    def fault(self, arm: Arm, case: Case) -> str:
        return self.faults.get(f"{arm.name} {case.name}", "")

    def check(self, arm: Arm, case: Case) -> None:
        fault = self.fault(arm, case)
        if fault == "impossible":
            raise DiptychError("the grid is too small")
        if fault == "broken":
            raise ZeroDivisionError("a bug in a component")
        if fault == "dead" or (fault == "dead next time" and note_start() > 1):
            die()
        if fault == "stuck next time" and note_start() > 1:
            time.sleep(600)
        if fault == "noisy":
            print("a library prints to stdout")
            os.write(1, b"and so does its native code\n")
            logging.getLogger("diptych").info("rendering: %d of %d", 1, 2)

    def context(self) -> dict[str, Any]:
        return {"weights": "w0"}

    def make(self, arm: Arm, case: Case, seed: int, repeats: Repeats) -> Made:
        fault, warming = self.fault(arm, case), repeats.count == 1
        time.sleep(float(os.environ.get(SLEEP, 0)))
        if fault == "die at once" or (fault.startswith(("die", "dead next", "stuck next")) and not warming):
            die()
        if fault == "poison" and not warming:
            self.poisoned = True
        if self.poisoned:
            raise RuntimeError("CUDA error: device-side assert triggered")
        if fault == "hold" and not warming:
            Path(os.environ["HANGING"]).touch()
            hold_the_interpreter(600)
        if fault == "surrogate" and not warming:
            raise FileNotFoundError("no file \udcff")
        if fault == "segfault" and not warming:
            ctypes.string_at(0)
        if fault == "exit" and not warming:
            os._exit(7)
        if fault == "memory" and not warming:
            raise MemoryError
        if fault.startswith("oom "):
            Path(fault.removeprefix("oom ")).write_text("low 0\noom 1\noom_kill 5\n")
            die()
        if fault == "hang" and not warming:
            if os.environ.get("HANGING"):
                Path(os.environ["HANGING"]).touch()
            time.sleep(600)
        cold = arm.name not in self.made
        self.made.add(arm.name)
        seconds = [self.warm.pop(0)] if fault == "never steady" and warming else [0.25] * repeats.count
        truth = np.random.default_rng(int(digest(case.name)[:8], 16)).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
        video = np.random.default_rng([seed, len(arm.name)]).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
        return Made(
            video=video,
            reference=truth,
            prompt=truth[:1],
            seconds=seconds,
            first_call_seconds=None,
            prefill_seconds=None,
            peak_memory_bytes=None,
            counts={"frames": 3},
            values={},
            hashes={"prompt": digest("prompt", case.name), "weights": digest("w"), "noise": digest(seed)},
            info={"cold": np.float32(1) if fault == "numpy" else cold},
        )


def rate(made: Made) -> float | None:
    return made.counts["frames"] / float(np.median(made.seconds))


def distance(made: Made) -> float | None:
    return float(np.abs(made.video.astype(float) - made.reference).mean())


def filled() -> Registry:
    """What fills the registry, here and in the worker."""
    registry = Registry()
    register("maker", "faulty", registry=registry)(FaultyMaker)
    for metric in (
        Metric("rate", "r", "1/s", "higher", "ratio", rate, machine=True),
        Metric("distance", "d", "levels", "lower", "difference", distance, quality=True),
    ):
        register("metric", metric.name, registry=registry)(metric)
    return registry


def a_suite(cases: int = 3) -> Suite:
    made = tuple(Case(name=f"case{i}", group="group", model="m", params={"frames": 3}) for i in range(cases))
    return Suite(
        name="faulty-suite",
        version=1,
        question="?",
        arms=tuple(Arm(name=name, maker="faulty") for name in ("base", "fast", "faster")),
        baseline="base",
        scales={"smoke": Scale(name="smoke", cases=made, warmups=1, repeats=3)},
        metrics=("rate", "distance"),
        primary_speed="rate",
        primary_quality="distance",
        margin=1.0,
        margin_why="test",
        thresholds=(Threshold(metric="rate", tau=0.05),),
    )


class Found:
    """What the fake analysis returns."""

    def model_dump(self, mode: str) -> dict[str, Any]:
        return {}


def fake_analyse(suite: Suite, records: Any, metrics: Any) -> Found:
    return Found()


def run_or_resume(folder: Path) -> None:
    """Begin a run in ``folder``, or finish the one that is there, as the command line would."""
    from harness.cli.running import stop_on_sigterm
    from harness.run import resume_run, run_suite

    common: dict[str, Any] = {"registry": filled(), "analyse": fake_analyse, "worker": WORKER}
    begun = [manifest.parent for manifest in folder.glob("*/*/manifest.json")]
    with stop_on_sigterm():
        if begun:
            result = resume_run(begun[0], **common)
        else:
            suite = a_suite(int(os.environ.get(CASES, 3)))
            result = run_suite(suite, results=folder, keep_samples=2, **common)
    print(result.message, file=sys.stderr)


if __name__ == "__main__":
    os.environ["HANGING"] = str(Path(sys.argv[1]) / "hanging")
    try:
        run_or_resume(Path(sys.argv[1]))
    except DiptychError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
