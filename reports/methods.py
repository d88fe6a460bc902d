"""Methods of training as reports show them: a row per method, its training seeds one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.stats.methods import seeds_of
from harness.types import Estimate, Finding, Metric, Suite, Verdict
from reports.reading import Reading

MOTION = ("dynamic_degree", "motion_magnitude")
"""Dimensions that preference alignment is known to cost; they stand first."""


@dataclass(frozen=True)
class SeedValue:
    """One metric of one arm.

    Attributes:
        seed: Training seed, or None where the arm names none.
        arm: The arm.
        value: Its mean over cases.
        estimate: Against the baseline.
        verdict: Of that.
    """

    seed: int | None
    arm: str
    value: float
    estimate: Estimate
    verdict: Verdict


@dataclass(frozen=True)
class MethodRow:
    """A method in one group of a run, or the baseline, which has no seeds.

    Attributes:
        run_id: The run.
        scale: Of the run.
        group: Stratum of cases.
        model: Registered model.
        method: Such as ``"videodpo"``; the baseline arm's name for the baseline.
        summary: What it is, from its first arm.
        base: The baseline's mean by metric.
        seeds: Its seeds by metric; empty for the baseline.
        wins: Share of blocks won by metric, seed by seed.
        baseline: True for the baseline.
    """

    run_id: str
    scale: str
    group: str
    model: str
    method: str
    summary: str
    base: dict[str, float]
    seeds: dict[str, tuple[SeedValue, ...]] = field(default_factory=dict)
    wins: dict[str, tuple[float, ...]] = field(default_factory=dict)
    baseline: bool = False

    def value(self, metric: str) -> float | None:
        """Its score: the baseline's mean, or the mean over training seeds."""
        return self.base.get(metric) if self.baseline else _mean([s.value for s in self.seeds.get(metric, ())])

    def change(self, metric: str) -> float | None:
        """Mean difference to the baseline over training seeds; None for the baseline and for ratios."""
        told = [s.estimate.value for s in self.seeds.get(metric, ()) if s.estimate.unit != "ratio"]
        return _mean([value for value in told if value is not None])

    def changes(self, metric: str) -> list[float]:
        """The differences seed by seed."""
        told = [s.estimate.value for s in self.seeds.get(metric, ()) if s.estimate.unit != "ratio"]
        return [value for value in told if value is not None]

    def won(self, metric: str) -> float | None:
        """Share of blocks that it wins, mean over training seeds."""
        return _mean(self.wins.get(metric, ()))

    @property
    def origin(self) -> str:
        """Where its numbers are from, as a table says it."""
        return f"measured, {self.scale}"


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def method_rows(reading: Reading) -> list[MethodRow]:
    """Return the baseline and every method of a run, group by group; arms of no method are left out.

    A suite that declares no methods has every arm as a row of its own.
    """
    suite, manifest = reading.manifest.suite, reading.manifest
    models = {case.group: case.model for case in manifest.asked.cases}
    summaries = {arm.name: arm.summary for arm in suite.arms}
    rows = []
    for group in reading.groups:
        found = [f for f in reading.analysis.findings if f.group == group]
        base = {f.metric: f.baseline_value for f in found if f.baseline_value is not None}
        common: dict[str, Any] = {
            "run_id": manifest.run_id,
            "scale": manifest.plan.scale,
            "group": group,
            "model": models[group],
            "base": base,
        }
        rows.append(
            MethodRow(**common, method=suite.baseline, summary=summaries.get(suite.baseline, ""), baseline=True)
        )
        for name, arms in methods_of(suite, list(dict.fromkeys(f.arm for f in found))).items():
            rows.append(
                MethodRow(
                    **common,
                    method=name,
                    summary=summaries.get(next(iter(arms)), "").partition("; training seed")[0],
                    seeds=_seeds(found, arms),
                    wins=_wins(reading, group, arms),
                )
            )
    return rows


def methods_of(suite: Suite, arms: Sequence[str]) -> dict[str, dict[str, int | None]]:
    """Return method → its arms, each with its training seed."""
    if not suite.methods:
        return {arm: {arm: None} for arm in arms}
    found: dict[str, dict[str, int | None]] = {}
    for name in suite.methods:
        own = seeds_of(name, arms)
        if own:
            found[name] = {arm: seed for seed, arm in own.items()}
    return found


def _seeds(findings: Sequence[Finding], arms: Mapping[str, int | None]) -> dict[str, tuple[SeedValue, ...]]:
    found: dict[str, tuple[SeedValue, ...]] = {}
    for metric in dict.fromkeys(f.metric for f in findings):
        own = {f.arm: f for f in findings if f.metric == metric and f.arm in arms}
        found[metric] = tuple(
            SeedValue(seed, arm, own[arm].arm_value or 0.0, own[arm].estimate, own[arm].verdict)
            for arm, seed in arms.items()
            if arm in own and own[arm].arm_value is not None
        )
    return {metric: seeds for metric, seeds in found.items() if seeds}


def _wins(reading: Reading, group: str, arms: Mapping[str, int | None]) -> dict[str, tuple[float, ...]]:
    found: dict[str, list[float]] = {}
    for rate in reading.analysis.win_rates:
        if rate.group == group and rate.arm in arms and rate.estimate.value is not None:
            found.setdefault(rate.metric, []).append(rate.estimate.value)
    return {metric: tuple(values) for metric, values in found.items()}


def reported_score(suite: Suite) -> str | None:
    """The OmniScore that is reported: one that did not choose the training pairs, where there is one."""
    scores = [name for name in suite.metrics if name.startswith("omniscore[")]
    return next((name for name in scores if name != suite.training_score), next(iter(scores), None))


def judge(suite: Suite) -> str | None:
    """The held-out score of the match of text and video."""
    texts = [name for name in suite.metrics if name.startswith("text_alignment[")]
    return next((name for name in texts if name in suite.held_out), next(iter(texts), None))


def motion(suite: Suite) -> str | None:
    """The score of motion: its size where it is measured, for the dynamic degree saturates."""
    return next((n for base in reversed(MOTION) for n in suite.metrics if n.partition("[")[0] == base), None)


def dimensions(suite: Suite, metrics: Mapping[str, Metric]) -> list[str]:
    """The parts of the run's OmniScores and the scores of motion and text, motion first."""
    parts = {part for name in suite.metrics if name in metrics and metrics[name].parts for part in metrics[name].parts}
    own = [
        name
        for name in dict.fromkeys((*suite.metrics, *sorted(parts)))
        if name in parts or name.partition("[")[0] in MOTION or name.startswith("text_alignment[")
    ]
    return sorted(own, key=lambda name: (name.partition("[")[0] not in MOTION, own.index(name)))
