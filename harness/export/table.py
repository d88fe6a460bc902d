"""Trials as a table in a file: CSV for anyone, Parquet for programs."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import DiptychError, UsageError
from harness.files import write_atomically

if TYPE_CHECKING:
    import pandas as pd

FORMATS = (".csv", ".parquet")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet may take for the beginning of a formula, and run."""


def checked_format(path: Path) -> str:
    """Return the format that a file's name asks for, if it can be written.

    Raises:
        UsageError: Another ending than ``.csv`` or ``.parquet``.
        DiptychError: Parquet, and pyarrow is not installed.
    """
    ending = path.suffix.lower()
    if ending not in FORMATS:
        raise UsageError(f"{str(path)!r} must end in .csv or .parquet. Try: -o {path.stem or 'trials'}.csv")
    if ending == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise DiptychError(
            "Parquet is written by pyarrow, which is not installed: pip install 'diptych[parquet]' — or write CSV, "
            f"which needs nothing more: -o {path.with_suffix('.csv')}"
        )
    return ending


def write_frame(frame: pd.DataFrame, path: Path) -> int:
    """Write a frame of trials to ``path`` and return its size in bytes; atomically, an old file is replaced.

    In CSV a text that begins with ``=``, ``+``, ``-``, ``@``, a tab or a carriage return gets an apostrophe before it,
    by which spreadsheets know text from a formula; numbers are numbers, whatever their sign. Who reads the file with a
    program takes that apostrophe off again, or reads Parquet, which holds every text as it is.

    Raises:
        UsageError: Another ending than ``.csv`` or ``.parquet``.
        DiptychError: Parquet without pyarrow, or a file that cannot be written.
    """
    ending = checked_format(path)
    if ending == ".csv":
        # the line ends of RFC 4180; with others a text that holds one of them would go out unquoted
        data = harmless(frame).to_csv(index=False, lineterminator="\r\n").encode()
    else:
        buffer = io.BytesIO()
        frame.to_parquet(buffer, index=False)
        data = buffer.getvalue()
    try:
        write_atomically(path, data)
    except OSError as error:
        raise DiptychError(f"{path} cannot be written: {error.strerror}. Choose another file with -o.") from error
    return len(data)


def harmless(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with every text defused that a spreadsheet could run, column names included."""
    defused = frame.copy()
    for name in frame.select_dtypes(exclude="number"):
        defused[name] = frame[name].map(defuse)
    return defused.rename(columns=defuse)


def defuse(value: Any) -> Any:
    """Return a text with an apostrophe before it if it begins as a formula does; anything else as it is."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
