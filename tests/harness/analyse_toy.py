"""A toy suite and its simulated records, for the tests of the analysis."""

from __future__ import annotations

import numpy as np

from harness.stats.frechet import frechet_distance
from harness.stats.kvd import kernel_distance
from harness.store.records import BlockKey, FeatureRows, Manifest, Plan, TrialError, TrialRecord
from harness.types import Arm, Case, Metric, Scale, Suite, Threshold


def nothing(made):
    return None


def metric(name, unit, direction, scale, **more):
    return Metric(name=name, summary=name, unit=unit, direction=direction, scale=scale, compute=nothing, **more)


METRICS = {
    m.name: m
    for m in (
        metric("fps", "frames/s", "higher", "ratio", machine=True),
        metric("seconds", "s", "lower", "ratio", machine=True),
        metric("passes", "passes", "lower", "ratio"),
        metric("accuracy", "fraction", "higher", "difference", quality=True),
        metric("psnr", "dB", "higher", "difference", quality=True),
        metric(
            "frechet[f]",
            "frechet",
            "lower",
            "set",
            quality=True,
            minimum_n=64,
            feature_space="f",
            distance=frechet_distance,
            needs_full_rank=True,
        ),
        metric(
            "kvd[f]",
            "mmd2",
            "lower",
            "set",
            quality=True,
            minimum_n=32,
            feature_space="f",
            distance=kernel_distance,
        ),
    )
}


BASE, FAST, CONTROL = "sequential", "diagonal", "at-once"


def make_suite(cases=32, groups=("g",), random_groups=(), arms=(BASE, FAST), **more):
    declared = tuple(
        Case(name=f"{group}/{i:03d}", group=group, model="m", speed_only=group in random_groups)
        for group in groups
        for i in range(cases)
    )
    facts = {
        "metrics": ("fps", "accuracy", "psnr"),
        "primary_speed": "fps",
        "primary_quality": "accuracy",
        "margin": 0.02,
    } | more
    taus = {"fps": 0.05, "psnr": 0.5}
    declared_thresholds = [Threshold(metric=name, tau=tau) for name, tau in taus.items() if name in facts["metrics"]]
    facts.setdefault("thresholds", tuple(declared_thresholds))
    return Suite(
        name="toy",
        version=1,
        question="?",
        arms=tuple(Arm(name=name, maker="toy") for name in arms),
        baseline=BASE,
        scales={"small": Scale(name="small", cases=declared)},
        margin_why="",
        **facts,
    )


def record(index, case, group, arm, values, *, repetition=0, status="finished", features=None, **more):
    return TrialRecord(
        index=index,
        block=BlockKey(group=group, case=case, repetition=repetition),
        arm=arm,
        status=status,
        values=values,
        features={} if features is None else {"f": features},
        **({"seed": 7, "started_at": "2026-01-01T00:00:00Z"} | more),
    )


def make_records(suite, effects, *, repetitions=1, noise=0.02, seed=0, dimensions=None):
    """Simulate trials: ``effects[arm] = (speed factor, accuracy change)``; every case has its own difficulty."""
    generator = np.random.default_rng(seed)
    found = []
    for case in suite.scales["small"].cases:
        difficulty = generator.normal()
        truth = generator.normal(size=dimensions or 0).tolist()
        for repetition in range(repetitions):
            for arm, (factor, change) in effects.items():
                values = {
                    "fps": float(10 * factor * np.exp(0.2 * difficulty + noise * generator.normal())),
                    "accuracy": float(0.7 + change + 0.05 * difficulty + noise * generator.normal()),
                    "psnr": float(20 + 10 * change + difficulty + noise * generator.normal()),
                    "passes": float(round(100 / factor)),
                }
                values["seconds"] = 1 / values["fps"]
                drawn = (generator.normal(size=dimensions or 0) * (1 - 5 * change)).tolist()
                rows = FeatureRows(generated=drawn, reference=truth) if dimensions else None
                found.append(
                    record(len(found), case.name, case.group, arm, values, repetition=repetition, features=rows)
                )
    return found


def finding(result, name, arm=FAST, group="g"):
    (found,) = [f for f in result.findings if (f.metric, f.arm, f.group) == (name, arm, group)]
    return found


GOOD = {BASE: (1.0, 0.0), FAST: (2.4, 0.0)}


SETS = {
    "metrics": ("fps", "accuracy", "frechet[f]", "kvd[f]"),
    "thresholds": (
        Threshold(metric="fps", tau=0.05),
        Threshold(metric="frechet[f]", tau=0.05),
        Threshold(metric="kvd[f]", tau=0.01),
    ),
}


def manifest(suite, run_id, context=None):
    return Manifest(
        run_id=run_id,
        suite=suite,
        plan=Plan(suite=suite.name, version=suite.version, scale="small", seed=0, order_seed=0, trials=()),
        device="cpu",
        threads=1,
        created_at="2026-01-01T00:00:00Z",
        context=context or {},
        comparability_key="k",
    )


def runs(change, *, suite=None, seed=0):
    """A reference run, and a candidate whose diagonal arm is ``change`` better in accuracy."""
    suite = suite or make_suite(metrics=("fps", "seconds", "passes", "accuracy", "psnr"))
    old = make_records(suite, GOOD, noise=0.001, seed=seed)
    new = [
        r.model_copy(update={"values": r.values | {"accuracy": r.values["accuracy"] + change * (r.arm == FAST)}})
        for r in old
    ]
    return suite, (manifest(suite, "A"), old), (manifest(suite, "B"), new)


def failed(trial):
    return trial.model_copy(update={"status": "failed", "values": {}, "error": TrialError(type="NaN", message="x")})
