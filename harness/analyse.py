"""From records to findings and conclusions: what an arm bought, with an interval, and what it cost.

``analyse`` reads one run; ``compare_runs`` (``harness.stats.compare``) puts a candidate run against a reference run.
Both are pure: the same records, in any order, with the same seed give the same answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from harness.declaration import check_cases, check_suite, judged_metrics
from harness.stats.compare import compare_runs
from harness.stats.expectations import check_expectations, summary
from harness.stats.expected import Expected, expected_gains
from harness.stats.findings import GroupAnalysis
from harness.stats.methods import MethodConclusion, MethodFinding, method_rows, most_useful
from harness.stats.outcome import Analysis, Comparison, ContextDifference, SetValue, Unmatched
from harness.stats.pairing import Lost, count_unpaired, latest, lost_pairs, tabulate, without_mismatches
from harness.stats.sentences import ORDER, sentence
from harness.stats.verdict import conclusion
from harness.stats.win_rate import WinRate, win_rates
from harness.store.records import FLAGS, TrialRecord
from harness.types import Conclusion, ConclusionWord, Finding, Metric, Suite

LOST_SHARE = 0.05
"""Share of an arm's pairs that failed trials may cost before its quality counts as unknown."""

WITHDRAWN: dict[ConclusionWord, ConclusionWord] = {
    "faster at comparable quality": "faster, quality inconclusive",
    "comparable quality": "quality inconclusive",
    "better quality": "quality inconclusive",
}
"""What is said in place of a good word of survivors."""

__all__ = ["Analysis", "Comparison", "ContextDifference", "SetValue", "Unmatched", "analyse", "compare_runs"]


def analyse(
    suite: Suite,
    records: Sequence[TrialRecord],
    metrics: Mapping[str, Metric],
    *,
    seed: int = 0,
    level: float = 0.95,
    absent: Mapping[str, str] | None = None,
) -> Analysis:
    """Judge every arm of a run against its baseline, group by group.

    Args:
        suite: The question that was asked, with the scale that was run
            (:attr:`harness.store.records.Manifest.as_run`); with all of them where no case depends on it.
        records: Trial records in any order; failed ones are counted and left out, and so are finished ones whose
            partner is missing.
        metrics: All metrics by name; those that the suite names are used.
        seed: Base of the resampling seeds; each group's is derived from it.
        level: Coverage of the intervals.
        absent: Metrics that could not be computed, with the reason
            (:attr:`harness.store.records.Manifest.absent_metrics`).

    Returns:
        Findings, conclusions and notes.

    Raises:
        DiptychError: The suite cannot be judged (:func:`harness.declaration.check_suite` and ``check_cases``).
    """
    check_suite(suite, metrics)
    check_cases(suite)
    chosen = {name: metrics[name] for name in judged_metrics(suite)}
    trials = latest(records)
    tried = tabulate(records)
    table, notes = without_mismatches(tried, suite.baseline)
    paired = [record for halves in table.values() for record in halves.values()]
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
    rates: list[WinRate] = []
    methods: list[MethodFinding] = []
    on_methods: list[MethodConclusion] = []
    for group in groups:
        names = {record.block.case for record in trials if record.block.group == group}
        speed_only = any(cases[name].speed_only for name in names if name in cases)
        analysis = GroupAnalysis(suite, table, group, arms, chosen, speed_only, seed, level)
        judged = [_absent(finding, absent or {}) for finding in analysis.run()]
        notes += dict.fromkeys(analysis.notes)
        if speed_only:
            notes.append(f"{group}: random weights, so quality metrics are dropped and only speed is judged")
        control = suite.negative_control
        blind = set() if speed_only or control is None else _blind_metrics(control, judged, chosen)
        if blind:
            why = "was not judged regressed" if control in arms else "was not run"
            judged = [_insensitive(f, control, why) if f.metric in blind else f for f in judged]
            if suite.primary_quality in blind:
                notes.append(
                    f"{group}: quality verdicts insensitive: "
                    f"the negative control {control} {why} in {suite.primary_quality}"
                )
        findings += judged
        rates += [] if speed_only else win_rates(suite, table, group, arms, chosen, level)
        rows, concluded = method_rows(suite, judged, chosen, level)
        methods += rows
        on_methods += concluded
        set_values += analysis.set_values.values()
        expected += expected_gains(paired, group, arms, suite.baseline)
        notes += _disagreements(judged, chosen)
        lost = {arm: lost_pairs(trials, group, arm, suite.baseline) for arm in arms}
        notes += [f"{group}: {lost_text(arm, lost[arm])}" for arm in arms if lost[arm].pairs]
        ranked += _conclusions(
            suite,
            group,
            judged,
            chosen,
            lost,
            speed_only=speed_only,
            sensitive=suite.primary_quality not in blind,
        )
    checked = check_expectations(suite, findings)
    notes += [str(c) for c in checked if c.met is False]
    notes += flag_notes(trials)
    if suite.placebo:
        notes += [
            f"placebo judged: {f.group}: {f.arm} reads {f.verdict} in {f.metric}, but its arms do not differ; "
            "the harness, or its thresholds, cannot be trusted at this scale"
            for f in findings
            if f.verdict in ("improved", "regressed")
        ]
    on_methods = most_useful(on_methods, methods, suite.training_score)
    conclusions = [item for _, item in sorted(ranked, key=lambda pair: pair[0])]
    unpaired = count_unpaired(tried, suite.baseline)
    complete = any(suite.baseline in halves and len(halves) > 1 for halves in table.values())
    counted = Counter(record.status for record in trials)
    return Analysis(
        suite=suite.name,
        version=suite.version,
        baseline=suite.baseline,
        findings=findings,
        conclusions=conclusions,
        conclusion=f"{summary(checked)} {(on_methods or conclusions)[0].sentence}".strip()
        if complete and conclusions
        else f"{summary(checked)} {_nothing(suite, complete)}".strip(),
        set_values=set_values,
        expected=expected,
        finished=counted["finished"],
        failed=counted["failed"],
        unpaired=unpaired,
        seed=seed,
        notes=notes,
        win_rates=rates,
        methods=methods,
        method_conclusions=on_methods,
    )


