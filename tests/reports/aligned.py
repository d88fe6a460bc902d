"""Runs of the alignment suites made of invented numbers: arms ``baseline`` and ``<method>-s<training seed>``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from harness.plan import make_plan
from harness.store.records import FeatureRows, PlannedTrial, Sample, TrialRecord
from harness.store.run_store import RunStore
from harness.types import Arm, Case, Metric, Scale, Suite, Threshold
from tests.reports.conftest import _mean_distance, _metric, manifest_of, square

TRAINING, REPORTED = "omniscore[light-crafter-pairing]", "omniscore[light-crafter]"
MOTION, JUDGE = "motion_magnitude[raft-small]", "text_alignment[video-text-crafter-judge]"
LABELS = "caption_fields[state-crafter]"
PARTS = {
    "background_consistency[efficientnet-lite0]": 0.95,
    "temporal_flickering[frame-difference]": 0.97,
    "motion_smoothness[rife]": 0.9,
    "dynamic_degree[raft-small]": 0.7,
    "text_alignment[video-text-crafter]": 0.25,
}
LEVELS = {TRAINING: 0.6, REPORTED: 0.62, MOTION: 3.2, JUDGE: 0.3, LABELS: 0.8, **PARTS}
METRICS = {
    m.name: m
    for m in (
        _metric(TRAINING, "What chose the pairs.", "", "higher", "difference", quality=True, parts=tuple(PARTS)),
        _metric(REPORTED, "What is reported.", "", "higher", "difference", quality=True, parts=tuple(PARTS)),
        *(
            _metric(name, f"{name} of a video.", "", "higher", "difference", quality=True)
            for name in (MOTION, JUDGE, LABELS, *PARTS)
        ),
        _metric("frames_per_second", "Frames per second.", "frames/s", "higher", "ratio"),
        _metric("peak_memory_bytes", "Peak memory of the measured call.", "bytes", "lower", "ratio"),
        _metric(
            "kvd[toy]", "Kernel distance of features to real clips.", "", "lower", "set",
            quality=True, feature_space="toy", distance=_mean_distance,
        ),
    )
}  # fmt: skip
assert all(isinstance(metric, Metric) for metric in METRICS.values())

GAINS: dict[str, dict[str, float]] = {
    "sft": {TRAINING: 0.01, REPORTED: 0.008, JUDGE: 0.001},
    "dpo": {
        TRAINING: 0.04,
        REPORTED: 0.03,
        JUDGE: 0.012,
        LABELS: 0.01,
        MOTION: -0.7,
        "dynamic_degree[raft-small]": -0.1,
    },
    "videodpo": {TRAINING: 0.06, REPORTED: 0.05, JUDGE: 0.02, LABELS: 0.02, "motion_smoothness[rife]": 0.02},
}


@dataclass
class Aligned:
    """What to invent; change a field for a run that differs."""

    suite_name: str = "alignment"
    groups: tuple[str, ...] = ("crafter epsilon",)
    prompts: int = 8
    repetitions: int = 1
    seeds: tuple[int, ...] = (0, 1, 2)
    gains: dict[str, dict[str, float]] = field(default_factory=lambda: GAINS)
    sample_cases: int = 2
    declares_methods: bool = True
    lacking: tuple[str, ...] = ()
    prompt: str = "a player walks in grassland by day"

    def suite(self) -> Suite:
        arms = [Arm(name="baseline", maker="text-to-video", summary="the model as it is")]
        arms += [
            Arm(name=f"{method}-s{seed}", maker="text-to-video", summary=f"trained by {method}; training seed {seed}")
            for method in self.gains
            for seed in self.seeds
            if self.declares_methods
        ]
        if not self.declares_methods:  # arms of their own, as the ablation's
            arms += [Arm(name=name, maker="text-to-video", summary=f"{name}, so far") for name in self.gains]
        cases = tuple(
            Case(name=f"{group}/test/{i:04d}", group=group, model=f"text-to-video-{group.replace(' ', '-')}")
            for group in self.groups
            for i in range(self.prompts)
        )
        return Suite(
            name=self.suite_name,
            version=1,
            question="Does preference alignment make better videos, by judges that never chose a pair?",
            arms=tuple(arms),
            baseline="baseline",
            scales={"small": Scale(name="small", cases=cases, repetitions=self.repetitions)},
            metrics=tuple(METRICS),
            primary_speed=None,
            primary_quality=TRAINING,
            margin=0.005,
            margin_why="Independent noise alone moves the mean by less.",
            thresholds=tuple(
                Threshold(metric=name, tau={MOTION: 0.1, "kvd[toy]": 0.5}.get(name, 0.003), why="Its noise floor.")
                for name in (*LEVELS, "kvd[toy]")
                if name != TRAINING
            ),
            win_rate_of=(TRAINING, REPORTED, JUDGE, MOTION),
            methods=tuple(self.gains) if self.declares_methods else (),
            training_score=TRAINING,
            held_out=(JUDGE, LABELS, "kvd[toy]", MOTION),
        )


def write_aligned(root: Path, recipe: Aligned | None = None, run_id: str = "run-aligned") -> Path:
    """Write a whole run folder and return its path."""
    recipe = recipe or Aligned()
    suite = recipe.suite()
    plan = make_plan(suite, "small", 0)
    manifest = manifest_of(run_id, suite, plan, {"packages": {"numpy": "2.0.0"}})
    with RunStore.create(root, manifest) as store:
        for trial in plan.trials:
            store.append(_record(store, recipe, trial))
    return store.path


def _record(store: RunStore, recipe: Aligned, trial: PlannedTrial) -> TrialRecord:
    shared = np.random.default_rng(trial.seed % 2**32)
    own = np.random.default_rng([trial.seed % 2**32, *trial.arm.encode()])
    method, _, seed = trial.arm.partition("-s")
    gains = recipe.gains.get(method, {})
    case = int(trial.block.case.rsplit("/", 1)[1])
    values: dict[str, float | None] = {}
    for name, level in LEVELS.items():
        moved = gains.get(name, 0.0) * (1 + 0.1 * int(seed or 0))
        spread = 0.02 * level
        values[name] = (
            level + shared.normal(0, spread) + moved + (own.normal(0, spread / 8) if method != "baseline" else 0)
        )
    values |= dict.fromkeys(recipe.lacking)
    rate = 3.0 * np.exp(own.normal(0, 0.02))
    values |= {"frames_per_second": rate, "peak_memory_bytes": 4e8 * np.exp(own.normal(0, 0.01))}
    sample = None
    if case < recipe.sample_cases and trial.block.repetition == 0:
        made, truth = (store.save_video(square(arm, case, 4)) for arm in (trial.arm, "truth"))
        sample = Sample(generated=made, reference=truth, prompt=None)
    return TrialRecord(
        index=trial.index,
        block=trial.block,
        arm=trial.arm,
        seed=trial.seed,
        started_at="2026-02-03T04:05:06Z",
        status="finished",
        values=values,
        seconds=[8 / rate],
        counts={"frames": 8, "steps": 20},
        features={"toy": FeatureRows(generated=list(own.normal(size=3)), reference=list(shared.normal(size=3)))},
        sample=sample,
        info={"prompt": f"{recipe.prompt}, {case}", "step_seconds": [0.1] * 20, "merged": True},
    )
