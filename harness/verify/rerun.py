"""Whole blocks of a run once more, exactly as the run made them, held against the records.

Tokens, prompt, noise, counts, quality values and features must be equal bit for bit: trials are pure functions of arm,
case and seed in one context. Durations of two sessions are not matched (another day, another load), but their ratios
inside a block are: what is compared is each arm's speed-up over the baseline in the same blocks.

How far may it move? With ``r_i`` the log speed-up of an arm in block i, recorded and run again, the deviation is
``|mean(r_i, rerun) - mean(r_i, recorded)|`` over the N blocks of a group. The run itself tells how much ``r`` varies
from block to block: its standard deviation s over all n blocks of that group. Where nothing has changed, the difference
of two means of N such numbers has the standard deviation ``s·√(2/N)`` at most (s also holds what truly differs between
cases). So allowed is ``log(1 + τ) + t(1 - 0.01/m; n - 1) · s · √(2/N)``: τ the suite's own threshold of its primary
speed metric, t Student's two-sided quantile, m the number of arms × groups that are looked at, so that a rerun where
nothing has changed raises one false alarm in a hundred, and fewer for what τ leaves.

The spread is that of the recorded session. On a machine that is busier now it is too small, and the trials tell: where
two thirds of an arm's and its baseline's trials that were run again are flagged for what the machine did (other
processes, heat, clocks), and at most one third of the recorded ones, a speed-up that has moved is not judged, which is
said. A flagged trial here and there excuses nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import numpy as np

from harness.errors import DiptychError
from harness.launch.drive import settle
from harness.launch.executor import Executor, Request
from harness.launch.local import LocalExecutor
from harness.plan import chosen_scale
from harness.progress import Progress, Teller
from harness.provenance import differences
from harness.registry import Registry
from harness.stats.paired import t_quantile
from harness.store.names import TRIALS
from harness.store.records import BlockKey, Manifest, PlannedTrial, TrialRecord, by_block
from harness.store.run_store import RunStore
from harness.trial import shape_key
from harness.types import Metric
from harness.verify.facts import Notes, Rerun, SpeedCheck
from harness.verify.records import name_of

FALSE_ALARMS = 0.01
DISTURBANCES = frozenset({"load", "throttled", "clock-changed", "foreign-process"})
"""Flags of what the machine did; the others are of the trial itself, and would excuse the change that they tell of."""
MOST, FEW = 2 / 3, 1 / 3
"""Shares of flagged trials: at least the first of those run again, at most the second of the recorded ones."""


def chosen_blocks(blocks: Sequence[BlockKey], count: int) -> list[BlockKey]:
    """Return ``count`` of ``blocks``, spread evenly: the middle of each of ``count`` equal parts; all if too few."""
    count = min(count, len(blocks))
    return [blocks[(2 * part + 1) * len(blocks) // (2 * count)] for part in range(count)]


def rerun(
    store: RunStore,
    records: Mapping[int, TrialRecord],
    count: int,
    metrics: Mapping[str, Metric],
    registry: Registry,
    notes: Notes,
    *,
    progress: Progress | None = None,
    across_contexts: bool = False,
) -> Rerun | None:
    """Run ``count`` whole blocks again in this process and compare; nothing is written to the run's folder.

    Args:
        store: The run, open for reading.
        records: Its records, by index.
        count: How many blocks, ≥ 1.
        metrics: All metrics by name.
        registry: Where makers, metrics and extractors come from.
        notes: Told of problems.
        progress: Told of every warm-up and trial.
        across_contexts: Run although facts of the context differ; otherwise that ends it.

    Returns:
        What it showed; None where it could not be done, which is a problem.
    """
    manifest = store.manifest
    planned = by_block(manifest.plan.trials)
    whole = [block for block, trials in planned.items() if all(trial.index in records for trial in trials)]
    if not whole:
        notes.problem("rerun", TRIALS, "no block is complete: there is nothing to run again")
        return None
    blocks = chosen_blocks(whole, count)
    if len(blocks) < count:
        notes.skip("rerun", f"the run has {len(blocks)} complete blocks; all were run again, not {count}")
    try:
        with closing(LocalExecutor(request_of(manifest), registry)) as executor:
            changed = differences(manifest.context, executor.context)
            for line in changed:
                notes.problem("context", line.partition(": ")[0], f"it has changed since the run: {line}")
            if changed and not across_contexts:
                why = "in another context other results are expected; to run all the same: --across-contexts"
                notes.skip("rerun", why)
                return None
            again = run_blocks(executor, manifest, blocks, progress)
    except Exception as error:  # noqa: BLE001 - changed weights or a broken component is an answer, not a crash
        kind = "" if isinstance(error, DiptychError) else f"{type(error).__name__}: "
        notes.problem("rerun", "context", f"the run's components cannot be built or run here: {kind}{error}")
        return None
    equal = sum(compare_trial(records[index], record, metrics, notes) for index, record in again.items())
    asked = manifest.suite.primary_speed
    speed = [] if asked is None else compare_speed(manifest, records, again, metrics[asked], notes)
    names = tuple(f"{block.case}, repetition {block.repetition}" for block in blocks)
    return Rerun(blocks=names, trials=len(again), equal=equal, speed=tuple(speed))


def request_of(manifest: Manifest) -> Request:
    """Return what was run, with what; no video is kept."""
    return Request(
        suite=manifest.suite,
        plan=manifest.plan,
        device=manifest.device,
        threads=manifest.threads,
        keep_samples=0,
    )


def run_blocks(
    executor: Executor, manifest: Manifest, blocks: Sequence[BlockKey], progress: Progress | None
) -> dict[int, TrialRecord]:
    """Run every arm of ``blocks``, warmed up as :class:`harness.launch.drive.Drive` does."""
    scale = chosen_scale(manifest.suite, manifest.plan.scale)
    cases = {case.name: case for case in scale.cases}
    wanted = set(blocks)
    todo = [trial for trial in manifest.plan.trials if trial.block in wanted]
    tell = Teller(progress, len(todo), todo)
    warm: set[tuple[str, str]] = set()
    again: dict[int, TrialRecord] = {}

    def heat(cold: PlannedTrial) -> None:
        key = (cold.arm, shape_key(cases[cold.block.case]))
        if key in warm:
            return

        def call() -> list[float] | None:
            tell("warmup", cold)
            return executor.warm_up(cold)

        warm.add(key)
        settle(call, scale.warmups)

    mates = by_block(todo)
    for trial in todo:
        for cold in mates[trial.block]:
            heat(cold)
        tell("trial", trial)
        halves = [r for r in again.values() if r.block == trial.block and r.status == "finished"]
        again[trial.index] = executor.run(trial, 0, halves)
        tell("record", trial, again[trial.index])
    return again


def compare_trial(old: TrialRecord, new: TrialRecord, metrics: Mapping[str, Metric], notes: Notes) -> bool:
    """Note what a trial gives otherwise than its record; return whether nothing."""
    where = name_of(old)
    if old.status != new.status:
        ends = [r.status if r.error is None else f"failed ({r.error.type}: {r.error.message})" for r in (old, new)]
        notes.problem("rerun", where, f"it is recorded as {ends[0]}, and run again it is {ends[1]}")
        return False
    facts: list[tuple[str, Any, Any]] = []
    for name in ("hashes", "counts", "features"):
        one, other = getattr(old, name), getattr(new, name)
        facts += [(f"{name}.{key}", one.get(key), other.get(key)) for key in {**one, **other}]
    for name in {**old.values, **new.values}:
        if name in metrics and not metrics[name].machine:  # times and memory are judged as ratios, or not at all
            facts.append((f"values.{name}", old.values.get(name), new.values.get(name)))
    differing = [(name, one, other) for name, one, other in facts if one != other]
    for name, one, other in differing:
        shown = "it has changed" if name.startswith("features.") else f"recorded {one}, run again {other}"
        notes.problem("rerun", where, f"{name}: {shown}")
    return not differing


def compare_speed(
    manifest: Manifest,
    old: Mapping[int, TrialRecord],
    new: Mapping[int, TrialRecord],
    metric: Metric,
    notes: Notes,
) -> list[SpeedCheck]:
    """Hold the speed-up of every arm in the blocks of ``new`` against the recorded one of the same blocks."""
    suite = manifest.suite
    tau = {threshold.metric: threshold.tau for threshold in suite.thresholds}.get(metric.name, 0.0)
    recorded, again = (log_ratios(records, metric.name, suite.baseline) for records in (old, new))
    keys = [key for key in recorded if key in again]
    checks = []
    for group, arm in keys:
        all_blocks, blocks = recorded[group, arm], again[group, arm]
        shared = [block for block in blocks if block in all_blocks]
        if len(all_blocks) < 2 or not shared:
            notes.skip("speed", f"{group}, {arm}: {len(all_blocks)} recorded pair tells nothing of its spread")
            continue
        before = float(np.mean([all_blocks[block] for block in shared]))
        after = float(np.mean([blocks[block] for block in shared]))
        spread = float(np.std(list(all_blocks.values()), ddof=1))
        allowed = allowed_deviation(tau, spread, len(all_blocks), len(shared), len(keys))
        wanted = {arm, suite.baseline}
        flagged, flagged_then = flagged_share(new, group, wanted), flagged_share(old, group, wanted)
        disturbed = flagged >= MOST and flagged_then <= FEW
        check = SpeedCheck(
            group=group,
            arm=arm,
            blocks=len(shared),
            recorded=math.exp(before),
            rerun=math.exp(after),
            deviation=abs(after - before),
            allowed=allowed,
            ok=abs(after - before) <= allowed,
            disturbed=disturbed,
        )
        checks.append(check)
        if not check.ok:
            why = (
                f"{metric.name} over {suite.baseline} was ×{check.recorded:.3f} in {len(shared)} blocks and is "
                f"×{check.rerun:.3f} now: it moved by {check.deviation:.3f} (log), {allowed:.3f} is within the floor"
            )
            if disturbed:
                more = (
                    f"{flagged:.0%} of the trials are flagged ({flagged_then:.0%} of the recorded ones): the machine "
                    "was disturbed; run it again when it is idle"
                )
                notes.skip("speed", f"the speed-up of {arm} in {group} was not judged: {why}; but {more}")
            else:
                notes.problem("speed", f"{group}, {arm}", why)
    return checks


def flagged_share(records: Mapping[int, TrialRecord], group: str, arms: set[str]) -> float:
    """Return the fraction of the finished trials of some arms in a group that carry one of :data:`DISTURBANCES`."""
    flags = [
        bool(DISTURBANCES.intersection(record.flags))
        for record in records.values()
        if record.status == "finished" and record.block.group == group and record.arm in arms
    ]
    return sum(flags) / max(1, len(flags))


def allowed_deviation(tau: float, spread: float, recorded: int, blocks: int, comparisons: int) -> float:
    """Return how far a mean log speed-up may move where nothing has changed; the formula is in the module's docstring.

    Args:
        tau: Threshold of the speed metric, a fraction.
        spread: Standard deviation of the log speed-up over the recorded blocks of the group.
        recorded: How many those are, ≥ 2.
        blocks: How many were run again.
        comparisons: Arms × groups that are looked at.
    """
    quantile = t_quantile(1 - FALSE_ALARMS / comparisons, recorded - 1)
    return math.log1p(tau) + quantile * spread * math.sqrt(2 / blocks)


def log_ratios(
    records: Mapping[int, TrialRecord], metric: str, baseline: str
) -> dict[tuple[str, str], dict[BlockKey, float]]:
    """Return (group, arm) → block → log(arm / baseline), where one process measured both."""
    values = {
        (record.block, record.arm): (value, record.session)
        for record in records.values()
        if record.status == "finished" and (value := record.values.get(metric)) is not None and value > 0
    }
    found: dict[tuple[str, str], dict[BlockKey, float]] = {}
    for (block, arm), (value, session) in values.items():
        base = values.get((block, baseline))
        if arm != baseline and base is not None and base[1] == session:
            found.setdefault((block.group, arm), {})[block] = math.log(value) - math.log(base[0])
    return found
