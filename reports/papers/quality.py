"""Figure: what diagonal decoding costs in quality, against the passes that it needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reports.figures import ArmStyle, Reach, TradePoint, trade_limits
from reports.papers.keys import arm_mark, group_colour, groups_of, legend
from reports.papers.measured import MeasuredRow, methods_of
from reports.papers.predicted import published_ranges
from reports.papers.published import Published
from reports.papers.speed import AT, PARALLEL, TABLE
from reports.papers.writing import (
    BAND,
    GREY,
    INK,
    NOT_AVAILABLE,
    PUBLISHED_ONLY,
    Cell,
    PaperFigure,
    end_labels,
    log_ticks,
    new_figure,
    paper_style,
    render,
)
from reports.wording import significant

if TYPE_CHECKING:
    from matplotlib.axes import Axes

METRICS = {"ssim": "Δ SSIM", "psnr": "Δ PSNR (dB)"}
FINETUNED = "parallel, with finetuning"
Published_ = list[tuple[str, str, float, float, float]]


def quality_figure(
    rows: Sequence[MeasuredRow], published: Published, margins: dict[str, tuple[str, float]]
) -> PaperFigure:
    """Draw quality differences against passes, sequential decoding as the anchor.

    Args:
        rows: Measured rows of all runs; finetuned weights and random weights are left out.
        published: Published numbers: PSNR differences whose passes are known only as a range.
        margins: Primary quality metric and non-inferiority margin, by run.
    """
    shown = [row for row in rows if row.weights is None and not row.speed_only and _share(row) is not None]
    shown = [row for row in shown if row.role != "baseline" and row.differences.keys() & METRICS.keys()]
    groups = groups_of(shown)
    outside = published_differences(published)
    title = "Quality against forward passes, sequential decoding as the anchor"
    title += "" if shown else f" ({PUBLISHED_ONLY})"
    with paper_style():
        figure = new_figure(0.35 + 1.65 * (len(METRICS) if shown else 1), title)
        metrics = list(METRICS) if shown else ["psnr"]
        panels = figure.subplots(len(metrics), len(groups) + 1, squeeze=False)
        for i, metric in enumerate(metrics):
            for j, key in enumerate(groups):
                here = [row for row in shown if (row.run_id, row.group) == key and metric in row.differences]
                primary, margin = margins[key[0]]
                _measured(panels[i][j], here, metric, margin if metric == primary else None, group_colour(j))
                if i == 0:
                    panels[i][j].set_title(key[1])
            last = panels[i][len(groups)]
            if metric == "psnr":
                _published_panel(last, outside)
            else:
                last.set_axis_off()
                last.text(0, 0, f"published {METRICS[metric]}:\n{NOT_AVAILABLE}", transform=last.transAxes, color=GREY)
                legend(last, [], shown)
            panels[i][0].set_ylabel(METRICS[metric])
        for axes in panels[-1]:
            axes.set_xlabel("share of passes")
        panels[-1][len(groups)].set_title("MineWorld (published)")
        drawing = render(figure, title)
    methods = methods_of(shown, list(METRICS))
    table = published.table(TABLE)
    caption = (
        "Difference to sequential decoding of the same clips with the same noise (square: sequential itself). Right is "
        "more passes, up is better. Shaded: the suite's non-inferiority margin, where the metric is its primary one. "
        "Negative control: all tokens of a frame at once; an arrow where it lies beyond the axis, its value beside it. "
        + (f"Bars: intervals at {methods}. " if methods else "")
        + "Published: differences of PSNR between rows of a table, without intervals; k is not stated, the bars span "
        "the passes of k = 1 to 4. Published SSIM of sequential decoding and DiagD's own tables: not available. "
        f"{published.cite(table)}."
    )
    data: list[tuple[Cell, ...]] = []
    for row in shown:
        for metric in METRICS:
            reach = row.differences.get(metric)
            if reach is not None:
                ends = (reach.value, reach.low, reach.high)
                data.append(
                    ("measured", "", row.run_id, row.group, row.arm, row.passes, _share(row), None, metric, *ends)
                )
    for model, mode, value, least, most in outside:
        data.append(
            ("published", table.quality, "", f"MineWorld {model}", mode, None, least, most, "psnr", value, None, None)
        )
    columns = (
        "kind", "quality", "run", "group", "arm", "passes", "share_of_passes", "share_of_passes_at_most", "metric",
        "difference", "low", "high",
    )  # fmt: skip
    return PaperFigure("quality_against_passes", title, caption, columns, tuple(data), drawing)


def published_differences(published: Published) -> Published_:
    """Model, mode, PSNR against AT, and the range of the share of passes."""
    table, found = published.table(TABLE), []
    for model, _, least, most in published_ranges(published):
        base = table.row(model, AT)
        for mode in (FINETUNED, PARALLEL):
            row = table.row(model, mode)
            if row and base:
                found.append((model, mode, round(row.values["psnr"] - base.values["psnr"], 6), 1 / most, 1 / least))
    return found


def _share(row: MeasuredRow) -> float | None:
    return 1 / row.by_passes if row.by_passes else None


def _measured(axes: Axes, rows: Sequence[MeasuredRow], metric: str, margin: float | None, colour: str) -> None:
    points = [TradePoint(ArmStyle(r.label, r.role), Reach(_share(r) or 1.0), r.differences[metric]) for r in rows]
    low, high = trade_limits(points, margin or 0.0)
    axes.set_ylim(low, high)
    log_ticks(axes, "x", [1.0, *(p.speed_up.value for p in points)], room=1.5, sparse=True)
    if margin is not None:
        axes.axhspan(-margin, high, color=BAND, lw=0)
    _anchor(axes)
    for row, point in zip(rows, points, strict=True):
        x, y = point.speed_up.value, point.quality
        shade = INK if row.role == "control" else colour
        if low <= y.value <= high:
            axes.errorbar([x], [y.value], yerr=y.bars, fmt="none", ecolor=shade, elinewidth=0.9)
            axes.plot([x], [y.value], ls="", marker=arm_mark(row), ms=4.2, color=shade, zorder=4)
            continue
        room = 0.05 * (high - low)
        edge = low + room if y.value < low else high - room
        axes.plot([x], [edge], ls="", marker="v" if y.value < low else "^", ms=4.2, color=shade, zorder=4)
        axes.annotate(
            significant(y.value, 2), (x, edge), xytext=(4, 0), textcoords="offset points", fontsize=5.8, color=shade,
            va="center",
        )  # fmt: skip


def _anchor(axes: Axes) -> None:
    """Sequential decoding: all passes, no difference."""
    axes.axhline(0, color=GREY, lw=0.6, zorder=1)
    axes.plot([1.0], [0.0], ls="", marker="s", ms=4.5, mfc="white", mec=INK, mew=0.9, zorder=4)


def _published_panel(axes: Axes, rows: Published_) -> None:
    log_ticks(axes, "x", [1.0, *(end for *_, least, most in rows for end in (least, most))], room=1.5, sparse=True)
    axes.set_ylim(min(value for _, _, value, _, _ in rows) - 0.12, 0.12)
    _anchor(axes)
    ends = []
    for model, mode, value, least, most in rows:
        tuned = mode == FINETUNED
        axes.plot([least, most], [value, value], color=INK, lw=0.9, ls="-" if tuned else (0, (2, 1.5)))
        ends.append((most, value, f"{model}{', finetuned' if tuned else ''}", GREY))
    end_labels(axes, ends, size=5.6)