def _nothing(suite: Suite, complete: bool) -> str:
    """Say why nothing is concluded."""
    if not complete:
        return "No complete pair: nothing can be concluded."
    lead = suite.primary_speed or suite.primary_quality
    return f"No pair has a value of {lead}: nothing can be concluded."


def _absent(finding: Finding, absent: Mapping[str, str]) -> Finding:
    """Say why a metric has no number, where the reason is known better than that no trial has one."""
    if finding.metric not in absent or finding.estimate.value is not None:
        return finding
    estimate = finding.estimate.model_copy(update={"reason": absent[finding.metric]})
    return finding.model_copy(update={"estimate": estimate})


def _blind_metrics(control: str, findings: Sequence[Finding], metrics: Mapping[str, Metric]) -> set[str]:
    """Quality metrics in which the negative control was not judged regressed: they would see no other damage either."""
    seen = {f.metric for f in findings if f.arm == control and f.verdict == "regressed"}
    return {name for name, metric in metrics.items() if metric.quality and name not in seen}


def _insensitive(finding: Finding, control: str | None, why: str) -> Finding:
    """Withdraw a quality verdict that the negative control has shown to mean nothing; its interval stays."""
    if finding.arm == control or finding.estimate.low is None:
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


def lost_text(arm: str, lost: Lost) -> str:
    """Say what failed trials have cost an arm, and that the rest are survivors."""
    reasons = ", ".join(f"{name} {n}" for name, n in lost.reasons.items())
    return (
        f"{lost.pairs} of {lost.of} pairs of {arm} were lost to failed trials ({reasons}): "
        "what is said of it is said of the survivors"
    )


def flag_notes(trials: Sequence[TrialRecord]) -> list[str]:
    """Say how many finished trials carry which flag; they are kept."""
    finished = [trial for trial in trials if trial.status == "finished"]
    counted = Counter(flag for trial in finished for flag in set(trial.flags))
    return [
        f"{n} of {len(finished)} trials are flagged {flag!r} and kept" + (f": {FLAGS[flag]}" if flag in FLAGS else "")
        for flag, n in sorted(counted.items())
    ]


def _conclusions(
    suite: Suite,
    group: str,
    findings: Sequence[Finding],
    metrics: Mapping[str, Metric],
    lost: Mapping[str, Lost],
    *,
    speed_only: bool,
    sensitive: bool,
) -> list[tuple[tuple[bool, int, float], Conclusion]]:
    """Conclude on each arm that has a pair, with a key that puts the most useful first and the negative control last.

    What failed trials have left is no fair sample: an arm that breaks on hard cases would look good on the rest. Above
    :data:`LOST_SHARE` of lost pairs, nothing good is said of quality.
    """
    by_key = {(finding.arm, finding.metric): finding for finding in findings}
    metric = None if suite.primary_speed is None else metrics[suite.primary_speed]
    result = []
    for arm, gone in lost.items():
        speed = None if metric is None else by_key[arm, metric.name]
        quality = None if speed_only else by_key[arm, suite.primary_quality]
        lead = speed or quality
        if lead is None or lead.estimate.value is None:
            continue
        judgeable = quality is not None and quality.estimate.n >= metrics[suite.primary_quality].minimum_n
        word = conclusion(
            None if speed is None else speed.verdict,
            quality.estimate if quality is not None and judgeable else None,
            suite.margin,
            quality_scale=metrics[suite.primary_quality].scale,
            speed_only=speed_only,
            sensitive=sensitive,
        )
        remark = ""
        if word in ("faster, quality inconclusive", "quality inconclusive") and not sensitive:
            seen = "was not seen either" if suite.negative_control in lost else "was not run"
            remark = f"quality insensitive: the negative control {seen}"
        elif word == "not faster" and speed is not None and speed.verdict == "inconclusive":
            remark = "speed inconclusive"
        elif word == "speed only":
            remark = "random weights"
        if word in WITHDRAWN and gone.share > LOST_SHARE:
            word = WITHDRAWN[word]
            remark = f"{gone.pairs} of {gone.of} pairs lost to failed trials"
        text = sentence(group, word, speed, metric, quality, remark=remark)
        gain = lead.estimate.value or 0.0
        if metric is not None and metric.direction == "lower" and gain:
            gain = 1 / gain
        elif metric is None and metrics[lead.metric].direction == "lower":
            gain = -gain
        key = (arm == suite.negative_control, ORDER.index(word), -gain)
        result.append((key, Conclusion(arm=arm, group=group, word=word, remark=remark, sentence=text)))
    return result
