"""The part of YAML that released configurations use: nested mappings of plain scalars, one ``key: value`` a line.

Everything else (lists, quotes with escapes, anchors, tags, several lines or documents) is refused with its line, so
that nothing is read as something else. YAML's own parser is no dependency for the sake of a dozen lines.
"""

from __future__ import annotations

import re
from pathlib import Path

from harness.errors import DiptychError

Scalar = str | int | float | bool | None
Node = dict[str, "Scalar | Node"]
LINE = re.compile(r"( *)([A-Za-z_][\w.-]*):(?: +(.*))?")
TEXT = re.compile(r"[A-Za-z_/][\w./ +-]*|\"[^\"\\]*\"|'[^']*'")
WORDS: dict[str, Scalar] = {"true": True, "false": False, "null": None, "~": None}
AMBIGUOUS = ("y", "n", "yes", "no", "on", "off")
"""Truth values to some versions of YAML, and text to others."""
WHOLE = re.compile(r"[-+]?(0|[1-9]\d*)")
DECIMAL = re.compile(r"[-+]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][-+]?\d+)?")


def read_yaml(path: Path) -> Node:
    """Read a file.

    Raises:
        DiptychError: No such file, or a line that is no ``key: value``; names it.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise DiptychError(f"there is no file {path}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DiptychError(f"{path} cannot be read as text: {error}.") from error
    return parse(text, str(path))


def parse(text: str, where: str) -> Node:
    """Read a text; see :func:`read_yaml`.

    Args:
        text: YAML.
        where: The file, for the message.
    """
    root: Node = {}
    levels: list[tuple[int, Node]] = [(0, root)]  # indentation of a mapping's keys, and the mapping
    bare_key: str | None = None  # of the line before, if it had no value
    for number, line in enumerate(text.splitlines(), 1):
        bare = re.sub(r"(^|\s)#.*", "", line).rstrip()
        if not bare:
            continue
        found = LINE.fullmatch(bare)
        if found is None:
            raise _refused(where, number, line)
        indent, key, value = len(found[1]), found[2], (found[3] or "").strip()
        if bare_key is not None and indent > levels[-1][0]:
            inner: Node = {}
            levels[-1][1][bare_key] = inner
            levels.append((indent, inner))
        while indent < levels[-1][0]:
            levels.pop()
        mapping = levels[-1][1]
        if indent != levels[-1][0] or key in mapping:
            raise _refused(where, number, line)
        if key.lower() in (*AMBIGUOUS, *WORDS):
            raise _refused(where, number, line)
        try:
            mapping[key] = scalar(value) if value else None
        except ValueError:
            raise _refused(where, number, line) from None
        bare_key = None if value else key
    return root


def scalar(text: str) -> Scalar:
    """A plain scalar: null, a truth value, a number (``1.0e-05`` too), or text.

    Raises:
        ValueError: Something else, or what versions of YAML read differently.
    """
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    if WHOLE.fullmatch(text):
        return int(text)
    if DECIMAL.fullmatch(text):
        return float(text)
    if text.lower() in AMBIGUOUS or not TEXT.fullmatch(text):
        raise ValueError(text)
    return text[1:-1] if text[0] in "\"'" else text


def _refused(where: str, number: int, line: str) -> DiptychError:
    return DiptychError(
        f"{where}, line {number}: {line.strip()!r} is not understood. Valid: nested 'key: value' lines, each key once, "
        "with a number, true, false, null or plain text."
    )
