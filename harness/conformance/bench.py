"""Laws of benchmarks: they can be called as the command line does. None is run here: that takes minutes."""

from __future__ import annotations

import inspect

from harness.conformance.laws import Component, Law, require


def _callable(component: Component) -> str:
    require(callable(component.thing), f"it is a {type(component.thing).__name__}, which cannot be called")
    try:
        inspect.signature(component.thing).bind(quick=True, seed=0, tell=print)
    except TypeError as error:
        require(False, f"it cannot be called as bench(quick=..., seed=..., tell=...): {error}")
    return "bench(quick=..., seed=..., tell=...)"


LAWS = (Law("can be called as the command line does", _callable),)
