"""One registry for everything that has a name: suites, models, schedules, metrics, worlds, assets and so on.

A component registers itself when its module is imported::

    @register("schedule", "diagonal", summary="rows overlap by k tokens")
    class Diagonal: ...

or names its target lazily (``target="models.ar.transformer:VideoTransformer"``), so that registering and listing never
import torch. Modules are found by importing every module of the packages that :func:`Registry.add_package` was told of,
and, for other distributions, through the entry-point groups of :mod:`harness.plugins`. A module that cannot be imported
hides nothing else: its error is shown when things are listed, and when a name is not found.

A name that two places claim hides nothing else either. What Diptych ships keeps its meaning, whatever is installed
beside it; a name that only plug-ins claim is refused until one of them lets go.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import pkgutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from harness import plugins
from harness.entry import Collision, Entry
from harness.errors import DiptychError, unknown

__all__ = ["PLURALS", "REGISTRY", "Collision", "Entry", "Registry", "register"]

T = TypeVar("T")
LOG = logging.getLogger("diptych")

PLURALS = {
    "suite": "suites",
    "arm": "arms",
    "model": "models",
    "schedule": "schedules",
    "metric": "metrics",
    "world": "worlds",
    "maker": "makers",
    "extractor": "extractors",
    "comparer": "comparers",
    "scorer": "scorers",
    "text-scorer": "text-scorers",
    "bench": "benches",
    "asset": "assets",
}


@dataclass
class Registry:
    """Names to components, by kind. Use the module-level :data:`REGISTRY` except in tests.

    Attributes:
        packages: Packages whose modules register components, by kind.
        entries: What each (kind, name) means.
        rivals: What else claims a name.
        broken: By kind, the modules that could not be imported, with the reason.
    """

    packages: dict[str, list[str]] = field(default_factory=dict)
    entries: dict[tuple[str, str], Entry] = field(default_factory=dict)
    rivals: dict[tuple[str, str], list[Entry]] = field(default_factory=dict)
    broken: dict[str, dict[str, str]] = field(default_factory=dict)
    _found: set[str] = field(default_factory=set)
    _warned: set[tuple[str, str]] = field(default_factory=set)
    _discovering: bool = False

    def add(self, entry: Entry) -> None:
        """Register ``entry``.

        Raises:
            DiptychError: Another place has the name; names both. While modules are being discovered the two are kept
                as a :class:`Collision` instead, so that one name spoils nothing else.
        """
        key = (entry.kind, entry.name)
        old = self.entries.setdefault(key, entry)
        if old is entry or _same(old, entry):
            if old.origin == entry.origin or entry.module == "__main__":
                self.entries[key] = entry
            return
        if not self._discovering:
            raise DiptychError(
                f"{entry.kind} {entry.name!r} is registered twice: at {old.origin} and at {entry.origin}. "
                "Rename one of them."
            )
        if self.own(entry) and not self.own(old):
            self.entries[key], entry = entry, old
        others = self.rivals.setdefault(key, [])
        if entry.origin not in {rival.origin for rival in others}:
            others.append(entry)

    def own(self, entry: Entry) -> bool:
        """True for what is registered by a package of :meth:`add_package`, and so comes with Diptych."""
        homes = [package for packages in self.packages.values() for package in packages]
        return any(entry.module == home or entry.module.startswith(f"{home}.") for home in homes)

    def loose(self) -> list[Entry]:
        """What this process alone knows, typed into a notebook or a script: a worker process would not find it.

        Suites are left out: they are data, and travel with what is asked.
        """
        entries = (e for e in self.entries.values() if e.kind not in ("suite", "bench"))
        return sorted((e for e in entries if not e.distribution and not self.own(e)), key=lambda e: (e.kind, e.name))

    def add_package(self, kind: str, package: str) -> None:
        """Say that the modules of ``package`` register components of ``kind``."""
        self.packages.setdefault(kind, []).append(package)
        self._found.discard(kind)

    def _discover(self, kind: str) -> None:
        if kind in self._found:
            return
        self._found.add(kind)
        self.broken.setdefault(kind, {})
        before, self._discovering = self._discovering, True
        try:
            for package in self.packages.get(kind, []):
                module = importlib.import_module(package)
                for info in sorted(pkgutil.iter_modules(module.__path__), key=lambda i: i.name):
                    self._import(kind, f"{package}.{info.name}", f"{package}.{info.name}")
            for point in plugins.entry_points(f"diptych.{PLURALS.get(kind, kind)}"):
                if point.attribute:
                    target = f"{point.module}:{point.attribute}"
                    entry = Entry(kind, point.name, point.summary, point.origin, target, point.module)
                    self.add(replace(entry, distribution=point.distribution))
            for home, plural in PLURALS.items():  # a module may register things of other kinds than its group's
                for point in plugins.entry_points(f"diptych.{plural}"):
                    if not point.attribute:
                        self._import(home, point.module, point.origin, point.distribution)
        finally:
            self._discovering = before

    def _import(self, kind: str, module: str, origin: str, distribution: str = "") -> None:
        if origin in self.broken.get(kind, {}):
            return  # once is enough: a module that fails late would run its first half again and again
        try:
            importlib.import_module(module)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a broken plug-in must not hide the others; it is told
            self.broken.setdefault(kind, {})[origin] = plugins.explain(error, module)
        if distribution:
            self._bring(module.partition(".")[0], distribution)

    def _bring(self, package: str, distribution: str) -> None:
        """Note that what the modules of ``package`` registered comes with ``distribution``."""

        def noted(entry: Entry) -> Entry:
            return replace(entry, distribution=distribution) if entry.module.partition(".")[0] == package else entry

        self.entries.update({key: noted(entry) for key, entry in self.entries.items()})
        self.rivals.update({key: [noted(entry) for entry in others] for key, others in self.rivals.items()})

    def list(self, kind: str) -> list[Entry]:
        """Every name of ``kind`` that means something, in order."""
        self._discover(kind)
        void = {(c.kind, c.name) for c in self.collisions(kind) if c.used is None}
        found = (e for key, e in self.entries.items() if e.kind == kind and key not in void)
        return sorted(found, key=lambda e: e.name)

    def collisions(self, kind: str) -> tuple[Collision, ...]:
        """The names of ``kind`` that several places claim."""
        self._discover(kind)
        found: tuple[Collision, ...] = ()
        for key, others in sorted(self.rivals.items()):
            if key[0] == kind and key in self.entries:
                used = self.entries[key]
                unused = tuple(sorted(rival.place for rival in others))
                if self.own(used):
                    found += (Collision(*key, used.place, unused),)
                else:
                    found += (Collision(*key, None, tuple(sorted((used.place, *unused)))),)
        return found

    def entry(self, kind: str, name: str) -> Entry:
        """Return the entry called ``name``; a name that a plug-in claims in vain is warned of, once.

        Raises:
            UsageError: No such entry; names the nearest one and the modules that failed to import.
            DiptychError: Several plug-ins claim the name.
        """
        self._discover(kind)
        collision = next((c for c in self.collisions(kind) if c.name == name), None)
        if collision is not None and collision.used is None:
            raise DiptychError(str(collision))
        if collision is not None and (kind, name) not in self._warned:
            self._warned.add((kind, name))
            LOG.warning("warning: %s", collision)
        found = self.entries.get((kind, name))
        if found is not None:
            return found
        error = unknown(kind, name, [e.name for e in self.list(kind)], f"diptych list {PLURALS.get(kind, kind)}")
        for origin, why in {o: w for modules in self.broken.values() for o, w in modules.items()}.items():
            error.args = (f"{error.args[0]} ({origin} could not be imported: {why})",)
        raise error

    def get(self, kind: str, name: str) -> Any:
        """Return the component called ``name``, importing it if it is lazy."""
        return self.entry(kind, name).load()


def _same(one: Entry, other: Entry) -> bool:
    """True for one thing told twice: from one line, by entry point and decorator of one module, or typed anew."""
    lazy = isinstance(one.target, str) and one.target.partition(":")[0] == other.module
    typed = one.module == other.module == "__main__"  # a notebook's cell, run again
    return one.origin == other.origin or lazy or typed


REGISTRY = Registry()


def register(
    kind: str,
    name: str,
    *,
    summary: str = "",
    target: str | None = None,
    params: str | None = None,
    registry: Registry = REGISTRY,
) -> Callable[[T], T]:
    """Register the decorated object, or (called with ``target``) a lazy one.

    Args:
        kind: Kind of component.
        name: Its name.
        summary: One line; if empty, the object's own ``summary`` or ``question``, or its docstring's first line.
        target: ``"module:attribute"`` for an object that must not be imported yet. The registration then happens at
            once, and the returned decorator may be dropped.
        params: For makers, ``"module:attribute"`` of the :class:`harness.params.ParamModels` that arms and cases are
            checked by before anything is loaded.
        registry: Where to register.
    """
    caller = sys._getframe(1)  # inspect.stack() reads every source file on the stack: 50 ms that --help would pay
    origin = f"{caller.f_code.co_filename}:{caller.f_lineno}"
    module = str(caller.f_globals.get("__name__", ""))
    if target is not None:
        registry.add(Entry(kind, name, summary, origin, target, module, params))

    def decorate(thing: T) -> T:
        if target is None:
            own = getattr(thing, "summary", None) or getattr(thing, "question", None)
            text = summary or (own if isinstance(own, str) else (inspect.getdoc(thing) or "").split("\n")[0])
            registry.add(Entry(kind, name, text, origin, thing, module, params))
        return thing

    return decorate
