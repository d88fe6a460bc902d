"""Where the names of points go: beside their mark, clear of other marks, bars and names. Deterministic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Box = tuple[float, float, float, float]
Ends = tuple[float, float]
MARK_RADIUS = 6.0
_GAPS = (9.0, 16.0, 26.0, 38.0)


@dataclass(frozen=True)
class Label:
    """A point's name and what it must keep clear of, in data coordinates.

    Attributes:
        text: The name.
        colour: Its colour.
        at: The point.
        across: Ends of its horizontal interval bar.
        up: Ends of its vertical interval bar.
    """

    text: str
    colour: str
    at: tuple[float, float]
    across: Ends
    up: Ends


def _overlap(a: Box, b: Box) -> float:
    wide = min(a[2], b[2]) - max(a[0], b[0])
    tall = min(a[3], b[3]) - max(a[1], b[1])
    return wide * tall if wide > 0 and tall > 0 else 0.0


def _candidates(x: float, y: float, wide: float, tall: float) -> list[tuple[float, float]]:
    """Lower left corners of a label around a mark, the most natural first."""
    places: list[tuple[float, float]] = []
    for gap in _GAPS:
        places += [
            (x + gap, y + gap * 0.4),
            (x + gap, y - tall - gap * 0.4),
            (x - gap - wide, y + gap * 0.4),
            (x - gap - wide, y - tall - gap * 0.4),
            (x - wide / 2, y + gap),
            (x - wide / 2, y - tall - gap),
        ]
    return places


def place_labels(
    figure: Figure, axes: Axes, labels: Sequence[Label], marked: Sequence[tuple[float, float]] = ()
) -> None:
    """Write each name beside its point.

    Args:
        figure: Laid out here, once.
        axes: Limits and scales are set already.
        labels: Points with their names.
        marked: Further marks without names, to keep clear of.
    """
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # labels are placed for this layout; it must not move under them
    to_pixels = axes.transData.transform
    area = axes.get_window_extent()
    marks: list[Box] = []
    obstacles: list[Box] = []
    for point in marked:
        px, py = to_pixels(point)
        marks.append((px - MARK_RADIUS, py - MARK_RADIUS, px + MARK_RADIUS, py + MARK_RADIUS))
    for label in labels:
        (x, y), across, up = label.at, label.across, label.up
        px, py = to_pixels((x, y))
        marks.append((px - MARK_RADIUS, py - MARK_RADIUS, px + MARK_RADIUS, py + MARK_RADIUS))
        left, right = to_pixels((across[0], y))[0], to_pixels((across[1], y))[0]
        low, high = sorted((to_pixels((x, up[0]))[1], to_pixels((x, up[1]))[1]))
        obstacles += [(left, py - 2, right, py + 2), (px - 2, low, px + 2, high)]
    taken: list[Box] = []
    for label in labels:
        px, py = to_pixels(label.at)
        # 0.62 em is wider than a system sans-serif's mean character: names never touch for want of a font's metrics.
        wide, tall = 0.62 * 9.5 * len(label.text), 12.0
        best: tuple[float, float, float] | None = None
        for order, (left, low) in enumerate(_candidates(px, py, wide, tall)):
            box = (left, low, left + wide, low + tall)
            outside = max(0.0, area.x0 - box[0]) + max(0.0, box[2] - area.x1) + max(0.0, area.y0 - box[1])
            outside += max(0.0, box[3] - area.y1)
            cost = 40.0 * outside + 6.0 * order
            cost += sum(8.0 * _overlap(box, other) for other in taken)
            cost += sum(4.0 * _overlap(box, other) for other in marks)
            cost += sum(6.0 * _overlap(box, other) for other in obstacles)
            if best is None or cost < best[0]:
                best = (cost, left, low)
        assert best is not None  # there is always a candidate
        _, left, low = best
        taken.append((left, low, left + wide, low + tall))
        centred = abs(left + wide / 2 - px) < 1
        anchor = "center" if centred else ("left" if left > px else "right")
        at = {"center": px, "left": left, "right": left + wide}[anchor]
        axes.annotate(
            label.text,
            (at, low + 2.5),
            xycoords="figure pixels",
            ha=anchor,
            va="baseline",
            fontsize=9.5,
            color=label.colour,
            annotation_clip=False,
        )
