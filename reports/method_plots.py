"""Figure: what each method changes in every score, in thresholds, training seeds as points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from harness.stats.methods import MethodFinding
from harness.types import Metric
from reports.figures import ArmStyle
from reports.method_tables import judged_metrics, taus
from reports.methods import dimensions
from reports.plots import Plot
from reports.reading import Reading
from reports.svg import BAND, PAPER, RULE, drawing_style, to_svg
from reports.wording import metric_title, plain, spans

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINEAR = 3.0
"""Thresholds up to which the axis is linear; logarithmic beyond."""
TICKS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
ROW_INCHES, WIDTH_INCHES = 0.17, 8.6


def method_plot(reading: Reading, group: str, metrics: Mapping[str, Metric], name: str) -> Plot | None:
    """Draw the change of every score by method, right is better, motion first; None without methods or thresholds.

    Args:
        reading: The run.
        group: Stratum.
        metrics: Registered metrics by name.
        name: Unique name on the page.
    """
    suite = reading.manifest.suite
    units = taus(suite)
    found = {(m.metric, m.method): m for m in reading.analysis.methods if m.group == group}
    methods = list(dict.fromkeys(method for _, method in found))
    motions = [n for n in dimensions(suite, metrics) if n.partition("[")[0] in ("dynamic_degree", "motion_magnitude")]
    names = dict.fromkeys([*motions, *judged_metrics(suite), *dimensions(suite, metrics)])
    shown = [
        n
        for n in names
        if units.get(n) and n in metrics and metrics[n].scale != "ratio"
        and any(_known(found.get((n, method))) for method in methods)
    ]  # fmt: skip
    if not shown:
        return None
    looks = reading.looks
    rows = {(n, method): in_thresholds(found[n, method], metrics[n], units[n]) for n in shown for method in methods
            if _known(found.get((n, method)))}  # fmt: skip
    svg = _draw(shown, methods, rows, looks, name)
    told = "; ".join(f"{metric_title(n)} {plain(units[n])}" for n in shown)
    caption = (
        "Right is better. Each row is a score; its unit is the threshold that the suite declared for it (shaded: one "
        "threshold either way, too small to matter). Dots: training seeds; marks: their mean. Linear up to "
        f"{plain(LINEAR)}, logarithmic beyond. Thresholds: {told}."
    )
    records = f"trials {spans(r.index for r in reading.finished(group))} of run {reading.manifest.run_id}"
    return Plot("Scores before and after, in thresholds", svg, caption, records, ", ".join(shown), wide=True)


def in_thresholds(m: MethodFinding, metric: Metric, tau: float) -> tuple[float, list[float]]:
    """The mean and the seeds' changes in units of the threshold, positive where better."""
    sign = 1.0 if metric.direction == "higher" else -1.0
    seeds = [sign * seed.estimate.value / tau for seed in m.seeds if seed.estimate.value is not None]
    assert m.estimate.value is not None
    return sign * m.estimate.value / tau, seeds


def _known(m: MethodFinding | None) -> bool:
    return m is not None and m.estimate.value is not None


def _draw(
    shown: list[str],
    methods: list[str],
    rows: Mapping[tuple[str, str], tuple[float, list[float]]],
    looks: Mapping[str, ArmStyle],
    name: str,
) -> str:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    height = ROW_INCHES * len(methods)
    with drawing_style():
        figure = Figure(figsize=(WIDTH_INCHES, 0.9 + (height + 0.12) * len(shown)), layout="constrained")
        axes = figure.add_subplot()
        axes.set_xscale("symlog", linthresh=LINEAR)
        axes.axvspan(-1, 1, color=BAND, lw=0)
        axes.axvline(0, color=RULE, lw=1)
        for y, metric in enumerate(shown):
            if y:
                axes.axhline(y - 0.5, color=RULE, lw=0.6)
            for i, method in enumerate(methods):
                if (metric, method) in rows:
                    _mark(axes, looks[method], y + (i + 1) / (len(methods) + 1) - 0.5, *rows[metric, method])
        ends = [value for mean, seeds in rows.values() for value in (mean, *seeds)]
        low, high = min(-1.5, 1.35 * min(ends)), max(1.5, 1.35 * max(ends))
        axes.set_xlim(low, high)
        ticks = [0.0, *(sign * tick for tick in TICKS for sign in (1, -1) if low <= sign * tick <= high)]
        axes.xaxis.set_major_locator(FixedLocator(sorted(ticks)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))
        axes.set_ylim(len(shown) - 0.5, -0.5)
        axes.set_yticks(range(len(shown)), [_label(metric) for metric in shown], fontsize=8)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("Change against the baseline, in thresholds (better →)")
        keys = [Line2D([], [], marker="o", ls="", ms=6, color=looks[method].colour, label=method) for method in methods]
        figure.legend(handles=keys, loc="outside upper left", ncols=len(keys), frameon=False, fontsize=8.5)
        return to_svg(figure, name, f"Change of {len(shown)} scores by {len(methods)} methods, in thresholds.")


def _label(metric: str) -> str:
    """The metric in words; its backend on a second line where it has one."""
    base, _, backend = metric_title(metric).partition(" [")
    return f"{base}\n{backend.rstrip(']')}" if backend else base


def _mark(axes: Axes, style: ArmStyle, y: float, mean: float, seeds: list[float]) -> None:
    axes.plot([0, mean], [y, y], color=style.colour, lw=1.4, alpha=0.5, zorder=2)
    axes.plot(seeds, [y] * len(seeds), ls="", marker="o", ms=3, color=style.colour, alpha=0.6, mew=0, zorder=3)
    axes.plot([mean], [y], ls="", marker="o", ms=6.5, mfc=style.colour, mec=PAPER, mew=1.2, zorder=4)
