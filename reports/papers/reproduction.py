"""Figure: what VideoDPO claims on VideoCrafter2, and what it gave in other hands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.papers.published import Published
from reports.papers.writing import GREY, INK, PUBLISHED_ONLY, RULE, Cell, PaperFigure, new_figure, paper_style, render
from reports.wording import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MODEL = "VideoCrafter2"
SCORES = {"total": "Total (%)", "quality": "Quality (%)", "semantic": "Semantic (%)"}


@dataclass(frozen=True)
class Row:
    """One of the three results: whose it is, its mark and source, and its scores."""

    label: str
    mark: str
    source: str
    values: dict[str, float]


def rows_of(published: Published) -> list[Row]:
    """The base and the aligned model by the paper, and the aligned one reproduced."""
    wanted = (
        ("main", "base", f"{MODEL}, as claimed"),
        ("main", "VideoDPO", "+ VideoDPO, as claimed"),
        ("reproduction", "VideoDPO", "+ VideoDPO, reproduced outside"),
    )
    found = []
    for name, mode, label in wanted:
        table = published.table(name)
        row = table.row(MODEL, mode)
        if row is None:
            raise ValueError(f"{name} has no row of {MODEL}, {mode}")
        found.append(Row(label, table.of(row).mark, published.sources[table.of(row).source], row.values))
    return found


def reproduction_figure(published: Published) -> PaperFigure:
    """Draw claim and reproduction beside the base, in total and in both parts."""
    rows = rows_of(published)
    base, claimed, outside = rows
    title = f"VideoDPO on VideoCrafter2: claimed and reproduced ({PUBLISHED_ONLY})"
    with paper_style():
        figure = new_figure(1.5, title)
        panels = figure.subplots(1, len(SCORES), sharey=True)
        for axes, (score, words) in zip(panels, SCORES.items(), strict=True):
            _panel(axes, rows, score)
            axes.set_xlabel(f"VBench {words}")
        panels[0].set_yticks(range(len(rows)), [f"{row.label} {row.mark}" for row in rows])
        panels[0].set_ylim(len(rows) - 0.45, -0.7)
        drawing = render(figure, title)
    gain, got = (row.values["total"] - base.values["total"] for row in (claimed, outside))
    meaning = number(outside.values["semantic"] - base.values["semantic"], 2, signed=True)
    caption = (
        "Beside each point: its score, and its difference to the base as claimed (dashed). "
        f"Claimed: {number(gain, 2, signed=True)} points in total; reproduced: {number(got, 2, signed=True)}, with "
        f"{meaning} in the semantic score. "
        f"Claim and reproduction differ by {number(claimed.values['total'] - outside.values['total'], 2)} points. "
        f"{published.table('reproduction').note} No interval is told for any of them. "
        f"Published: {published.cite(*(published.table(name) for name in ('main', 'reproduction')))}."
    )
    data: list[tuple[Cell, ...]] = [
        (
            row.label, score, row.values[score], round(row.values[score] - base.values[score], 4), row.mark.strip("[]"),
            row.source,
        )
        for row in rows
        for score in SCORES
    ]  # fmt: skip
    columns = ("result", "score", "percent", "difference_to_base_points", "source_quality", "source")
    return PaperFigure("reproduction_gap", title, caption, columns, tuple(data), drawing)


def _panel(axes: Axes, rows: list[Row], score: str) -> None:
    values = [row.values[score] for row in rows]
    base, span = values[0], max(values) - min(values)
    axes.axvline(base, color=GREY, lw=0.7, ls=(0, (3, 2)), zorder=1)
    for y, value in enumerate(values):
        if y:
            axes.plot([base, value], [y, y], color=INK, lw=0.8, zorder=2)
        axes.plot([value], [y], ls="", marker="D", ms=3.8, mfc="white", mec=INK, mew=0.9, zorder=3)
        words = f"{value:.2f}" + (f" ({number(value - base, 2, signed=True)})" if y else "")
        axes.annotate(
            words, (value, y), xytext=(0, 5), textcoords="offset points", ha="center", fontsize=6.0, color=INK,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        )  # fmt: skip
    axes.set_xlim(min(values) - 0.35 * span, max(values) + 0.35 * span)
    axes.locator_params(axis="x", nbins=4)
    axes.grid(axis="x", color=RULE)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
