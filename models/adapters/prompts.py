"""The text of a case: said in it, or one line of a file."""

from __future__ import annotations

from pathlib import Path

from harness.errors import UsageError
from models.adapters.declared import CaseParams


def prompt_of(asked: CaseParams, case: str) -> str:
    """The prompt of a case.

    Args:
        asked: What the case says.
        case: Its name, for the message.

    Raises:
        UsageError: It names no prompt, two, or a line that is not there.
    """
    if (asked.prompt is None) == (asked.prompts is None):
        raise UsageError(f"case {case!r} names either a prompt or a file of prompts.")
    if asked.prompt is not None:
        return asked.prompt
    path = Path(str(asked.prompts)).expanduser()
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the prompts {str(path)!r} of case {case!r} cannot be read: {error}.") from error
    if asked.index >= len(lines):
        raise UsageError(f"{path} has {len(lines)} prompts, and case {case!r} asks for index {asked.index}, from 0.")
    return lines[asked.index]
