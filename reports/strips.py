"""Interval strips: the small drawings beside a table's numbers, so that rows can be compared at a glance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.types import Estimate
from reports.wording import is_ratio

WIDTH, HEIGHT, EDGE = 168.0, 20.0, 9.0
STRETCH = 2.0  # what is set aside may stretch an axis by this factor; beyond it becomes an arrow


@dataclass(frozen=True)
class Strip:
    """One interval on an axis that it shares with the other rows of its table.

    Attributes:
        value: Point estimate.
        low: Lower end of the interval, or None.
        high: Upper end, or None.
        null: Where "no change" lies: 1 for ratios, 0 for differences.
        band: The threshold's band around ``null``, or None.
        axis: Both ends of the shared axis.
        log: True for a logarithmic axis (ratios).
    """

    value: float
    low: float | None
    high: float | None
    null: float
    band: tuple[float, float] | None
    axis: tuple[float, float]
    log: bool

    def place(self, value: float) -> float:
        """Horizontal place of ``value``, in drawing units, clipped to the drawing."""
        a, b, v = (math.log(max(x, 1e-12)) for x in (*self.axis, value)) if self.log else (*self.axis, value)
        return EDGE + (WIDTH - 2 * EDGE) * min(1.0, max(0.0, (v - a) / (b - a)))

    def _meets(self, low: float, high: float) -> bool:
        return low <= self.axis[1] and high >= self.axis[0]

    def svg(self) -> str:
        """Draw as an inline SVG; decorative, because the numbers stand beside it."""
        middle = HEIGHT / 2
        parts = [f'<svg class="strip" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" aria-hidden="true" focusable="false">']
        if self.band is not None:
            a, b = self.place(self.band[0]), self.place(self.band[1])
            parts.append(
                f'<rect class="band" x="{a:.1f}" y="1" width="{max(b - a, 0.5):.1f}" height="{HEIGHT - 2:g}"/>'
            )
        null = self.place(self.null)
        parts.append(f'<line class="null" x1="{null:.1f}" x2="{null:.1f}" y1="1" y2="{HEIGHT - 1:g}"/>')
        if self.low is not None and self.high is not None and self._meets(self.low, self.high):
            a, b = self.place(self.low), self.place(self.high)
            parts.append(f'<line class="reach" x1="{a:.1f}" x2="{b:.1f}" y1="{middle:g}" y2="{middle:g}"/>')
            parts.extend(f'<line class="reach" x1="{x:.1f}" x2="{x:.1f}" y1="6" y2="14"/>' for x in (a, b))
        if self.axis[0] <= self.value <= self.axis[1]:
            parts.append(f'<circle class="point" cx="{self.place(self.value):.1f}" cy="{middle:g}" r="3.5"/></svg>')
        else:  # an arrow at the edge: the value lies beyond the axis
            tip, base = (WIDTH - 0.5, WIDTH - 7) if self.value > self.axis[1] else (0.5, 7.0)
            parts.append(f'<path class="point" d="M{base:g} 5 L{tip:g} {middle:g} L{base:g} 15 Z"/></svg>')
        return "".join(parts)


def strips(
    estimates: Sequence[Estimate], thresholds: Sequence[float | None], aside: Sequence[bool] = ()
) -> list[Strip | None]:
    """Lay out one strip per estimate on one axis; None where there is no finite value to draw.

    Args:
        estimates: Ratios or differences of one metric, all of one kind.
        thresholds: τ of each, a fraction for ratios and in the metric's unit for differences.
        aside: True for those that must not stretch the axis much (a negative control): beyond it they become an arrow.
    """
    aside = aside or [False] * len(estimates)
    drawn = [e for e in estimates if e.value is not None and math.isfinite(e.value)]
    if not drawn:
        return [None] * len(estimates)
    framing = [e for e, out in zip(estimates, aside, strict=True) if e in drawn and not out]
    log = is_ratio(drawn[0])
    bands = [_band(t, log) for t in thresholds]
    fixed = [1.0 if log else 0.0, *(end for band in bands for end in band or ())]
    whole = _axis([*fixed, *_ends(drawn, log)], log)
    core = _axis([*fixed, *_ends(framing, log)], log) if framing else whole
    axis = whole if _length(whole, log) <= STRETCH * _length(core, log) else core
    return [
        Strip(e.value, e.low, e.high, 1.0 if log else 0.0, band, axis, log)
        if e.value is not None and math.isfinite(e.value) and (e.value > 0 or not log)
        else None
        for e, band in zip(estimates, bands, strict=True)
    ]


def _ends(estimates: Sequence[Estimate], log: bool) -> list[float]:
    ends = [v for e in estimates for v in (e.value, e.low, e.high) if v is not None and math.isfinite(v)]
    return [v for v in ends if v > 0 or not log]


def _axis(ends: Sequence[float], log: bool) -> tuple[float, float]:
    low, high = min(ends), max(ends)
    if low == high:
        return (low / 1.5, high * 1.5) if log else (low - 1.0, high + 1.0)
    return low, high


def _length(axis: tuple[float, float], log: bool) -> float:
    return math.log(axis[1] / axis[0]) if log else axis[1] - axis[0]


def _band(tau: float | None, log: bool) -> tuple[float, float] | None:
    if tau is None:
        return None
    return (1 / (1 + tau), 1 + tau) if log else (-tau, tau)
