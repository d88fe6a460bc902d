"""Where an asset lies now: shipped with Diptych, in the cache, or in a mirror folder. Nothing is downloaded here."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from harness.assets.types import Asset
from harness.errors import DiptychError
from harness.files import file_sha256
from harness.registry import REGISTRY, Registry


class AbsentError(DiptychError):
    """An asset is not here; the message says what would bring it."""


def asset_path(name: str, registry: Registry = REGISTRY) -> Path:
    """Return the checked file of a registered asset.

    Raises:
        UsageError: No such asset.
        AbsentError: It is not on this machine.
        DiptychError: It is here with other bytes than the table says; names both hashes.
    """
    asset: Asset = registry.get("asset", name)
    for path in places(asset):
        if path.is_file():
            found = file_sha256(path)
            if asset.sha256 is not None and found != asset.sha256:
                raise DiptychError(
                    f"asset {name!r}: {path} has SHA-256 {found}, expected {asset.sha256}. Delete it, or copy it again."
                )
            return path
    raise AbsentError(f"asset {name!r} is not on this machine. Try: diptych assets fetch {name}")


def places(asset: Asset) -> list[Path]:
    """Where the file may lie, in the order in which it is looked for."""
    found = []
    if asset.packaged is not None:
        home = importlib.util.find_spec("models")
        if home is not None and home.submodule_search_locations:
            found.append(Path(home.submodule_search_locations[0]) / asset.packaged)
    if asset.mirror is not None:
        folders = [folder for folder in os.environ.get("DIPTYCH_ASSETS", "").split(os.pathsep) if folder]
        found += [Path(folder) / asset.mirror for folder in folders]
    return found
