"""The page's figures. Each takes finished numbers and draws them; none computes a statistic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from reports.labels import Label, place_labels
from reports.strips import STRETCH
from reports.svg import ARM_COLOURS, BAND, CONTROL, INK, MUTED, PAPER, RULE, arm_colour, drawing_style, to_svg
from reports.wording import plain, significant

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE_INCHES = (5.2, 3.7)


@dataclass(frozen=True)
class ArmStyle:
    """How an arm looks on the whole page.

    Attributes:
        name: The arm.
        role: The baseline is a hollow square in ink, the negative control a cross, all others coloured discs.
        index: Colour index of the others.
    """

    name: str
    role: Literal["baseline", "arm", "control"] = "arm"
    index: int = 0

    @property
    def colour(self) -> str:
        """Stand-in colour for drawings."""
        return {"baseline": INK, "control": CONTROL}.get(self.role) or arm_colour(self.index)

    @property
    def css(self) -> str:
        """Name of the CSS variable with its colour."""
        return {"baseline": "ink", "control": "arm-control"}.get(self.role) or f"arm-{self.index % ARM_COLOURS}"


@dataclass(frozen=True)
class Reach:
    """A value with the ends of its interval (None where there is none)."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def bars(self) -> list[list[float]]:
        """Error bars as matplotlib wants them: lengths below and above."""
        low = self.value if self.low is None else self.low
        high = self.value if self.high is None else self.high
        return [[max(0.0, self.value - low)], [max(0.0, high - self.value)]]


@dataclass(frozen=True)
class TradePoint:
    """One arm's place in speed against quality: both against the baseline."""

    style: ArmStyle
    speed_up: Reach
    quality: Reach


@dataclass(frozen=True)
class SpeedPoint:
    """One arm's speed-up beside what passes and bounds promise (None where unknown)."""

    style: ArmStyle
    measured: Reach
    by_passes: float
    by_bound: float | None = None


@dataclass(frozen=True)
class SpreadRow:
    """Every trial's value of one arm, and the arm's mean as the analysis gave it."""

    style: ArmStyle
    values: tuple[float, ...]
    centre: float | None


def trade_figure(
    points: Sequence[TradePoint], baseline: ArmStyle, margin: float, better: str, label: str, name: str
) -> str:
    """Draw speed against quality, baseline as the anchor, the non-inferiority zone shaded.

    Args:
        points: Every arm but the baseline.
        baseline: The anchor at speed-up 1 and quality difference 0.
        margin: Non-inferiority margin (positive, in the quality metric's unit).
        better: ``"higher"`` or ``"lower"`` quality values are better.
        label: Vertical axis label with unit.
        name: Unique name on the page.
    """
    limits = trade_limits(points, margin)
    with drawing_style():
        figure, axes = _canvas()
        axes.axhspan(*((-margin, limits[1]) if better == "higher" else (limits[0], margin)), color=BAND, lw=0)
        axes.axhline(0, color=RULE, lw=1)
        axes.axvline(1, color=RULE, lw=1)
        axes.set_ylim(limits)
        _ratio_axis(axes, "x", [v for p in points for v in _ends(p.speed_up)] + [1.0])
        axes.set_xlabel("Speed-up over baseline (×, log scale)")
        axes.set_ylabel(label)
        if better == "lower":
            axes.invert_yaxis()
        _mark(axes, baseline, Reach(1.0), Reach(0.0))
        labels = [Label(baseline.name, baseline.colour, (1.0, 0.0), (1.0, 1.0), (0.0, 0.0))]
        for p in points:
            labels.append(_trade_mark(axes, p, limits, better))
        place_labels(figure, axes, labels)
        title = f"Speed-up against difference in quality for {len(points)} arms; baseline {baseline.name} at 1 and 0."
        return to_svg(figure, name, title)


