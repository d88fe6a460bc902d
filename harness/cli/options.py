"""Options and argument types that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

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


def names(text: str | None) -> list[str] | None:
    """Split ``"a,b"`` into names; None stays None."""
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]
