"""A figure or table of a paper as files: PDF, SVG, CSV and a caption, the same bytes whenever it is drawn."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
"""Okabe and Ito's, which readers with any colour vision tell apart."""


@dataclass(frozen=True)
class Drawn:
    """One figure or table.

    Attributes:
        name: Stem of its files.
        figure: The drawing.
        columns: Of its data.
        rows: Its data.
        caption: What it shows, from which records and sources.
        latex: The table in LaTeX, or None for a figure.
    """

    name: str
    figure: Figure
    columns: tuple[str, ...]
    rows: Sequence[Sequence[object]]
    caption: str
    latex: str | None = field(default=None)


@contextmanager
def paper_style() -> Iterator[None]:
    """Settings for all figures: library defaults (never the user's file), small type, fixed ids."""
    import matplotlib
    from cycler import cycler

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(
            {
                "font.family": "DejaVu Sans",
                "font.size": 8.0,
                "axes.titlesize": 9.0,
                "axes.spines.top": False,
                "axes.spines.right": False,
                "axes.linewidth": 0.7,
                "axes.axisbelow": True,
                "axes.prop_cycle": cycler(color=COLOURS),
                "grid.color": "#dddddd",
                "grid.linewidth": 0.6,
                "legend.frameon": False,
                "svg.hashsalt": "diptych",
                "pdf.fonttype": 42,
                "text.parse_math": False,
            }
        )
        yield


def write(drawn: Drawn, folder: Path) -> list[Path]:
    """Write a figure's files and return them."""
    made = [(".pdf", _image(drawn.figure, "pdf")), (".svg", _image(drawn.figure, "svg"))]
    made.append((".csv", _table(drawn).encode()))
    made.append((".txt", (drawn.caption + "\n").encode()))
    if drawn.latex is not None:
        made.append((".tex", drawn.latex.encode()))
    paths = []
    for suffix, data in made:
        path = folder / f"{drawn.name}{suffix}"
        write_atomically(path, data)
        paths.append(path)
    return paths


def _image(figure: Figure, kind: str) -> bytes:
    out = io.BytesIO()
    dated = {"pdf": {"CreationDate": None, "Creator": None, "Producer": None}, "svg": {"Date": None, "Creator": None}}
    figure.savefig(out, format=kind, metadata=dated[kind], bbox_inches="tight", pad_inches=0.04)
    return out.getvalue()


def _table(drawn: Drawn) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(drawn.columns)
    writer.writerows(drawn.rows)
    return out.getvalue()
