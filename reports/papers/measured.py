"""Figures of what was measured: speed against k, measured against predicted speed-up, quality against passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.types import Finding
from reports.papers.orders import ticks
from reports.papers.published import Published
from reports.papers.writing import COLOURS, Drawn
from reports.reading import Reading, speed_up

NONE_MEASURED = "published only"
TICKS = (1, 3, 10, 30, 100, 300, 1000, 3000)


@dataclass(frozen=True)
class Point:
    """An arm of a run in a group: its schedule, delay, and findings."""

    run: str
    group: str
    arm: str
    schedule: str
    k: int
    speed: Finding
    quality: Finding | None
    passes: int | None
    predicted: float | None


def points(readings: Sequence[Reading]) -> list[Point]:
    """Every arm but the baselines of runs of decoding suites, in order."""
    found = []
    for reading in readings:
        suite = reading.manifest.suite
        for group in reading.groups:
            expected = {e.arm: e for e in reading.expected(group)}
            for arm in suite.arms:
                speed = reading.finding(suite.primary_speed, group, arm.name)
                schedule = arm.params.get("schedule")
                if arm.name == suite.baseline or speed is None or schedule is None or speed.estimate.value is None:
                    continue
                gain = expected.get(arm.name)
                found.append(
                    Point(
                        reading.manifest.run_id, group, arm.name, str(schedule), int(arm.params.get("k") or 1), speed,
                        reading.finding(suite.primary_quality, group, arm.name),
                        gain.passes if gain else None, gain.by_bound if gain else None,
                    )
                )  # fmt: skip
    return found


def records(found: Sequence[Point]) -> str:
    """The runs that points come from, for a caption."""
    runs = list(dict.fromkeys(point.run for point in found))
    return f"Records: {', '.join(runs)}." if runs else "No record."


def speed_figure(found: Sequence[Point], published: Published) -> Drawn:
    """Speed-up against the row delay, spatial order; published speed-ups beside it, whose k is not stated."""
    from matplotlib.figure import Figure

    spatial = [point for point in found if point.schedule == "diagonal" and plain(point)]
    figure = Figure(figsize=(4.6, 3.2), layout="constrained")
    ax = figure.subplots()
    rows: list[list[object]] = []
    for index, (run, group) in enumerate(dict.fromkeys((p.run, p.group) for p in spatial)):
        mine = sorted((p for p in spatial if (p.run, p.group) == (run, group)), key=lambda p: p.k)
        reaches = [(p.k, reach) for p in mine if (reach := speed_up(p.speed)) is not None]
        values = [reach.value for _, reach in reaches]
        low = [0 if reach.low is None else reach.value - reach.low for _, reach in reaches]
        high = [0 if reach.high is None else reach.high - reach.value for _, reach in reaches]
        ax.errorbar(
            [k * 1.03 ** (index - 1) for k, _ in reaches], values, yerr=[low, high], marker="o", markersize=3.5,
            linewidth=1.2, capsize=2, color=COLOURS[index % len(COLOURS)], label=group,
        )  # fmt: skip
        rows += [[group, "diagonal", k, r.value, r.low, r.high, run, "measured"] for k, r in reaches]
    lines: dict[float, list[str]] = {}
    for row in published.decoding:
        if row.mode == "plain":
            ax.axhline(row.speed_up or 0, color="#999999", linewidth=0.8, linestyle=(0, (4, 3)))
            value = row.speed_up or 0
            lines.setdefault(next((at for at in lines if abs(at - value) < 0.1), value), []).append(row.model)
            quality = published.sources[row.source].quality
            rows.append([f"MineWorld {row.model}", "parallel", "", row.speed_up, "", "", row.source, quality])
    for at, models in lines.items():  # lines too near each other share a label
        ax.annotate(
            f"MineWorld {', '.join(models)}", (1, at), xycoords=("axes fraction", "data"), xytext=(0, 1),
            textcoords="offset points", fontsize=6, color="#666666", ha="right", va="bottom",
        )  # fmt: skip
    ax.set_xscale("log", base=2)
    ticks(ax.xaxis, (1, 2, 4))
    ax.set_xlabel("row delay k (tokens)")
    ax.set_ylabel("frames/s against sequential (×)")
    ax.set_ylim(bottom=0)
    ax.grid(True, axis="y")
    ax.set_title("Speed against k" + ("" if spatial else f" ({NONE_MEASURED})"))
    if spatial:
        ax.legend(fontsize=6.5)
    caption = (
        "Speed-up of spatial diagonal decoding against the row delay; bars are simultaneous 95 % intervals over clips. "
        "Dashed: MineWorld's Table 2 (arXiv 2504.08388; quality S), whose k is not stated where it could be read. "
        "DiagD's own numbers are not available. " + records(spatial)
    )
    columns = ("what", "order", "k", "speed_up", "low", "high", "record", "quality")
    return Drawn("speed_against_k", figure, columns, rows, caption)


def predicted_figure(found: Sequence[Point]) -> Drawn:
    """Measured against bound-predicted speed-up."""
    from matplotlib.figure import Figure

    known = [point for point in found if point.predicted is not None and plain(point)]
    figure = Figure(figsize=(3.6, 3.3), layout="constrained")
    ax = figure.subplots()
    rows: list[list[object]] = []
    largest = 2.0
    for index, group in enumerate(dict.fromkeys(point.group for point in known)):
        mine = [(p, reach) for p in known if p.group == group and (reach := speed_up(p.speed)) is not None]
        ax.plot(
            [p.predicted or 0 for p, _ in mine], [r.value for _, r in mine], "o", markersize=4, label=group,
            color=COLOURS[index % len(COLOURS)],
        )  # fmt: skip
        largest = max([largest, *(p.predicted or 0 for p, _ in mine), *(r.value for _, r in mine)])
        rows += [[p.group, p.arm, p.predicted, r.value, r.low, r.high, p.run] for p, r in mine]
    ax.plot([1, largest], [1, largest], color="#999999", linewidth=0.8)
    ax.set_xlabel("speed-up predicted by bandwidth and arithmetic (×)")
    ax.set_ylabel("measured (×)")
    ax.grid(True)
    ax.set_title("Measured against predicted" + ("" if known else f" ({NONE_MEASURED})"))
    if known:
        ax.legend(fontsize=6.5)
    caption = (
        "Measured speed-up against the one that the device's measured bandwidth and arithmetic alone predict (the "
        "line: equal). Above the line: sequential decoding wastes more than the order does. " + records(known)
    )
    columns = ("group", "arm", "predicted", "measured", "low", "high", "record")
    return Drawn("measured_against_predicted", figure, columns, rows, caption)


def quality_figure(found: Sequence[Point]) -> Drawn:
    """Quality, as a difference to sequential, against the number of passes."""
    from matplotlib.figure import Figure

    judged = [
        p for p in found if p.quality is not None and p.quality.estimate.value is not None and p.passes and plain(p)
    ]
    panels, arms = list(dict.fromkeys((p.run, p.group) for p in judged)), list(dict.fromkeys(p.arm for p in judged))
    figure = Figure(figsize=(max(3.2, 2.5 * len(panels)), 2.8), layout="constrained")
    axes = figure.subplots(1, max(1, len(panels)), squeeze=False)[0]
    rows: list[list[object]] = []
    for ax, (run, group) in zip(axes, panels, strict=False):
        mine = [p for p in judged if (p.run, p.group) == (run, group)]
        for point in mine:
            assert point.quality is not None
            e = point.quality.estimate
            assert e.value is not None
            low = 0 if e.low is None else e.value - e.low
            high = 0 if e.high is None else e.high - e.value
            ax.errorbar(
                [point.passes], [e.value], yerr=[[low], [high]], marker="o", markersize=3.5, capsize=2,
                linestyle="none",
                color=COLOURS[arms.index(point.arm) % len(COLOURS)], label=point.arm,
            )  # fmt: skip
            rows.append([group, point.arm, point.passes, point.quality.metric, e.value, e.low, e.high, run])
        ax.axhline(0, color="#999999", linewidth=0.8)
        ax.set_xscale("log")
        reached = [point.passes or 1 for point in mine]
        ax.set_xlim(min(reached) / 1.6, max(reached) * 1.6)
        ticks(
            ax.xaxis,
            [at for at in TICKS if min(reached) / 1.6 <= at <= max(reached) * 1.6],
        )
        ax.set_title(group)
        ax.set_xlabel("forward passes")
    if judged:
        handles: dict[str, Any] = {}
        for ax in axes:
            handles |= dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
        figure.legend(
            list(handles.values()), list(handles), loc="outside lower center", ncols=len(handles), fontsize=6.5
        )
    metrics = sorted({point.quality.metric for point in judged if point.quality is not None})
    axes[0].set_ylabel(f"{', '.join(metrics) or 'quality'} against sequential")
    if not judged:
        axes[0].set_title(f"Quality against passes ({NONE_MEASURED})")
    caption = (
        "Quality against the true continuation, as the difference to sequential decoding (the line), against forward "
        "passes; simultaneous 95 % intervals over clips. DiagD's own FVD and VBench numbers are not available. "
        + records(judged)
    )
    columns = ("group", "arm", "passes", "metric", "difference", "low", "high", "record")
    return Drawn("quality_against_passes", figure, columns, rows, caption)


def plain(point: Point) -> bool:
    """Tell whether an arm is an order as it is: no finetuned weights, no ablation."""
    return point.arm in ("frame-at-once", f"{point.schedule}-k{point.k}")
