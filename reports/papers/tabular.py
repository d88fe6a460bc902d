"""Tables of papers: one layout, drawn and in LaTeX; a group's name stands in its first row."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.papers.writing import GREY, INK, NOT_AVAILABLE, RULE, new_figure, paper_style, render

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINE_INCHES = 0.155
NOTE_CHARACTERS = 150
"""Of a line of notes below a table."""
FOOTMARKS = ("*", "**", "***")
"""What may follow a number; it hangs over the column's edge, so that decimals stay below each other."""
Cells = tuple[str, ...]


@dataclass(frozen=True)
class Layout:
    """Columns of a table.

    Attributes:
        heads: Their heads; the first column holds the group.
        places: Where they begin (text) or end (numbers), as shares of the width.
        numeric: Which hold numbers.
    """

    heads: Cells
    places: tuple[float, ...]
    numeric: tuple[bool, ...]


@dataclass(frozen=True)
class Block:
    """A part of a table with heads of its own.

    Attributes:
        lines: Its rows.
        layout: Its columns.
        heading: What stands above it; empty for nothing.
    """

    lines: Sequence[Cells]
    layout: Layout
    heading: str = ""


def draw_table(lines: Sequence[Cells], layout: Layout, title: str, notes: Sequence[str] = ()) -> dict[str, bytes]:
    """Draw ``lines`` as PDF and SVG, ``notes`` below them."""
    return draw_blocks([Block(lines, layout)], title, notes)


def draw_blocks(blocks: Sequence[Block], title: str, notes: Sequence[str] = ()) -> dict[str, bytes]:
    """Draw blocks below each other as PDF and SVG, ``notes`` below them: no column of one is one of another."""
    below = [line for note in notes for line in textwrap.wrap(note, NOTE_CHARACTERS, subsequent_indent="    ")]
    heights = [len(block.lines) + 1.6 + (1.0 if block.heading else 0.0) for block in blocks]
    with paper_style():
        foot = 0.85 * len(below)
        figure = new_figure(LINE_INCHES * (sum(heights) + 0.4 + foot) + 0.3, title)
        axes = figure.subplots()
        axes.set_axis_off()
        axes.set_xlim(0, 1)
        axes.set_ylim(sum(heights) - 1.0 + foot, -1.1)
        top = 0.0
        for block, height in zip(blocks, heights, strict=True):
            _draw_block(axes, block, top + (1.0 if block.heading else 0.0))
            top += height
        for i, note in enumerate(below):
            y = top - 0.85 + 0.85 * i
            axes.text(0, y, note, ha="left", va="center", fontsize=5.6, color=GREY).set_in_layout(False)
        return render(figure, title)


def _draw_block(axes: Axes, block: Block, top: float) -> None:
    lines, layout = block.lines, block.layout
    if block.heading:
        axes.text(0, top - 1.4, block.heading, ha="left", va="center", fontsize=6.3, fontweight="bold", color=INK)
    for y, width in ((-1.0, 1.0), (0.0, 0.6), (len(lines) + 0.1, 1.0)):
        axes.axhline(top + y, color=INK, lw=width)
    _write(axes, top - 0.45, layout.heads, layout)
    before = lines[0][0] if lines else ""
    for y, line in enumerate(lines):
        if line[0] != before:
            axes.axhline(top + y + 0.02, color=RULE, lw=0.6)
        _write(axes, top + y + 0.55, (line[0] if y == 0 or line[0] != before else "", *line[1:]), layout)
        before = line[0]


def _write(axes: Axes, y: float, cells: Cells, layout: Layout) -> None:
    for x, text, numeric in zip(layout.places, cells, layout.numeric, strict=True):
        absent = text == NOT_AVAILABLE
        text, mark = _marked(text) if numeric else (text, "")
        if mark:
            axes.text(x, y, mark, ha="left", va="center", fontsize=6.3, color=INK)
        axes.text(
            x, y, text, ha="right" if numeric else "left", va="center", fontsize=5.2 if absent else 6.3,
            color=GREY if absent else INK,
        )  # fmt: skip


def latex_table(lines: Sequence[Cells], layout: Layout, title: str, notes: Sequence[str] = ()) -> str:
    """Write ``lines`` in LaTeX, for booktabs."""
    return latex_blocks([Block(lines, layout)], title, notes)


def latex_blocks(blocks: Sequence[Block], title: str, notes: Sequence[str] = ()) -> str:
    """Write blocks in LaTeX, for booktabs, each a ``tabular`` of its own; the notes are in the last."""
    rows = [f"% {title}"]
    for i, block in enumerate(blocks):
        if i:
            rows += ["", r"\medskip", ""]
        if block.heading:
            rows += [rf"\noindent {escaped(block.heading)}", ""]
        rows += _latex_block(block, notes if block is blocks[-1] else ())
    return "\n".join([*rows, ""])


def _latex_block(block: Block, notes: Sequence[str]) -> list[str]:
    lines, layout = block.lines, block.layout
    rows = [
        r"\begin{tabular}{" + "".join("r" if numeric else "l" for numeric in layout.numeric) + "}",
        r"\toprule",
        " & ".join(map(escaped, layout.heads)) + r" \\",
        r"\midrule",
    ]
    before = ""
    for line in lines:
        if before and line[0] != before:
            rows.append(r"\addlinespace")
        cells = ("" if line[0] == before else line[0], *line[1:])
        rows.append(" & ".join(map(_latex_cell, cells, layout.numeric)) + r" \\")
        before = line[0]
    rows.append(r"\bottomrule")
    wide = rf"\multicolumn{{{len(layout.heads)}}}{{p{{0.9\linewidth}}}}"
    rows += [rf"{wide}{{\footnotesize {escaped(note)}}} \\" for note in notes]
    return [*rows, r"\end{tabular}"]


def _marked(text: str) -> tuple[str, str]:
    """A number and the footmark behind it."""
    number = re.sub(r"\*+$", "", text)
    return number, text[len(number) :]


def _latex_cell(text: str, numeric: bool) -> str:
    number, mark = _marked(text) if numeric else (text, "")
    return escaped(number) + (rf"\rlap{{{mark}}}" if mark else "")


def escaped(text: str) -> str:
    """``text`` with LaTeX's special characters as themselves."""
    special = {
        "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "α": r"$\alpha$",
        "β": r"$\beta$", "Δ": r"$\Delta$", "−": "$-$", "×": r"$\times$", "·": r"$\cdot$",
    }  # fmt: skip
    return "".join(special.get(c, f"\\{c}" if c in "&%$#_{}" else c) for c in text)
