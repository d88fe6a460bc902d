"""Published numbers, read and checked: each has a source, each source a quality, and what is derived must agree."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator

from harness.errors import DiptychError
from harness.types import Data

Quality = Literal["P", "code", "sim", "S", "M"]
QUALITIES: dict[Quality, str] = {
    "P": "read in the authors' own text",
    "code": "read in the authors' repository",
    "sim": "computed",
    "S": "a secondary source only",
    "M": "from memory, unverified",
}
ROUNDING = 0.006
"""A speed-up is printed with two decimals, of rates printed with two."""


class Paper(Data):
    """Which paper."""

    name: str
    title: str
    arxiv: str


class Source(Data):
    """Where a number was read, and how good that is."""

    text: str = Field(min_length=1)
    quality: Quality


class Sourced(Data):
    """What names its source."""

    source: str


class Claim(Sourced):
    """A sentence of a source."""

    text: str


class DecodingRow(Sourced):
    """A row of a decoding table: frames per second, action F1, PSNR (dB), FVD, and the speed-up against ``at``."""

    model: str
    mode: Literal["at", "finetuned", "plain"]
    fps: float = Field(gt=0)
    f1: float = Field(ge=0, le=1)
    psnr: float
    fvd: float = Field(ge=0)
    speed_up: float | None = None


class PassesRow(Sourced):
    """Forward passes of a schedule on MineWorld's grid, 15 frames."""

    schedule: str
    k: int
    passes: int


class Unavailable(Data):
    """What could not be read, and why."""

    what: str
    why: str


class Published(Data):
    """A paper's published numbers; see ``suites/published``."""

    paper: Paper
    sources: dict[str, Source]
    claims: tuple[Claim, ...] = ()
    decoding: tuple[DecodingRow, ...] = ()
    passes: tuple[PassesRow, ...] = ()
    unavailable: tuple[Unavailable, ...] = ()

    @model_validator(mode="after")
    def _agree(self) -> Self:
        named: tuple[Sourced, ...] = (*self.claims, *self.decoding, *self.passes)
        for item in named:
            if item.source not in self.sources:
                raise ValueError(f"source {item.source!r} of {item!r} is not among the sources {sorted(self.sources)}")
        first = {row.model: row.fps for row in self.decoding if row.mode == "at"}
        for row in self.decoding:
            if row.model not in first:
                raise ValueError(f"{row.model} has no row 'at' to be held against")
            if row.speed_up is not None and abs(row.speed_up - row.fps / first[row.model]) > ROUNDING:
                raise ValueError(
                    f"{row.model} {row.mode}: speed-up {row.speed_up} is not {row.fps} / {first[row.model]} "
                    f"= {row.fps / first[row.model]:.3f}"
                )
        return self


def read_published(path: Path) -> Published:
    """Read a file of published numbers.

    Raises:
        DiptychError: Not TOML, a number without source or quality, or one that disagrees with another.
    """
    try:
        return Published.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise DiptychError(f"{path} cannot be read: {error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise DiptychError(f"{path} is not in order: {place}: {first['msg']}.") from error
