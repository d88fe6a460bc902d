"""Runs made of invented numbers, written through the real store: what a report reads is what a run leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from harness.plan import make_plan
from harness.store.records import FeatureRows, Manifest, Plan, PlannedTrial, Sample, TrialError, TrialRecord
from harness.store.run_store import RunStore
from harness.types import Arm, Case, Metric, Scale, Suite, Threshold

REAL, RANDOM = "crafter-9x9", "mineworld-300m"
SIDE = 36


def _never(made: object) -> float | None:
    raise AssertionError("a report computes no metric")


def _mean_distance(generated, reference) -> float:
    return float(np.square(generated.mean(0) - reference.mean(0)).sum())


def _metric(name, summary, unit, direction, scale, **more) -> Metric:
    return Metric(name, summary, unit, direction, scale, _never, **more)


METRICS = {
    m.name: m
    for m in (
        _metric("frames_per_second", "Generated frames per second of one generation.", "frames/s", "higher", "ratio"),
        _metric("psnr", "Signal-to-noise ratio to the true continuation.", "dB", "higher", "difference", quality=True),
        _metric("token_accuracy", "Share of tokens equal to the truth's.", "", "higher", "difference", quality=True),
        _metric("passes", "Model passes of one generation.", "passes", "lower", "ratio"),
        _metric("frame_latency_seconds", "Seconds per generated frame.", "s", "lower", "ratio"),
        _metric("peak_memory_bytes", "Peak memory of the measured call.", "bytes", "lower", "ratio"),
        _metric(
            "kvd[toy]", "Kernel distance of features to real clips.", "", "lower", "set",
            quality=True, feature_space="toy", distance=_mean_distance,
        ),
    )
}  # fmt: skip


@dataclass
class Recipe:
    """What to invent; change a field for a run that differs."""

    suite_name: str = "decoding"
    question: str = "How much faster is diagonal decoding than next-token decoding, and at which cost in quality?"
    real_cases: int = 8
    random_cases: int = 6
    repetitions: int = 2
    sample_cases: int = 2
    frames: int = 4
    case_prefix: str = "test/"
    speed: dict[str, float] = field(
        default_factory=lambda: {
            "sequential": 1.0, "diagonal-k1": 6.1, "diagonal-k2": 4.2, "diagonal-k4": 2.4, "frame-at-once": 11.0
        }
    )  # fmt: skip
    passes: dict[str, int] = field(
        default_factory=lambda: {
            "sequential": 1215, "diagonal-k1": 149, "diagonal-k2": 249, "diagonal-k4": 449, "frame-at-once": 15
        }
    )  # fmt: skip
    quality: dict[str, float] = field(
        default_factory=lambda: {
            "sequential": 0.0, "diagonal-k1": -0.9, "diagonal-k2": -0.12, "diagonal-k4": -0.02, "frame-at-once": -6.0
        }
    )  # fmt: skip
    failed: frozenset[int] = frozenset()
    flagged: frozenset[int] = frozenset()
    frame_metrics: bool = True
    video: Callable[[str, int, int], np.ndarray] | None = None
    seed: int = 0

    def suite(self) -> Suite:
        cases = [Case(name=f"{self.case_prefix}{i:04d}", group=REAL, model="zoo") for i in range(self.real_cases)]
        cases += [
            Case(name=f"random/{i:04d}", group=RANDOM, model="published", speed_only=True)
            for i in range(self.random_cases)
        ]
        scale = Scale(name="small", cases=tuple(cases), repetitions=self.repetitions)
        return Suite(
            name=self.suite_name,
            version=1,
            question=self.question,
            arms=tuple(Arm(name=a, maker="decoding", summary=f"the order called {a}") for a in self.speed),
            baseline="sequential",
            scales={"small": scale},
            metrics=tuple(METRICS),
            primary_speed="frames_per_second",
            primary_quality="psnr",
            margin=0.5,
            margin_why="Half a decibel is below what viewers of 72-pixel clips tell apart.",
            thresholds=(
                Threshold(metric="frames_per_second", tau=0.05, why="Twice the noise floor of the null suite."),
                Threshold(metric="peak_memory_bytes", tau=0.1, why="One tenth more memory is one model size less."),
                Threshold(metric="frame_latency_seconds", tau=0.05),
            ),
            negative_control="frame-at-once" if "frame-at-once" in self.speed else None,
        )


def square(arm: str, case: int, frames: int) -> np.ndarray:
    """A coloured square that moves by the case; every arm but the baseline smears it a little."""
    video = np.full((frames, SIDE, SIDE, 3), 40, np.uint8)
    for t in range(frames):
        at = (5 * case + 3 * t) % (SIDE - 12)
        video[t, at : at + 12, 8:24] = (230, 120, 40)
        if arm not in ("sequential", "truth"):
            video[t, ::3] //= 2
    return video


def manifest_of(run_id: str, suite: Suite, plan: Plan, info: dict) -> Manifest:
    """The manifest of an invented run on an invented machine."""
    return Manifest(
        run_id=run_id,
        suite=suite,
        plan=plan,
        device="cpu",
        threads=1,
        created_at="2026-02-03T04:05:06Z",
        argv=["diptych", "run", suite.name, "--scale", "small"],
        context={"precision": "float32", "cpu": {"model": "Invented 9000", "cores": 2}},
        info=info,
        comparability_key="c" * 64,
    )


def write_run(root: Path, recipe: Recipe, run_id: str = "run-0001") -> Path:
    """Write a whole run folder and return its path."""
    suite = recipe.suite()
    plan = make_plan(suite, "small", recipe.seed)
    code = {
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "dirty": True,
        "patch": "+ a change",
        "patch_sha256": "d" * 64,
        "untracked": {},
        "reason": None,
    }
    info = {"code": code, "packages": {"numpy": "2.0.0", "torch": "2.13.0"}}
    manifest = manifest_of(run_id, suite, plan, info)
    with RunStore.create(root, manifest) as store:
        for trial in plan.trials:
            store.append(_record(store, recipe, trial))
    return store.path


def _record(store: RunStore, recipe: Recipe, trial: PlannedTrial) -> TrialRecord:
    base = {
        "index": trial.index, "block": trial.block, "arm": trial.arm, "seed": trial.seed,
        "started_at": "2026-02-03T04:05:06Z", "flags": ["load"] if trial.index in recipe.flagged else [],
    }  # fmt: skip
    if trial.index in recipe.failed:
        error = TrialError(type="NotFinite", message="logits hold NaN at pass 3 <of 9>", traceback=None)
        return TrialRecord(**base, status="failed", error=error)
    shared = np.random.default_rng(trial.seed % 2**32)
    own = np.random.default_rng([trial.seed % 2**32, sorted(recipe.speed).index(trial.arm)])
    rate = 2.4 * np.exp(shared.normal(0, 0.05) + own.normal(0, 0.03)) * recipe.speed[trial.arm]
    real = trial.block.group == REAL
    case = int(trial.block.case.rsplit("/", 1)[1])
    spread = 0.05 + 0.1 * abs(recipe.quality[trial.arm])
    psnr = 21 + shared.normal(0, 1.5) + recipe.quality[trial.arm] + own.normal(0, spread)
    values = {
        "frames_per_second": rate,
        "frame_latency_seconds": 1 / rate,
        "passes": float(recipe.passes[trial.arm]),
        "peak_memory_bytes": 3.1e8 * np.exp(own.normal(0, 0.01)),
        "psnr": psnr if real else None,
        "token_accuracy": 0.7 + 0.01 * recipe.quality[trial.arm] + own.normal(0, 0.004) if real else None,
    }
    fall = np.arange(recipe.frames) * (-0.6 + 0.2 * recipe.quality[trial.arm])
    along = fall + own.normal(0, 0.1, recipe.frames)
    along += psnr - along.mean()
    sample = None
    if real and case < recipe.sample_cases and trial.block.repetition == 0:
        draw = recipe.video or square
        videos = [draw(arm, case, recipe.frames + 1) for arm in (trial.arm, "truth")]
        made, truth, prompt = (store.save_video(v) for v in (videos[0][1:], videos[1][1:], videos[1][:1]))
        sample = Sample(generated=made, reference=truth, prompt=prompt)
    return TrialRecord(
        **base,
        status="finished",
        values=values,
        frame_values={"psnr": along.tolist()} if real and recipe.frame_metrics else {},
        seconds=[recipe.frames / rate],
        counts={"frames": recipe.frames, "tokens": 81 * recipe.frames, "passes": recipe.passes[trial.arm]},
        features={"toy": FeatureRows(generated=list(own.normal(size=3)), reference=list(shared.normal(size=3)))},
        sample=sample,
        info={"bound_seconds": 4e-4 * recipe.passes[trial.arm] ** 0.9},
    )


@pytest.fixture(scope="session")
def metrics() -> dict[str, Metric]:
    return METRICS


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    return Recipe()


@pytest.fixture(scope="session")
def vary(recipe: Recipe) -> Callable[..., Recipe]:
    """``vary(field=value)``: the standard recipe with changes."""
    return lambda **changes: replace(recipe, **changes)


@pytest.fixture(scope="session")
def make_run(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``make_run(recipe, run_id)`` writes a run in a folder of its own."""
    return lambda recipe, run_id="run-0001": write_run(tmp_path_factory.mktemp("runs"), recipe, run_id)


@pytest.fixture(scope="session")
def run_path(make_run: Callable[..., Path], recipe: Recipe) -> Path:
    """The standard run; read only."""
    return make_run(recipe)
