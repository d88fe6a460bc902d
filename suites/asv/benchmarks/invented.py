"""A run of invented numbers, for benchmarks that read or write records."""

from __future__ import annotations

import numpy as np

from harness.plan import make_plan
from harness.store.records import Manifest, TrialRecord
from harness.types import Arm, Case, Scale, Suite, Threshold

ARMS = ("sequential", "diagonal-k1", "diagonal-k2", "diagonal-k4", "frame-at-once")
METRICS = ("frames_per_second", "psnr", "ssim", "token_accuracy", "passes", "peak_memory_bytes")


def invented_run(cases: int, seed: int = 0) -> tuple[Manifest, list[TrialRecord]]:
    """Return manifest and records of one run of 5 arms on ``cases`` cases: ``5 · cases`` finished trials."""
    suite = Suite(
        name="invented",
        version=1,
        question="How long does it take to read, write and judge this many trials?",
        arms=tuple(Arm(name=name, maker="none") for name in ARMS),
        baseline=ARMS[0],
        scales={"small": Scale(name="small", cases=tuple(_case(index) for index in range(cases)))},
        metrics=METRICS,
        primary_speed="frames_per_second",
        primary_quality="ssim",
        margin=0.01,
        margin_why="invented",
        thresholds=(Threshold(metric="frames_per_second", tau=0.05),),
    )
    plan = make_plan(suite, "small", seed)
    manifest = Manifest(
        run_id="invented",
        suite=suite,
        plan=plan,
        device="cpu",
        threads=1,
        created_at="2026-01-01T00:00:00+00:00",
        context={"cpu": "invented"},
        info={"code": {"commit": None, "reason": "invented"}},
        comparability_key="0" * 64,
    )
    draw = np.random.default_rng(seed)
    records = []
    for trial in plan.trials:
        rate = float(4 * np.exp(draw.normal(0, 0.05)))
        values = {
            "frames_per_second": rate,
            "psnr": float(25 + draw.normal()),
            "ssim": float(0.9 + 0.01 * draw.normal()),
            "token_accuracy": float(0.8 + 0.01 * draw.normal()),
            "passes": 486.0,
            "peak_memory_bytes": 4e8,
        }
        records.append(
            TrialRecord(
                index=trial.index,
                block=trial.block,
                arm=trial.arm,
                seed=trial.seed,
                status="finished",
                started_at="2026-01-01T00:00:00+00:00",
                values=values,
                seconds=[6 / rate],
                counts={"frames": 6, "tokens": 486, "passes": 486},
                hashes={"prompt": "0" * 64, "noise": "1" * 64, "weights": "2" * 64},
            )
        )
    return manifest, records


def _case(index: int) -> Case:
    return Case(name=f"invented/{index:04d}", group="invented", model="none")
