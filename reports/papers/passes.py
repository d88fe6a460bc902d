"""Figure: forward passes against the row delay k, exact, on published grids and on Diptych's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.papers.formulas import evaluate
from reports.papers.orders import Describe
from reports.papers.published import Published
from reports.papers.writing import (
    COLOURS,
    INK,
    Cell,
    PaperFigure,
    log_ticks,
    new_figure,
    paper_style,
    render,
)
from reports.wording import MINUS, significant

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DELAYS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
SCHEDULES = {"sequential": INK, "diagonal": COLOURS[0], "diagonal-st": COLOURS[1]}
NAMES = {"sequential": "sequential", "diagonal": "diagonal", "diagonal-st": "diagonal-st (across frames)"}


@dataclass(frozen=True)
class GridFacts:
    """Generated frames and tokens of one; ``mark`` says how sure the published ones are."""

    title: str
    frames: int
    rows: int
    columns: int
    mark: str = ""

    @property
    def tokens(self) -> int:
        """Generated tokens."""
        return self.frames * self.rows * self.columns


OWN = (
    GridFacts("Crafter", 5, 15, 24),
    GridFacts("Crafter", 6, 9, 9),
    GridFacts("ViZDoom", 6, 6, 8),
)
"""Grids and default lengths of the zoo's models."""


def count_passes(describe: Describe, grid: GridFacts) -> dict[tuple[str, int], int]:
    """Passes by schedule and k, each from the compiled schedule."""
    delays = [k for k in DELAYS if k < grid.columns] + [grid.columns]
    return {
        (schedule, k): describe(schedule, grid.frames, grid.rows, grid.columns, k=k)["passes"]
        for schedule in SCHEDULES
        for k in delays
    }


def passes_figure(describe: Describe, published: Published) -> PaperFigure:
    """Draw passes against k, and check the published formulas on every point.

    Raises:
        ValueError: A compiled schedule and the published formula disagree.
    """
    shown = [GridFacts(g.title, g.frames, g.rows, g.columns, g.mark) for g in published.grids]
    grids = [*shown, *OWN]
    counts = [count_passes(describe, grid) for grid in grids]
    checked = sum(_check(published, grid, found) for grid, found in zip(grids, counts, strict=True))
    title = "Forward passes against the row delay k (exact, computed from the schedules)"
    with paper_style():
        per_line = 3
        lines = -(-(len(grids) + 1) // per_line)  # one panel for the key
        figure = new_figure(0.4 + 1.55 * lines, title)
        panels = figure.subplots(lines, per_line, squeeze=False)
        for place, axes in enumerate(panels.flat):
            if place < len(grids):
                _draw(axes, grids[place], counts[place])
            else:
                axes.set_axis_off()
            if place == len(grids):
                _key(axes, published)
            if place % per_line == 0:
                axes.set_ylabel("forward passes")
            if place + per_line > len(grids):
                axes.set_xlabel("row delay k (tokens)")
        drawing = render(figure, title)
    caption = (
        "Passes of one generation of F frames of h × w tokens (in each title), the prefill included. With k = w a "
        "diagonal order is sequential decoding. Numbers at points: how many times fewer passes than sequential. Every "
        f"point is counted from the schedule that the engine runs; {checked} of them were also computed from the "
        f"published formulas and are equal. Formulas: {published.cite(*published.formulas)}. Published grids: "
        f"{published.cite(*published.grids)}. The other grids are those of Diptych's own models."
    )
    rows: list[tuple[Cell, ...]] = []
    for grid, found in zip(grids, counts, strict=True):
        for (schedule, k), passes in found.items():
            fewer = grid.tokens / passes
            rows.append(
                (grid.title, grid.mark, grid.frames, grid.rows, grid.columns, schedule, k, passes, round(fewer, 4))
            )
    columns = ("grid", "quality", "frames", "rows", "columns", "schedule", "k", "passes", "sequential_over_passes")
    return PaperFigure("passes_against_k", title, caption, columns, tuple(rows), drawing)


def _check(published: Published, grid: GridFacts, found: dict[tuple[str, int], int]) -> int:
    formulas = {formula.schedule: formula.passes for formula in published.formulas}
    checked = 0
    for (schedule, k), passes in found.items():
        if schedule in formulas:
            expected = evaluate(formulas[schedule], {"F": grid.frames, "h": grid.rows, "w": grid.columns, "k": k})
            if expected != passes:
                raise ValueError(f"{schedule} with k = {k} has {passes} passes on {grid}, and {expected} as published")
            checked += 1
    return checked


def _draw(axes: Axes, grid: GridFacts, found: dict[tuple[str, int], int]) -> None:
    log_ticks(axes, "y", list(found.values()), room=1.5)
    log_ticks(axes, "x", [1, grid.columns], room=1.2)
    ticks = [k for k in (1, 2, 4, 8, 16, 32, 64) if k <= grid.columns]
    axes.set_xticks(ticks, [str(k) for k in ticks])
    axes.grid(axis="y")
    for schedule, colour in SCHEDULES.items():
        ks = [k for name, k in found if name == schedule]
        ys = [found[schedule, k] for k in ks]
        axes.plot(ks, ys, color=colour, marker="" if schedule == "sequential" else "o", ms=2.6)
        for k in (1, 2, 4) if schedule != "sequential" else ():
            if k in ks and k < grid.columns:
                above = schedule == "diagonal"
                axes.annotate(
                    f"{significant(grid.tokens / found[schedule, k], 3)}×",
                    (k, found[schedule, k]),
                    xytext=(-2 if k == 1 else 0, 4) if above else (4, -1 if k == 1 else -4),
                    textcoords="offset points",
                    ha="center" if above and k > 1 else "left",
                    va="bottom" if above else ("center" if k == 1 else "top"),
                    fontsize=5.5,
                    color=colour,
                )
    mark = f" {grid.mark}" if grid.mark else ""
    axes.set_title(f"{grid.title}{mark}: {grid.frames} × {grid.rows} × {grid.columns}")


def _key(axes: Axes, published: Published) -> None:
    """Name the lines and write their formulas in the panel that is left over."""
    formulas = {formula.schedule: formula.passes for formula in published.formulas}
    axes.set_title("F × h × w tokens, row delay k")
    for line, (schedule, colour) in enumerate(SCHEDULES.items()):
        y = 0.84 - 0.3 * line
        marker = "" if schedule == "sequential" else "o"
        axes.plot([0.0, 0.12], [y, y], color=colour, marker=marker, ms=2.6, transform=axes.transAxes, clip_on=False)
        text = NAMES[schedule] + (f"\n{_typeset(formulas[schedule])}" if schedule in formulas else "")
        axes.text(0.17, y, text, transform=axes.transAxes, va="center", color=colour, linespacing=1.4)


def _typeset(formula: str) -> str:
    return formula.replace("*", "·").replace("-", MINUS)
