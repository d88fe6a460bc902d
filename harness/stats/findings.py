"""One group's findings: every metric of every arm against the baseline, each judged against its threshold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from harness.seeds import derived_seed
from harness.stats.family import Member, simultaneous
from harness.stats.jackknife import LeaveOut, jackknife_estimate, leave_groups_out, rank_problem
from harness.stats.outcome import TRUE_CONTINUATION, SetValue
from harness.stats.paired import Pairs, Scale, cluster_means, correlation, estimate_from_pairs, problem
from harness.stats.pairing import Block, Table, feature_blocks, feature_rows, pair_values
from harness.stats.verdict import verdict
from harness.types import Estimate, Finding, Metric, Suite, Verdict


def threshold(suite: Suite, metric: str) -> float | None:
    """Return the τ that ``suite`` declares for ``metric``; the margin for the primary quality metric; else None."""
    for declared in suite.thresholds:
        if declared.metric == metric:
            return declared.tau
    return suite.margin if metric == suite.primary_quality else None


def judge(estimate: Estimate, metric: Metric, tau: float | None) -> tuple[Estimate, Verdict]:
    """Return the estimate, with the reason if it may carry no verdict, and the verdict.

    Without a declared threshold, and below the metric's minimum n, nothing is judged.
    """
    if estimate.low is None:
        return estimate, "inconclusive"
    if tau is None:
        return _with_reason(estimate, f"no threshold is declared for {metric.name}"), "inconclusive"
    if estimate.n < metric.minimum_n:
        why = f"{estimate.n} blocks: a verdict on {metric.name} needs at least {metric.minimum_n}"
        return _with_reason(estimate, why), "inconclusive"
    return estimate, verdict(estimate, tau, metric.scale)


def _with_reason(estimate: Estimate, why: str) -> Estimate:
    return estimate.model_copy(update={"reason": why})


def absent(metric: Metric, group: str, arm: str, baseline: str, reason: str, *, n: int = 0) -> Finding:
    """Return the finding of a metric that has no number here, with the reason."""
    unit = "ratio" if metric.scale == "ratio" else metric.unit
    estimate = Estimate(value=None, n=n, unit=unit, direction=metric.direction, reason=reason)
    return Finding(
        metric=metric.name,
        group=group,
        arm=arm,
        baseline=baseline,
        estimate=estimate,
        verdict="inconclusive",
        unit=metric.unit,
    )


def mean_value(values: NDArray[np.float64], cases: Sequence[str], scale: Scale) -> float | None:
    """Return the mean over case means (geometric for ratios), or None for unusable values."""
    if len(values) == 0 or not np.isfinite(values).all() or (scale == "ratio" and bool(np.any(values <= 0))):
        return None
    _, means = cluster_means(np.log(values) if scale == "ratio" else values, cases)
    return float(np.exp(means.mean()) if scale == "ratio" else means.mean())


def ceiling_text(metric: str, value: Estimate) -> str:
    """Say what a metric reads of real video."""
    said = f"{value.value:.3f}"
    if value.low is not None and value.high is not None:
        said += f" [{value.low:.3f}, {value.high:.3f}]"
    return f"the ceiling of {metric}, its score of the true continuations, is {said}: a perfect arm has the same"


@dataclass
class GroupAnalysis:
    """Builds the findings of one group of cases.

    Attributes:
        suite: The question: thresholds, primaries and margin.
        table: Finished trials by block and arm.
        group: The stratum.
        arms: Arms to judge, in the suite's order.
        metrics: By name, in the suite's order.
        speed_only: True for random weights.
        seed: Base of the resampling seeds.
        level: Coverage of the intervals.
        baselines: What an arm is judged against, by arm, where that is not the suite's baseline (comparing runs).
        notes: Collected for the reader.
        set_values: Set metrics of each arm, collected.
    """

    suite: Suite
    table: Table
    group: str
    arms: Sequence[str]
    metrics: Mapping[str, Metric]
    speed_only: bool
    seed: int
    level: float = 0.95
    baselines: Mapping[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    set_values: dict[tuple[str, str], SetValue] = field(default_factory=dict)
    _left_out: dict[tuple[str, str, tuple[Block, ...]], LeaveOut] = field(default_factory=dict)

    def baseline_of(self, arm: str) -> str:
        """Return what ``arm`` is judged against."""
        return self.baselines.get(arm, self.suite.baseline)

    def run(self) -> list[Finding]:
        """Return all findings, by arm and metric in the suite's order."""
        family = [
            (metric, arm)
            for arm in self.arms
            for metric in self.metrics.values()
            if metric.name in self.suite.primaries and not (metric.quality and self.speed_only)
        ]
        judged = self._family(family)
        findings = []
        for arm in self.arms:
            for metric in self.metrics.values():
                found = judged.get((metric.name, arm))
                findings.append(found or self._exploratory(metric, arm))
        return findings

    def _exploratory(self, metric: Metric, arm: str) -> Finding:
        if metric.quality and self.speed_only:
            return absent(metric, self.group, arm, self.baseline_of(arm), "random weights: no quality can be claimed")
        if metric.scale == "set":
            return self._set_finding(metric, arm, self.level, primary=False)
        pairs = self._pairs(metric, arm)
        estimate = estimate_from_pairs(
            pairs, metric.scale, unit=metric.unit, direction=metric.direction, level=self.level
        )
        return self._finding(metric, arm, pairs, estimate, primary=False)

    def _family(self, family: Sequence[tuple[Metric, str]]) -> dict[tuple[str, str], Finding]:
        """Judge the declared family with simultaneous intervals."""
        paired = [(metric, arm, self._pairs(metric, arm)) for metric, arm in family if metric.scale != "set"]
        sets = [(metric, arm) for metric, arm in family if metric.scale == "set"]
        result: dict[tuple[str, str], Finding] = {}
        size = len(family)
        # a set metric has no case effects to resample with the others': its share of the error is Bonferroni's
        share = (1 - self.level) / size if size else 1 - self.level
        for metric, arm in sets:
            finding = self._set_finding(metric, arm, 1 - share, primary=True)
            note = f"{finding.estimate.method}, Bonferroni family of {size}"
            estimate = finding.estimate.model_copy(update={"method": note, "level": self.level})
            result[metric.name, arm] = finding.model_copy(update={"estimate": estimate})
        seed = derived_seed(self.seed, f"family {self.group}") % 2**32
        members = [
            Member(pairs, metric.scale, metric.unit, metric.direction)
            for metric, _, pairs in paired
            if metric.scale != "set"
        ]
        estimates = simultaneous(
            members, generator=np.random.default_rng(seed), seed=seed, level=1 - share * len(paired)
        )
        for (metric, arm, pairs), estimate in zip(paired, estimates, strict=True):
            shown = estimate.model_copy(update={"level": self.level})
            result[metric.name, arm] = self._finding(metric, arm, pairs, shown, primary=True)
        return result

    def _pairs(self, metric: Metric, arm: str) -> Pairs:
        pairs, left_out = pair_values(self.table, self.group, metric, arm, self.baseline_of(arm))
        if left_out.missing and len(pairs.clusters):
            self.notes.append(
                f"{self.group}: {left_out.missing} complete blocks of {arm} have no value of {metric.name} "
                "and are left out"
            )
        if left_out.split:
            self.notes.append(
                f"{self.group}: pairs of {arm} that an interruption split: {left_out.split}; their halves were "
                "measured by different processes, and are left out of times and memory"
            )
        return pairs

    def _finding(self, metric: Metric, arm: str, pairs: Pairs, estimate: Estimate, *, primary: bool) -> Finding:
        scale: Scale = "ratio" if metric.scale == "ratio" else "difference"
        tau = threshold(self.suite, metric.name)
        if problem(pairs, scale) == "no complete pair":
            # also where both arms finished but the metric does not apply: say which of the two
            both = any(k[0] == self.group and arm in v and self.baseline_of(arm) in v for k, v in self.table.items())
            why = f"no pair of trials has a value of {metric.name}" if both else "no complete pair"
            if both and metric.within is not None:
                why = f"no case has two videos of both arms with features in {metric.feature_space}"
            estimate = _with_reason(estimate, why)
        estimate, word = judge(estimate, metric, tau)
        return Finding(
            metric=metric.name,
            group=self.group,
            arm=arm,
            baseline=self.baseline_of(arm),
            estimate=estimate,
            verdict=word,
            threshold=tau,
            primary=primary,
            arm_value=mean_value(pairs.candidate, pairs.clusters, scale),
            baseline_value=mean_value(pairs.baseline, pairs.clusters, scale),
            unit=metric.unit,
            correlation=correlation(pairs, scale),
        )

    def _leave_out(self, metric: Metric, arm: str, blocks: tuple[Block, ...]) -> LeaveOut:
        assert metric.feature_space is not None
        assert metric.distance is not None
        key = (metric.name, arm, blocks)
        if key not in self._left_out:
            rows, cases, reference, reference_cases = feature_rows(self.table, blocks, metric.feature_space, arm)
            self._left_out[key] = leave_groups_out(metric.distance, rows, cases, reference, reference_cases)
        return self._left_out[key]

    def _ceiling(self, metric: Metric, arm: str, blocks: tuple[Block, ...], estimate: Callable[..., Estimate]) -> None:
        """Score the true continuations of ``blocks``, which all arms share, once a metric."""
        if (metric.name, TRUE_CONTINUATION) in self.set_values or metric.distance is None:
            return
        _, _, reference, cases = feature_rows(self.table, blocks, str(metric.feature_space), arm)
        found = leave_groups_out(metric.distance, reference, cases, reference, cases)
        value = estimate(found, self.level, paired=False)
        self.set_values[metric.name, TRUE_CONTINUATION] = SetValue(
            metric=metric.name, group=self.group, arm=TRUE_CONTINUATION, raw=found.full, corrected=value
        )
        self.notes.append(f"{self.group}: {ceiling_text(metric.name, value)}")

    def _set_finding(self, metric: Metric, arm: str, level: float, *, primary: bool) -> Finding:
        baseline = self.baseline_of(arm)
        if metric.feature_space is None or metric.distance is None:
            raise ValueError(f"set metric {metric.name!r} declares no feature space or no distance")
        blocks = feature_blocks(self.table, self.group, metric.feature_space, (arm, baseline))
        if len(blocks) < 2:
            why = f"{len(blocks)} complete pairs with features in {metric.feature_space}: a distance needs at least 2"
            return absent(metric, self.group, arm, baseline, why, n=len(blocks)).model_copy(update={"primary": primary})
        rows, _, reference, _ = feature_rows(self.table, blocks, metric.feature_space, arm)
        clips = min(len(rows), len(reference))
        reason = rank_problem(clips, rows.shape[1]) if metric.needs_full_rank else None
        try:
            ours, theirs = self._leave_out(metric, arm, blocks), self._leave_out(metric, baseline, blocks)
        except ValueError as error:
            return absent(metric, self.group, arm, baseline, str(error), n=len(blocks)).model_copy(
                update={"primary": primary}
            )
        cases = len({block[1] for block in blocks})

        def estimate(result: LeaveOut, coverage: float, *, paired: bool) -> Estimate:
            return jackknife_estimate(
                result,
                clips=len(blocks),
                cases=cases,
                unit=metric.unit,
                direction=metric.direction,
                level=coverage,
                reason=reason,
                paired=paired,
            )

        values = {name: estimate(found, self.level, paired=False) for name, found in ((arm, ours), (baseline, theirs))}
        for name, found in ((arm, ours), (baseline, theirs)):
            self.set_values.setdefault(
                (metric.name, name),
                SetValue(metric=metric.name, group=self.group, arm=name, raw=found.full, corrected=values[name]),
            )
        if metric.counts:
            self._ceiling(metric, arm, blocks, estimate)
        tau = threshold(self.suite, metric.name)
        difference, word = judge(estimate(ours - theirs, level, paired=True), metric, tau)
        return Finding(
            metric=metric.name,
            group=self.group,
            arm=arm,
            baseline=baseline,
            estimate=difference,
            verdict=word,
            threshold=tau,
            primary=primary,
            arm_value=values[arm].value,
            baseline_value=values[baseline].value,
            unit=metric.unit,
        )
