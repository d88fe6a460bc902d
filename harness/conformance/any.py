"""Laws of every component, whatever its kind."""

from __future__ import annotations

import inspect

from harness.conformance.laws import Component, Law, require


def _says_what_it_is(component: Component) -> str:
    """One line, and one that is about this component, not about its class."""
    own = getattr(component.thing, "summary", None) or getattr(component.thing, "question", None)
    summary = own if isinstance(own, str) and own else component.entry.summary
    require(bool(summary), "it has no summary: give register(..., summary=...), or a summary of its own")
    require("\n" not in summary, "its summary is longer than one line")
    of_class = (inspect.getdoc(type(component.thing)) or "").split("\n")[0]
    require(
        inspect.isclass(component.thing) or component.entry.summary != of_class,
        f"its summary is the docstring of its class ({of_class!r}); say what this one is",
    )
    return summary


def _has_its_name(component: Component) -> str:
    name = getattr(component.thing, "name", None)
    require(
        not isinstance(name, str) or name == component.entry.name,
        f"it is registered as {component.entry.name!r} and calls itself {name!r}; results would carry the wrong name",
    )
    return f"{component.entry.kind} {component.entry.name!r}"


LAWS = (Law("says what it is in one line", _says_what_it_is), Law("has the name it goes by", _has_its_name))
