"""What an analysis and a comparison of runs return: data, written to ``summary.json`` and read by reports."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from harness.stats.expected import Expected
from harness.stats.methods import MethodConclusion, MethodFinding
from harness.stats.win_rate import WinRate
from harness.types import Conclusion, Data, Estimate, Finding

TRUE_CONTINUATION = "true continuation"
"""Stands where an arm's name would, for the score of real video: the ceiling of a metric that has one."""


class SetValue(Data):
    """A set metric of one arm (Fréchet distance, KVD, action F1), raw and corrected.

    Attributes:
        metric: Metric name.
        group: Stratum of cases.
        arm: The arm, which may be the baseline; or :data:`TRUE_CONTINUATION`, whose score is the ceiling.
        raw: The distance on all clips, biased by their number; None with the estimate's reason.
        corrected: Bias-corrected by the joint group jackknife, with its interval; see its ``reason`` where it has none.
    """

    metric: str
    group: str
    arm: str
    raw: float | None
    corrected: Estimate


class Analysis(Data):
    """What a run's records say.

    Attributes:
        suite: Suite name.
        version: Suite version.
        baseline: The baseline arm.
        findings: Per group, arm and metric: estimate and verdict.
        conclusions: Per group and arm, the most useful first.
        conclusion: One sentence for a reader: the most useful arm's.
        set_values: Raw and corrected set metrics of each arm.
        expected: Per group and arm, what fewer passes and the device's bound promise of its speed.
        win_rates: Per group, arm and metric of the suite's ``win_rate_of``, the share of blocks that are won.
        methods: Per group, method and metric, the training seeds put together.
        method_conclusions: Per group and method, whether it improved by the rule of its training score and held-out
            scores; the most useful first.
        finished: Trials that finished.
        failed: Trials that failed.
        unpaired: Finished trials whose partner is missing; kept on disk, left out here.
        seed: Base of the resampling seeds.
        notes: What a reader must know: insensitive quality, left-out values, a placebo that was judged.
    """

    suite: str
    version: int
    baseline: str
    findings: list[Finding]
    conclusions: list[Conclusion]
    conclusion: str
    set_values: list[SetValue]
    expected: list[Expected]
    finished: int
    failed: int
    unpaired: int
    seed: int
    notes: list[str]
    win_rates: list[WinRate] = Field(default_factory=list)
    methods: list[MethodFinding] = Field(default_factory=list)
    method_conclusions: list[MethodConclusion] = Field(default_factory=list)


class Unmatched(Data):
    """Something of two runs that was not compared, because it was not measured side by side; has no verdict.

    Attributes:
        metric: Metric name, or None for an arm or a block that only one run has.
        group: Stratum of cases, or None for an arm that only one run has.
        arm: The arm, or None for a whole block.
        reference_value: Its mean over blocks in the reference run (geometric for ratios), or None.
        candidate_value: The same in the candidate run.
        unit: Unit of both.
        reason: Why it is unmatched.
        blocks_gate: True if a gate must not be green over it: the reference finished it and the candidate did not, or
            the two were made from different prompts.
    """

    metric: str | None
    group: str | None
    arm: str | None
    reference_value: float | None = None
    candidate_value: float | None = None
    unit: str = ""
    reason: str
    blocks_gate: bool = False


class ContextDifference(Data):
    """A fact that can change a number and differs between two runs.

    Attributes:
        key: Name of the fact; nested facts joined by dots.
        reference: Its value in the reference run; None if absent.
        candidate: Its value in the candidate run; None if absent.
    """

    key: str
    reference: Any = None
    candidate: Any = None


class Comparison(Data):
    """A candidate run against a reference run, the same arms, paired by block.

    Attributes:
        reference: Run id of the reference (A).
        candidate: Run id of the candidate (B).
        findings: Quality and exact counts, candidate - reference (or candidate / reference); ``baseline`` of each
            finding is the reference's run id.
        unmatched: Times and memory, and arms and blocks that only one run has.
        context_differences: Facts of context that differ.
        notes: What a reader must know.
    """

    reference: str
    candidate: str
    findings: list[Finding]
    unmatched: list[Unmatched]
    context_differences: list[ContextDifference]
    notes: list[str]
