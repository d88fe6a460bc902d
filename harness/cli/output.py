"""What a command says: one JSON document, a table for a terminal, or plain text for a pipe."""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from pydantic import BaseModel


def plain(value: Any) -> Any:
    """Turn ``value`` into what JSON can say: models to objects, paths to text, non-finite numbers to None."""
    if isinstance(value, BaseModel):
        return plain(value.model_dump(mode="python"))
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if hasattr(value, "item"):  # a NumPy scalar
        return plain(value.item())
    raise TypeError(f"{type(value).__name__} has no JSON form")


@dataclass
class Output:
    """Where results go; everything that is not a result goes to stderr.

    Attributes:
        stream: The stdout of the process, kept from anything that prints.
        as_json: True if ``--json`` was given.
    """

    stream: TextIO
    as_json: bool = False

    def emit(self, document: Any, text: Callable[[], str | None]) -> None:
        """Write ``document`` as the last line of stdout with ``--json``, and the text otherwise.

        Args:
            document: Mapping or pydantic model.
            text: Called only without ``--json``; may print tables itself and return None.
        """
        if self.as_json:
            self.stream.write(json.dumps(plain(document), allow_nan=False) + "\n")
        else:
            said = text()
            if said:
                self.stream.write(said + "\n")
        self.stream.flush()

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str = "") -> None:
        """Print a table: drawn by rich on a terminal, aligned columns otherwise."""
        cells = [[_cell(value) for value in row] for row in rows]
        if not is_terminal(self.stream) or not fits([list(columns), *cells]):
            lines = [title] if title else []
            self.stream.write("\n".join(lines + align([list(columns), *cells])) + "\n")
            return
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left")
        for number, column in enumerate(columns):  # a name or a number that is cut off is lost; only the last may wrap
            table.add_column(column, no_wrap=number < len(columns) - 1)
        for row in cells:
            table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
        Console(file=self.stream).print(table)


LAST_COLUMN = 24
"""Characters that a drawn table's last column must have before it wraps."""

_STYLES = {"improved": "green", "regressed": "red", "inconclusive": "yellow", "ok": "green", "FAILED": "red"}


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def align(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return one line per row, columns padded to a common width and two spaces apart."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def fits(rows: Sequence[Sequence[str]]) -> bool:
    """True if a drawn table leaves room for its last column; else plain lines are easier to read."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    return sum(widths) + 3 * len(rows[0]) + min(LAST_COLUMN, max(len(row[-1]) for row in rows)) <= terminal_width()


def terminal_width() -> int:
    """Columns of the terminal."""
    return shutil.get_terminal_size().columns


def is_terminal(stream: Any) -> bool:
    """True if ``stream`` is a terminal."""
    return bool(getattr(stream, "isatty", lambda: False)())


def say(text: str) -> None:
    """Print one line to stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
