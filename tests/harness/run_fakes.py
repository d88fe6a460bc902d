"""A tiny maker, metrics and suite for tests of the run: no torch in them, the same bits everywhere.

Loaded by path (also by a child process), because test folders are no packages.
"""

from __future__ import annotations

import hashlib
import os
import signal
import time
from typing import Any

import numpy as np

from harness.errors import DiptychError
from harness.registry import Registry, register
from harness.types import Arm, Case, Made, Metric, Repeats, Scale, Suite, Threshold


def digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


class FakeMaker:
    """Makes an 8 × 8 video out of seed and arm; ``behaviour`` maps (arm, case) to a fault."""

    def __init__(self, device: str, threads: int, behaviour: dict[tuple[str, str], str], sleep: float = 0.0) -> None:
        self.device, self.threads = device, threads
        self.behaviour, self.sleep = behaviour, sleep
        self.calls: list[tuple[str, str, int, int]] = []
        self.weights = "w0"

    def check(self, arm: Arm, case: Case) -> None:
        if self.behaviour.get((arm.name, case.name)) == "impossible":
            raise DiptychError("the grid is too small")

    def context(self) -> dict[str, Any]:
        return {"weights": self.weights}

    def make(self, arm: Arm, case: Case, seed: int, repeats: Repeats) -> Made:
        self.calls.append((arm.name, case.name, seed, repeats.count))
        fault = self.behaviour.get((arm.name, case.name), "")
        time.sleep(self.sleep)
        if fault == "raise":
            raise RuntimeError("a shape went wrong\nand a second line")
        if fault == "memory":
            raise MemoryError
        if fault == "torch memory":
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 byte")
        if fault == "interrupt" and repeats.count > 1:
            raise KeyboardInterrupt
        if fault == "die" and repeats.count > 1:
            os.kill(os.getpid(), signal.SIGKILL)
        truth = np.random.default_rng(int(digest(case.name)[:8], 16)).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
        noise = np.random.default_rng(seed).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
        video: Any = noise ^ np.uint8(len(arm.name))
        if fault == "nan video":
            video = np.full((3, 8, 8, 3), np.nan)
        if fault == "float video":
            video = np.zeros((3, 8, 8, 3))
        return Made(
            video=video,
            reference=noise if fault == "other truth" else truth,
            prompt=truth[:1],
            seconds=[float("nan")] if fault == "nan seconds" else [0.25] * repeats.count,
            first_call_seconds=9.0,
            prefill_seconds=None,
            peak_memory_bytes=1000,
            counts={"frames": 3},
            values={"noise": float(noise.mean())},
            hashes={
                "prompt": digest("prompt", case.name),
                "weights": digest(case.model, "other" if fault == "other weights" else arm.params.get("weights")),
                "noise": digest(seed, fault == "other noise"),
                **({"extra": arm.name}),
            }
            if fault != "no hashes"
            else {},
            info={"deterministic": True} if fault == "greedy" else {},
        )


def noise_value(made: Made) -> float | None:
    return made.values["noise"]


def psnr_like(made: Made) -> float | None:
    return float(np.abs(made.video.astype(float) - made.reference).mean())


def rate(made: Made) -> float | None:
    return made.counts["frames"] / float(np.median(made.seconds))


def a_registry(
    behaviour: dict[tuple[str, str], str] | None = None, sleep: float = 0.0
) -> tuple[Registry, list[FakeMaker]]:
    """Return a private registry and the list of makers that it builds."""
    registry, built = Registry(), []

    def factory(device: str, threads: int) -> FakeMaker:
        built.append(FakeMaker(device, threads, behaviour or {}, sleep))
        return built[-1]

    def extractor(device: str) -> Any:
        return lambda video: np.asarray(video, dtype=np.float64).mean(axis=(0, 1, 2))

    register("maker", "fake", registry=registry)(factory)
    register("extractor", "means", registry=registry)(extractor)
    for metric in (
        Metric("rate", "r", "1/s", "higher", "ratio", rate, machine=True),
        Metric("closeness", "c", "levels", "lower", "difference", psnr_like, quality=True),
        Metric("noise", "n", "levels", "higher", "difference", noise_value, quality=True),
        Metric("frechet[means]", "f", "", "lower", "set", lambda made: None, quality=True, feature_space="means"),
    ):
        register("metric", metric.name, registry=registry)(metric)
    return registry, built


def a_suite(cases: int = 3, repetitions: int = 2, warmups: int = 1, speed_only: bool = False, shift: int = 0) -> Suite:
    made = tuple(
        Case(name=f"case{i}", group=f"group{i % 2}", model="m", params={"frames": 3}, speed_only=speed_only)
        for i in range(cases)
    )
    return Suite(
        name="fake-suite",
        version=1,
        question="?",
        arms=(
            Arm(name="base", maker="fake"),
            Arm(name="fast", maker="fake", params={"k": 2}),
            Arm(name="faster", maker="fake", params={"k": 4}, seed_shift=shift),
        ),
        baseline="base",
        scales={"smoke": Scale(name="smoke", cases=made, repetitions=repetitions, warmups=warmups, repeats=3)},
        metrics=("rate", "closeness", "noise", "frechet[means]"),
        primary_speed="rate",
        primary_quality="closeness",
        margin=1.0,
        margin_why="test",
        thresholds=(Threshold(metric="rate", tau=0.05),),
    )


class Found:
    """What the fake analysis returns."""

    def __init__(self, records: int) -> None:
        self.records = records

    def model_dump(self, mode: str) -> dict[str, Any]:
        return {"records": self.records, "findings": []}


def fake_analyse(suite: Suite, records: Any, metrics: Any) -> Found:
    return Found(len(records))
