"""What a file is that Diptych uses and does not make: an asset, and where it can be had."""

from __future__ import annotations

from harness.types import Data


class WheelMember(Data):
    """A file inside a wheel of the package index, which is downloaded as data and never installed.

    Attributes:
        requirement: Pinned, such as ``"stlpips-pytorch==0.0.2"``.
        member: Path inside the wheel.
    """

    requirement: str
    member: str


class Asset(Data):
    """One file, registered as kind ``asset``.

    Attributes:
        name: Registered name, such as ``"x3d-xs-k400-int8dq"``.
        summary: One line.
        version: Of the file, as its source tells it.
        file_name: Name in the cache, with a suffix.
        sha256: Of its bytes: computed from the file, or quoted (``sha256_source``). None where it is neither: then the
            first fetch pins it.
        sha256_source: Who says so, where the hash was not computed from the file by those who declared it.
        bytes: Size; None where unknown.
        licence: SPDX name, or what is known.
        citation: Where it comes from and whom to cite.
        packaged: Path below the package ``models`` for files that ship with Diptych, else None. Its packed form may
            lie there instead (``.xz``, :mod:`harness.assets.packed`); hash and size are those of the file itself.
        mirror: Path inside a mirror folder (``DIPTYCH_ASSETS``), or None.
        wheel: Member of a wheel, or None.
        url: Canonical address, or None.
        note: What a user must know, such as the public recipe of a file that only mirrors have.
    """

    name: str
    summary: str
    version: str
    file_name: str
    sha256: str | None = None
    sha256_source: str | None = None
    bytes: int | None = None
    licence: str
    citation: str
    packaged: str | None = None
    mirror: str | None = None
    wheel: WheelMember | None = None
    url: str | None = None
    note: str = ""

    @property
    def sources(self) -> tuple[str, ...]:
        """Where it can be had, in the order in which it is looked for, for people to read."""
        return (
            *((f"ships with Diptych: models/{self.packaged}",) if self.packaged else ()),
            *((f"mirror folder: {self.mirror}",) if self.mirror else ()),
            *((f"wheel {self.wheel.requirement}: {self.wheel.member}",) if self.wheel else ()),
            *((self.url,) if self.url else ()),
        )
