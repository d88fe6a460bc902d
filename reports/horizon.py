"""Metrics along the generated frames: a figure per metric, and beside it the same in numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.stats.horizon import Course, Horizon, horizon
from harness.types import Metric
from reports.figures import SIZE_INCHES, ArmStyle
from reports.plots import Plot
from reports.reading import Reading
from reports.svg import PAPER, drawing_style, to_svg
from reports.tables import Cell, Column, Table
from reports.wording import aligned, count, display_unit, interval_decimals, level_text, metric_title, number, spans

GAP = 0.07
"""Least distance between the names of two arms, as a fraction of the figure's height."""
MOST_COLUMNS = 6
MOST_MARKS = 24
"""More frames than this are drawn as a line without marks."""


def horizons(reading: Reading, group: str) -> list[Horizon]:
    """Every metric of a group that has values of frames, in the suite's order; empty for runs that kept none."""
    finished = reading.finished(group)
    kept = {name for record in finished for name in record.frame_values}
    order = dict.fromkeys([*reading.manifest.suite.metrics, *sorted(kept)])
    found = (horizon(finished, group, name, baseline=reading.manifest.suite.baseline) for name in order if name in kept)
    return [course for course in found if course is not None]


def horizon_plot(reading: Reading, found: Horizon, metrics: Mapping[str, Metric], name: str) -> Plot:
    """The figure of one metric along the frames."""
    title = metric_title(found.metric)
    label, factor = _unit(found, metrics)
    known = metrics.get(found.metric)
    better = "" if known is None else f"{'Up' if known.direction == 'higher' else 'Down'} is better. "
    band = (
        f"Bands: intervals at {level_text(found.level)} over cases (t), at each frame and for each arm by itself. The "
        "arms share their cases, so their difference is known better than the bands suggest: see its table."
        if found.reason is None
        else f"No band: {found.reason}."
    )
    svg = horizon_figure(
        [(style, found.courses[arm]) for arm, style in reading.styles.items() if arm in found.courses],
        factor,
        title + (f" ({label})" if label else ""),
        name,
        [frame_of(t, known) for t in range(found.frames)],
    )
    caption = (
        f"{better}Mean over {count(found.cases, 'case')} at each generated frame, from left to right further away from "
        f"the prompt. {band}{_cut(found)}"
    )
    records = f"trials {spans(found.trials)} of run {reading.manifest.run_id}"
    return Plot(f"{title} over the horizon", svg, caption, records, f"{found.metric} of every frame")


def frame_of(index: int, metric: Metric | None) -> int:
    """The generated frame, from 1, to which a value belongs: steps begin at the second, and some skip frames."""
    return index + 1 if metric is None else metric.first_frame + index * metric.every_frames + 1


