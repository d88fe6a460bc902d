"""What other distributions bring: entry points of the groups ``diptych.suites``, ``diptych.models`` and so on.

An entry point that names a *module* has it imported, and what is registered in it is found. One that names
``module:attribute`` registers that attribute under the entry point's own name, without importing it::

    [project.entry-points."diptych.schedules"]
    two-rows = "my_package.two_rows:TWO_ROWS"
"""

from __future__ import annotations

import functools
import importlib.metadata
import traceback
from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    """One entry point.

    Attributes:
        name: Its name; that of the component where it names an attribute.
        module: The module.
        attribute: The attribute, or nothing.
        summary: The distribution's own summary.
        origin: Distribution, version and module.
        distribution: The distribution's name.
    """

    name: str
    module: str
    attribute: str
    summary: str
    origin: str
    distribution: str


@functools.cache
def _points() -> tuple[tuple[str, Point], ...]:
    """Group and entry point, of every installed distribution; read once, for it looks at all of them."""
    found: dict[str, list[tuple[str, Point]]] = {}
    for about in importlib.metadata.distributions():
        if "[diptych." not in (about.read_text("entry_points.txt") or ""):
            continue  # before any metadata is read: that of all distributions takes a tenth of a second
        if about.name in found:
            continue  # hidden by one that stands before it on the path
        summary = str(about.metadata.json.get("summary", ""))
        found[about.name] = [
            (
                point.group,
                Point(
                    name=point.name,
                    module=point.module,
                    attribute=point.attr,
                    summary=summary,
                    origin=f"{about.name} {about.version} ({point.value})",
                    distribution=about.name,
                ),
            )
            for point in about.entry_points
            if point.group.startswith("diptych.")
        ]
    return tuple(point for points in found.values() for point in points)


def entry_points(group: str) -> list[Point]:
    """Return the entry points of one group, in order of distribution and name, so that no order of installing counts.

    Args:
        group: Such as ``"diptych.metrics"``.
    """
    return sorted((point for home, point in _points() if home == group), key=lambda p: (p.origin, p.name))


def explain(error: BaseException, module: str) -> str:
    """Say in one line what went wrong while ``module`` was imported, and at which line.

    Args:
        error: What was raised.
        module: The module; of the lines on the stack its own package's last one is named, else the very last.
    """
    what = " ".join(f"{type(error).__name__}: {error}".split())
    if isinstance(error, SyntaxError):
        return what  # names its file and line itself
    package = module.partition(".")[0]
    frames = [
        (frame.f_code.co_filename, line, str(frame.f_globals.get("__name__", "")))
        for frame, line in traceback.walk_tb(error.__traceback__)
        if not frame.f_code.co_filename.startswith("<frozen ")
    ]
    outside = [f for f in frames if f[2] not in ("harness.registry", "importlib")]
    inside = [f for f in outside if f[2].partition(".")[0] == package]
    where = (inside or outside)[-1:]
    return f"{what} ({where[0][0]}, line {where[0][1]})" if where else what
