"""Where an asset lies now: shipped with Diptych, in the cache, or in a mirror folder. Nothing is downloaded here.

What ships packed (:mod:`harness.assets.packed`) is unpacked into the cache when it is looked for.
"""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from harness.assets.packed import packed_path, unpacked
from harness.assets.types import Asset
from harness.cache import cache_root
from harness.errors import DiptychError
from harness.files import file_sha256
from harness.registry import REGISTRY, Registry


class AbsentError(DiptychError):
    """An asset is not here; the message says what would bring it."""


class WrongHashError(DiptychError):
    """A file has other bytes than the table says.

    Attributes:
        path: The file.
        found: SHA-256 of its bytes.
        expected: That of the table, or of the first fetch.
    """

    def __init__(self, asset: Asset, path: Path, found: str, expected: str, remedy: str) -> None:
        super().__init__(f"asset {asset.name!r}: {path} has SHA-256 {found}, expected {expected}. {remedy}")
        self.path = path
        self.found = found
        self.expected = expected


class UnreadableError(DiptychError):
    """A file is here and cannot be read.

    Attributes:
        path: The file.
    """

    def __init__(self, asset: Asset, path: Path, error: OSError) -> None:
        super().__init__(f"asset {asset.name!r}: {path} cannot be read: {error.strerror or error}.")
        self.path = path


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
        PackedError: It ships packed, and is damaged, or the cache cannot be written.
    """
    return locate(find_asset(name, registry)).path


def asset_sha256(name: str, registry: Registry = REGISTRY) -> str:
    """Return the SHA-256 of the file of a registered asset, for the record; raises as :func:`asset_path`."""
    return locate(find_asset(name, registry)).sha256


def locate(asset: Asset, *, thorough: bool = False) -> Located:
    """Find and check a file; one that ships packed is unpacked into the cache.

    Args:
        asset: The table's row.
        thorough: Check a packed file also where the cache has it unpacked.

    Raises:
        AbsentError: It is not on this machine.
        WrongHashError: The first place that has it has other bytes.
        PackedError: It ships packed, and is damaged, or the cache cannot be written.
    """
    for path in places(asset):
        if path.is_file():
            return checked(asset, path)
        if asset.packaged is not None and asset.sha256 is not None and packed_path(path).is_file():
            return Located(unpacked(packed_path(path), asset.sha256, thorough=thorough), asset.sha256)
    remedy = SHIPPED_REMEDY if asset.packaged is not None else f"Try: diptych assets fetch {asset.name}"
    raise AbsentError(f"asset {asset.name!r} is not on this machine. {remedy}")


SHIPPED_REMEDY = "It ships with Diptych: install Diptych again, or in a clone: git checkout models/zoo"


def checked(asset: Asset, path: Path) -> Located:
    """Compare a file with the table, or with what the first fetch pinned where the table has no hash.

    Raises:
        WrongHashError: They differ; names both.
        UnreadableError: The file cannot be read.
    """
    try:
        found = file_sha256(path)
    except OSError as error:
        raise UnreadableError(asset, path, error) from error
    expected = asset.sha256 or pinned(asset)
    if expected is not None and found != expected:
        raise WrongHashError(asset, path, found, expected, _remedy(asset, path))
    return Located(path, found)


def _remedy(asset: Asset, path: Path) -> str:
    """What to do about a file with other bytes, by who put it there."""
    if asset.packaged is not None:
        return SHIPPED_REMEDY
    if path != cached_path(asset):
        return "Copy it into the mirror folder again, or take that folder out of DIPTYCH_ASSETS."
    changed = f", or, if the file was meant to change, delete {pin_path(asset)}" if asset.sha256 is None else ""
    return f"Try: diptych assets fetch {asset.name}{changed}"


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
    """Where the hash of a file is kept whose row has none, as ``sha256sum`` writes it."""
    return cached_path(asset).with_name(f"{asset.file_name}.sha256")


def pinned(asset: Asset) -> str | None:
    """The hash that the first fetch found, or None."""
    try:
        return next(iter(pin_path(asset).read_text(errors="replace").split()), None)
    except OSError:
        return None


def mirror_folders() -> list[Path]:
    """The folders of ``DIPTYCH_ASSETS``."""
    return [Path(folder) for folder in os.environ.get("DIPTYCH_ASSETS", "").split(os.pathsep) if folder]


def mirror_folder(name: str) -> Path:
    """Return a folder of a mirror, such as that of real videos.

    Raises:
        AbsentError: No mirror has it; says how to name one.
    """
    for folder in mirror_folders():
        if (folder / name).is_dir():
            return folder / name
    told = os.environ.get("DIPTYCH_ASSETS")
    where = f"no folder of DIPTYCH_ASSETS ({told}) has it" if told else "DIPTYCH_ASSETS names no folder"
    raise AbsentError(
        f"the folder {name!r} of a mirror is not on this machine: {where}. Set it to a folder that holds {name}/."
    )
