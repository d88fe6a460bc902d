"""Findings as tables: one metric at a time, all at once, and speed-ups beside what was expected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.stats.expected import Expected
from harness.stats.outcome import TRUE_CONTINUATION, Analysis
from harness.types import Estimate, Finding, Metric, Suite
from reports.strips import strips
from reports.tables import Cell, Column, Table
from reports.wording import (
    ABSENT,
    MINUS,
    VERDICT_SYMBOLS,
    aligned,
    count,
    display_unit,
    estimate_text,
    is_ratio,
    level_text,
    metric_title,
    number,
    plain,
    sentence_case,
    significant,
    with_unit,
)

NO_THRESHOLD = f"{ABSENT} no threshold"


def verdict_cell(finding: Finding, *, with_reason: bool = True) -> Cell:
    """The verdict with its symbol, and below it the reason where a number or a verdict is absent."""
    word = finding.verdict
    if finding.threshold is None and finding.estimate.low is not None:
        return Cell(NO_THRESHOLD)  # "inconclusive" would sound as if more blocks could help
    note = finding.estimate.reason or "" if with_reason else ""
    return Cell(f"{VERDICT_SYMBOLS[word]} {word}", verdict=word, note=note)


BOUND_NOTE = "Of the bound: the share reached of what this device's measured bandwidth and arithmetic allow."


def bound_reached(analysis: Analysis, group: str, unit: str) -> dict[str, float]:
    """Return arm → fraction of its bound, to stand beside a rate; empty for other units and where none was recorded."""
    found = [f for f in analysis.findings if f.metric == "bound_fraction" and f.group == group]
    both = [(f.baseline, f.baseline_value) for f in found] + [(f.arm, f.arm_value) for f in found]
    return {arm: value for arm, value in both if value is not None} if unit.endswith("/s") else {}


def metric_table(
    analysis: Analysis, metric: str, group: str, metrics: Mapping[str, Metric], suite: Suite
) -> Table | None:
    """One metric in one group: every arm's value, and against the baseline the estimate, interval and verdict.

    Args:
        analysis: The run's analysis.
        metric: Metric name.
        group: Stratum.
        metrics: Registered metrics, for units and summaries; unknown names are told by their findings alone.
        suite: The run's suite, for thresholds and the negative control.

    Returns:
        The table, or None where no arm has a number.
    """
    chosen = [f for f in analysis.findings if f.metric == metric and f.group == group]
    if all(f.estimate.value is None and f.arm_value is None for f in chosen):
        return None
    values = {s.arm: s for s in analysis.set_values if (s.metric, s.group) == (metric, group)}
    ceiling = values.get(TRUE_CONTINUATION)
    raw = {arm: found.raw for arm, found in values.items()}
    reasons = {f.estimate.reason for f in chosen if f.arm != suite.negative_control}
    shared = reasons.pop() if len(chosen) > 1 and len(reasons) == 1 else None  # said once, below the table
    known = metrics.get(metric)
    unit = chosen[0].unit or (known.unit if known else "")
    shown = display_unit(unit, [v for f in chosen for v in (f.arm_value, f.baseline_value)])
    ratio = any(is_ratio(f.estimate) for f in chosen)
    change = display_unit(unit, [f.estimate.value for f in chosen])
    aside = [f.arm == suite.negative_control for f in chosen]
    drawn = strips([f.estimate for f in chosen], [f.threshold for f in chosen], aside)

    numbers = [v for f in chosen for v in (f.arm_value, f.baseline_value)] + list(raw.values())
    numbers += [ceiling.corrected.value] if ceiling is not None else []
    written = dict(zip(numbers, aligned(None if v is None else v * shown.factor for v in numbers), strict=True))

    def value(v: float | None) -> Cell:
        return Cell(written.get(v, ABSENT))

    reached = bound_reached(analysis, group, unit)

    def share(arm: str) -> list[Cell]:
        return [Cell(f"{100 * reached[arm]:.0f} %" if arm in reached else ABSENT)] if reached else []

    raw_column = (Column("Raw", shown.label, "number"),) if raw else ()
    bound_column = (Column("Of the bound", kind="number"),) if reached else ()
    columns = (
        Column("Arm"),
        *raw_column,
        Column("Corrected" if raw else "Value", shown.label, "number"),
        *bound_column,
        Column("Ratio to baseline" if ratio else "Difference from baseline", "" if ratio else change.label, "number"),
        Column("Interval", kind="graphic"),
        Column("Verdict"),
        Column("Blocks", kind="number"),
        Column("Cases", kind="number"),
        Column("Pair r", kind="number"),
    )
    rows: list[tuple[Cell, ...]] = []
    for baseline in dict.fromkeys(f.baseline for f in chosen):
        level = next(f.baseline_value for f in chosen if f.baseline == baseline)
        lead = [value(raw.get(baseline))] if raw else []
        first = (Cell(baseline, arm=baseline, note="baseline"), *lead, value(level), *share(baseline))
        rows.append((*first, *([Cell("")] * 6)))
        for f, strip in zip(chosen, drawn, strict=True):
            if f.baseline != baseline:
                continue
            rows.append(
                (
                    Cell(f.arm, arm=f.arm, note="negative control" if f.arm == suite.negative_control else ""),
                    *([value(raw.get(f.arm))] if raw else []),
                    value(f.arm_value),
                    *share(f.arm),
                    Cell(estimate_text(f.estimate, change.factor)),
                    Cell("", strip=strip),
                    verdict_cell(f, with_reason=f.estimate.reason != shared),
                    Cell(str(f.estimate.n)),
                    Cell(str(f.estimate.clusters)),
                    Cell(ABSENT if f.correlation is None else number(f.correlation, 2)),
                )
            )
    if ceiling is not None:
        seen = [value(ceiling.raw), value(ceiling.corrected.value)]
        rows.append((Cell(TRUE_CONTINUATION, note="the ceiling: real video"), *seen, *([Cell("")] * 6)))
    caption = _caption(chosen, known, ratio, change.label)
    if ceiling is not None:
        caption += f" A perfect arm has the value of the {TRUE_CONTINUATION}, and no more can be asked."
    if shared and any(f.threshold is not None or f.estimate.low is None for f in chosen):
        but = "" if all(f.estimate.reason == shared for f in chosen) else " but the negative control's"
        caption += f" All rows{but}: {shared}."
    if reached:
        caption += f" {BOUND_NOTE}"
    return Table(metric_title(metric), caption, columns, tuple(rows))


def expected_table(rows: Sequence[tuple[Expected, Estimate]], baseline: str) -> Table:
    """Measured speed-ups beside what passes and the device's bound promise.

    Args:
        rows: What each arm should gain, and its measured speed-up.
        baseline: What all are counted from.

    Returns:
        The table; its last column is the measured speed-up over the predicted one.
    """
    columns = (
        Column("Arm"),
        Column("Passes", kind="number"),
        Column("Fewer passes", kind="number"),
        Column("Predicted by bound", kind="number"),
        Column("Measured", kind="number"),
        Column("Measured / predicted", kind="number"),
    )

    def times(value: float | None) -> Cell:
        return Cell(ABSENT if value is None else f"×{number(value, 2)}")

    def row(gain: Expected, measured: Estimate) -> tuple[Cell, ...]:
        predicted = gain.by_bound
        reached = ABSENT if predicted is None or measured.value is None else number(measured.value / predicted, 2)
        return (
            Cell(gain.arm, arm=gain.arm),
            Cell(ABSENT if gain.passes is None else significant(gain.passes)),
            times(gain.by_passes),
            times(predicted),
            Cell(estimate_text(measured)),
            Cell(reached),
        )

    written = tuple(row(gain, measured) for gain, measured in rows)
    caption = (
        f"All against {baseline}. The prediction is the ratio of two bounds: the least time of either arm at the "
        "bandwidth and arithmetic peak measured on this device. An arm can gain more than that: where the baseline is "
        "further from its own bound, because each pass has a fixed cost, saving passes saves more than memory and "
        "arithmetic."
    )
    return Table("Speed-up beside passes and bound", caption, columns, written)


def _caption(findings: Sequence[Finding], metric: Metric | None, ratio: bool, unit: str) -> str:
    parts = [sentence_case(metric.summary).rstrip(".") + "." if metric and metric.summary else ""]
    direction = metric.direction if metric else findings[0].estimate.direction
    parts.append("Higher is better." if direction == "higher" else "Lower is better.")
    with_interval = [f.estimate for f in findings if f.estimate.low is not None]
    if with_interval:
        methods = dict.fromkeys(f"{level_text(e.level)}, {e.method}" for e in with_interval)
        parts.append(f"Bars: {'; '.join(methods)}.")
    taus = dict.fromkeys(f.threshold for f in findings if f.threshold is not None)
    if taus:
        written = " and ".join(level_text(t) if ratio else with_unit(plain(t), unit) for t in taus)
        parts.append(f"Shaded: the threshold, ±{written}.")
    parts.append("A primary metric." if findings[0].primary else "Exploratory: gates nothing.")
    return " ".join(p for p in parts if p)


def threshold_table(suite: Suite, metrics: Mapping[str, Metric], *, imported: bool = False) -> Table:
    """The non-inferiority margin and every declared threshold, each with its reason; imports fix none before."""
    known = metrics.get(suite.primary_quality)
    sign = MINUS if known is None or known.direction == "higher" else "+"
    margin = with_unit(f"{sign}{plain(suite.margin)}", known.unit if known else "")
    rows = [
        (Cell(metric_title(suite.primary_quality), note="non-inferiority margin"), Cell(margin), Cell(suite.margin_why))
    ]
    for t in suite.thresholds:
        metric = metrics.get(t.metric)
        ratio = metric is not None and metric.scale == "ratio"
        tau = level_text(t.tau) if ratio else with_unit(plain(t.tau), metric.unit if metric else "")
        rows.append((Cell(metric_title(t.metric)), Cell(f"±{tau}"), Cell(t.why or ABSENT)))
    columns = (Column("Metric"), Column("Threshold", kind="number"), Column("Why"))
    title = "Thresholds, chosen at the import" if imported else "Thresholds, fixed before measuring"
    return Table(title, "", columns, tuple(rows))


def overview_table(findings: Sequence[Finding], title: str = "Findings") -> Table:
    """All findings in one table, for a terminal: metric, group, arm, values, change, verdict, n, method.

    Args:
        findings: Findings in the order in which to show them.
        title: The table's title.
    """
    columns = (
        Column("Group"),
        Column("Metric"),
        Column("Arm"),
        Column("Value", kind="number"),
        Column("Baseline", kind="number"),
        Column("Unit"),
        Column("Against baseline", kind="number"),
        Column("Verdict"),
        Column("Blocks", kind="number"),
        Column("Cases", kind="number"),
    )
    rows = []
    for f in findings:
        shown = display_unit(f.unit, [f.arm_value, f.baseline_value])
        values = [ABSENT if v is None else significant(v * shown.factor) for v in (f.arm_value, f.baseline_value)]
        factor = display_unit(f.unit, [f.estimate.value])
        change = estimate_text(f.estimate, factor.factor)
        suffix = (
            f" {factor.label}" if not is_ratio(f.estimate) and factor.label and f.estimate.value is not None else ""
        )
        rows.append(
            (
                Cell(f.group),
                Cell(f.metric),
                Cell(f.arm, arm=f.arm),
                *(Cell(v) for v in values),
                Cell(shown.label),
                Cell(change + suffix),
                verdict_cell(f),
                Cell(str(f.estimate.n)),
                Cell(str(f.estimate.clusters)),
            )
        )
    levels = dict.fromkeys(level_text(f.estimate.level) for f in findings if f.estimate.low is not None)
    caption = f"{count(len(findings), 'finding')}." + (f" Intervals: {', '.join(levels)}." if levels else "")
    return Table(title, caption, columns, tuple(rows))