def trade_limits(points: Sequence[TradePoint], margin: float) -> tuple[float, float]:
    """Limits of the quality axis: a negative control that would stretch it too far is left beyond it."""
    framing = [p for p in points if p.style.role != "control"] or points
    whole, core = (
        _limits([v for p in shown for v in _ends(p.quality)] + [0.0, margin, -margin]) for shown in (points, framing)
    )
    if whole[1] - whole[0] <= STRETCH * (core[1] - core[0]):
        return whole
    room = 0.15 * (core[1] - core[0])  # for the arrow and its name
    values = [p.quality.value for p in points]
    return core[0] - room * (min(values) < core[0]), core[1] + room * (max(values) > core[1])


def _trade_mark(axes: Axes, point: TradePoint, limits: tuple[float, float], better: str) -> Label:
    """Draw one arm; a negative control beyond the axis becomes an arrow at its edge, with its value in its name."""
    x, y = point.speed_up, point.quality
    style = point.style
    if limits[0] <= y.value <= limits[1]:
        _mark(axes, style, x, y)
        return Label(style.name, style.colour, (x.value, y.value), _ends(x), _ends(y))
    room = 0.03 * (limits[1] - limits[0])
    edge = limits[0] + room if y.value < limits[0] else limits[1] - room
    down = (y.value < limits[0]) == (better == "higher")
    axes.plot(
        [x.value], [edge], marker="v" if down else "^", ms=8, mfc=style.colour, mec=PAPER, mew=1.3, ls="", zorder=5
    )
    return Label(f"{style.name} ({significant(y.value, 3)})", style.colour, (x.value, edge), _ends(x), (edge, edge))


def speed_up_figure(points: Sequence[SpeedPoint], baseline: ArmStyle, name: str) -> str:
    """Draw measured speed-up against the ratio of passes, with the bound's prediction as a hollow mark.

    Args:
        points: Every arm but the baseline.
        baseline: The anchor at (1, 1).
        name: Unique name on the page.
    """
    with drawing_style():
        figure, axes = _canvas()
        across = [p.by_passes for p in points] + [1.0]
        up = [v for p in points for v in _ends(p.measured)] + [p.by_bound for p in points if p.by_bound] + [1.0]
        ends = (min(*across, *up), max(*across, *up))
        axes.plot([ends[0] / 4, ends[1] * 4], [ends[0] / 4, ends[1] * 4], color=MUTED, lw=1, ls=(0, (4, 3)))
        _ratio_axis(axes, "x", across)
        _ratio_axis(axes, "y", [*up, *across] if len(points) < 2 else up)
        _mark(axes, baseline, Reach(1.0), Reach(1.0))
        for p in points:
            if p.by_bound:
                axes.plot([p.by_passes] * 2, [p.measured.value, p.by_bound], color=p.style.colour, lw=0.8, ls=":")
                axes.plot(
                    [p.by_passes], [p.by_bound], marker="D", ms=6, mfc="none", mec=p.style.colour, mew=1.2, zorder=3
                )
            _mark(axes, p.style, Reach(p.by_passes), p.measured)
        axes.set_xlabel("Passes of baseline over passes of arm (×, log scale)")
        axes.set_ylabel("Measured speed-up (×, log scale)")
        labels = [Label(baseline.name, baseline.colour, (1.0, 1.0), (1.0, 1.0), (1.0, 1.0))]
        for p in points:
            at = (p.by_passes, p.measured.value)
            reach = (*_ends(p.measured), *([p.by_bound] if p.by_bound else []))  # the dotted line to the prediction too
            labels.append(Label(p.style.name, p.style.colour, at, (p.by_passes,) * 2, (min(reach), max(reach))))
        place_labels(figure, axes, labels, [(p.by_passes, p.by_bound) for p in points if p.by_bound])
        return to_svg(figure, name, f"Measured speed-up against the ratio of passes for {len(points)} arms.")


