"""The verbs of assets: list, fetch, verify, path."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from harness.assets.fetch import fetch_asset
from harness.assets.locate import AbsentError, WrongHashError, find_asset, locate
from harness.assets.types import Asset
from harness.cli.builtin import load_builtin
from harness.errors import DiptychError, UsageError
from harness.types import Data


class AssetFacts(Data):
    """One asset, as it is on this machine.

    Attributes:
        name: Registered name.
        summary: One line.
        version: Of the file.
        sha256: The table's; that of the file where the table has none and the file is here; else None.
        bytes: Size, or None where unknown.
        licence: SPDX name, or what is known.
        citation: Where it comes from.
        sources: Where it can be had, in the order in which they are asked.
        present: True if it is here with the right bytes.
        path: The file, or None.
        reason: Why it is not here, or what is wrong with it; None where all is well.
    """

    name: str
    summary: str
    version: str
    sha256: str | None
    bytes: int | None
    licence: str
    citation: str
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
    """Hash every file that is here; :attr:`AssetsFacts.ok` is False if one has other bytes than the table says."""
    found, ok = [], True
    for asset in _chosen(names):
        facts = _facts(asset)
        ok = ok and (facts.present or facts.path is None)
        found.append(facts)
    return AssetsFacts(assets=tuple(found), ok=ok and all(f.present for f in found if f.name in names))


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
            fetch_asset(asset, lambda done, total, name=asset.name: tell(name, done, total))  # type: ignore[misc]
            found.append(_facts(asset))
        except DiptychError as error:
            ok = False
            found.append(_facts(asset).model_copy(update={"reason": str(error)}))
    return AssetsFacts(assets=tuple(found), ok=ok)


def _chosen(names: Sequence[str]) -> list[Asset]:
    registry = load_builtin()
    return [find_asset(name, registry) for name in names or [entry.name for entry in registry.list("asset")]]


def _facts(asset: Asset) -> AssetFacts:
    path, sha256, reason = None, asset.sha256, None
    present = False
    try:
        found = locate(asset)
        path, sha256, present = found.path, found.sha256, True
    except AbsentError as error:
        reason = str(error) if not asset.note else f"{error} ({asset.note})"
    except WrongHashError as error:
        reason = str(error)
        path = Path(str(error).split(": ", 1)[1].split(" has SHA-256")[0])
    sources = (
        *(("ships with Diptych",) if asset.packaged else ()),
        *((f"mirror: {asset.mirror}",) if asset.mirror else ()),
        *((f"wheel: {asset.wheel.requirement}, {asset.wheel.member}",) if asset.wheel else ()),
        *((asset.url,) if asset.url else ()),
    )
    return AssetFacts(
        name=asset.name,
        summary=asset.summary,
        version=asset.version,
        sha256=sha256,
        bytes=asset.bytes if path is None or not path.is_file() else path.stat().st_size,
        licence=asset.licence,
        citation=asset.citation,
        sources=sources,
        present=present,
        path=path,
        reason=reason,
    )
