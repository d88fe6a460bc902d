"""Where a published number was read, and how good that source is."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from harness.types import Data

Quality = Literal["P", "code", "sim", "S", "M"]
QUALITIES: dict[Quality, str] = {
    "P": "the authors' own text",
    "code": "the authors' repository",
    "sim": "computed from the authors' code or a formula",
    "S": "a secondary source",
    "M": "from memory, unverified",
}
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Count = Annotated[int, Field(ge=1)]


class Sourced(Data):
    """Something that was read somewhere.

    Attributes:
        source: Key of the file's ``sources``.
        quality: How good that source is; see :data:`QUALITIES`.
    """

    source: Text
    quality: Quality

    @property
    def mark(self) -> str:
        """The quality as it is printed: ``"[S]"``."""
        return f"[{self.quality}]"


def agrees(printed: float, exact: float) -> bool:
    """True if ``exact`` rounds to ``printed`` at the decimals that ``printed`` has."""
    decimals = len(repr(printed).partition(".")[2])
    return abs(printed - exact) <= 0.5 * 10.0**-decimals + 1e-9
