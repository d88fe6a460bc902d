"""Everything that has a name, as data: what ``diptych list`` shows."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

from pydantic import Field

from harness.assets.locate import find_asset, locate
from harness.assets.packed import packed_path
from harness.assets.types import Asset
from harness.cli.builtin import load_builtin
from harness.entry import Entry
from harness.errors import DiptychError, unknown
from harness.registry import PLURALS, REGISTRY, Registry
from harness.types import Data, Suite, Value

ZOO_PACKAGE = "models.zoo"
KINDS: tuple[str, ...] = (*(plural for kind, plural in PLURALS.items() if kind != "arm"), "arms")


class Item(Data):
    """One thing that has a name.

    Attributes:
        name: Its name; unique in its kind, except for arms, which are unique in their suite.
        summary: One line.
        origin: ``file:line`` of its registration, a plug-in's distribution and module, or the file itself for an asset.
        distribution: The distribution that brings it; None for what Diptych ships.
        details: Further facts: ``suite`` of an arm; ``sha256`` and ``bytes`` of an asset.
    """

    name: str
    summary: str
    origin: str
    distribution: str | None = None
    details: dict[str, Value] = Field(default_factory=dict)


class Listing(Data):
    """All items of one kind.

    Attributes:
        kind: Plural, such as ``"suites"``.
        items: Sorted by name; without the names that several plug-ins claim.
        broken: Modules that should have registered something and could not be imported, with the reason.
        collisions: What is to be said of names that several places claim.
    """

    kind: str
    items: tuple[Item, ...]
    broken: dict[str, str] = Field(default_factory=dict)
    collisions: tuple[str, ...] = ()


def list_items(kind: str, registry: Registry = REGISTRY) -> Listing:
    """List everything of one kind without loading it.

    Args:
        kind: One of :data:`KINDS`.
        registry: Where to look.

    Raises:
        UsageError: No such kind.
    """
    if kind not in KINDS:
        raise unknown("kind", kind, KINDS, "diptych list --help")
    load_builtin(registry)
    if kind == "arms":
        items, broken = _arms(registry)
        return Listing(kind=kind, items=tuple(items), broken=broken, collisions=_collisions("suite", registry))
    singular = next(name for name, plural in PLURALS.items() if plural == kind)
    entries = registry.list(singular)
    return Listing(
        kind=kind,
        items=tuple(
            Item(
                name=e.name,
                summary=e.summary,
                origin=e.origin,
                distribution=e.distribution or None,
                details=_asset_details(e) if kind == "assets" else {},
            )
            for e in entries
        ),
        broken=dict(registry.broken.get(singular, {})),
        collisions=_collisions(singular, registry),
    )


def _collisions(kind: str, registry: Registry) -> tuple[str, ...]:
    return tuple(str(collision) for collision in registry.collisions(kind))


def _arms(registry: Registry) -> tuple[list[Item], dict[str, str]]:
    entries = registry.list("suite")
    broken = dict(registry.broken.get("suite", {}))
    items = []
    for entry in entries:
        try:
            suite: Suite = entry.load()
        except DiptychError as error:  # a plug-in's, that was never imported before
            broken[entry.origin] = str(error)
            continue
        for arm in suite.arms:
            details: dict[str, Value] = {
                "suite": suite.name,
                "maker": arm.maker,
                "baseline": arm.name == suite.baseline,
            }
            items.append(Item(name=arm.name, summary=arm.summary, origin=entry.origin, details=details))
    return sorted(items, key=lambda item: (item.name, str(item.details["suite"]))), broken


def zoo_folder() -> Path | None:
    """Folder of the zoo's weights, or None where the package is absent."""
    spec = importlib.util.find_spec(ZOO_PACKAGE)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent


def zoo_file(name: str, registry: Registry = REGISTRY) -> Path | None:
    """A weight file of the zoo by its name, unpacked into the cache if it ships packed; None if the zoo has none.

    Raises:
        PackedError: It is packed, and is damaged, or the cache cannot be written.
    """
    folder = zoo_folder()
    if folder is None or (folder / name).is_file():
        return None if folder is None else folder / name
    shipped = any(entry.name == name for entry in load_builtin(registry).list("asset"))
    return locate(find_asset(name, registry)).path if shipped and packed_path(folder / name).is_file() else None


def _asset_details(entry: Entry) -> dict[str, Value]:
    asset: Asset = entry.load()
    return {"bytes": asset.bytes, "sha256": asset.sha256, "licence": asset.licence}


def weight_users(registry: Registry = REGISTRY, fail: Callable[[str], None] = lambda _: None) -> dict[str, list[str]]:
    """Map the file name of every weight that a registered model names to those models.

    Args:
        registry: Where to look.
        fail: Told of each model whose card cannot be read.
    """
    users: dict[str, list[str]] = {}
    for entry in load_builtin(registry).list("model"):
        try:
            card = entry.load()
        except DiptychError as error:
            fail(str(error))
            continue
        for attribute in ("weights", "tokenizer"):
            name = getattr(card, attribute, None)
            if name:
                users.setdefault(name, []).append(entry.name)
    return users
