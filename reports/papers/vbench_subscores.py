"""Figure: VideoCrafter2 by VBench's dimensions, and what VideoDPO is told to change in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.papers.published import Published
from reports.papers.writing import (
    COLOURS,
    INK,
    PUBLISHED_ONLY,
    RULE,
    Cell,
    PaperFigure,
    new_figure,
    paper_style,
    render,
)
from reports.wording import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WORSE, BETTER = COLOURS[1], COLOURS[0]
TITLES = {"quality": "Quality", "semantic": "Semantic"}


def vbench_totals(published: Published) -> tuple[float, float, float]:
    """Quality, semantic and total in percent, computed from VideoCrafter2's dimensions with VBench's constants.

    A dimension's normalised score is (value − minimum) / (maximum − minimum); quality and semantic are means with the
    weights, and the total is (4 · quality + semantic) / 5.
    """
    constants, values = published.table("vbench-constants"), published.table("vbench-vc2")
    sums = {"quality": [0.0, 0.0], "semantic": [0.0, 0.0]}
    for row in constants.rows:
        value = values.row(row.model)
        if value is None:
            raise ValueError(f"vbench-vc2 has no row of {row.model}")
        low, high, weight = (row.values[name] for name in ("low", "high", "weight"))
        sums[row.mode][0] += weight * (value.values["value"] / 100 - low) / (high - low)
        sums[row.mode][1] += weight
    quality, semantic = (100 * total / weight for total, weight in sums.values())
    return quality, semantic, (4 * quality + semantic) / 5


def vbench_figure(published: Published) -> PaperFigure:
    """Draw the 16 dimensions, with the changes that are told."""
    constants = published.table("vbench-constants")
    values, changes = published.table("vbench-vc2"), published.table("vbench-change")
    title = f"VideoCrafter2 by VBench's dimensions, and the told changes by VideoDPO ({PUBLISHED_ONLY})"
    data: list[tuple[Cell, ...]] = []
    with paper_style():
        figure = new_figure(1.95, title)
        panels = figure.subplots(1, 2)
        for axes, group in zip(panels, TITLES, strict=True):
            dimensions = [row.model for row in constants.rows if row.mode == group]
            for y, dimension in enumerate(dimensions):
                base, change = values.row(dimension), changes.row(dimension)
                assert base is not None
                value = base.values["value"]
                _point(axes, y, value, change.values["change"] if change else None)
                told = (
                    (change.values["change"], changes.of(change).quality, published.sources[changes.of(change).source])
                    if change
                    else (None, None, None)
                )
                data.append((group, dimension, value, values.quality, published.sources[values.source], *told))
            axes.set_yticks(range(len(dimensions)), dimensions)
            axes.set_ylim(len(dimensions) - 0.4, -0.6)
            axes.set_xlim(0, 104)
            axes.set_xlabel("score of the dimension, not normalised (%)")
            axes.set_title(TITLES[group])
            axes.grid(axis="x", color=RULE)
            axes.tick_params(axis="y", length=0)
        drawing = render(figure, title)
    quality, semantic, total = vbench_totals(published)
    caption = (
        f"Diamonds: VideoCrafter2 on VBench's leaderboard {values.mark}. Arrows: change by VideoDPO from there, as far "
        f"as it is told {changes.mark}; of other dimensions it is not available. {changes.note} By VBench's constants "
        f"{constants.mark}, the diamonds give quality {quality:.2f}, semantic {semantic:.2f} and total {total:.2f} % "
        "[sim], as the main table has them. Published: "
        f"{published.cite(values, changes, *(changes.of(row) for row in changes.rows), constants)}."
    )
    columns = (
        "group", "dimension", "percent", "source_quality", "source", "change_points", "change_source_quality",
        "change_source",
    )  # fmt: skip
    return PaperFigure("vbench_dimensions", title, caption, columns, tuple(data), drawing)


def _point(axes: Axes, y: int, value: float, change: float | None) -> None:
    if change is not None:
        colour = BETTER if change > 0 else WORSE
        axes.annotate(
            "", (value + change, y), (value, y),
            arrowprops={"arrowstyle": "-|>,head_width=0.16,head_length=0.3", "color": colour, "lw": 1.1, "shrinkA": 0,
                        "shrinkB": 0},
        )  # fmt: skip
        axes.annotate(
            number(change, 2, signed=True), (value + change, y), xytext=(4 if change > 0 else -4, 0),
            textcoords="offset points", ha="left" if change > 0 else "right", va="center", fontsize=6.0, color=colour,
        )  # fmt: skip
    axes.plot([value], [y], ls="", marker="D", ms=3.6, mfc="white", mec=INK, mew=0.8, zorder=3)
