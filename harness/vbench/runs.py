"""A run made of two models' VBench values of single videos, so that Diptych's statistics and reports apply to them.

Arms are the two models, cases their prompts, blocks the videos of one prompt and number. A trial is what a model's
files say of one video: a record that is flagged *imported*, with the SHA-256 of the prompt and no other hash, because
neither noise nor weights are known. A video that one model lacks is a failed trial: it is counted, and what is said is
said of the rest.

Nothing here was measured, and the threshold was not fixed before measuring: the declaration says both.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import DiptychError, UsageError
from harness.files import usable_folder
from harness.metrics.vbench import metric_name
from harness.parts import load_metrics
from harness.provenance import comparability_key, declaration_sha256, info_facts, now
from harness.registry import Registry
from harness.run import finish, new_run_id
from harness.seeds import derived_seed
from harness.store.locate import results_root
from harness.store.records import IMPORTED, BlockKey, Manifest, Plan, PlannedTrial, TrialError, TrialRecord
from harness.store.run_store import RunStore
from harness.types import Arm, Case, Scale, Suite, Threshold
from harness.vbench.dimensions import DIMENSIONS, dimension_called
from harness.vbench.facts import ImportedRun, Pairs
from harness.vbench.matching import Matched, match
from harness.vbench.read import Results
from harness.vbench.videos import Key

SUITE, SCALE, GROUP, MAKER = "vbench-import", "import", "vbench", "imported"
UNKNOWN_DEVICE = "unknown"


def nothing_to_pair(here: Results, there: Results) -> str | None:
    """Return why no video of two models is a pair, or None if one is."""
    found = match(here, there)
    if not found.dimensions:
        why = "; ".join(f"{name}: {reason}" for name, reason in found.left_out.items())
        return f"no dimension has values of single videos in both ({why})"
    if any(found.both(name) for name in found.dimensions):
        return None
    named = [next(iter(names.values())) for names in found.names]
    return (
        "no video of one has the name of a video of the other, such as 'PROMPT-0.mp4' "
        f"({here.label} has {named[0]!r}, {there.label} has {named[1]!r})"
    )


def import_run(
    here: Results,
    there: Results,
    registry: Registry,
    *,
    primary: str | None = None,
    threshold_points: float = 1.0,
    results: str | Path | None = None,
) -> ImportedRun:
    """Write a run of the videos of two models; ``there`` is the baseline.

    Args:
        here: What the files of the model say.
        there: What those of the baseline say; with another label.
        registry: Where the metrics come from.
        primary: The dimension that the run concludes on; the first that can be paired if None.
        threshold_points: Change that matters, in points of 100 on a dimension's normalised scale.
        results: Results folder.

    Raises:
        UsageError: A dimension that is unknown or cannot be paired, or a threshold that is no positive number.
        DiptychError: No video is a pair, or the folder cannot be written.
    """
    if not (math.isfinite(threshold_points) and 0 < threshold_points <= 100):
        raise UsageError(f"the threshold must be above 0 and at most 100 points, not {threshold_points:g}.")
    why = nothing_to_pair(here, there)
    if why is not None:
        raise DiptychError(f"no run can be made of {here.label!r} and {there.label!r}: {why}.")
    found = match(here, there)
    suite = make_suite(found, here.label, there.label, _primary(primary, found), threshold_points)
    plan = make_plan(found, suite)
    pairs = {name: _pairs(found, name) for name in found.dimensions}
    root = usable_folder(results_root(results), "results folder")
    context = {IMPORTED: "VBench's result files: the machine, versions and weights behind them are not known"}
    info = info_facts()
    manifest = Manifest(
        run_id=new_run_id(SCALE),
        suite=suite,
        plan=plan,
        device=UNKNOWN_DEVICE,
        threads=0,
        created_at=now(),
        argv=info.pop("argv"),
        context=context,
        info={**info, IMPORTED: _told(found, pairs, here, there)},
        comparability_key=comparability_key(suite, plan, context),
        declaration_sha256=declaration_sha256(suite),
    )
    with RunStore.create(root, manifest) as store:
        store.append_all(make_records(found, plan, (here.label, there.label)))
        done = finish(store, load_metrics(suite, registry), None)
    missing = [sum(not found.has(side, video) for video in found.videos) for side in (1, 0)]
    return ImportedRun(
        run_id=manifest.run_id,
        path=store.path.resolve(),
        arms=(there.label, here.label),
        pairs=pairs,
        only_here=missing[0],
        only_against=missing[1],
        findings=tuple(done.analysis.findings),
        conclusion=done.analysis.conclusion,
        notes=(*_left_out(found), *done.analysis.notes),
    )


def make_suite(found: Matched, here: str, there: str, primary: str, points: float) -> Suite:
    """Declare the question that two models' files answer: which is better, dimension by dimension."""
    size = "1 point" if points == 1 else f"{points:g} points"
    why = f"{size} of 100 on VBench's normalised scale; chosen at the import, not before the videos were measured"
    taus = {name: points / 100 * (DIMENSIONS[name].maximum - DIMENSIONS[name].minimum) for name in found.dimensions}
    numbers = Counter(prompt for prompt, _ in found.videos)
    cases = tuple(Case(name=prompt, group=GROUP, model="") for prompt in dict.fromkeys(p for p, _ in found.videos))
    return Suite(
        name=SUITE,
        version=1,
        question=f"What do VBench's dimensions say of {here} against {there}? Imported, not measured here.",
        arms=tuple(Arm(name=name, summary="read from VBench's result files", maker=MAKER) for name in (there, here)),
        baseline=there,
        scales={SCALE: Scale(name=SCALE, cases=cases, repetitions=max(numbers.values()), warmups=0)},
        metrics=tuple(metric_name(name) for name in found.dimensions),
        primary_speed=None,
        primary_quality=metric_name(primary),
        margin=taus[primary],
        margin_why=why,
        thresholds=tuple(Threshold(metric=metric_name(name), tau=tau, why=why) for name, tau in taus.items()),
    )