def spread_figure(rows: Sequence[SpreadRow], label: str, name: str) -> str:
    """Draw every trial's value as a tick and each arm's mean as its mark, on a logarithmic axis.

    Args:
        rows: One per arm, the first on top; values > 0.
        label: Axis label with unit.
        name: Unique name on the page.
    """
    from matplotlib.figure import Figure

    with drawing_style():
        figure = Figure(figsize=(SIZE_INCHES[0], 0.9 + 0.36 * len(rows)), layout="constrained")
        axes = figure.add_subplot()
        axes.grid(axis="x")
        for y, row in enumerate(rows):
            axes.plot(
                row.values, [y] * len(row.values), ls="", marker="|", ms=11, mew=1.1, color=row.style.colour, alpha=0.35
            )
            if row.centre is not None:
                _mark(axes, row.style, Reach(row.centre), Reach(float(y)))
        axes.set_yticks(range(len(rows)), [row.style.name for row in rows])
        for text, row in zip(axes.get_yticklabels(), rows, strict=True):
            text.set_color(row.style.colour)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        values = [v for row in rows for v in (*row.values, *([] if row.centre is None else [row.centre]))]
        _ratio_axis(axes, "x", values, times=False)
        axes.set_xlabel(label)
        return to_svg(figure, name, f"{label}: every trial of {len(rows)} arms.")


def _canvas() -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    axes = figure.add_subplot()
    axes.grid(visible=True)
    return figure, axes


def _ends(reach: Reach) -> tuple[float, float]:
    return (
        reach.value if reach.low is None else reach.low,
        reach.value if reach.high is None else reach.high,
    )


def _limits(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = 0.1 * (high - low or 1.0)
    return low - room, high + room


def _mark(axes: Axes, style: ArmStyle, x: Reach, y: Reach) -> None:
    marker, fill = {"baseline": ("s", PAPER), "control": ("X", style.colour)}.get(style.role, ("o", style.colour))
    edge, width = (PAPER, 1.3) if style.role == "arm" else (style.colour, 1.3 if style.role == "baseline" else 0.0)
    look: dict[str, Any] = {"ecolor": style.colour, "elinewidth": 1.3, "capsize": 2.5, "fmt": "none", "zorder": 4}
    if any(length > 0 for (length,) in x.bars):
        axes.errorbar([x.value], [y.value], xerr=x.bars, **look)
    if any(length > 0 for (length,) in y.bars):
        axes.errorbar([x.value], [y.value], yerr=y.bars, **look)
    axes.plot([x.value], [y.value], marker=marker, ms=8, mfc=fill, mec=edge, mew=width, ls="", zorder=5)


_STEPS = ((1, 1.5, 2, 3, 4, 5, 6, 8), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,))
MOST_TICKS = 7


def ratio_ticks(low: float, high: float) -> list[float]:
    """Round ticks for a logarithmic axis from ``low`` to ``high``: as many as are readable, of one kind."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks: list[float] = []
    for steps in _STEPS:
        ticks = [round(m * 10.0**d, 12) for d in decades for m in steps if low <= m * 10.0**d <= high]
        if len(ticks) <= MOST_TICKS:
            break
    ticks = ticks[:: max(1, -(-len(ticks) // MOST_TICKS))]
    if len(ticks) >= 3:
        return ticks
    # Less than a factor of about two across: evenly spaced round numbers read better.
    size = 10.0 ** math.floor(math.log10(high - low))
    step = next(s * size for s in (1.0, 0.5, 0.2, 0.1) if (high - low) / (s * size) >= 3)
    return [round(k * step, 12) for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _ratio_axis(axes: Axes, which: Literal["x", "y"], values: Sequence[float], *, times: bool = True) -> None:
    """Make a logarithmic axis around positive ``values``, its ticks written as plain numbers."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    positive = [v for v in values if v > 0]
    low, high = min(positive, default=1.0), max(positive, default=1.0)
    room = max((high / low) ** 0.09, 1.08)
    low, high = low / room, high * room
    axis = axes.xaxis if which == "x" else axes.yaxis
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    (axes.set_xlim if which == "x" else axes.set_ylim)(low, high)
    axis.set_major_locator(FixedLocator(ratio_ticks(low, high)))
    axis.set_minor_locator(NullLocator())
    lead = "×" if times else ""
    axis.set_major_formatter(FuncFormatter(lambda v, _: f"{lead}{plain(v)}"))
