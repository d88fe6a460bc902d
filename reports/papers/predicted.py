"""Figure: measured speed-up against the one that passes, and the device's bandwidth and arithmetic, predict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reports.papers.formulas import evaluate
from reports.papers.keys import arm_mark, group_colour, groups_of, legend
from reports.papers.measured import SPEED, MeasuredRow, methods_of
from reports.papers.published import Published
from reports.papers.speed import PARALLEL, TABLE
from reports.papers.writing import (
    GREY,
    INK,
    NOT_AVAILABLE,
    PUBLISHED_ONLY,
    Cell,
    PaperFigure,
    log_ticks,
    new_figure,
    paper_style,
    render,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NEAR = 1.04
"""Published speed-ups nearer than this share a name."""
NAME_ROOM = 2.6
"""Factor of the axis that is kept free for their names."""
SUPPOSED_K = (1, 4)
"""The published k is not stated: the pass ratio lies between those of these two."""


def predicted_figure(rows: Sequence[MeasuredRow], published: Published) -> PaperFigure:
    """Draw measured against predicted speed-up.

    Args:
        rows: Measured rows of all runs; those with finetuned weights and negative controls are left out.
        published: Published numbers: their pass ratios are known only as a range.
    """
    shown = [r for r in rows if r.weights is None and r.role == "arm" and r.speed_up and r.by_passes]
    groups = groups_of(shown)
    bound = [row for row in shown if row.by_bound]
    ranges = published_ranges(published)
    title = "Measured against predicted speed-up" + ("" if shown else f" ({PUBLISHED_ONLY})")
    with paper_style():
        figure = new_figure(3.15, title)
        panels = figure.subplots(1, 2, sharey=True)
        ups = [v for r in shown if r.speed_up for v in (r.speed_up.value, r.speed_up.low, r.speed_up.high) if v]
        ups += [gain for _, gain, _, _ in ranges]
        for axes, by in zip(panels, ("passes", "bound"), strict=True):
            across = [_predicted(r, by) for r in (shown if by == "passes" else bound)]
            across += (
                [end for _, _, least, most in ranges for end in (least, most * NAME_ROOM)] if by == "passes" else []
            )
            log_ticks(axes, "x", [1.0, *across, *([] if across else ups)], room=1.12, lead="×")
            log_ticks(axes, "y", [1.0, *ups], room=1.12, lead="×")
            if not across:
                axes.text(0.5, 0.5, NOT_AVAILABLE, transform=axes.transAxes, ha="center", color=GREY)
                continue
            axes.grid(visible=True)
            axes.plot([0.1, 1000], [0.1, 1000], color=GREY, lw=0.8, ls=(0, (4, 3)), zorder=1)
            for row in shown if by == "passes" else bound:
                _point(axes, row, _predicted(row, by), groups.index((row.run_id, row.group)))
        _published_bars(panels[0], ranges)
        panels[0].set_xlabel("predicted by forward passes")
        panels[1].set_xlabel("predicted by bandwidth and arithmetic")
        panels[0].set_ylabel("measured speed-up")
        legend(figure, groups, shown)
        drawing = render(figure, title)
    methods = methods_of(shown, [SPEED])
    caption = (
        "Dashed: as fast as predicted. Left: by the ratio of forward passes, which would hold if a wide pass cost no "
        "more than a narrow one. Right: by the least time of each pass at the bandwidth and the arithmetic that "
        "the run measured on its device; above the line, sequential decoding is further from its bound than the arm. "
        + (f"Bars: intervals at {methods}. " if methods else "")
        + "Horizontal bars in ink: published speed-ups; their k is not stated, the bar spans the ratios of passes of "
        f"k = {SUPPOSED_K[0]} to {SUPPOSED_K[1]}. Published: "
        f"{published.cite(published.table(TABLE), *published.formulas)}."
    )
    data: list[tuple[Cell, ...]] = []
    for row in shown:
        if row.speed_up:
            gain = (row.speed_up.value, row.speed_up.low, row.speed_up.high)
            data.append(
                ("measured", "", row.run_id, row.group, row.arm, row.passes, row.by_passes, None, row.by_bound, *gain)
            )
    for model, gain_, least, most in ranges:
        mark = published.table(TABLE).derived["speed_up"].quality
        data.append(("published", mark, "", f"MineWorld {model}", PARALLEL, None, least, most, None, gain_, None, None))
    columns = (
        "kind", "quality", "run", "group", "arm", "passes", "speed_up_by_passes", "speed_up_by_passes_at_most",
        "speed_up_by_bound", "speed_up", "speed_up_low", "speed_up_high",
    )  # fmt: skip
    return PaperFigure("measured_against_predicted", title, caption, columns, tuple(data), drawing)


def published_ranges(published: Published) -> list[tuple[str, float, float, float]]:
    """Model, published speed-up, and the least and most ratio of passes that its unstated k may have."""
    table = published.table(TABLE)
    grid = next(grid for grid in published.grids if grid.id == "mineworld")
    formula = next(formula.passes for formula in published.formulas if formula.schedule == "diagonal")
    tokens = grid.frames * grid.rows * grid.columns
    size = {"F": grid.frames, "h": grid.rows, "w": grid.columns}
    most, least = (tokens / evaluate(formula, {**size, "k": k}) for k in SUPPOSED_K)
    return [
        (row.model, row.derived["speed_up"], least, most)
        for row in table.rows
        if row.mode == PARALLEL
    ]  # fmt: skip


def _predicted(row: MeasuredRow, by: str) -> float:
    value = row.by_passes if by == "passes" else row.by_bound
    assert value is not None  # rows without it are not drawn
    return value


def _point(axes: Axes, row: MeasuredRow, x: float, index: int) -> None:
    colour = group_colour(index)
    if row.speed_up is None:
        return
    axes.errorbar([x], [row.speed_up.value], yerr=row.speed_up.bars, fmt="none", ecolor=colour, elinewidth=0.9)
    axes.plot(
        [x], [row.speed_up.value], ls="", marker=arm_mark(row), ms=4.6, mfc=colour, mec="white",
        mew=0.5, zorder=3,
    )  # fmt: skip


def _published_bars(axes: Axes, ranges: Sequence[tuple[str, float, float, float]]) -> None:
    together: list[tuple[float, list[str]]] = []
    for model, gain, least, most in sorted(ranges, key=lambda one: -one[1]):
        axes.plot([least, most], [gain, gain], color=INK, lw=0.9, solid_capstyle="butt", zorder=2)
        if together and together[-1][0] / gain < NEAR:
            together[-1] = (gain, [*together[-1][1], model])
        else:
            together.append((gain, [model]))
    for gain, models in together:
        axes.annotate(
            f"MineWorld {', '.join(models)}",
            (max(most for *_, most in ranges), gain),
            xytext=(4, 0),
            textcoords="offset points",
            ha="left",
            va="center",
            fontsize=5.8,
            color=INK,
        )
