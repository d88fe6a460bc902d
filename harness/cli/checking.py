"""Holding a registered component to the laws of its kind: what ``diptych check`` does."""

from __future__ import annotations

import difflib
import importlib
from pathlib import Path

from harness.cli.builtin import load_builtin
from harness.cli.verbs import get_suite
from harness.conformance.laws import Component, LawFact
from harness.errors import DiptychError, UsageError, unknown
from harness.registry import PLURALS, Entry, Registry
from harness.types import Data, Suite

LOADS = "loads"
# kind: module of its laws. Those of ``models`` are reached only here: they bring torch.
LAWS: dict[str, str] = {
    "suite": "harness.conformance.suite",
    "model": "models.conformance.model",
    "schedule": "models.conformance.schedule",
    "metric": "harness.conformance.metric",
    "world": "harness.conformance.world",
    "maker": "harness.conformance.maker",
    "extractor": "harness.conformance.extractor",
    "comparer": "harness.conformance.comparer",
    "scorer": "harness.conformance.scorer",
    "text-scorer": "harness.conformance.text_scorer",
    "bench": "harness.conformance.bench",
    "asset": "harness.conformance.asset",
}


class CheckFacts(Data):
    """A component and the laws of its kind.

    Attributes:
        name: The component.
        kind: Its kind, such as ``"metric"``.
        origin: Where it comes from.
        ok: True if every law is kept.
        checks: One per law.
    """

    name: str
    kind: str
    origin: str
    ok: bool
    checks: tuple[LawFact, ...]


def check_component(component: Suite | str | Path, kind: str | None = None) -> CheckFacts:
    """Hold a registered component, or a suite's TOML file, to the laws of its kind.

    Args:
        component: Its name; or a suite, or the path of a file that declares one.
        kind: Its kind, needed where several kinds have the name; singular or plural.

    Returns:
        Which laws are kept, and why not.

    Raises:
        UsageError: Unknown name or kind, or a name of several kinds.
        DiptychError: Several plug-ins claim the name.
    """
    registry = load_builtin()
    entry = _find(component, kind, registry)
    facts: list[LawFact] = []
    try:
        thing = entry.load()
        if thing is None:
            raise DiptychError(f"{entry.target} is None")
    except DiptychError as error:
        facts.append(LawFact(name=LOADS, ok=False, detail=str(error)))
    else:
        facts += held(Component(entry, thing, registry))
    kept = all(fact.ok for fact in facts)
    return CheckFacts(name=entry.name, kind=entry.kind, origin=entry.origin, ok=kept, checks=tuple(facts))


def held(component: Component) -> list[LawFact]:
    """Hold a loaded component to the laws of every kind, and of its own."""
    from harness.conformance import any as every
    from harness.conformance.laws import hold

    entry = component.entry
    home = str(entry.target).partition(":")[0] if isinstance(entry.target, str) else entry.module
    facts = hold(component, every.LAWS, home)
    of_kind = importlib.import_module(LAWS[entry.kind])
    prepare = getattr(of_kind, "prepare", lambda component: component)
    try:
        subject = prepare(component)
    except DiptychError as error:
        return [*facts, LawFact(name="can be tried", ok=False, detail=str(error))]
    return [*facts, *hold(subject, of_kind.LAWS, home)]


def _find(component: Suite | str | Path, kind: str | None, registry: Registry) -> Entry:
    from harness.suite_file import is_path

    if kind is not None:
        singular = {plural: name for name, plural in PLURALS.items()}
        kind = singular.get(kind, kind)
        if kind not in LAWS:
            raise unknown("kind", kind, LAWS, "diptych check --help")
    if isinstance(component, Suite) or is_path(component):
        suite = get_suite(component)
        origin = "given as it is" if isinstance(component, Suite) else str(component)
        return Entry("suite", suite.name, suite.question, origin, suite)
    name = str(component)
    kinds = list(LAWS) if kind is None else [kind]
    having = [k for k in kinds if name in {e.name for e in registry.list(k)} | {c.name for c in registry.collisions(k)}]
    if len(having) > 1:
        raise UsageError(f"{name!r} is a {' and a '.join(having)}. Say which: diptych check {name} --kind {having[0]}")
    if having or kind is not None:
        return registry.entry(having[0] if having else str(kind), name)
    every = {entry.name: k for k in reversed(kinds) for entry in registry.list(k)}
    near = difflib.get_close_matches(name, sorted(every), n=1, cutoff=0.5)
    meant = f"did you mean the {every[near[0]]} {near[0]!r}?" if near else f"kinds: {', '.join(kinds)}."
    broken = {origin: why for modules in registry.broken.values() for origin, why in modules.items()}
    told = "".join(f" ({origin} could not be imported: {why})" for origin, why in broken.items())
    plural = PLURALS[every[near[0]]] if near else "KIND"
    raise UsageError(f"nothing is registered as {name!r}; {meant} See: diptych list {plural}{told}")
