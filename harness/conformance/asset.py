"""Laws of assets: a hash or the reason why there is none, a licence, a source, and the bytes that are said."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from harness.assets.locate import AbsentError, locate
from harness.assets.types import Asset
from harness.conformance.laws import Component, Law, does_not_apply, require


def _declared(component: Component) -> str:
    asset = component.thing
    require(isinstance(asset, Asset), f"it is a {type(asset).__name__}, not a harness.assets.types.Asset")
    require(bool(asset.licence.strip()), "it names no licence")
    require(len(asset.citation.split()) > 2, "it does not say where it comes from")
    require(bool(asset.version.strip()), "it has no version")
    name = asset.file_name
    require(name not in ("", ".", "..") and not set(name) & set("/\\"), f"its file name {name!r} is a path")
    require(asset.bytes is None or asset.bytes > 0, f"its size is {asset.bytes} bytes")
    return f"{asset.licence}; {asset.citation}"


def _hashed(component: Component) -> str:
    asset: Asset = component.thing
    if asset.sha256 is None:
        require(asset.packaged is None, "it ships with Diptych and has no SHA-256")
        require(bool(asset.note.strip()), "it has no SHA-256 and no note that says why")
        require(asset.sha256_source is None, "it names a source of a SHA-256 that it does not have")
        return "pinned at the first fetch"
    require(re.fullmatch(r"[0-9a-f]{64}", asset.sha256) is not None, f"{asset.sha256!r} is no SHA-256")
    return f"{asset.sha256}, {f'quoted from {asset.sha256_source}' if asset.sha256_source else 'computed'}"


def _sourced(component: Component) -> str:
    asset: Asset = component.thing
    require(bool(asset.sources), "it has no source at all")
    if asset.wheel is not None:
        pinned = re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9._+!]+", asset.wheel.requirement)
        require(pinned is not None, f"{asset.wheel.requirement!r} is not pinned to one version")
    if asset.url is not None:
        # where the whole hash is known it guards the bytes; without one only the connection does
        require(asset.sha256 is not None or asset.url.startswith("https://"), f"{asset.url!r} is not https")
    for inside in filter(None, (asset.packaged, asset.mirror)):
        path = PurePosixPath(inside)
        require(not path.is_absolute() and ".." not in path.parts, f"{inside!r} leads out of its folder")
    if asset.mirror is not None and not (asset.wheel or asset.url):
        require(bool(asset.note.strip()), "only mirrors have it, and no note names a public recipe")
    return ", ".join(asset.sources)


def _present(component: Component) -> str:
    asset: Asset = component.thing
    try:
        found = locate(asset)
    except AbsentError as error:
        require(asset.packaged is None, str(error))
        does_not_apply(str(error))
    size = found.path.stat().st_size
    require(asset.bytes in (None, size), f"it has {size} bytes, declared {asset.bytes}")
    return f"{size} bytes, SHA-256 {found.sha256}"


LAWS = (
    Law("says its licence and where it comes from", _declared),
    Law("has a hash, or says why not", _hashed),
    Law("has a source", _sourced),
    Law("has the bytes that it declares", _present),
)
