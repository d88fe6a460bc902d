"""One registry for everything that has a name: suites, models, schedules, metrics, worlds, makers, extractors.

A component registers itself when its module is imported::

    @register("schedule", "diagonal", summary="rows overlap by k tokens")
    class Diagonal: ...

or names its target lazily (``target="models.ar.transformer:VideoTransformer"``), so that registering and listing never
import torch. Modules are found by importing every module of the packages that :func:`add_package` was told of, and,
for other distributions, through the entry-point groups ``diptych.<kind>``. A module that cannot be imported hides
nothing else: its error is shown when its kind is listed or looked up.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import pkgutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from harness.errors import DiptychError, unknown

T = TypeVar("T")

PLURALS = {
    "suite": "suites",
    "arm": "arms",
    "model": "models",
    "schedule": "schedules",
    "metric": "metrics",
    "world": "worlds",
    "maker": "makers",
    "extractor": "extractors",
    "bench": "benches",
}


@dataclass(frozen=True)
class Entry:
    """One registered component.

    Attributes:
        kind: Such as ``"suite"``.
        name: Unique inside its kind.
        summary: One line, shown by ``diptych list``.
        origin: ``file:line`` of the registration.
        target: The object itself, or a lazy ``"module:attribute"`` string.
    """

    kind: str
    name: str
    summary: str
    origin: str
    target: Any

    def load(self) -> Any:
        """Return the component, importing a lazy target now."""
        if not isinstance(self.target, str):
            return self.target
        module, _, attribute = self.target.partition(":")
        return getattr(importlib.import_module(module), attribute)


@dataclass
class Registry:
    """Names to components, by kind. Use the module-level :data:`REGISTRY` except in tests."""

    packages: dict[str, list[str]] = field(default_factory=dict)
    entries: dict[tuple[str, str], Entry] = field(default_factory=dict)
    broken: dict[str, dict[str, str]] = field(default_factory=dict)
    _found: set[str] = field(default_factory=set)

    def add(self, entry: Entry) -> None:
        """Register ``entry``; the same name from two places is an error that names both."""
        key = (entry.kind, entry.name)
        old = self.entries.get(key)
        if old is not None and old.origin != entry.origin:
            raise DiptychError(
                f"{entry.kind} {entry.name!r} is registered twice: at {old.origin} and at {entry.origin}. "
                "Rename one of them."
            )
        self.entries[key] = entry

    def add_package(self, kind: str, package: str) -> None:
        """Say that the modules of ``package`` register components of ``kind``."""
        self.packages.setdefault(kind, []).append(package)
        self._found.discard(kind)

    def _discover(self, kind: str) -> None:
        if kind in self._found:
            return
        self._found.add(kind)
        broken = self.broken.setdefault(kind, {})
        for package in self.packages.get(kind, []):
            module = importlib.import_module(package)
            for info in sorted(pkgutil.iter_modules(module.__path__), key=lambda i: i.name):
                self._import(kind, f"{package}.{info.name}", broken)
        for point in importlib.metadata.entry_points(group=f"diptych.{kind}"):
            self._import(kind, point.module, broken)

    @staticmethod
    def _import(kind: str, name: str, broken: dict[str, str]) -> None:
        try:
            importlib.import_module(name)
        except DiptychError:
            raise
        except Exception as error:  # noqa: BLE001 - a broken plug-in must not hide the others; it is reported
            broken[name] = f"{type(error).__name__}: {error}"

    def list(self, kind: str) -> list[Entry]:
        """All entries of ``kind``, by name."""
        self._discover(kind)
        return sorted((e for e in self.entries.values() if e.kind == kind), key=lambda e: e.name)

    def entry(self, kind: str, name: str) -> Entry:
        """Return the entry called ``name``.

        Raises:
            UsageError: No such entry; names the nearest one and the modules of this kind that failed to import.
        """
        self._discover(kind)
        found = self.entries.get((kind, name))
        if found is not None:
            return found
        error = unknown(kind, name, [e.name for e in self.list(kind)], f"diptych list {PLURALS.get(kind, kind)}")
        for module, why in self.broken.get(kind, {}).items():
            error.args = (f"{error.args[0]} (module {module} could not be imported: {why})",)
        raise error

    def get(self, kind: str, name: str) -> Any:
        """Return the component called ``name``, importing it if it is lazy."""
        return self.entry(kind, name).load()


REGISTRY = Registry()


def register(
    kind: str, name: str, *, summary: str = "", target: str | None = None, registry: Registry = REGISTRY
) -> Callable[[T], T]:
    """Register the decorated object, or (called with ``target``) a lazy one.

    Args:
        kind: Kind of component.
        name: Its name.
        summary: One line; if empty, the object's own ``summary`` or ``question``, or its docstring's first line.
        target: ``"module:attribute"`` for an object that must not be imported yet. The registration then happens at
            once, and the returned decorator may be dropped.
        registry: Where to register.
    """
    caller = sys._getframe(1)  # inspect.stack() reads every source file on the stack: 50 ms that --help would pay
    origin = f"{caller.f_code.co_filename}:{caller.f_lineno}"
    if target is not None:
        registry.add(Entry(kind, name, summary, origin, target))

    def decorate(thing: T) -> T:
        if target is None:
            own = getattr(thing, "summary", None) or getattr(thing, "question", None)
            text = summary or (own if isinstance(own, str) else (inspect.getdoc(thing) or "").split("\n")[0])
            registry.add(Entry(kind, name, text, origin, thing))
        return thing

    return decorate
