"""Shipped files that lie packed (``NAME.xz``): at first use one is unpacked into the cache, and its bytes are checked.

Names, sizes and SHA-256 everywhere else are those of the unpacked file. The folder of the installation is only read;
processes that unpack at once write the same bytes, each in one step.
"""

from __future__ import annotations

import hashlib
import lzma
from pathlib import Path

from harness.cache import cache_root
from harness.errors import DiptychError
from harness.files import file_sha256, usable_folder, write_atomically

SUFFIX = ".xz"
FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 6, "lc": 3, "lp": 1, "pb": 1}]
"""For steps of two bytes: in bfloat16 weights every other byte is sign and exponent, which alone has a pattern."""
REINSTALL = "Install Diptych again, or in a clone: git checkout models/zoo"
CACHE_REMEDY = "Choose another with DIPTYCH_CACHE."


class PackedError(DiptychError):
    """A packed file is damaged, or there is no place to unpack it.

    Attributes:
        path: The packed file.
        remedy: What to do about it; the message ends with it.
    """

    def __init__(self, path: Path, problem: str, remedy: str) -> None:
        super().__init__(f"{problem} {remedy}")
        self.path = path
        self.remedy = remedy


def pack(data: bytes) -> bytes:
    """The packed bytes of a file, the same for equal ``data`` (and one version of liblzma)."""
    return lzma.compress(data, format=lzma.FORMAT_XZ, filters=FILTERS)


def packed_path(path: Path) -> Path:
    """Where the packed form of ``path`` lies, if it ships packed."""
    return path.with_name(path.name + SUFFIX)


def unpacked_path(name: str, sha256: str) -> Path:
    """Where the cache keeps the unpacked file; another version of it has another folder."""
    return cache_root() / "zoo" / sha256[:16] / name


def unpacked(packed: Path, sha256: str, *, thorough: bool = False) -> Path:
    """Return the unpacked form of a packed file, which is made if the cache lacks it or has it with other bytes.

    Args:
        packed: ``NAME.xz``.
        sha256: Of the unpacked file.
        thorough: Look at the packed file also where the cache has what would come out of it.

    Raises:
        PackedError: It is damaged, or the cache cannot be written.
    """
    target = unpacked_path(packed.name.removesuffix(SUFFIX), sha256)
    kept = _sha256(target) == sha256
    if thorough or not kept:
        data = _unpack(packed, sha256)
        if not kept:
            _keep(packed, target, data)
    return target


def _sha256(path: Path) -> str | None:
    try:
        return file_sha256(path)
    except OSError:
        return None  # absent, or not to be read: it is made again


def _unpack(packed: Path, sha256: str) -> bytes:
    try:
        data = lzma.decompress(packed.read_bytes(), format=lzma.FORMAT_XZ)
    except OSError as error:
        raise PackedError(packed, f"{packed} cannot be read: {error.strerror or error}.", REINSTALL) from error
    except lzma.LZMAError as error:
        problem = f"{packed} is damaged and does not unpack ({error}); expected in it is SHA-256 {sha256}."
        raise PackedError(packed, problem, REINSTALL) from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        problem = f"{packed} has SHA-256 {found} inside, expected {sha256}: it is damaged or was changed."
        raise PackedError(packed, problem, REINSTALL)
    return data


def _keep(packed: Path, target: Path, data: bytes) -> None:
    try:
        usable_folder(target.parent, "cache folder", "")
        write_atomically(target, data)
    except DiptychError as error:
        raise PackedError(packed, f"{packed.name} cannot be unpacked: {str(error).strip()}", CACHE_REMEDY) from error
    except OSError as error:
        problem = f"{packed.name} cannot be unpacked to {target}: {error.strerror or error}."
        raise PackedError(packed, problem, CACHE_REMEDY) from error
