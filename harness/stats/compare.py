"""A candidate run against a reference run: the same arms, paired by block key, quality and exact counts only.

Times and memory of separate runs were not measured side by side: another day, another load, another clock. They are
listed as unmatched with both values, and never gate.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from harness.errors import DiptychError, unknown
from harness.stats.findings import GroupAnalysis, mean_value
from harness.stats.outcome import Comparison, ContextDifference, Unmatched
from harness.stats.pairing import Block, mismatch, tabulate
from harness.store.records import Manifest, TrialRecord
from harness.types import Finding, Metric

Run = tuple[Manifest, Sequence[TrialRecord]]
Table = dict[Block, dict[str, TrialRecord]]


def flatten(facts: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as one, keys joined by dots."""
    flat: dict[str, Any] = {}
    for key, value in facts.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{name}.")
        else:
            flat[name] = value
    return flat


def context_differences(reference: Mapping[str, Any], candidate: Mapping[str, Any]) -> list[ContextDifference]:
    """Return the facts whose values differ, or that only one side has, by key."""
    one, two = flatten(reference), flatten(candidate)
    missing = object()
    return [
        ContextDifference(key=key, reference=one.get(key), candidate=two.get(key))
        for key in sorted(one.keys() | two.keys())
        if one.get(key, missing) != two.get(key, missing)
    ]


def declared_differences(
    old: Manifest, new: Manifest, arms: Sequence[str], names: Collection[str]
) -> list[ContextDifference]:
    """Return where two runs declare the same arm, or the same case, differently."""

    def declared(manifest: Manifest) -> dict[str, Any]:
        cases = [case for case in manifest.asked.cases if case.name in names]
        return {
            "arms": {arm: manifest.suite.arm(arm).model_dump(mode="json", exclude={"summary"}) for arm in arms},
            "cases": {case.name: case.model_dump(mode="json") for case in cases},
        }

    return context_differences(declared(old), declared(new))


def _relevant(manifest: Manifest, merged: Table) -> dict[str, Any]:
    """Return the context without facts about models that no common block used: another scale may have loaded more."""
    common = {block[1] for block in merged}
    declared = {case.model for scale in manifest.suite.scales.values() for case in scale.cases}
    idle = declared - {case.model for case in manifest.asked.cases if case.name in common}

    def kept(facts: Mapping[str, Any]) -> dict[str, Any]:
        items = [(key, value) for key, value in facts.items() if key not in idle]
        return {key: kept(value) if isinstance(value, Mapping) else value for key, value in items}

    return kept(manifest.context)


def compare_runs(
    reference: Run,
    candidate: Run,
    metrics: Mapping[str, Metric],
    *,
    only: Sequence[str] | None = None,
    seed: int = 0,
    level: float = 0.95,
) -> Comparison:
    """Compare each arm of the candidate run with the same arm of the reference run.

    Args:
        reference: Manifest and records of run A.
        candidate: Manifest and records of run B.
        metrics: All metrics by name.
        only: Names of the metrics to compare; those of the reference's suite if None.
        seed: Base of the resampling seeds.
        level: Coverage of the intervals.

    Returns:
        Findings (the suite's primary quality metric is the family that may gate), what is unmatched, and the facts of
        context that differ. Whether runs of different contexts may be compared at all is the caller's decision.

    Raises:
        DiptychError: The runs asked different questions, or no arm or block is common to both.
        UsageError: ``only`` or the suite names a metric that does not exist.
    """
    (old, old_records), (new, new_records) = reference, candidate
    suite = old.suite
    if (suite.name, suite.version) != (new.suite.name, new.suite.version):
        raise DiptychError(
            f"run {old.run_id} asked {suite.name} version {suite.version}, run {new.run_id} asked {new.suite.name} "
            f"version {new.suite.version}; only runs of one suite and version can be compared."
        )
    names = list(only) if only is not None else list(dict.fromkeys((*suite.metrics, suite.primary_quality)))
    for name in names:
        if name not in metrics:
            raise unknown("metric", name, metrics, "diptych list metrics")
    tables = tabulate(old_records), tabulate(new_records)
    merged, arms, unmatched = _merge(tables, [arm.name for arm in suite.arms], (old.run_id, new.run_id))
    if not merged:
        raise DiptychError(
            f"runs {old.run_id} and {new.run_id} have no finished block of any arm in common: nothing can be compared."
        )
    chosen = {name: metrics[name] for name in names}
    matched = {name: metric for name, metric in chosen.items() if not metric.machine}
    random_weights = {case.name for run in (old, new) for case in run.asked.cases if case.speed_only}
    findings: list[Finding] = []
    notes: list[str] = []
    for group in sorted({block[0] for block in merged}):
        blocks = {block: halves for block, halves in merged.items() if block[0] == group}
        speed_only = any(block[1] in random_weights for block in blocks)
        analysis = GroupAnalysis(
            suite,
            blocks,
            group,
            arms,
            matched,
            speed_only,
            seed,
            level,
            baselines={arm: _reference_name(arm) for arm in arms},
        )
        findings += [
            finding.model_copy(
                update={
                    "baseline": old.run_id,
                    # an exact count is compared but belongs to no family of two runs
                    "primary": finding.primary and finding.metric == suite.primary_quality,
                }
            )
            for finding in analysis.run()
        ]
        notes += dict.fromkeys(analysis.notes)
        unmatched += _machine_values(blocks, group, arms, chosen)
    seeds = sum(
        halves[arm].seed != halves[_reference_name(arm)].seed
        for halves in merged.values()
        for arm in arms
        if arm in halves
    )
    if seeds:
        notes.append(f"{seeds} pairs were made with different seeds: their noise is not matched")
    differences = [
        *declared_differences(old, new, arms, {block[1] for block in merged}),
        *context_differences(*(_relevant(run, merged) for run in (old, new))),
        *_session_differences(merged, arms),
    ]
    return Comparison(
        reference=old.run_id,
        candidate=new.run_id,
        findings=[marked(finding) for finding in findings] if differences else findings,
        unmatched=unmatched,
        context_differences=differences,
        notes=notes,
    )


