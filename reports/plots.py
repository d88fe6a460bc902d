"""Which figures a group gets, from which findings and records, and what their captions say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.types import Finding, Metric
from reports.figures import (
    SpeedPoint,
    SpreadRow,
    TradePoint,
    speed_up_figure,
    spread_figure,
    trade_figure,
    trade_limits,
)
from reports.reading import Reading, difference, speed_up
from reports.wording import display_unit, is_ratio, level_text, metric_title, plain, spans, unit_label, with_unit

LATENCY = "frame_latency_seconds"


@dataclass(frozen=True)
class Plot:
    """A drawn figure with its words.

    Attributes:
        title: Short name.
        svg: The drawing, safe to put into a page as it is.
        caption: What to see, and what the bars are.
        records: Which trials it was drawn from.
        sources: Which finished numbers it shows.
        wide: True where it needs the page's whole width.
    """

    title: str
    svg: str
    caption: str
    records: str
    sources: str
    wide: bool = False


def trade_plot(reading: Reading, group: str, metrics: Mapping[str, Metric], name: str) -> Plot | None:
    """Speed against quality, or None where either was not found for any arm."""
    suite = reading.manifest.suite
    pairs: list[tuple[Finding, Finding]] = []
    points: list[TradePoint] = []
    for arm, style in reading.styles.items():
        speed = reading.finding(suite.primary_speed, group, arm)
        quality = reading.finding(suite.primary_quality, group, arm)
        if speed is None or quality is None or is_ratio(quality.estimate):  # the axis counts differences from 0
            continue
        x, y = speed_up(speed), difference(quality)
        if x is not None and y is not None:
            pairs.append((speed, quality))
            points.append(TradePoint(style, x, y))
    if not points:
        return None
    known = metrics.get(suite.primary_quality)
    unit = unit_label(known.unit if known else pairs[0][1].unit)
    better = known.direction if known else pairs[0][1].estimate.direction
    title = metric_title(suite.primary_quality)
    label = f"Δ {title}" + (f" ({unit})" if unit else "")
    svg = trade_figure(points, reading.styles[suite.baseline], suite.margin, better, label, name)
    low, high = trade_limits(points, suite.margin)
    cut = any(not low <= p.quality.value <= high for p in points)
    beyond = " An arrow: the negative control lies beyond the axis, its value in brackets." if cut else ""
    bars = _bars([f for pair in pairs for f in pair])
    caption = (
        f"Right is faster, up is better. The square is {suite.baseline}, from which both axes are counted. Inside the "
        f"shaded zone {title} is at most {with_unit(plain(suite.margin), unit)} worse, the margin of this suite: "
        f"an arm is comparable when its whole vertical bar lies there.{beyond} {bars}"
    )
    return _plot(reading, group, "Speed against quality", svg, caption, suite.primaries)


def speed_plot(reading: Reading, group: str, name: str) -> Plot | None:
    """Measured speed-up against passes and bound, or None where no passes were counted."""
    suite = reading.manifest.suite
    points: list[SpeedPoint] = []
    findings: list[Finding] = []
    for gain in reading.expected(group):
        finding = reading.finding(suite.primary_speed, group, gain.arm)
        measured = None if finding is None else speed_up(finding)
        if finding is not None and measured is not None:
            findings.append(finding)
            points.append(SpeedPoint(reading.styles[gain.arm], measured, gain.by_passes, gain.by_bound))
    if not points:
        return None
    bound = any(p.by_bound for p in points)
    caption = (
        "On the dashed line an arm is faster by exactly as much as it saves passes; below it, wider passes "
        "cost more than narrow ones. "
        + (
            "Hollow diamonds: the speed-up that the device's measured bandwidth and arithmetic peak predict. "
            if bound
            else ""
        )
        + _bars(findings)
    )
    svg = speed_up_figure(points, reading.styles[suite.baseline], name)
    sources = (str(suite.primary_speed), "counts of passes", *(("bound_seconds of each trial",) if bound else ()))
    return _plot(reading, group, "Speed-up, measured and expected", svg, caption, sources)


def latency_plot(reading: Reading, group: str, metrics: Mapping[str, Metric], name: str) -> Plot | None:
    """Latency per frame of every trial, or None where it was not recorded."""
    values: dict[str, list[float]] = {}
    for r in reading.finished(group):
        value = r.values.get(LATENCY)
        if value is not None and value > 0:
            values.setdefault(r.arm, []).append(value)
    if not values:
        return None
    known = metrics.get(LATENCY)
    unit = display_unit(known.unit if known else "seconds", [max(v) for v in values.values()])
    centres = {f.arm: f.arm_value for f in reading.analysis.findings if (f.metric, f.group) == (LATENCY, group)}
    for f in reading.analysis.findings:
        if (f.metric, f.group) == (LATENCY, group):
            centres[f.baseline] = f.baseline_value
    rows = []
    for arm, style in reading.styles.items():
        if arm in values:
            centre = centres.get(arm)
            ticks = tuple(v * unit.factor for v in values[arm])
            rows.append(SpreadRow(style, ticks, None if centre is None else centre * unit.factor))
    svg = spread_figure(rows, f"Latency per frame ({unit.label}, log scale)", name)
    caption = (
        "Left is faster. Each tick is one trial, the mark is the arm's mean as in the table; ticks show the spread of "
        "trials, not an interval of the mean."
    )
    return _plot(reading, group, "Latency per frame", svg, caption, (LATENCY,))


def _bars(findings: list[Finding]) -> str:
    methods = dict.fromkeys(
        f"{level_text(f.estimate.level)} ({f.estimate.method})" for f in findings if f.estimate.low is not None
    )
    return f"Bars: intervals at {'; '.join(methods)}." if methods else "No interval could be given."


def _plot(reading: Reading, group: str, title: str, svg: str, caption: str, sources: tuple[str, ...]) -> Plot:
    records = spans(r.index for r in reading.finished(group))
    return Plot(title, svg, caption, f"trials {records} of run {reading.manifest.run_id}", ", ".join(sources))
