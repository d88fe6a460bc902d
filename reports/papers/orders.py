"""Figures that follow from the schedules alone: the order of decoding, and passes against the row delay. Exact."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from reports.papers.published import Published
from reports.papers.writing import Drawn

Describe = Callable[..., Mapping[str, Any]]
"""``describe(name, frames, rows, columns, k)``: counts and steps of a real schedule."""
Count = Callable[[str, int, int, int, int], int]
"""``count(name, frames, rows, columns, k)``: its number of passes."""

PANELS = (
    ("sequential", 1), ("diagonal", 1), ("diagonal", 2), ("diagonal-st", 2), ("nar", 1), ("next-row-block", 1),
)  # fmt: skip
FRAMES, ROWS, COLUMNS = 2, 4, 6
GRIDS = (
    ("MineWorld, 15 × 14 × 24", 15, 14, 24),
    ("Cosmos-like, 3 × 40 × 64", 3, 40, 64),
    ("WHAM-like, 9 × 18 × 30", 9, 18, 30),
    ("crafter-15x24, 5 × 15 × 24", 5, 15, 24),
    ("crafter-9x9, 6 × 9 × 9", 6, 9, 9),
)
DELAYS = (1, 2, 3, 4, 6, 8, 12, 16, 24)


def order_figure(describe: Describe) -> Drawn:
    """The pass that predicts every token, for each order, on two small frames."""
    from matplotlib.figure import Figure

    described = [describe(name, FRAMES, ROWS, COLUMNS, k) for name, k in PANELS]
    figure = Figure(figsize=(7.0, 2.5), layout="constrained")
    axes = figure.subplots(2, 3)
    rows: list[list[object]] = []
    for panel, ((name, k), facts) in enumerate(zip(PANELS, described, strict=True)):
        passes = np.full((FRAMES, ROWS, COLUMNS), -1)
        for number, step in enumerate(facts["steps"]):
            for frame, row, column in step:
                passes[frame, row, column] = number
                rows.append([name, k, frame, row, column, number])
        wide = np.full((ROWS, FRAMES * COLUMNS + FRAMES - 1), np.nan)
        for frame in range(FRAMES):
            wide[:, frame * (COLUMNS + 1) : frame * (COLUMNS + 1) + COLUMNS] = passes[frame]
        ax = axes.flat[panel]
        ax.imshow(wide, cmap="viridis_r", vmin=0, vmax=facts["passes"] - 1, aspect="equal")
        for (row, column), value in np.ndenumerate(wide):
            if not np.isnan(value):
                dark = value > 0.55 * facts["passes"]
                ax.text(
                    column,
                    row,
                    f"{value:.0f}",
                    ha="center",
                    va="center",
                    fontsize=5,
                    color="white" if dark else "black",
                )
        ax.set_title(f"{name}{'' if name in ('sequential', 'nar', 'next-row-block') else f', k = {k}'}")
        ax.set_xlabel(f"{facts['passes']} passes, at most {facts['max_width']} tokens each", fontsize=7)
        ax.set_xticks([])
        ax.set_yticks([])
        for spine in ax.spines.values():
            spine.set_visible(False)
    caption = (
        f"The pass that predicts each token of {FRAMES} frames of {ROWS} × {COLUMNS} tokens, from the schedules that "
        "the engine runs (diptych schedule NAME); pass 0 is the prefill. Exact: nothing is measured."
    )
    return Drawn("decoding_order", figure, ("schedule", "k", "frame", "row", "column", "pass"), rows, caption)


def passes_figure(count: Count, published: Published) -> Drawn:
    """Forward passes against k, spatial and spatial + temporal, on published and measured grids."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 3.0), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    rows: list[list[object]] = []
    for ax, name in ((left, "diagonal"), (right, "diagonal-st")):
        for label, frames, height, width in GRIDS:
            delays = [k for k in DELAYS if k <= width]
            found = [count(name, frames, height, width, k) for k in delays]
            saved = [frames * height * width / passes for passes in found]
            ax.plot(delays, saved, marker="o", markersize=3, label=label)
            rows += [
                [label, name, k, passes, frames * height * width, "schedule", ""]
                for k, passes in zip(delays, found, strict=True)
            ]
        ax.set_title("spatial" if name == "diagonal" else "spatial + temporal")
        ax.set_xscale("log", base=2)
        ax.set_yscale("log", base=2)
        ticks(ax.xaxis, (1, 2, 4, 8, 16))
        ax.set_xlabel("row delay k (tokens)")
        ax.grid(True)
    ticks(left.yaxis, (1, 2, 4, 8, 16, 32, 64))
    left.set_ylabel("tokens / forward passes (×)")
    left.legend(fontsize=6.5, title="generated frames × rows × columns", title_fontsize=6.5)
    total = 15 * 14 * 24
    rows += [
        [
            "MineWorld, 15 × 14 × 24",
            row.schedule,
            row.k,
            row.passes,
            total,
            row.source,
            published.sources[row.source].quality,
        ]
        for row in published.passes
    ]
    caption = (
        "How many times fewer forward passes than tokens, against the row delay k. Exact, from the schedules; "
        f"the released decoder's counts agree ({len(published.passes)} rows of the data, quality sim)."
    )
    columns = ("grid", "schedule", "k", "passes", "tokens", "source", "quality")
    return Drawn("passes_against_k", figure, columns, rows, caption)


def ticks(axis: Any, at: Sequence[float]) -> None:
    """Label an axis at these numbers, plainly, and nowhere else."""
    axis.set_ticks(list(at), [f"{value:g}" for value in at])
    axis.set_ticks([], minor=True)
