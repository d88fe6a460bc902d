"""Captions as text, by world: what is true of a stretch of a clip, and every word that may be said."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from harness.errors import unknown
from models.worlds import captions, captions_vizdoom
from models.worlds.types import Clip


@dataclass(frozen=True)
class Grammar:
    """How one world's clips are told.

    Attributes:
        say: From clip, first frame and number of frames to the caption.
        words: Every word of every caption, in a fixed order.
        max_words: Words of the longest caption.
        example: A caption.
    """

    say: Callable[[Clip, int, int], object]
    words: tuple[str, ...]
    max_words: int
    example: str


def _words(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for text in texts for word in text.replace(";", " ").split()))


def _longest(parts: Iterable[str]) -> int:
    return max(len(part.split()) for part in parts)


CRAFTER_TEMPLATE = ("mostly", "on the", "a", "going")
CRAFTER = Grammar(
    say=captions.crafter_caption,
    words=_words(
        word
        for word in (*CRAFTER_TEMPLATE, *(w for ws in captions.FIELDS.values() for w in ws))
        if word != captions.NOTHING
    ),
    max_words=14,
    example=str(captions.Caption("grass", "trees", "left", "cow", "right", "up")),
)
VIZDOOM = Grammar(
    say=captions_vizdoom.vizdoom_caption,
    words=_words(
        part for parts in captions_vizdoom.FIELDS.values() for part in parts if part != captions_vizdoom.NOTHING
    ),
    max_words=sum(_longest(parts) for parts in captions_vizdoom.FIELDS.values()),
    example=str(
        captions_vizdoom.VizdoomCaption(
            "in my way home", "something far ahead", "turning left far", "moving forward a little", "shooting"
        )
    ),
)
GRAMMARS: dict[str, Grammar] = {"crafter-9x9": CRAFTER, "crafter-15x24": CRAFTER, "vizdoom-6x8": VIZDOOM}
"""Worlds that have captions."""


def grammar(world: str) -> Grammar:
    """How a world's clips are told.

    Raises:
        UsageError: The world has no captions; names those that do.
    """
    if world not in GRAMMARS:
        raise unknown("world with captions", world, GRAMMARS, "diptych list worlds")
    return GRAMMARS[world]


def caption_of(world: str, clip: Clip, start: int, frames: int) -> str:
    """The caption of ``frames`` frames from ``start`` on of a clip of ``world``.

    Raises:
        UsageError: The world has no captions.
    """
    return str(grammar(world).say(clip, start, frames))