def horizon_figure(
    rows: Sequence[tuple[ArmStyle, Course]], factor: float, label: str, name: str, frames: Sequence[int]
) -> str:
    """Draw every arm's mean along the frames, with its band.

    Args:
        rows: Arms in the suite's order, at least one.
        factor: What values are multiplied by for their display unit.
        label: Vertical axis label with unit.
        name: Unique name on the page.
        frames: Number of the frame of each value, from 1.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    with drawing_style():
        figure = Figure(figsize=SIZE_INCHES, layout="constrained")
        axes = figure.add_subplot()
        axes.grid(visible=True)
        ends = []
        for style, course in rows:
            means = [factor * mean for mean in course.means]
            if course.half_widths is not None:
                reach = [factor * width for width in course.half_widths]
                low, high = ([m + sign * r for m, r in zip(means, reach, strict=True)] for sign in (-1, 1))
                axes.fill_between(frames, low, high, color=style.colour, alpha=0.13, lw=0)
            marker, fill = {"baseline": ("s", PAPER), "control": ("X", style.colour)}.get(
                style.role, ("o", style.colour)
            )
            look: dict[str, Any] = {"lw": 1.5, "color": style.colour, "zorder": 4}
            if len(means) <= MOST_MARKS:
                look |= {"marker": marker, "ms": 4.5, "mfc": fill, "mec": style.colour, "mew": 1.0}
            axes.plot(frames, means, **look)
            ends.append(means[-1])
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.margins(x=0.04)
        axes.set_xlabel("Generated frame")
        axes.set_ylabel(label)
        floor, ceiling = axes.get_ylim()
        heights = spread([(end - floor) / (ceiling - floor) for end in ends])
        for (style, _), end, height in zip(rows, ends, heights, strict=True):
            axes.annotate(
                style.name, (frames[-1], end), (1.05, height), textcoords="axes fraction", color=style.colour,
                fontsize=9, va="center", arrowprops={"arrowstyle": "-", "color": style.colour, "lw": 0.6},
            )  # fmt: skip
        return to_svg(figure, name, f"{label} at each of {len(frames)} generated frames, for {len(rows)} arms.")


def spread(heights: Sequence[float]) -> list[float]:
    """Move names that would overlap at least :data:`GAP` apart, in their order and around their places."""
    bunches: list[list[int]] = []  # from below; the members of one stand in a row around the mean of their places

    def bottom(members: list[int]) -> float:
        return sum(heights[i] for i in members) / len(members) - GAP * (len(members) - 1) / 2

    for i in sorted(range(len(heights)), key=lambda i: (heights[i], -i)):
        members = [i]
        while bunches and bottom(members) < bottom(bunches[-1]) + GAP * len(bunches[-1]):
            members = bunches.pop() + members
        bunches.append(members)
    placed = {i: bottom(members) + GAP * step for members in bunches for step, i in enumerate(members)}
    return [placed[i] for i in range(len(heights))]


def horizon_table(reading: Reading, found: Horizon, metrics: Mapping[str, Metric]) -> Table:
    """The same in numbers: every arm at some frames, the first and the last among them."""
    label, factor = _unit(found, metrics)
    shown = chosen_frames(found.frames)
    numbers = [frame_of(t, metrics.get(found.metric)) for t in shown]
    columns = [Column("Arm"), *(Column(f"Frame {at}", label, "number") for at in numbers)]
    arms = [arm for arm in reading.styles if arm in found.courses]
    rows: list[tuple[Cell, ...]]
    if found.reason is None:
        rows = [(Cell(arm, arm=arm), *(Cell(_cell(found.courses[arm], t, factor)) for t in shown)) for arm in arms]
    else:
        texts = [aligned([factor * found.courses[arm].means[t] for arm in arms], 4) for t in shown]
        rows = [(Cell(arm, arm=arm), *(Cell(text[i]) for text in texts)) for i, arm in enumerate(arms)]
    half = f"± half an interval at {level_text(found.level)} (t)"
    band = half if found.reason is None else f"no interval: {found.reason}"
    caption = f"Mean over {count(found.cases, 'case')}, {band}.{_cut(found)}"
    return Table(f"{metric_title(found.metric)} over the horizon", caption, tuple(columns), tuple(rows))


def chosen_frames(frames: int) -> list[int]:
    """At most :data:`MOST_COLUMNS` of ``frames`` indices, evenly spread, with both ends."""
    if frames <= MOST_COLUMNS:
        return list(range(frames))
    return [round(i * (frames - 1) / (MOST_COLUMNS - 1)) for i in range(MOST_COLUMNS)]


def _cell(course: Course, frame: int, factor: float) -> str:
    mean, width = factor * course.means[frame], factor * (course.half_widths or course.means)[frame]
    decimals = interval_decimals(mean - width, mean + width)
    return f"{number(mean, decimals)} ± {number(width, decimals)}"


def _cut(found: Horizon) -> str:
    return f" Clips differ in length: only the first {count(found.frames, 'frame')} are told." if found.cut else ""


def _unit(found: Horizon, metrics: Mapping[str, Metric]) -> tuple[str, float]:
    """Label and factor of the metric's display unit."""
    known = metrics.get(found.metric)
    unit = display_unit(known.unit if known else "", [mean for c in found.courses.values() for mean in c.means])
    return unit.label, unit.factor
