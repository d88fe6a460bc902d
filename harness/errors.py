"""Errors that a user can cause, each told in one message.

Anything derived from :class:`DiptychError` is printed without a traceback. Every message names the thing, the valid
choices, the nearest match and the next command, as far as they exist.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class DiptychError(Exception):
    """Something that could not be done, said in one line (exit code 1)."""

    exit_code = 1


class UsageError(DiptychError):
    """Something that was asked for wrongly: an unknown name, a bad number (exit code 2)."""

    exit_code = 2


class NoValueError(DiptychError):
    """A metric has no value for this video; the message says why, such as ``"it has 1 frame, and needs 2"``."""


class StoppedError(DiptychError):
    """The user stopped it; the message says what is kept and how to go on."""

    exit_code = 130


class RejectedError(DiptychError):
    """What an arm made cannot be a result.

    Attributes:
        type: Short name of the reason: ``"HashMismatch"``, ``"NoHash"``, ``"NotFinite"`` or ``"InvalidOutput"``.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.type = kind


def unknown(what: str, name: str, choices: Iterable[str], hint: str = "") -> UsageError:
    """Build the error for a name that does not exist.

    Args:
        what: The kind of thing, such as ``"suite"``.
        name: What was asked for.
        choices: The names that exist.
        hint: The next command to try, such as ``"diptych list suites"``.

    Returns:
        The error, for the caller to raise.
    """
    valid = sorted(choices)
    nearest = difflib.get_close_matches(name, valid, n=1, cutoff=0.5)
    text = f"unknown {what} {name!r}"
    text += f"; did you mean {nearest[0]!r}?" if nearest else "."
    text += f" Valid: {', '.join(valid)}." if valid else f" There is no {what} at all."
    if hint:
        text += f" See: {hint}"
    return UsageError(text)
