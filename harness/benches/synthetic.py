"""Runs that were never run, of any size, for benchmarks of the store: lines from a template, written at once."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import numpy as np

from harness.plan import make_plan
from harness.provenance import comparability_key, declaration_sha256
from harness.store.lines import format_line
from harness.store.names import MANIFEST, SAMPLES, TRIALS
from harness.store.records import Manifest, PlannedTrial, Sample, TrialRecord
from harness.store.video import save_video
from harness.types import Arm, Case, Scale, Suite, Threshold

ARMS = 4
FRAMES, TOKENS = 6, 486
METRICS = ("frames_per_second", "passes", "token_accuracy", "psnr", "ssim")
INFO = {  # as much as a decoding trial keeps of how it was measured
    "load_average": 1.69,
    "foreign_cores": 0.017,
    "schedule": "diagonal",
    "k_effective": 1,
    "placeholder": "above",
    "provisional": "own",
    "max_width": 9,
    "action_lookahead_passes": 0,
    "cache_bytes": 3022848,
    "bound_seconds": 0.09677795766850235,
    "bandwidth_bytes_per_second": 76317100234.24979,
    "flops_per_second": {str(2**n): 39509548155.247894 + n for n in range(8)},
    "ceilings_unsteadiness": 1.069853511684926,
    "peak_memory_method": "VmHWM of the process, reset before the work",
}


def a_suite(cases: int) -> Suite:
    """Return a suite of :data:`ARMS` arms and ``cases`` cases."""
    made = tuple(Case(name=f"synthetic/{number:05}", group="synthetic", model="none") for number in range(cases))
    return Suite(
        name="synthetic",
        version=1,
        question="How fast is the store?",
        arms=tuple(Arm(name=f"arm-{number}", maker="none", params={"k": number}) for number in range(ARMS)),
        baseline="arm-0",
        scales={"small": Scale(name="small", cases=made)},
        metrics=METRICS,
        primary_speed="frames_per_second",
        primary_quality="psnr",
        margin=1.0,
        margin_why="none",
        thresholds=(Threshold(metric="frames_per_second", tau=0.05),),
    )


def a_manifest(trials: int, run_id: str = "20260101T000000Z-small-000000") -> Manifest:
    """Return the manifest of a run of ``trials`` trials (a multiple of :data:`ARMS`)."""
    suite = a_suite(trials // ARMS)
    plan = make_plan(suite, "small", 0)
    return Manifest(
        run_id=run_id,
        suite=suite,
        plan=plan,
        device="cpu",
        threads=1,
        created_at=f"2026-01-01T00:00:{int(run_id[-6:], 16) % 60:02}+00:00",
        comparability_key=comparability_key(suite, plan, {}),
        declaration_sha256=declaration_sha256(suite),
    )


def a_record(trial: PlannedTrial, draw: random.Random, sample: Sample | None = None) -> TrialRecord:
    """Return the record of a finished trial that is true to itself: its rates are those of its durations."""
    seconds = draw.uniform(0.1, 0.6)

    def digest(*parts: object) -> str:
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    return TrialRecord(
        index=trial.index,
        block=trial.block,
        arm=trial.arm,
        seed=trial.seed,
        status="finished",
        started_at="2026-01-01T00:00:00.000+00:00",
        values={
            "frames_per_second": FRAMES / seconds,
            "passes": float(TOKENS),
            "token_accuracy": draw.random(),
            "psnr": draw.uniform(18, 22),
            "ssim": draw.random(),
        },
        seconds=[seconds],
        first_call_seconds=0.53588246,
        prefill_seconds=0.012325117,
        peak_memory_bytes=442597376,
        counts={"frames": FRAMES, "tokens": TOKENS, "passes": TOKENS},
        hashes={
            "prompt": digest(trial.block.case),
            "noise": digest(trial.seed),
            "weights": digest("weights"),
            "tokens": digest(trial.seed, trial.arm),
            "reference": digest(trial.block.case, "reference"),
        },
        sample=sample,
        info=INFO,
    )


def write_runs(root: Path, runs: int, trials: int, seed: int) -> int:
    """Write ``runs`` runs of ``trials`` trials; one run's lines serve all of them. Return the bytes of a record."""
    draw = random.Random(seed)
    manifest = a_manifest(trials)
    text = manifest.model_dump_json(indent=1)
    lines = b"".join(format_line(a_record(trial, draw)) for trial in manifest.plan.trials)
    for number in range(runs):
        run_id = f"20260101T000000Z-small-{number:06x}"
        folder = root / "synthetic" / run_id
        folder.mkdir(parents=True)
        (folder / MANIFEST).write_text(text.replace(manifest.run_id, run_id))
        (folder / TRIALS).write_bytes(lines)
    return len(lines) // trials


def write_run_with_videos(root: Path, trials: int, videos: int, seed: int) -> tuple[Path, int]:
    """Write one run of which ``videos`` trials keep their video; return its folder and the bytes of the videos."""
    draw, noise = random.Random(seed), np.random.default_rng(seed)
    manifest = a_manifest(trials, "20260101T000000Z-small-ffffff")
    folder = root / "synthetic" / manifest.run_id
    folder.mkdir(parents=True)
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=1))
    lines, frames_bytes = [], 0
    for trial in manifest.plan.trials:
        sample = None
        if trial.index < videos:
            frames = np.cumsum(noise.integers(0, 4, (FRAMES, 72, 72, 3), dtype=np.uint8), axis=2, dtype=np.uint8)
            sample = Sample(generated=save_video(folder / SAMPLES, frames))
            frames_bytes += frames.nbytes
        lines.append(format_line(a_record(trial, draw, sample)))
    (folder / TRIALS).write_bytes(b"".join(lines))
    return folder, frames_bytes
