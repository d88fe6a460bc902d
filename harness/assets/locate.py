"""Where an asset lies now: shipped with Diptych, in the cache, or in a mirror folder. Nothing is downloaded here."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from harness.assets.types import Asset
from harness.cache import cache_root
from harness.errors import DiptychError
from harness.files import file_sha256
from harness.registry import REGISTRY, Registry


class AbsentError(DiptychError):
    """An asset is not here; the message says what would bring it."""


class WrongHashError(DiptychError):
    """A file has other bytes than the table says."""


@dataclass(frozen=True)
class Located:
    """An asset's file.

    Attributes:
        path: The file.
        sha256: Of its bytes, computed now.
    """

    path: Path
    sha256: str


def find_asset(name: str, registry: Registry = REGISTRY) -> Asset:
    """Return the table's row (UsageError with the nearest name if there is none)."""
    asset: Asset = registry.get("asset", name)
    return asset


def asset_path(name: str, registry: Registry = REGISTRY) -> Path:
    """Return the checked file of a registered asset.

    Raises:
        UsageError: No such asset.
        AbsentError: It is not on this machine.
        WrongHashError: It is here with other bytes than the table says; names both hashes.
    """
    return locate(find_asset(name, registry)).path


def asset_sha256(name: str, registry: Registry = REGISTRY) -> str:
    """Return the SHA-256 of the file of a registered asset, for the record; raises as :func:`asset_path`."""
    return locate(find_asset(name, registry)).sha256


def locate(asset: Asset) -> Located:
    """Find and check a file.

    Raises:
        AbsentError: It is not on this machine.
        WrongHashError: The first place that has it has other bytes.
    """
    for path in places(asset):
        if path.is_file():
            return checked(asset, path)
    raise AbsentError(f"asset {asset.name!r} is not on this machine. Try: diptych assets fetch {asset.name}")


def checked(asset: Asset, path: Path) -> Located:
    """Compare a file with the table, or with what the first fetch pinned where the table has no hash.

    Raises:
        WrongHashError: They differ; names both.
    """
    found, expected = file_sha256(path), asset.sha256 or pinned(asset)
    if expected is not None and found != expected:
        raise WrongHashError(
            f"asset {asset.name!r}: {path} has SHA-256 {found}, expected {expected}. "
            "Do not use it: delete that file, or copy it again."
        )
    return Located(path, found)


def places(asset: Asset) -> list[Path]:
    """Where the file may lie, in the order in which it is looked for."""
    if asset.packaged is not None:
        home = importlib.util.find_spec("models")
        folders = [] if home is None else list(home.submodule_search_locations or ())
        return [Path(folder) / asset.packaged for folder in folders]
    mirrors = [] if asset.mirror is None else [folder / asset.mirror for folder in mirror_folders()]
    return [cached_path(asset), *mirrors]


def cached_path(asset: Asset) -> Path:
    """Where the cache keeps it."""
    return cache_root() / "assets" / asset.name / asset.file_name


def pin_path(asset: Asset) -> Path:
    """Where the hash of a file is kept whose row has none."""
    return cache_root() / "assets" / asset.name / "sha256"


def pinned(asset: Asset) -> str | None:
    """The hash that the first fetch found, or None."""
    try:
        return pin_path(asset).read_text().strip() or None
    except OSError:
        return None


def mirror_folders() -> list[Path]:
    """The folders of ``DIPTYCH_ASSETS``."""
    return [Path(folder) for folder in os.environ.get("DIPTYCH_ASSETS", "").split(os.pathsep) if folder]


def mirror_folder(name: str) -> Path:
    """Return a folder of a mirror, such as that of real videos.

    Raises:
        AbsentError: No mirror has it.
    """
    for folder in mirror_folders():
        if (folder / name).is_dir():
            return folder / name
    told = os.environ.get("DIPTYCH_ASSETS")
    where = f"no folder of DIPTYCH_ASSETS ({told}) has it" if told else "DIPTYCH_ASSETS names no folder"
    raise AbsentError(
        f"the folder {name!r} of a mirror is not on this machine: {where}. Set it to a folder that holds {name}/."
    )