def make_plan(found: Matched, suite: Suite) -> Plan:
    """List what the files hold: a block for every video of either model, both arms each. Nothing is drawn: no seed."""
    trials: list[PlannedTrial] = []
    for prompt, number in found.videos:
        block = BlockKey(group=GROUP, case=prompt, repetition=number)
        for arm in suite.arms:
            trials.append(PlannedTrial(index=len(trials), block=block, arm=arm.name, seed=0))
    order_seed = derived_seed(0, "order")
    return Plan(
        suite=suite.name, version=suite.version, scale=SCALE, seed=0, order_seed=order_seed, trials=tuple(trials)
    )


def make_records(found: Matched, plan: Plan, labels: tuple[str, str]) -> list[TrialRecord]:
    """Return one record a trial: the values of a video, or that there are none."""
    records = []
    started = now()
    for trial in plan.trials:
        side = labels.index(trial.arm)
        video: Key = (trial.block.case, trial.block.repetition)
        name = found.names[side].get(video)
        facts: dict[str, Any] = {
            "index": trial.index,
            "block": trial.block,
            "arm": trial.arm,
            "seed": trial.seed,
            "started_at": started,
            "flags": [IMPORTED],
            "info": {"video": name},
        }
        if not found.has(side, video):
            what = "lists no video of this prompt and number" if name is None else f"has no value of {name!r}"
            error = TrialError(type="NoValue", message=f"{trial.arm} {what}")
            records.append(TrialRecord(**facts, status="failed", error=error))
            continue
        judged = [dimension for dimension in found.dimensions if video in found.sides[side][dimension]]
        values = {metric_name(dimension): found.sides[side][dimension][video] for dimension in judged}
        prompt = hashlib.sha256(trial.block.case.encode()).hexdigest()
        records.append(TrialRecord(**facts, status="finished", values=values, hashes={"prompt": prompt}))
    return records


def _primary(name: str | None, found: Matched) -> str:
    can = [one for one in found.dimensions if found.both(one)]
    if name is None:
        return can[0]
    chosen = dimension_called(name).name
    if chosen not in can:
        raise UsageError(f"a run cannot conclude on {chosen}: no pair of videos has it. Valid: {', '.join(can)}.")
    return chosen


def _pairs(found: Matched, name: str) -> Pairs:
    both = found.both(name)
    alone = [sum(v is not None for v in side[name].values()) - len(both) for side in found.sides]
    return Pairs(
        videos=len(both), prompts=len({prompt for prompt, _ in both}), only_here=alone[0], only_against=alone[1]
    )


def _left_out(found: Matched) -> Sequence[str]:
    return [f"{name} is not compared: {why}" for name, why in found.left_out.items()]


def _told(found: Matched, pairs: Mapping[str, Pairs], here: Results, there: Results) -> dict[str, Any]:
    """Return where the numbers came from, for the manifest."""
    return {
        "tool": "VBench",
        "files": {side.label: [file.model_dump(mode="json") for file in side.files] for side in (there, here)},
        "pairs": {name: counts.model_dump(mode="json") for name, counts in pairs.items()},
        "notes": [*_left_out(found), *(f"{side.label}: {note}" for side in (there, here) for note in side.notes)],
    }
