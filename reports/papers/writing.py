"""The look of paper figures, and their bytes: PDF and SVG that are the same every time they are made."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_INCHES = 6.9
"""Text width of a page: figures go across both columns."""

# Okabe and Ito's colours, which stay apart for colour-blind readers; published points are ink and hollow.
INK, GREY, RULE, BAND = "#1a1a1a", "#6b6b6b", "#dddddd", "#f1f1f1"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
NOT_AVAILABLE = "not available"
PUBLISHED_ONLY = "published only"

Cell = str | int | float | None


@dataclass(frozen=True)
class PaperFigure:
    """A figure with its data and words.

    Attributes:
        name: Stem of its files.
        title: Short name; says so where no measured row is in it.
        caption: What is seen, what was counted, and where every number comes from.
        columns: Heads of the data.
        rows: The data, one row per point or cell.
        drawing: The rendered files by extension (``pdf``, ``svg``, for tables also ``tex``).
    """

    name: str
    title: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    drawing: dict[str, bytes] = field(repr=False)

    def files(self) -> dict[str, bytes]:
        """Content by file name, sorted."""
        made = {
            **self.drawing,
            "csv": as_csv(self.columns, self.rows),
            "txt": f"{self.title}\n\n{self.caption}\n".encode(),
        }
        return {f"{self.name}.{extension}": made[extension] for extension in sorted(made)}


def as_csv(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> bytes:
    """Write rows as CSV: numbers in full, what is missing as ``not available``."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(f"a row has {len(row)} cells for {len(columns)} columns: {row}")
        writer.writerow([NOT_AVAILABLE if cell is None else cell for cell in row])
    return text.getvalue().encode()


@contextmanager
def paper_style() -> Iterator[None]:
    """Settings of all paper figures: library defaults (never the user's file), fonts that go along, fixed ids."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(
            {
                "pdf.fonttype": 42,  # TrueType: text stays text
                "svg.fonttype": "path",  # the same look where the font is missing
                "svg.hashsalt": "diptych",
                "font.family": "DejaVu Sans",
                "font.size": 7.0,
                "axes.titlesize": 7.5,
                "axes.titlelocation": "left",
                "axes.labelsize": 7.0,
                "text.color": INK,
                "axes.edgecolor": GREY,
                "axes.labelcolor": INK,
                "axes.linewidth": 0.6,
                "axes.spines.top": False,
                "axes.spines.right": False,
                "axes.axisbelow": True,
                "grid.color": RULE,
                "grid.linewidth": 0.5,
                "xtick.color": GREY,
                "ytick.color": GREY,
                "xtick.labelcolor": INK,
                "ytick.labelcolor": INK,
                "xtick.major.width": 0.6,
                "ytick.major.width": 0.6,
                "xtick.major.size": 2.5,
                "ytick.major.size": 2.5,
                "lines.linewidth": 1.2,
                "text.parse_math": False,  # an arm may be called $x$
                "path.simplify": False,
            }
        )
        yield


def new_figure(height_inches: float, title: str, width_inches: float = WIDTH_INCHES) -> Figure:
    """Return an empty figure with its title at the upper left."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_inches, height_inches), layout="constrained")
    figure.suptitle(title, x=0.0, ha="left", fontsize=8.0, fontweight="bold")
    return figure


def render(figure: Figure, title: str) -> dict[str, bytes]:
    """Return ``figure`` as PDF and SVG, without date or name of the program."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    made: dict[str, bytes] = {}
    absent: dict[str, dict[str, Any]] = {
        "pdf": {"CreationDate": None, "ModDate": None, "Producer": None, "Creator": None},
        "svg": {"Date": None, "Creator": None},
    }
    for extension, metadata in absent.items():
        out = io.BytesIO()
        figure.savefig(out, format=extension, metadata={"Title": title, **metadata})
        made[extension] = out.getvalue()
    return made


def spread(places: Sequence[float], gap: float) -> list[float]:
    """Move places apart until any two are at least ``gap`` from each other; their order stays, their mean nearly so."""
    order = sorted(range(len(places)), key=lambda i: (places[i], i))
    blocks: list[tuple[float, int]] = []  # centre and number of places that touch each other
    for i in order:
        blocks.append((places[i], 1))
        while len(blocks) > 1 and blocks[-1][0] - blocks[-2][0] < gap * (blocks[-1][1] + blocks[-2][1]) / 2:
            (a, n), (b, m) = blocks[-2:]
            blocks[-2:] = [((a * n + b * m) / (n + m), n + m)]
    moved = [centre + gap * (j - (n - 1) / 2) for centre, n in blocks for j in range(n)]
    return [moved[order.index(i)] for i in range(len(places))]


def end_labels(
    axes: Axes, ends: Sequence[tuple[float, float, str, str]], *, left: bool = False, size: float = 6.5
) -> None:
    """Write a name beside the end of each line, moved apart where they would overlap.

    Args:
        axes: Limits and scales are final.
        ends: ``(x, y, text, colour)`` in data coordinates.
        left: Names stand left of their points.
        size: Font size in points.
    """
    figure = axes.figure
    if not ends or figure is None:
        return
    figure.draw_without_rendering()  # type: ignore[union-attr]
    places = [float(axes.transData.transform((x, y))[1]) * 72 / figure.dpi for x, y, _, _ in ends]
    for (x, y, text, colour), was, now in zip(ends, places, spread(places, size * 1.25), strict=True):
        axes.annotate(
            text,
            (x, y),
            xytext=(-5 if left else 5, now - was),
            textcoords="offset points",
            ha="right" if left else "left",
            va="center",
            fontsize=size,
            color=colour,
            annotation_clip=False,
        )


def log_ticks(
    axes: Axes, which: str, values: Sequence[float], *, room: float = 1.15, lead: str = "", sparse: bool = False
) -> None:
    """Make a logarithmic axis around positive ``values`` whose ticks are few and plain numbers.

    Args:
        axes: Where.
        which: ``"x"`` or ``"y"``.
        values: What must be inside.
        room: Factor beyond the outermost values.
        lead: Put before each number, such as ``"×"``.
        sparse: Tick powers of ten, or of about three where that leaves fewer than two: for narrow panels.
    """
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    from reports.figures import ratio_ticks
    from reports.wording import plain

    low, high = min(values) / room, max(values) * room
    axis = axes.xaxis if which == "x" else axes.yaxis
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    (axes.set_xlim if which == "x" else axes.set_ylim)(low, high)
    ticks = ratio_ticks(low, high)
    if sparse:
        tens = [10.0**n for n in range(-9, 10) if low <= 10.0**n <= high]
        threes = sorted([*tens, *(3 * 10.0**n for n in range(-9, 10) if low <= 3 * 10.0**n <= high)])
        ticks = tens if len(tens) > 2 else (threes if len(threes) > 1 else ticks)
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{lead}{plain(value)}"))
