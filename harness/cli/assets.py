"""The verbs of assets: list, fetch, verify, path."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from harness.assets.fetch import fetch
from harness.assets.locate import AbsentError, UnreadableError, WrongHashError, find_asset, locate
from harness.assets.packed import PackedError
from harness.assets.types import Asset
from harness.cli.builtin import load_builtin
from harness.errors import DiptychError, UsageError
from harness.types import Data


class AssetFacts(Data):
    """One asset, as it is on this machine.

    Attributes:
        name: Registered name.
        summary: One line.
        version: As its source tells it.
        sha256: The table's; that of the file where the table has none and the file is here; else None.
        sha256_source: Who says so, where the table's hash was not computed from the file.
        bytes: Size, or None where unknown.
        licence: SPDX name, or what is known.
        citation: Where it comes from.
        ships: True if it comes with Diptych itself.
        sources: Where it can be had, in the order in which they are asked.
        present: True if it is here with the right bytes.
        path: The file, or None.
        reason: Why it is not here, or what is wrong with it; None where all is well.
    """

    name: str
    summary: str
    version: str
    sha256: str | None
    sha256_source: str | None
    bytes: int | None
    licence: str
    citation: str
    ships: bool
    sources: tuple[str, ...]
    present: bool
    path: Path | None
    reason: str | None


class AssetsFacts(Data):
    """Assets, by name.

    Attributes:
        assets: One each.
        ok: False if a file has wrong bytes, or if what was asked for is not here.
    """

    assets: tuple[AssetFacts, ...]
    ok: bool = True


Tell = Callable[[str, int, int | None], None]


def list_assets(names: Sequence[str] = ()) -> AssetsFacts:
    """Say of every asset, or of those named, whether it is here; nothing is fetched.

    Raises:
        UsageError: Unknown name; names the nearest one.
    """
    return AssetsFacts(assets=tuple(_facts(asset) for asset in _chosen(names)))


def verify_assets(names: Sequence[str] = ()) -> AssetsFacts:
    """Hash every file that is here; :attr:`AssetsFacts.ok` is False if one has other bytes than the table says.

    Of what ships packed both are checked: the packed file, and what the cache keeps of it.
    """
    found, ok = [], True
    for asset in _chosen(names):
        facts = _facts(asset, thorough=True)
        ok = ok and (facts.present or facts.path is None)
        found.append(facts)
    return AssetsFacts(assets=tuple(found), ok=ok and all(f.present for f in found if f.name in names))


def asset_path(name: str) -> Path:
    """Return the checked file of an asset; nothing is fetched.

    Raises:
        UsageError: Unknown name; names the nearest one.
        AbsentError: It is not on this machine; names the command that would fetch it.
        WrongHashError: It has other bytes than the table says; names both hashes.
        PackedError: It ships packed, and is damaged, or the cache cannot be written.
    """
    return locate(find_asset(name, load_builtin())).path


def fetch_assets(
    names: Sequence[str], *, everything: bool = False, tell: Tell = lambda name, done, total: None
) -> AssetsFacts:
    """Bring assets to this machine; one that cannot be had does not stop the others.

    Args:
        names: Which.
        everything: All of them.
        tell: Told of (name, bytes, total bytes or None) while one is downloaded.

    Raises:
        UsageError: None is named, or an unknown one.
    """
    if not names and not everything:
        raise UsageError("name an asset to fetch, or --all. See: diptych assets list")
    found, ok = [], True
    for asset in _chosen(() if everything else names):
        try:
            fetch(asset, lambda done, total, name=asset.name: tell(name, done, total))  # type: ignore[misc]
            found.append(_facts(asset))
        except DiptychError as error:
            ok = False
            found.append(_facts(asset).model_copy(update={"reason": str(error)}))
    return AssetsFacts(assets=tuple(found), ok=ok)


def _chosen(names: Sequence[str]) -> list[Asset]:
    registry = load_builtin()
    return [find_asset(name, registry) for name in names or [entry.name for entry in registry.list("asset")]]


def _facts(asset: Asset, *, thorough: bool = False) -> AssetFacts:
    path, sha256, reason, present, size = None, asset.sha256, None, False, asset.bytes
    try:
        found = locate(asset, thorough=thorough)
        path, sha256, present, size = found.path, found.sha256, True, found.path.stat().st_size
    except AbsentError as error:
        reason = f"{error} ({asset.note})" if asset.note else str(error)
    except (WrongHashError, UnreadableError) as error:
        path, reason, size = error.path, str(error), error.path.stat().st_size
    except PackedError as error:
        path, reason = error.path, str(error)
    return AssetFacts(
        name=asset.name,
        summary=asset.summary,
        version=asset.version,
        sha256=sha256,
        sha256_source=asset.sha256_source,
        bytes=size,
        licence=asset.licence,
        citation=asset.citation,
        ships=asset.packaged is not None,
        sources=asset.sources,
        present=present,
        path=path,
        reason=reason,
    )
