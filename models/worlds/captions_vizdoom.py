"""Captions of ViZDoom from the simulator's own state: where the player is, what stands there, and how the player moves.

``"in deadly corridor; something near on the left; turning right far; moving forward; shooting"``. The grammar is
closed; every part is read off the truth kept with the frames (:data:`models.worlds.vizdoom.VARIABLES`, the labels
buffer, the scenario) and the actions. What cannot be seen in the frames (health, ammunition) is not said.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray

from harness.errors import unknown
from models.worlds.types import Clip
from models.worlds.vizdoom import ACTIONS, VARIABLES, VIZDOOM_6X8

NOTHING = "nothing"
THING_PIXELS, NEAR_PIXELS = 8, 60
"""Pixels of a 64x48 frame: what covers fewer than the first is not mentioned; from the second on it is near."""
TURN_DEGREES, TURN_STEPS = 3.0, (18.0, 36.0)
"""Below the first the view stays straight; the two steps part a little, plain and far."""
MOVE_UNITS, MOVE_STEPS = 4.0, (24.0, 60.0)
"""The same in map units (a player is 32 wide)."""
NO_THING = (0, 1, 255)
"""Values of the labels buffer that are no thing: walls, floor and ceiling, and the player's own weapon."""
AMOUNTS = (" a little", "", " far")
THINGS = (
    NOTHING,
    *(f"something {how} {side}" for how in ("near", "far") for side in ("on the left", "ahead", "on the right")),
)
TURNS = ("looking straight on", *(f"turning {side}{much}" for side in ("left", "right") for much in AMOUNTS))
MOVES = (
    "standing",
    *(f"moving {way}{much}" for way in ("forward", "backward", "left", "right") for much in AMOUNTS),
)
FIELDS: dict[str, tuple[str, ...]] = {
    "place": tuple(f"in {name.replace('_', ' ')}" for name in VIZDOOM_6X8.scenarios),
    "thing": THINGS,
    "turning": TURNS,
    "moving": MOVES,
    "shooting": (NOTHING, "shooting"),
}
"""What each part of a caption may say."""


@dataclass(frozen=True)
class VizdoomCaption:
    """What a caption says, part by part; see :data:`FIELDS`."""

    place: str
    thing: str = NOTHING
    turning: str = TURNS[0]
    moving: str = MOVES[0]
    shooting: str = NOTHING

    def __post_init__(self) -> None:
        """Refuse parts that are not the field's."""
        for (field, parts), part in zip(FIELDS.items(), astuple(self), strict=True):
            if part not in parts:
                raise unknown(f"{field} of a caption", part, parts)

    def __str__(self) -> str:
        """The caption in words."""
        return "; ".join(part for part in astuple(self) if part != NOTHING)


def vizdoom_caption(clip: Clip, start: int, frames: int) -> VizdoomCaption:
    """The caption of ``frames`` frames of a ViZDoom clip from ``start`` on.

    The thing is the largest one of the first frame; turning and moving are from the first frame to the last.
    """
    first, last = (clip.truth["variables"][at] for at in (start, start + frames - 1))
    x, y, angle = (VARIABLES.index(name) for name in ("POSITION_X", "POSITION_Y", "ANGLE"))
    turned = (float(last[angle]) - float(first[angle]) + 180.0) % 360.0 - 180.0
    done = clip.actions[start : start + frames - 1]
    return VizdoomCaption(
        place=FIELDS["place"][int(clip.truth["scenario"][start])],
        thing=_thing(clip.truth["labels"][start]),
        turning=_turn(turned),
        moving=_move(float(last[x] - first[x]), float(last[y] - first[y]), float(first[angle]) + turned / 2),
        shooting="shooting" if ACTIONS.index("attack") in done else NOTHING,
    )


def _amount(size: float, steps: tuple[float, float]) -> str:
    return AMOUNTS[int(np.searchsorted(steps, size, side="right"))]


def _thing(labels: NDArray[np.uint8]) -> str:
    numbers, counts = np.unique(labels[~np.isin(labels, NO_THING)], return_counts=True)
    if not counts.size or counts.max() < THING_PIXELS:
        return NOTHING
    columns = np.nonzero(labels == numbers[counts.argmax()])[1]
    third = (columns.mean() + 0.5) / labels.shape[1] * 3
    side = "on the left" if third < 1 else "on the right" if third >= 2 else "ahead"
    return f"something {'near' if counts.max() >= NEAR_PIXELS else 'far'} {side}"


def _turn(degrees: float) -> str:
    if abs(degrees) < TURN_DEGREES:
        return TURNS[0]
    return f"turning {'left' if degrees > 0 else 'right'}{_amount(abs(degrees), TURN_STEPS)}"


def _move(east: float, north: float, heading_degrees: float) -> str:
    """The way moved against the mean heading (0 is east, counter-clockwise)."""
    size = float(np.hypot(east, north))
    if size < MOVE_UNITS:
        return MOVES[0]
    off = (np.degrees(np.arctan2(north, east)) - heading_degrees + 180.0) % 360.0 - 180.0
    way = "forward" if abs(off) <= 45 else "backward" if abs(off) >= 135 else "left" if off > 0 else "right"
    return f"moving {way}{_amount(size, MOVE_STEPS)}"
