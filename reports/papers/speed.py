"""Figure: frames per second against the row delay k, and against the size of the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reports.papers.keys import Group, group_colour, group_mark, groups_of, legend
from reports.papers.measured import MeasuredRow
from reports.papers.published import Published
from reports.papers.writing import (
    GREY,
    INK,
    PUBLISHED_ONLY,
    Cell,
    PaperFigure,
    end_labels,
    log_ticks,
    new_figure,
    paper_style,
    render,
)
from reports.wording import number, significant

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TABLE, PROFILE = "mineworld-table-2", "fps"
AT, PARALLEL = "AT", "parallel, without finetuning"
"""Modes of the published table; its parallel rows have one speed, finetuned or not."""
PUBLISHED_SIZES = {"300M": 3.0e8, "700M": 7.0e8, "1.2B": 1.2e9}
"""Parameters as the published names say."""
NEAR = 2.0
"""Models whose sizes differ by less have their labels to either side."""


def speed_figure(rows: Sequence[MeasuredRow], published: Published) -> PaperFigure:
    """Draw speed against k and against model size.

    Args:
        rows: Measured rows of all runs; those with finetuned weights and negative controls are left out.
        published: Published numbers, drawn hollow.
    """
    shown = [row for row in rows if row.weights is None and row.role != "control" and row.fps is not None]
    groups = groups_of(shown)
    title = "Speed against row delay and model size" + ("" if shown else f" ({PUBLISHED_ONLY})")
    with paper_style():
        figure = new_figure(2.75, title)
        left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
        _against_k(left, shown, groups, published)
        _against_size(right, shown, groups, published)
        legend(figure, groups, marks=True, published="MineWorld, published")
        drawing = render(figure, title)
    table = published.table(TABLE)
    claim = next(claim for claim in published.profile if claim.id == PROFILE)
    caption = (
        "Left: frames per second against the row delay; k = w is sequential decoding. Solid: diagonals inside a frame; "
        "marks without a line: diagonals across frames too (diagonal-st). Right: sequential (lower) and diagonal "
        "decoding at the smallest k (upper), with the speed-up. Filled: measured, geometric means over clips; the "
        "paired intervals of the speed-ups are in the data. Hollow: published, and not to be compared in height: "
        f"other devices, grids and engines. {table.note} Published: {published.cite(table, claim)}."
    )
    columns = (
        "kind", "quality", "run", "group", "model", "parameters", "arm", "schedule", "k", "frames_per_second",
        "speed_up", "speed_up_low", "speed_up_high",
    )  # fmt: skip
    return PaperFigure("speed_against_k", title, caption, columns, (*_data(shown), *_published(published)), drawing)


def _data(rows: Sequence[MeasuredRow]) -> list[tuple[Cell, ...]]:
    made: list[tuple[Cell, ...]] = []
    for row in rows:
        gain = (row.speed_up.value, row.speed_up.low, row.speed_up.high) if row.speed_up else (None, None, None)
        made.append(
            (
                "measured",
                "",
                row.run_id,
                row.group,
                row.model,
                row.parameters,
                row.arm,
                row.schedule,
                row.k,
                row.fps,
                *gain,
            )
        )
    return made


def _published(published: Published) -> list[tuple[Cell, ...]]:
    table = published.table(TABLE)
    made: list[tuple[Cell, ...]] = [
        (
            "published", table.quality, table.title, "", f"MineWorld {row.model}", PUBLISHED_SIZES[row.model],
            row.mode, "sequential" if row.mode == AT else "diagonal", None, row.values["fps"], row.derived["speed_up"],
            None, None,
        )
        for row in table.rows
    ]  # fmt: skip
    claim = next(claim for claim in published.profile if claim.id == PROFILE)
    made.append(
        (
            "published", claim.quality, published.sources[claim.source], "", "MineWorld 300M", PUBLISHED_SIZES["300M"],
            "parallel", "diagonal", 2, claim.value, None, None, None,
        )
    )  # fmt: skip
    return made


def _against_k(axes: Axes, rows: Sequence[MeasuredRow], groups: Sequence[Group], published: Published) -> None:
    table = published.table(TABLE)
    claim = next(claim for claim in published.profile if claim.id == PROFILE)
    delays = sorted({row.k for row in rows if row.k is not None} | {1, 2, 4})
    place: dict[int | None, float] = {k: float(i) for i, k in enumerate(delays)}
    place[None] = float(len(delays))  # sequential
    aside = len(delays) + 1.1
    log_ticks(axes, "y", [*(r.fps or 1.0 for r in rows), *(r.values["fps"] for r in table.rows)], room=1.35)
    axes.set_xlim(-0.45, aside + 0.75)
    axes.set_xticks([*place.values(), aside], [*(f"{k}" for k in delays), "w\n(seq.)", "not\nstated"])
    axes.grid(axis="y")
    for number_, key in enumerate(groups):
        colour, mark = group_colour(number_), group_mark(number_)
        here = [row for row in rows if (row.run_id, row.group) == key]
        line = sorted(
            (place[row.k if row.role != "baseline" else None], row.fps or 0.0)
            for row in here
            if row.role == "baseline" or (row.schedule == "diagonal" and row.k is not None)
        )
        across = [(place[row.k], row.fps or 0.0) for row in here if row.schedule == "diagonal-st" and row.k is not None]
        axes.plot(*zip(*line, strict=True), color=colour, marker=mark, ms=4)
        if across:
            axes.plot(*zip(*across, strict=True), color=colour, marker=mark, ms=4, ls="", alpha=0.45, mew=0)
    for row in table.rows:
        if row.mode in (AT, PARALLEL):
            x = place[None] + 0.12 if row.mode == AT else aside
            axes.plot([x], [row.values["fps"]], ls="", marker="D", ms=3.6, mfc="none", mec=INK, mew=0.8)
    axes.plot([place[2]], [claim.value], ls="", marker="D", ms=3.6, mfc="none", mec=INK, mew=0.8)
    axes.annotate(
        f"300M, RTX 3090 {claim.mark}", (place[2], claim.value), xytext=(0, 4), textcoords="offset points",
        fontsize=5.8, color=GREY, ha="center",
    )  # fmt: skip
    axes.set_xlabel("row delay k (tokens)")
    axes.set_ylabel("frames per second")
    for mode, x in ((AT, place[None] + 0.12), (PARALLEL, aside)):
        ends = [(x, row.values["fps"], row.model, GREY) for row in table.rows if row.mode == mode]
        end_labels(axes, ends, size=5.8)


def _against_size(axes: Axes, rows: Sequence[MeasuredRow], groups: Sequence[Group], published: Published) -> None:
    table = published.table(TABLE)
    pairs: list[tuple[float, float, float, str, str, bool]] = []
    for number_, key in enumerate(groups):
        here = [row for row in rows if (row.run_id, row.group) == key and row.parameters is not None]
        base = next((row for row in here if row.role == "baseline"), None)
        spatial = sorted((row for row in here if row.schedule == "diagonal" and row.k), key=lambda row: row.k or 0)
        if base and spatial and base.fps and spatial[0].fps and base.parameters:
            look = group_colour(number_), group_mark(number_)
            pairs.append((float(base.parameters), base.fps, spatial[0].fps, *look, True))
    for model in table.models:
        at, parallel = table.row(model, AT), table.row(model, PARALLEL)
        if at and parallel:
            pairs.append((PUBLISHED_SIZES[model], at.values["fps"], parallel.values["fps"], INK, "D", False))
    log_ticks(axes, "x", [size for size, *_ in pairs], room=2.2)
    log_ticks(axes, "y", [fps for _, low, high, *_ in pairs for fps in (low, high)], room=1.5)
    axes.grid(axis="y")
    tens, threes = (
        [c * 10.0**n for n in range(5, 12) for c in steps if axes.get_xlim()[0] <= c * 10.0**n <= axes.get_xlim()[1]]
        for steps in ((1,), (1, 3))
    )
    ticks = tens if len(tens) > 1 else threes
    axes.set_xticks(ticks, [f"{number(t / 1e6, 0)}M" if t < 1e9 else f"{number(t / 1e9, 0)}B" for t in ticks])
    for size, low, high, colour, mark, measured in pairs:
        axes.plot([size, size], [low, high], color=colour, lw=0.7, zorder=1)
        axes.plot(
            [size, size], [low, high], ls="", marker=mark, ms=4 if measured else 3.6, mec=colour, mew=0.8,
            mfc=colour if measured else "white",
        )  # fmt: skip
    pairs.sort(key=lambda pair: (pair[0], -pair[2]))
    for i, (size, low, high, colour, _, measured) in enumerate(pairs):
        before = i > 0 and size / pairs[i - 1][0] < NEAR
        after = i + 1 < len(pairs) and pairs[i + 1][0] / size < NEAR
        axes.annotate(
            f"×{significant(high / low, 3)}",
            (size, high),
            xytext=(5 * (after > before) - 2 * (before > after), 4),
            textcoords="offset points",
            ha="right" if after > before else "left" if before > after else "center",
            fontsize=5.8,
            color=colour if measured else GREY,
        )
    axes.set_xlabel("parameters")
    axes.set_ylabel("frames per second")
