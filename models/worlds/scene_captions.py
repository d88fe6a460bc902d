"""Captions that a text-to-video model is told: what is in view, where the player goes, what is done, and the daylight.

``"mostly grass; stone on the left; a cow above; going right; collecting; by day"``. The first part is a caption of
:mod:`models.worlds.captions`, the words that text scorers know; what is done and the daylight are said after it. Some
combinations of words never occur in training captions (:func:`is_held_out`): what a model makes of them is its own.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from harness.errors import UsageError, unknown
from harness.registry import REGISTRY
from models.worlds.captions import CREATURES, FIELDS, NOTHING, SIDES, Caption, captioner
from models.worlds.crafter import ACTIONS
from models.worlds.types import Clip, Split

DOINGS = (NOTHING, "collecting", "sleeping", "placing", "making")
"""What is done most often among the actions that are no moves; *collecting* is Crafter's ``do``, on any target."""
DAYLIGHTS = ("by day", "in dim light", "at dusk", "by night")
DAYLIGHT_BOUNDS = (0.9, 0.75, 0.35)
"""Mean daylight from the first on is day, from the second on dim, from the third on dusk."""
HELD_OUT = frozenset({("water", "down"), ("sand", "right"), ("path", "left"), ("grass", "up")})
"""Pairs of the second ground and the way that no training caption has; both words occur with all others."""
SCENE_WORDS: tuple[str, ...] = tuple(
    dict.fromkeys(
        word
        for said in (
            "mostly on the a going",
            *(choice for field in FIELDS.values() for choice in field if choice != NOTHING),
            *(doing for doing in DOINGS if doing != NOTHING),
            *DAYLIGHTS,
        )
        for word in said.split()
    )
)
"""Every word of every caption, in a fixed order."""
MOST_WORDS = 2 + 4 + 5 + 2 + 1 + 3
"""Words of the longest caption."""


@dataclass(frozen=True)
class SceneCaption:
    """What a model is told of a clip.

    Attributes:
        base: What is in view and where the player goes, in the words of the text scorers.
        doing: One of :data:`DOINGS`.
        daylight: One of :data:`DAYLIGHTS`.
    """

    base: Caption
    doing: str = NOTHING
    daylight: str = DAYLIGHTS[0]

    def __post_init__(self) -> None:
        """Refuse words that are not the field's."""
        for name, word, words in (("doing", self.doing, DOINGS), ("daylight", self.daylight, DAYLIGHTS)):
            if word not in words:
                raise unknown(f"{name} of a caption", word, words)

    def __str__(self) -> str:
        """The caption in words."""
        doing = "" if self.doing == NOTHING else f"; {self.doing}"
        return f"{self.base}{doing}; {self.daylight}"


EXAMPLE = str(SceneCaption(Caption("grass", "trees", "left", "cow", "right", "right"), "collecting", "by day"))


def scene_caption(world: str, clip: Clip, start: int, frames: int) -> SceneCaption:
    """The caption of ``frames`` frames of a Crafter clip from ``start`` on.

    Raises:
        UsageError: The world has no captions.
    """
    base = captioner(world)(clip, start, frames)
    done = Counter(_doing(int(action)) for action in clip.actions[start : start + frames - 1])
    done.pop(NOTHING, None)
    doing = max(done, key=lambda word: (done[word], -DOINGS.index(word))) if done else NOTHING
    light = float(np.mean(clip.truth["daylight"][start : start + frames]))
    return SceneCaption(base, doing, DAYLIGHTS[sum(light < bound for bound in DAYLIGHT_BOUNDS)])


def _doing(action: int) -> str:
    name = ACTIONS[action]
    if name == "do":
        return "collecting"
    if name == "sleep":
        return "sleeping"
    return "placing" if name.startswith("place_") else "making" if name.startswith("make_") else NOTHING


def scene_captions(world: str, split: Split, count: int, frames: int, start: int = 0) -> list[SceneCaption]:
    """Captions of the windows from frame ``start`` on of the first ``count`` clips of a split.

    Raises:
        UsageError: A world without captions, or clips shorter than the window.
    """
    captioner(world)
    source = REGISTRY.get("world", world)()
    if start + frames > source.spec.clip_frames:
        raise UsageError(f"clips of {world} have {source.spec.clip_frames} frames, fewer than {start + frames}.")
    return [scene_caption(world, clip, start, frames) for clip in source.clips(split, count)]


def is_held_out(caption: SceneCaption) -> bool:
    """True for combinations that training captions never have."""
    return (caption.base.second, caption.base.going) in HELD_OUT


def parse_scene_caption(text: str) -> SceneCaption:
    """Read a caption back from its words; what is not said is nothing, and daylight is day.

    Raises:
        UsageError: Not such a caption; shows one.
    """
    fields: dict[str, str] = {}
    doing, daylight = NOTHING, DAYLIGHTS[0]
    for clause in (part.strip().lower() for part in text.split(";")):
        words = clause.split()
        if clause in DOINGS:
            doing = clause
        elif clause in DAYLIGHTS:
            daylight = clause
        elif clause.startswith("mostly ") and len(words) == 2:
            fields["ground"] = words[1]
        elif clause.startswith("going ") and len(words) == 2:
            fields["going"] = words[1]
        elif len(words) >= 2 and (placed := words[-1]) in SIDES:
            what = [word for word in words[:-1] if word not in ("on", "the")]
            if what[:1] == ["a"] and len(what) == 2 and what[1] in CREATURES.values():
                fields |= {"creature": what[1], "creature_side": placed}
            elif len(what) == 1:
                fields |= {"second": what[0], "second_side": placed}
            else:
                raise _unreadable(text, clause)
        else:
            raise _unreadable(text, clause)
    if "ground" not in fields:
        raise _unreadable(text, "no ground")
    return SceneCaption(Caption(**fields), doing, daylight)


def _unreadable(text: str, clause: str) -> UsageError:
    return UsageError(f"{text!r} is not a caption of this world: {clause!r} cannot be read. Such as: {EXAMPLE!r}")
