"""Options and argument types that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from harness.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])


def common(function: F) -> F:
    """Add ``--json`` and ``--debug``; :func:`harness.cli.main.run` reads both off the command line itself."""
    json_option = click.option(
        "--json",
        "as_json",
        is_flag=True,
        expose_value=False,
        help="Print one JSON document as the last line of stdout.",
    )
    debug_option = click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
    return json_option(debug_option(function))


def results_option(function: F) -> F:
    """Add ``--results``."""
    return click.option(
        "--results", metavar="DIR", help="Where runs are kept [default: $DIPTYCH_RESULTS, or ./results]."
    )(function)


def not_empty(text: str | None, option: str) -> None:
    """Refuse an option whose value is an empty string: an unset variable of a script.

    Raises:
        UsageError: It is empty.
    """
    if text is not None and not text.strip():
        raise UsageError(f"{option} is an empty string; name a path, or leave it out.")


def names(text: str | None) -> list[str] | None:
    """Split ``"a,b"`` into names; None stays None."""
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]
