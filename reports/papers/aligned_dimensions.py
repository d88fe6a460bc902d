"""Figure: the dimensions of the score before and after alignment, the baseline against the mean of each method."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from harness.types import Metric
from reports.method_tables import change_decimals
from reports.methods import MethodRow, dimensions, method_rows
from reports.papers.aligned import interval_methods
from reports.papers.measured import run_text
from reports.papers.writing import BAND, COLOURS, GREY, INK, RULE, Cell, PaperFigure, new_figure, paper_style, render
from reports.reading import Reading
from reports.wording import metric_title, number, significant

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 4
WORSE, BETTER = COLOURS[1], COLOURS[0]
ARROWS = {"higher": "→", "lower": "←"}


def dimensions_figure(reading: Reading, metrics: Mapping[str, Metric], name: str) -> PaperFigure:
    """Draw every dimension of a run: bars from the baseline to a method's mean, its training seeds as points.

    Args:
        reading: A run of an alignment suite.
        metrics: Registered metrics by name.
        name: Stem of the files.
    """
    suite, m = reading.manifest.suite, reading.manifest
    rows = method_rows(reading)
    shown = [d for d in dimensions(suite, metrics) if any(row.seeds.get(d) for row in rows)]
    groups = list(dict.fromkeys(row.group for row in rows))
    floors = {threshold.metric: threshold.tau for threshold in suite.thresholds}
    methods = list(dict.fromkeys(row.method for row in rows if not row.baseline))
    title = f"Dimensions before and after alignment ({suite.name}, scale {m.plan.scale}, light scores)"
    high = math.ceil(len(shown) / COLUMNS) or 1
    with paper_style():
        figure = new_figure(0.4 + len(groups) * high * (0.62 + 0.16 * len(methods)), title)
        panels = figure.subplots(len(groups) * high, COLUMNS, squeeze=False)
        for i, group in enumerate(groups):
            here = [row for row in rows if row.group == group]
            for j in range(high * COLUMNS):
                axes = panels[i * high + j // COLUMNS][j % COLUMNS]
                if j >= len(shown):
                    axes.set_axis_off()
                    continue
                direction = metrics[shown[j]].direction
                _panel(axes, here, methods, shown[j], direction, floors.get(shown[j], 0.0))
                backend = shown[j].partition("[")[2].rstrip("]")
                axes.set_title(metric_title(shown[j].partition("[")[0]), fontsize=6.8)
                axes.set_xlabel(f"{backend}, better {ARROWS[direction]}", fontsize=5.6, color=GREY)
                axes.set_yticks(range(len(methods)), methods if j % COLUMNS == 0 else [""] * len(methods))
            if len(groups) > 1 and shown:
                axes = panels[i * high][0]
                axes.text(
                    0.0, 1.42, group, transform=axes.transAxes, fontsize=7.0, fontweight="bold", color=INK, ha="left"
                )
        drawing = render(figure, title)
    how = interval_methods(rows, shown)
    caption = (
        "Dashed: the baseline, with its score. Bars: from there to the mean over training seeds, in blue where that is "
        "better and in orange where it is worse, in grey where the difference is inside the threshold that the suite "
        "declared (shaded); beside them the difference. Points: training seeds one by one. Every panel has a scale of "
        "its own; dimensions of motion stand first. "
        + (f"Intervals of single arms, in the data: {how}. " if how else "")
        + f"Records: {run_text(reading, reading.groups)}."
    )
    columns = (
        "run", "scale", "group", "metric", "direction", "training", "training_seed", "value", "difference", "low",
        "high", "verdict",
    )  # fmt: skip
    return PaperFigure(name, title, caption, columns, tuple(_data(rows, shown, metrics)), drawing)


def _data(rows: Sequence[MethodRow], shown: Sequence[str], metrics: Mapping[str, Metric]) -> list[tuple[Cell, ...]]:
    found: list[tuple[Cell, ...]] = []
    for row in rows:
        for d in shown:
            head: tuple[Cell, ...] = (row.run_id, row.scale, row.group, d, metrics[d].direction, row.method)
            if row.value(d) is None:
                continue
            found.append((*head, "baseline" if row.baseline else "mean", row.value(d), row.change(d), None, None, None))
            for seed in row.seeds.get(d, ()):
                e = seed.estimate
                told: tuple[Cell, ...] = (seed.value, e.value, e.low, e.high, seed.verdict)
                found.append((*head, seed.seed if seed.seed is not None else seed.arm, *told))
    return found


def _panel(
    axes: Axes, rows: Sequence[MethodRow], methods: Sequence[str], metric: str, direction: str, floor: float
) -> None:
    """One dimension of one group: the baseline's line, and a bar and points for each method."""
    base = next((row.value(metric) for row in rows if row.baseline), None)
    values = [seed.value for row in rows for seed in row.seeds.get(metric, ())]
    if base is None or not values:
        axes.set_axis_off()
        return
    low, high = min([base - floor, *values]), max([base + floor, *values])
    span = (high - low) or abs(base) or 1.0
    axes.set_xlim(low - 0.45 * span, high + 0.45 * span)
    axes.set_ylim(len(methods) - 0.45, -0.95)
    axes.axvspan(base - floor, base + floor, color=BAND, lw=0, zorder=0)
    axes.axvline(base, color=GREY, lw=0.7, ls=(0, (3, 2)), zorder=1)
    axes.annotate(
        significant(base, 3), (base, -0.72), ha="center", va="center", fontsize=5.6, color=INK,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.4},
    )  # fmt: skip
    for row in rows:
        mean = row.value(metric)
        if row.baseline or mean is None:
            continue
        y, change = methods.index(row.method), mean - base
        better = (change > 0) == (direction == "higher")
        colour = GREY if abs(change) <= floor else BETTER if better else WORSE
        axes.barh([y], [change], left=base, height=0.5, color=colour, alpha=0.35, lw=0, zorder=2)
        axes.plot([mean, mean], [y - 0.25, y + 0.25], color=colour, lw=1.2, zorder=3)
        points = [seed.value for seed in row.seeds[metric]]
        axes.plot(points, [y] * len(points), ls="", marker="o", ms=2.2, mfc=colour, mec="white", mew=0.3, zorder=4)
        right = change >= 0
        end = max([base, *points]) if right else min([base, *points])
        axes.annotate(
            signed(change, floor), (end, y), xytext=(3 if right else -3, 0), textcoords="offset points",
            ha="left" if right else "right", va="center", fontsize=5.6, color=colour,
        )  # fmt: skip
    axes.locator_params(axis="x", nbins=3)
    axes.tick_params(axis="x", labelsize=5.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=RULE)
    axes.spines["left"].set_visible(False)


def signed(value: float, floor: float) -> str:
    """A difference with its sign, to two digits of the threshold or, without one, three of its own."""
    return number(value, change_decimals([value], floor), signed=True)
