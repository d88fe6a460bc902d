"""Tables as data: one type that is written as text, as Markdown and (by the page's template) as HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.stats.outcome import Analysis
from harness.types import Finding, Metric, Suite
from reports.strips import Strip, strips
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
    plain,
    significant,
)


@dataclass(frozen=True)
class Column:
    """A column's head.

    Attributes:
        title: What it holds.
        unit: Unit of its numbers, written in the head and nowhere else.
        kind: ``"number"`` is right-aligned; ``"graphic"`` is left out of text and Markdown.
    """

    title: str
    unit: str = ""
    kind: Literal["text", "number", "graphic"] = "text"

    @property
    def head(self) -> str:
        """Title with its unit in brackets."""
        return f"{self.title} ({self.unit})" if self.unit else self.title


@dataclass(frozen=True)
class Cell:
    """One entry.

    Attributes:
        text: What is written.
        verdict: A verdict's word, for its colour, or empty.
        arm: The arm that the row is about, for its colour, or empty.
        strip: The interval drawn, in a graphic column.
        note: A longer explanation, shown under the text.
    """

    text: str
    verdict: str = ""
    arm: str = ""
    strip: Strip | None = None
    note: str = ""


@dataclass(frozen=True)
class Table:
    """Rows under columns, with a title and a caption that says what is to be seen.

    Attributes:
        title: Short name.
        caption: What the numbers are.
        columns: Heads.
        rows: One tuple of cells per row, as long as ``columns``.
    """

    title: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def __post_init__(self) -> None:
        """Refuse rows of another length than the head."""
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"table {self.title!r}: a row has {len(row)} cells for {len(self.columns)} columns")

    def _written(self) -> tuple[list[Column], list[list[str]]]:
        kept = [i for i, c in enumerate(self.columns) if c.kind != "graphic"]
        rows = [[row[i].text + (f" ({row[i].note})" if row[i].note else "") for i in kept] for row in self.rows]
        return [self.columns[i] for i in kept], rows

    def to_text(self) -> str:
        """Write for a terminal: aligned columns, ASCII minus signs, title above and caption below."""
        columns, body = self._written()
        rows = [[c.head for c in columns], *body]
        rows = [[text.replace(MINUS, "-").replace("\u202f", ",") for text in row] for row in rows]
        widths = [max(len(row[i]) for row in rows) for i in range(len(columns))]

        def line(row: Sequence[str]) -> str:
            cells = [
                text.rjust(width) if column.kind == "number" else text.ljust(width)
                for text, width, column in zip(row, widths, columns, strict=True)
            ]
            return "  ".join(cells).rstrip()

        rule = "  ".join("-" * width for width in widths)
        parts = [self.title, line(rows[0]), rule, *(line(row) for row in rows[1:])]
        if self.caption:
            parts.append(self.caption.replace(MINUS, "-"))
        return "\n".join(p for p in parts if p) + "\n"

    def to_markdown(self) -> str:
        """Write as a Markdown table with its title as a heading; pipes and markup in cells are escaped."""
        columns, rows = self._written()
        parts = [f"### {_markdown(self.title)}", ""] if self.title else []
        parts.append("| " + " | ".join(_markdown(c.head) for c in columns) + " |")
        parts.append("|" + "|".join(" ---: " if c.kind == "number" else " --- " for c in columns) + "|")
        parts.extend("| " + " | ".join(_markdown(text) for text in row) + " |" for row in rows)
        if self.caption:
            parts += ["", _markdown(self.caption)]
        return "\n".join(parts) + "\n"


def _markdown(text: str) -> str:
    for character in "\\`*_|<>#":
        text = text.replace(character, f"\\{character}" if character not in "<>" else f"&{'lg'[character == '>']}t;")
    return " ".join(text.split())


def verdict_cell(finding: Finding, *, with_reason: bool = True) -> Cell:
    """The verdict with its symbol, and below it the reason where a number or a verdict is absent."""
    word = finding.verdict
    note = finding.estimate.reason or "" if with_reason else ""
    return Cell(f"{VERDICT_SYMBOLS[word]} {word}", verdict=word, note=note)


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
    raw = {s.arm: s.raw for s in analysis.set_values if (s.metric, s.group) == (metric, group)}
    reasons = {f.estimate.reason for f in chosen}
    one_reason = len(chosen) > 1 and len(reasons) == 1
    known = metrics.get(metric)
    unit = chosen[0].unit or (known.unit if known else "")
    shown = display_unit(unit, [v for f in chosen for v in (f.arm_value, f.baseline_value)])
    ratio = any(is_ratio(f.estimate) for f in chosen)
    change = display_unit(unit, [f.estimate.value for f in chosen])
    aside = [f.arm == suite.negative_control for f in chosen]
    drawn = strips([f.estimate for f in chosen], [f.threshold for f in chosen], aside)

    numbers = [v for f in chosen for v in (f.arm_value, f.baseline_value)] + list(raw.values())
    written = dict(zip(numbers, aligned(None if v is None else v * shown.factor for v in numbers), strict=True))

    def value(v: float | None) -> Cell:
        return Cell(written.get(v, ABSENT))

    raw_column = (Column("Raw", shown.label, "number"),) if raw else ()
    columns = (
        Column("Arm"),
        *raw_column,
        Column("Corrected" if raw else "Value", shown.label, "number"),
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
        rows.append((Cell(baseline, arm=baseline, note="baseline"), *lead, value(level), *([Cell("")] * 6)))
        for f, strip in zip(chosen, drawn, strict=True):
            if f.baseline != baseline:
                continue
            rows.append(
                (
                    Cell(f.arm, arm=f.arm, note="negative control" if f.arm == suite.negative_control else ""),
                    *([value(raw.get(f.arm))] if raw else []),
                    value(f.arm_value),
                    Cell(estimate_text(f.estimate, change.factor)),
                    Cell("", strip=strip),
                    verdict_cell(f, with_reason=not one_reason),
                    Cell(str(f.estimate.n)),
                    Cell(str(f.estimate.clusters)),
                    Cell(ABSENT if f.correlation is None else significant(f.correlation, 2)),
                )
            )
    caption = _caption(chosen, known, ratio, change.label)
    reason = chosen[0].estimate.reason
    if one_reason and reason:
        caption += f" All rows: {reason}."
    return Table(metric_title(metric), caption, columns, tuple(rows))


def _caption(findings: Sequence[Finding], metric: Metric | None, ratio: bool, unit: str) -> str:
    parts = [metric.summary.rstrip(".") + "." if metric and metric.summary else ""]
    direction = metric.direction if metric else findings[0].estimate.direction
    parts.append("Higher is better." if direction == "higher" else "Lower is better.")
    with_interval = [f.estimate for f in findings if f.estimate.low is not None]
    if with_interval:
        methods = dict.fromkeys(f"{level_text(e.level)}, {e.method}" for e in with_interval)
        parts.append(f"Bars: {'; '.join(methods)}.")
    taus = dict.fromkeys(f.threshold for f in findings if f.threshold is not None)
    if taus:
        written = " and ".join(level_text(t) if ratio else f"{plain(t)} {unit}".strip() for t in taus)
        parts.append(f"Shaded: the threshold, ±{written}.")
    parts.append("A primary metric." if findings[0].primary else "Exploratory: gates nothing.")
    return " ".join(p for p in parts if p)


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
