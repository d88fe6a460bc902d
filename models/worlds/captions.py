"""Captions from a simulator's own state: a closed grammar, so that what is said is true and every word has a token.

A caption says, of a stretch of a clip: the ground that most of its first frame shows, the second most and where, the
nearest creature and where, and where the player goes. ``"mostly grass; stone on the left; a cow above; going right"``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError, unknown
from models.worlds.types import Clip

NOTHING = "nothing"
SIDES = ("left", "right", "above", "below", "here")
GROUNDS = {
    1: "water", 2: "grass", 3: "stone", 4: "path", 5: "sand", 6: "trees", 7: "lava", 8: "coal", 9: "iron",
    10: "diamonds", 11: "tables", 12: "furnaces", 18: "plants",
}  # fmt: skip
"""Crafter's material ids."""
CREATURES = {14: "cow", 15: "zombie", 16: "skeleton"}
MOVES = ("nowhere", "left", "right", "up", "down")
PLAYER = 13
FIELDS: dict[str, tuple[str, ...]] = {
    "ground": tuple(GROUNDS.values()),
    "second": (NOTHING, *GROUNDS.values()),
    "second_side": (NOTHING, *SIDES),
    "creature": (NOTHING, *CREATURES.values()),
    "creature_side": (NOTHING, *SIDES),
    "going": MOVES,
}
"""What each field of a caption may say."""
LENGTH = len(FIELDS)
"""Tokens of a caption: one a field, in order."""
WORDS: tuple[str, ...] = tuple(f"{field} {word}" for field, words in FIELDS.items() for word in words)
"""One word token for every field and word: *left* of a creature is another than *left* of the ground."""


@dataclass(frozen=True)
class Caption:
    """What a caption says, field by field; see :data:`FIELDS`."""

    ground: str
    second: str = NOTHING
    second_side: str = NOTHING
    creature: str = NOTHING
    creature_side: str = NOTHING
    going: str = MOVES[0]

    def __post_init__(self) -> None:
        """Refuse words that are not the field's."""
        for (field, words), word in zip(FIELDS.items(), astuple(self), strict=True):
            if word not in words:
                raise unknown(f"{field} of a caption", word, words)

    def ids(self) -> NDArray[np.int64]:
        """Word ids from 0, int64 ``[LENGTH]``."""
        said = zip(FIELDS, astuple(self), strict=True)
        return np.array([WORDS.index(f"{field} {word}") for field, word in said], np.int64)

    def __str__(self) -> str:
        """The caption in words."""
        second = "" if self.second == NOTHING else f"; {self.second} {_place(self.second_side)}"
        creature = "" if self.creature == NOTHING else f"; a {self.creature} {_place(self.creature_side)}"
        return f"mostly {self.ground}{second}{creature}; going {self.going}"


def _place(side: str) -> str:
    return f"on the {side}" if side in ("left", "right") else side


def crafter_caption(clip: Clip, start: int, frames: int) -> Caption:
    """The caption of ``frames`` frames of a Crafter clip from ``start`` on."""
    seen = clip.truth["semantic"][start]
    rows, columns = np.indices(seen.shape)
    centre = np.array([(seen.shape[0] - 1) / 2, (seen.shape[1] - 1) / 2])

    def side(mask: NDArray[np.bool_]) -> str:
        down, right = rows[mask].mean() - centre[0], columns[mask].mean() - centre[1]
        if max(abs(down), abs(right)) < 1:
            return "here"
        if abs(right) >= abs(down):
            return "right" if right > 0 else "left"
        return "below" if down > 0 else "above"

    counts = {word: int((seen == number).sum()) for number, word in GROUNDS.items()}
    numbers = {word: number for number, word in GROUNDS.items()}
    first, second = sorted(counts, key=lambda word: -counts[word])[:2]  # stable: ties go to the lower id
    has_second = counts[second] > 0
    creature, creature_side, nearest = NOTHING, NOTHING, np.inf
    for number, word in CREATURES.items():
        for at in np.argwhere(seen == number):
            far = float(np.abs(at - centre).sum())
            if far < nearest:
                mask = np.zeros(seen.shape, bool)
                mask[tuple(at)] = True
                creature, creature_side, nearest = word, side(mask), far
    moves = np.bincount(clip.actions[start : start + frames - 1], minlength=5)[1:5]
    return Caption(
        ground=first,
        second=second if has_second else NOTHING,
        second_side=side(seen == numbers[second]) if has_second else NOTHING,
        creature=creature,
        creature_side=creature_side,
        going=MOVES[1 + int(moves.argmax())] if moves.any() else MOVES[0],
    )


CAPTIONED: dict[str, Callable[[Clip, int, int], Caption]] = {
    "crafter-9x9": crafter_caption,
    "crafter-15x24": crafter_caption,
}
"""Worlds whose state captions are made of."""


def captioner(world: str) -> Callable[[Clip, int, int], Caption]:
    """The function that captions a world's clips.

    Raises:
        UsageError: The world has none.
    """
    if world not in CAPTIONED:
        raise UsageError(f"world {world!r} has no captions. Valid: {', '.join(CAPTIONED)}.")
    return CAPTIONED[world]
