"""Packing weight files for the zoo: ``python -m models.zoo.pack FILE...`` writes ``FILE.xz`` beside each.

Worth it for large files in bfloat16, of which two thirds of the bytes are left; equal files give equal bytes. The row
in ``models/assets/zoo.py`` is that of the unpacked file. ``FILE`` stays: take it out of the zoo once ``FILE.xz`` is in.
"""

from __future__ import annotations

import argparse
import hashlib
import lzma
from collections.abc import Sequence
from pathlib import Path

from harness.assets.packed import pack, packed_path
from harness.files import write_atomically


def pack_file(path: Path) -> str:
    """Write ``path`` packed beside it; return a line with sizes and the row's SHA-256.

    Raises:
        OSError: It cannot be read, or its folder not written.
    """
    data = path.read_bytes()
    packed = pack(data)
    if lzma.decompress(packed, format=lzma.FORMAT_XZ) != data:  # before anyone deletes the file
        raise AssertionError(f"{path} does not come back out of its packed form")
    write_atomically(packed_path(path), packed)
    sizes = f"{len(data)} -> {len(packed)} bytes ({len(packed) / max(len(data), 1):.2f})"
    return f"{packed_path(path)}: {sizes}; row: SHA-256 {hashlib.sha256(data).hexdigest()}, {len(data)} bytes"


def main(arguments: Sequence[str] | None = None) -> None:
    """Write each FILE packed, as FILE.xz beside it."""
    parser = argparse.ArgumentParser(prog="python -m models.zoo.pack", description=main.__doc__)
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path, help="NAME.safetensors")
    for path in parser.parse_args(arguments).files:
        if path.suffix != ".safetensors":
            raise SystemExit(f"error: {path} is not named NAME.safetensors; only weight files of the zoo are packed.")
        try:
            print(pack_file(path))
        except OSError as error:
            raise SystemExit(f"error: {path} cannot be packed: {error.strerror or error}") from None


if __name__ == "__main__":
    main()
