"""From records to findings and conclusions: what an arm bought, with an interval, and what it cost.

``analyse`` reads one run; ``compare_runs`` (``harness.stats.compare``) puts a candidate run against a reference run.
Both are pure: the same records, in any order, with the same seed give the same answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from harness.errors import DiptychError, unknown
from harness.stats.compare import compare_runs
from harness.stats.expected import Expected, expected_gains
from harness.stats.findings import GroupAnalysis
from harness.stats.outcome import Analysis, Comparison, ContextDifference, SetValue, Unmatched
from harness.stats.pairing import count_unpaired, latest, tabulate
from harness.stats.sentences import ORDER, sentence
from harness.stats.verdict import conclusion
from harness.store.records import TrialRecord
from harness.types import Conclusion, Finding, Metric, Suite

__all__ = ["Analysis", "Comparison", "ContextDifference", "SetValue", "Unmatched", "analyse", "compare_runs"]


def chosen_metrics(suite: Suite, metrics: Mapping[str, Metric]) -> dict[str, Metric]:
    """Return the suite's metrics in its order, the primaries among them.

    Raises:
        UsageError: The suite names a metric that does not exist.
        DiptychError: The margin is not positive, or the primary speed metric is not analysed as a ratio.
    """
    names = dict.fromkeys((*suite.metrics, suite.primary_speed, suite.primary_quality))
    for name in names:
        if name not in metrics:
            raise unknown("metric", name, metrics, "diptych list metrics")
    if not suite.margin > 0:
        raise DiptychError(
            f"suite {suite.name!r} declares margin {suite.margin}; a non-inferiority margin is positive."
        )
    if metrics[suite.primary_speed].scale != "ratio":
        raise DiptychError(
            f"suite {suite.name!r} declares {suite.primary_speed!r} as its primary speed metric, which is not analysed "
            "as a ratio; name a rate or a time."
        )
    return {name: metrics[name] for name in names}


def analyse(
    suite: Suite,
    records: Sequence[TrialRecord],
    metrics: Mapping[str, Metric],
    *,
    seed: int = 0,
    level: float = 0.95,
) -> Analysis:
    """Judge every arm of a run against its baseline, group by group.

    Args:
        suite: The question that was asked.
        records: Trial records in any order; failed ones are counted and left out, and so are finished ones whose
            partner is missing.
        metrics: All metrics by name; those that the suite names are used.
        seed: Base of the resampling seeds; each group's is derived from it.
        level: Coverage of the intervals.

    Returns:
        Findings, conclusions and notes.

    Raises:
        UsageError: The suite names a metric that is not in ``metrics``.
        DiptychError: The suite declares a margin or a primary that cannot be judged.
    """
    chosen = chosen_metrics(suite, metrics)
    trials = latest(records)
    table = tabulate(records)
    present = {record.arm for record in trials}
    arms = [arm.name for arm in suite.arms if arm.name != suite.baseline and arm.name in present]
    cases = {case.name: case for scale in suite.scales.values() for case in scale.cases}
    found_groups = {record.block.group for record in trials}
    groups = [group for group in dict.fromkeys(case.group for case in cases.values()) if group in found_groups]
    groups += sorted(found_groups - set(groups))
    findings: list[Finding] = []
    ranked: list[tuple[tuple[bool, int, float], Conclusion]] = []
    set_values: list[SetValue] = []
    expected: list[Expected] = []
    notes: list[str] = []
    for group in groups:
        names = {record.block.case for record in trials if record.block.group == group}
        speed_only = any(cases[name].speed_only for name in names if name in cases)
        analysis = GroupAnalysis(suite, table, group, arms, chosen, speed_only, seed, level)
        judged = analysis.run()
        notes += dict.fromkeys(analysis.notes)
        if speed_only:
            notes.append(f"{group}: random weights, so quality metrics are dropped and only speed is judged")
        control = suite.negative_control
        sensitive = speed_only or control is None or _control_regressed(suite, judged)
        if not sensitive:
            why = "was not judged regressed" if control in arms else "was not run"
            notes.append(
                f"{group}: quality verdicts insensitive: "
                f"the negative control {control} {why} in {suite.primary_quality}"
            )
            judged = [_insensitive(finding, chosen, control, why) for finding in judged]
        findings += judged
        set_values += analysis.set_values.values()
        expected += expected_gains([t for t in trials if t.status == "finished"], group, arms, suite.baseline)
        notes += _disagreements(judged, chosen)
        ranked += _conclusions(suite, group, arms, judged, chosen, speed_only=speed_only, sensitive=sensitive)
    if suite.placebo:
        notes += [
            f"placebo judged: {f.group}: {f.arm} reads {f.verdict} in {f.metric}, but its arms do not differ; "
            "the harness, or its thresholds, cannot be trusted at this scale"
            for f in findings
            if f.verdict in ("improved", "regressed")
        ]
    conclusions = [item for _, item in sorted(ranked, key=lambda pair: pair[0])]
    unpaired = count_unpaired(table, suite.baseline)
    complete = any(suite.baseline in halves and len(halves) > 1 for halves in table.values())
    counted = Counter(record.status for record in trials)
    return Analysis(
        suite=suite.name,
        version=suite.version,
        baseline=suite.baseline,
        findings=findings,
        conclusions=conclusions,
        conclusion=conclusions[0].sentence
        if complete and conclusions
        else "No complete pair: nothing can be concluded.",
        set_values=set_values,
        expected=expected,
        finished=counted["finished"],
        failed=counted["failed"],
        unpaired=unpaired,
        seed=seed,
        notes=notes,
    )


def _control_regressed(suite: Suite, findings: Sequence[Finding]) -> bool:
    return any(
        finding.arm == suite.negative_control
        and finding.metric == suite.primary_quality
        and finding.verdict == "regressed"
        for finding in findings
    )


def _insensitive(finding: Finding, metrics: Mapping[str, Metric], control: str | None, why: str) -> Finding:
    """Withdraw a quality verdict that the negative control has shown to mean nothing; its interval stays."""
    if not metrics[finding.metric].quality or finding.arm == control or finding.estimate.low is None:
        return finding
    reason = f"insensitive: the negative control {control} {why}"
    return finding.model_copy(
        update={"verdict": "inconclusive", "estimate": finding.estimate.model_copy(update={"reason": reason})}
    )


def _disagreements(findings: Sequence[Finding], metrics: Mapping[str, Metric]) -> list[str]:
    """Cross-check set metrics of one feature space: a Fréchet verdict that KVD contradicts is said."""
    notes = []
    opposite = {"improved": "regressed", "regressed": "improved"}
    sets = [finding for finding in findings if metrics[finding.metric].scale == "set"]
    for index, one in enumerate(sets):
        for other in sets[index + 1 :]:
            same = metrics[one.metric].feature_space == metrics[other.metric].feature_space
            if one.arm == other.arm and same and opposite.get(one.verdict) == other.verdict:
                notes.append(
                    f"{one.group}: {one.arm} reads {one.verdict} in {one.metric} but {other.verdict} in {other.metric}"
                )
    return notes


def _conclusions(
    suite: Suite,
    group: str,
    arms: Sequence[str],
    findings: Sequence[Finding],
    metrics: Mapping[str, Metric],
    *,
    speed_only: bool,
    sensitive: bool,
) -> list[tuple[tuple[bool, int, float], Conclusion]]:
    """Conclude on each arm, with a key that puts the most useful first and the negative control last."""
    by_key = {(finding.arm, finding.metric): finding for finding in findings}
    metric = metrics[suite.primary_speed]
    result = []
    for arm in arms:
        speed = by_key[arm, suite.primary_speed]
        quality = None if speed_only else by_key[arm, suite.primary_quality]
        judgeable = quality is not None and quality.estimate.n >= metrics[suite.primary_quality].minimum_n
        word = conclusion(
            speed.verdict,
            quality.estimate if quality is not None and judgeable else None,
            suite.margin,
            quality_scale=metrics[suite.primary_quality].scale,
            speed_only=speed_only,
            sensitive=sensitive,
        )
        remark = "quality insensitive" if word == "faster, quality inconclusive" and not sensitive else ""
        text = sentence(group, word, speed, metric, quality, remark=remark)
        gain = speed.estimate.value or 0.0
        if metric.direction == "lower" and gain:
            gain = 1 / gain
        key = (arm == suite.negative_control, ORDER.index(word), -gain)
        result.append((key, Conclusion(arm=arm, group=group, word=word, sentence=text)))
    return result