def _session_differences(merged: Table, arms: Sequence[str]) -> list[ContextDifference]:
    """Return where the two halves of a pair come from sessions of different contexts: what their manifests do not say.

    One entry for each pair of contexts that occurs.
    """
    halves = [(block[arm], block[_reference_name(arm)]) for block in merged.values() for arm in arms if arm in block]
    found = {(old.context_differences, new.context_differences) for new, old in halves}
    return [
        ContextDifference(key="session", reference="; ".join(old) or BEGAN, candidate="; ".join(new) or BEGAN)
        for old, new in sorted(found)
        if old != new
    ]


BEGAN = "as the run began"
ACROSS = "across contexts"


def marked(finding: Finding) -> Finding:
    """Say in the estimate itself that its halves come from different contexts: a finding is quoted without its page."""
    method = f"{finding.estimate.method}, {ACROSS}" if finding.estimate.method else ACROSS
    return finding.model_copy(update={"estimate": finding.estimate.model_copy(update={"method": method})})


def _reference_name(arm: str) -> str:
    # NUL cannot occur in a declared arm's name that a shell or a file could pass, so the two never collide
    return f"{arm}\x00reference"


def _merge(
    tables: tuple[Table, Table], order: Sequence[str], runs: tuple[str, str]
) -> tuple[Table, list[str], list[Unmatched]]:
    """Put both runs' trials of a block side by side; arms and blocks of one run only are returned as unmatched."""
    old, new = tables
    present = [{arm for halves in table.values() for arm in halves} for table in tables]
    unmatched = [
        Unmatched(
            metric=None,
            group=None,
            arm=arm,
            reason=f"no finished trial of this arm in run {runs[arm in present[0]]}",
            blocks_gate=arm in present[0],
        )
        for arm in order
        if (arm in present[0]) != (arm in present[1])
    ]
    arms = [arm for arm in order if arm in present[0] and arm in present[1]]
    merged: Table = {}
    for block in sorted(old.keys() | new.keys()):
        for arm in arms:
            halves = old.get(block, {}).get(arm), new.get(block, {}).get(arm)
            first, second = halves
            if first is None and second is None:
                continue
            if first is not None and second is not None:
                differing = mismatch(first, second)
                why = f"the two runs' {differing} differ"
                if differing is None:
                    merged.setdefault(block, {}).update({arm: second, _reference_name(arm): first})
                    continue
            else:
                why = f"no finished trial in run {runs[first is not None]}"
            unmatched.append(
                Unmatched(
                    metric=None,
                    group=block[0],
                    arm=arm,
                    reason=f"case {block[1]}, repetition {block[2]}: {why}",
                    blocks_gate=first is not None,
                )
            )
    return merged, arms, unmatched


def _machine_values(blocks: Table, group: str, arms: Sequence[str], metrics: Mapping[str, Metric]) -> list[Unmatched]:
    """List times and memory of both runs, arm by arm."""
    result = []
    for metric in metrics.values():
        if not metric.machine:
            continue
        for arm in arms:
            sides = []
            for name in (_reference_name(arm), arm):
                found = [
                    (value, block[1])
                    for block, halves in sorted(blocks.items())
                    if name in halves and (value := halves[name].values.get(metric.name)) is not None
                ]
                values = np.array([value for value, _ in found], dtype=np.float64)
                sides.append(mean_value(values, [case for _, case in found], "ratio"))
            if sides != [None, None]:
                result.append(
                    Unmatched(
                        metric=metric.name,
                        group=group,
                        arm=arm,
                        reference_value=sides[0],
                        candidate_value=sides[1],
                        unit=metric.unit,
                        reason="measured in separate runs, not side by side",
                    )
                )
    return result
