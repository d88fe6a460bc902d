"""Which videos of two models are a pair: those of one prompt and one number, dimension by dimension."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.vbench.dimensions import DIMENSIONS
from harness.vbench.read import Results
from harness.vbench.videos import Key

Values = Mapping[str, Mapping[Key, float | None]]


@dataclass(frozen=True)
class Matched:
    """Videos of two models side by side.

    Attributes:
        dimensions: What both have values of single videos of, in VBench's order.
        left_out: Dimension → why it is not compared, of those that at least one of them has.
        sides: Of the model, then of the other: dimension → video → value.
        names: The same: video → the file's name.
        videos: Every video that at least one of them has a value of, sorted by prompt and number.
    """

    dimensions: tuple[str, ...]
    left_out: Mapping[str, str]
    sides: tuple[Values, Values]
    names: tuple[Mapping[Key, str], Mapping[Key, str]]
    videos: tuple[Key, ...]

    def has(self, side: int, video: Key) -> bool:
        """True if a model has a value of ``video`` in any dimension that is compared."""
        return any(self.sides[side][name].get(video) is not None for name in self.dimensions)

    def both(self, name: str) -> list[Key]:
        """Videos that both have a value of dimension ``name`` of, sorted."""
        one, other = (side[name] for side in self.sides)
        return sorted(key for key, value in one.items() if value is not None and other.get(key) is not None)


def match(here: Results, there: Results) -> Matched:
    """Put the videos of two models side by side.

    Args:
        here: What the files of the model say.
        there: What those of the other say.
    """
    compared: list[str] = []
    left_out: dict[str, str] = {}
    for name in DIMENSIONS:
        lacking = []
        for side in (here, there):
            found = side.values.get(name)
            if found is None:
                lacking.append(f"{side.label} has no value of it")
            elif not any(value is not None for value in found.videos.values.values()):
                lacking.append(f"{side.label}: {found.videos.reason or 'no video has a value'}")
        if not lacking:
            compared.append(name)
        elif name in here.values or name in there.values:
            left_out[name] = "; ".join(lacking)
    sides = [{name: side.values[name].videos.values for name in compared} for side in (here, there)]
    names = [{k: v for name in compared for k, v in side.values[name].videos.names.items()} for side in (here, there)]
    keys = {key for side in sides for values in side.values() for key, value in values.items() if value is not None}
    return Matched(tuple(compared), left_out, (sides[0], sides[1]), (names[0], names[1]), tuple(sorted(keys)))
