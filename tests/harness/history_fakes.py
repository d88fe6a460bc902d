"""Stored runs of invented numbers, one per commit, written through the real store. Loaded by path."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from harness.plan import make_plan
from harness.store.records import FeatureRows, Manifest, PlannedTrial, TrialError, TrialRecord
from harness.store.run_store import RunStore
from harness.types import Arm, Case, Metric, Scale, Suite, Threshold


def never(made: object) -> float | None:
    raise AssertionError("an export computes no metric of a trial")


def mean_distance(generated, reference) -> float:
    return float(np.square(generated.mean(0) - reference.mean(0)).sum())


def metric(name, unit, direction, scale, **more) -> Metric:
    return Metric(name, f"summary of {name}", unit, direction, scale, never, **more)


METRICS = {
    m.name: m
    for m in (
        metric("frames_per_second", "frames/s", "higher", "ratio", machine=True),
        metric("peak_memory_bytes", "bytes", "lower", "ratio", machine=True),
        metric("ssim", "ssim", "higher", "difference", quality=True),
        metric("psnr", "dB", "higher", "difference", quality=True),
        metric("frechet[toy]", "frechet", "lower", "set", quality=True, feature_space="toy", distance=mean_distance),
    )
}
SPEED = {"sequential": 2.0, "diagonal-k2": 6.0, "diagonal-k4": 4.0}


@dataclass
class Recipe:
    """What to invent; the noise comes from ``noise`` and is the same for ssim and psnr in all runs, as on a CPU."""

    cases: int = 8
    run_id: str = "run"
    commit: str | None = "0123456789abcdef0123456789abcdef01234567"
    dirty: bool = False
    created_at: str = "2026-02-03T04:05:06+00:00"
    suite_name: str = "decoding"
    version: int = 1
    seed: int = 0
    speed: dict[str, float] = field(default_factory=lambda: dict(SPEED))
    ssim: dict[str, float] = field(default_factory=dict)
    speed_only: bool = False
    failed: frozenset[int] = frozenset()
    missing: frozenset[int] = frozenset()
    arms: tuple[str, ...] | None = None
    noise: int = 0
    context: dict[str, object] = field(
        default_factory=lambda: {
            "device": "cpu", "cpu": "Invented 9000", "machine": "x86_64", "system": "Linux", "threads": 1,
            "python": "3.11.7", "torch": "2.13.0+cpu",
        }
    )  # fmt: skip

    def suite(self) -> Suite:
        cases = tuple(
            Case(name=f"test/{i:04d}", group="crafter", model="zoo", speed_only=self.speed_only)
            for i in range(self.cases)
        )
        return Suite(
            name=self.suite_name,
            version=self.version,
            question="?",
            arms=tuple(Arm(name=name, maker="none") for name in self.speed),
            baseline=next(iter(self.speed)),
            scales={"small": Scale(name="small", cases=cases)},
            metrics=tuple(METRICS),
            primary_speed="frames_per_second",
            primary_quality="ssim",
            margin=0.02,
            margin_why="test",
            thresholds=(
                Threshold(metric="frames_per_second", tau=0.05),
                Threshold(metric="peak_memory_bytes", tau=0.05),
                Threshold(metric="psnr", tau=0.5),
            ),
        )


def write_run(root: Path, recipe: Recipe) -> Path:
    suite = recipe.suite()
    plan = make_plan(suite, "small", recipe.seed, recipe.arms)
    reason = None if recipe.commit else "the code is not tracked by git (an installed package)"
    manifest = Manifest(
        run_id=recipe.run_id,
        suite=suite,
        plan=plan,
        device="cpu",
        threads=1,
        created_at=recipe.created_at,
        context=recipe.context,
        info={"code": {"commit": recipe.commit, "dirty": recipe.dirty, "patch_sha256": None, "reason": reason}},
        comparability_key="c" * 64,
    )
    with RunStore.create(root, manifest) as store:
        for trial in plan.trials:
            if trial.index not in recipe.missing:
                store.append(record(recipe, trial))
    return store.path


def record(recipe: Recipe, trial: PlannedTrial) -> TrialRecord:
    base = {
        "index": trial.index, "block": trial.block, "arm": trial.arm, "seed": trial.seed,
        "started_at": recipe.created_at,
    }  # fmt: skip
    if trial.index in recipe.failed:
        return TrialRecord(**base, status="failed", error=TrialError(type="NotFinite", message="NaN"))
    arm = list(recipe.speed).index(trial.arm)
    case = int(trial.block.case[-4:])
    shared, own = np.random.default_rng([case, 7]), np.random.default_rng([case, arm])
    load = np.random.default_rng([recipe.noise, case, arm])
    values = {
        "frames_per_second": float(recipe.speed[trial.arm] * np.exp(shared.normal(0, 0.05) + load.normal(0, 0.01))),
        "peak_memory_bytes": float(4e8 * np.exp(load.normal(0, 0.002))),
        "ssim": float(0.95 + 0.01 * shared.normal() + 0.002 * own.normal() + recipe.ssim.get(trial.arm, 0.0)),
        "psnr": float(25 + shared.normal() + 0.1 * own.normal()),
    }
    return TrialRecord(
        **base,
        status="finished",
        values=values,
        seconds=[6 / values["frames_per_second"]],
        counts={"frames": 6},
        features={"toy": FeatureRows(generated=list(own.normal(size=3)), reference=list(shared.normal(size=3)))},
    )


def make_repository(folder: Path, commits: int) -> list[str]:
    """Make a git repository with that many commits, an hour apart; return their hashes, oldest first."""
    folder.mkdir(parents=True)

    def git(*arguments: str, **environment: str) -> str:
        names = {f"GIT_{who}_{what}": "t@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        env = {"PATH": "/usr/bin:/bin:/usr/local/bin", "HOME": str(folder), **names, **environment}
        return subprocess.run(
            ["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True, env=env
        ).stdout.strip()

    git("init", "--quiet", "--initial-branch=main")
    hashes = []
    for number in range(commits):
        (folder / "file").write_text(f"{number}\n")
        git("add", "file")
        date = f"2026-01-01T{number:02d}:00:00+00:00"
        git("commit", "--quiet", "-m", f"change {number}", GIT_AUTHOR_DATE=date, GIT_COMMITTER_DATE=date)
        hashes.append(git("rev-parse", "HEAD"))
    return hashes
