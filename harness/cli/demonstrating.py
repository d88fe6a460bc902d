"""The whole of VideoDPO in minutes, as a verb: collection, training, matched trials, report; a stopped one goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.cli.aligning import train_alignment
from harness.cli.assets import fetch_assets, list_assets
from harness.cli.builtin import load_builtin
from harness.cli.collecting import DEFAULT_SCORE, collect_preferences
from harness.cli.progress import RunProgress
from harness.cli.running import resume_run, run_suite
from harness.cli.verbs import write_report
from harness.errors import UsageError
from harness.files import usable_folder, write_atomically
from harness.types import Data

MODEL = "text-to-video-crafter-epsilon"
SUITE = "alignment-demo"
METHODS = ("sft", "dpo", "videodpo")
PROMPTS, VIDEOS, STEPS, TESTED, LEARNING_RATE = 32, 4, 150, 16, 3e-4


class DemoFacts(Data):
    """What the demonstration made.

    Attributes:
        path: Its folder.
        collection: Folder of the preferences.
        weights: The aligned weights.
        run: Folder of the matched trials.
        report: The HTML page.
        pairs: Preference pairs.
        conclusion: What the trials say, in one sentence.
        seconds: By stage, of this call: what was there already takes none.
    """

    path: Path
    collection: Path
    weights: Path
    run: Path
    report: Path
    pairs: int
    conclusion: str
    seconds: dict[str, float]


def align_demo(
    out: Path,
    method: str = "videodpo",
    *,
    prompts: int = PROMPTS,
    videos: int = VIDEOS,
    steps: int = STEPS,
    tested: int = TESTED,
    device: str = "cpu",
    seed: int = 0,
    tell: Callable[[str], None] = lambda text: None,
) -> DemoFacts:
    """Align the zoo's text-to-video model with its own videos and judge it on prompts that no pair was made of.

    Reduced in everything, and one training seed: what it says is about this checkpoint. Called again on the same folder
    it goes on where it was stopped.

    Args:
        out: Folder of everything.
        method: ``"sft"``, ``"dpo"`` or ``"videodpo"``.
        prompts: Prompts that videos are collected of.
        videos: Videos of each.
        steps: Optimiser steps.
        tested: Prompts of the matched trials.
        device: Torch device.
        seed: Of noise, training and trials.
        tell: Told what comes next.

    Raises:
        UsageError: Numbers out of range, or scorers' weights that are not here and cannot be fetched.
        DiptychError: A folder of other settings.
    """
    if method not in METHODS:
        raise UsageError(f"--method is one of {', '.join(METHODS)}, not {method!r}.")
    for name, value, least in (
        ("prompts", prompts, 1),
        ("videos", videos, 2),
        ("steps", steps, 1),
        ("tested", tested, 2),
    ):
        if value < least:
            raise UsageError(f"--{name} must be at least {least}, not {value}.")
    usable_folder(out, "folder of the demonstration", "Choose another with --out.")
    took: dict[str, float] = {}

    def stage(name: str, what: str, work: Callable[[], Any]) -> Any:
        tell(f"{name}: {what}")
        began = time.perf_counter()
        found = work()
        took[name] = round(time.perf_counter() - began, 1)
        return found

    stage("scorers", "weights of the networks that judge", _fetch_scorers)
    collection, training, results = out / "collection", out / method, out / "results"
    kept = stage(
        "collect",
        f"{videos} videos of {prompts} prompts, scored by {DEFAULT_SCORE}",
        lambda: collect_preferences(
            MODEL,
            prompts,
            collection,
            videos=videos,
            seed=seed,
            device=device,
            resume=(collection / "collection.json").exists(),
        ),
    )
    aligned = stage(
        "train",
        f"{method}, {steps} steps on {kept.pairs} pairs",
        lambda: train_alignment(
            collection,
            method,
            training,
            seed=seed,
            steps=steps,
            learning_rate=LEARNING_RATE,
            device=device,
            resume=(training / "checkpoint.safetensors").exists(),
        ),
    )
    suite = out / f"{SUITE}.toml"
    write_atomically(suite, _suite(method, aligned.path, tested).encode())
    before = sorted((results / SUITE).glob("*"))

    def judge() -> Any:
        with RunProgress() as progress:
            if before:
                return resume_run(before[-1], progress=progress.show)
            return run_suite(suite, "demo", device=device, seed=seed, results=results, progress=progress.show)

    run = stage("judge", f"matched trials on {tested} prompts of the test split", judge)
    report = stage("report", "one page", lambda: write_report([run.path], out / "report.html"))
    return DemoFacts(
        path=out.resolve(),
        collection=collection.resolve(),
        weights=aligned.path,
        run=Path(run.path),
        report=report.path,
        pairs=kept.pairs,
        conclusion=run.conclusion,
        seconds=took,
    )


def _fetch_scorers() -> None:
    """Bring the weights that the score needs onto this machine, where they are not here yet."""
    registry = load_builtin()
    metric = registry.get("metric", DEFAULT_SCORE)
    parts = [registry.get("metric", name) for name in metric.parts]
    wanted = sorted({name for part in (metric, *parts) for name in part.assets})
    absent = [facts.name for facts in list_assets(wanted).assets if not facts.present]
    if absent:
        fetch_assets(absent)


def _suite(method: str, weights: Path, tested: int) -> str:
    """The suite as TOML: it extends ``alignment``, whose metrics and thresholds were fixed before."""
    return f'''# Written by diptych align demo; run it again by: diptych run {SUITE}.toml --scale demo
name = "{SUITE}"
version = 1
question = "What did a few minutes of {method} change, by judges that never chose a pair?"
extends = "alignment"
baseline = "baseline"

[[arms]]
name = "baseline"

[[arms]]
name = "{method}-s0"
summary = "{method}, aligned in minutes; training seed 0"
maker = "text-to-video"
params = {{ weights = {_quoted(str(weights))} }}

[scales.demo]
repetitions = 2
warmups = 0

[[scales.demo.cases_of]]
model = "{MODEL}"
clips = {tested}
'''


def _quoted(text: str) -> str:
    """A TOML string of any path."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
