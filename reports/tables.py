"""Tables as data: one type that is written as text, as Markdown and (by the page's template) as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from reports.strips import Strip
from reports.wording import MINUS


@dataclass(frozen=True)
class Column:
    """A column's head.

    Attributes:
        title: What it holds.
        unit: Unit of its numbers, written in the head and nowhere else.
        kind: ``"number"`` is right-aligned; ``"graphic"`` is left out of text and Markdown.
    """

    title: str
    unit: str = ""
    kind: Literal["text", "number", "graphic"] = "text"

    @property
    def head(self) -> str:
        """Title with its unit in brackets."""
        return f"{self.title} ({self.unit})" if self.unit else self.title


@dataclass(frozen=True)
class Cell:
    """One entry.

    Attributes:
        text: What is written.
        verdict: A verdict's word, for its colour, or empty.
        arm: The arm that the row is about, for its colour, or empty.
        strip: The interval drawn, in a graphic column.
        note: A longer explanation, shown under the text.
    """

    text: str
    verdict: str = ""
    arm: str = ""
    strip: Strip | None = None
    note: str = ""


@dataclass(frozen=True)
class Table:
    """Rows under columns, with a title and a caption that says what is to be seen.

    Attributes:
        title: Short name.
        caption: What the numbers are.
        columns: Heads.
        rows: One tuple of cells per row, as long as ``columns``.
    """

    title: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def __post_init__(self) -> None:
        """Refuse rows of another length than the head."""
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"table {self.title!r}: a row has {len(row)} cells for {len(self.columns)} columns")

    def _written(self) -> tuple[list[Column], list[list[str]]]:
        kept = [i for i, c in enumerate(self.columns) if c.kind != "graphic"]
        rows = [[row[i].text + (f" ({row[i].note})" if row[i].note else "") for i in kept] for row in self.rows]
        return [self.columns[i] for i in kept], rows

    def to_text(self) -> str:
        """Write for a terminal: aligned columns, ASCII minus signs, title above and caption below."""
        columns, body = self._written()
        rows = [[c.head for c in columns], *body]
        rows = [[text.replace(MINUS, "-").replace("\u202f", ",") for text in row] for row in rows]
        widths = [max(len(row[i]) for row in rows) for i in range(len(columns))]

        def line(row: Sequence[str]) -> str:
            cells = [
                text.rjust(width) if column.kind == "number" else text.ljust(width)
                for text, width, column in zip(row, widths, columns, strict=True)
            ]
            return "  ".join(cells).rstrip()

        rule = "  ".join("-" * width for width in widths)
        parts = [self.title, line(rows[0]), rule, *(line(row) for row in rows[1:])]
        if self.caption:
            parts.append(self.caption.replace(MINUS, "-"))
        return "\n".join(p for p in parts if p) + "\n"

    def to_markdown(self) -> str:
        """Write as a Markdown table with its title as a heading; pipes and markup in cells are escaped."""
        columns, rows = self._written()
        parts = [f"### {_markdown(self.title)}", ""] if self.title else []
        parts.append("| " + " | ".join(_markdown(c.head) for c in columns) + " |")
        parts.append("|" + "|".join(" ---: " if c.kind == "number" else " --- " for c in columns) + "|")
        parts.extend("| " + " | ".join(_markdown(text) for text in row) + " |" for row in rows)
        if self.caption:
            parts += ["", _markdown(self.caption)]
        return "\n".join(parts) + "\n"


def _markdown(text: str) -> str:
    for character in "\\`*_|<>#":
        text = text.replace(character, f"\\{character}" if character not in "<>" else f"&{'lg'[character == '>']}t;")
    return " ".join(text.split())
