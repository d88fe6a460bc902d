"""Laws of assets: a hash or the reason why there is none, a licence, a source, and the bytes that are said."""

from __future__ import annotations

import re

from harness.assets.locate import AbsentError, locate
from harness.assets.types import Asset
from harness.conformance.laws import Component, Law, does_not_apply, require


def _declared(component: Component) -> str:
    asset = component.thing
    require(isinstance(asset, Asset), f"it is a {type(asset).__name__}, not a harness.assets.types.Asset")
    require(bool(asset.licence.strip()), "it names no licence")
    require(len(asset.citation.split()) > 2, "it does not say where it comes from")
    require(bool(asset.version.strip()), "it has no version")
    require("/" not in asset.file_name, "its file name is a path")
    return f"{asset.licence}; {asset.citation}"


def _hashed(component: Component) -> str:
    asset: Asset = component.thing
    if asset.sha256 is None:
        require(bool(asset.note.strip()), "it has no SHA-256 and no note that says why")
        return "pinned at the first fetch"
    require(re.fullmatch(r"[0-9a-f]{64}", asset.sha256) is not None, f"{asset.sha256!r} is no SHA-256")
    return asset.sha256


def _sourced(component: Component) -> str:
    asset: Asset = component.thing
    places = (asset.packaged, asset.mirror, asset.wheel, asset.url)
    require(any(place is not None for place in places), "it has no source at all")
    if asset.wheel is not None:
        require("==" in asset.wheel.requirement, f"{asset.wheel.requirement!r} is not pinned")
    if asset.mirror is not None and not (asset.wheel or asset.url):
        require(bool(asset.note.strip()), "only mirrors have it, and no note names a public recipe")
    return ", ".join(str(place) for place in places if place is not None)


def _present(component: Component) -> str:
    asset: Asset = component.thing
    try:
        found = locate(asset)
    except AbsentError as error:
        does_not_apply(str(error))
    size = found.path.stat().st_size
    require(asset.bytes in (None, size), f"it has {size} bytes, declared {asset.bytes}")
    return f"{size} bytes with the declared hash"


LAWS = (
    Law("says its licence and where it comes from", _declared),
    Law("has a hash, or says why not", _hashed),
    Law("has a source", _sourced),
    Law("has the bytes that it declares", _present),
)
