"""Which share of what a Crafter caption says holds of another caption, and captions read back from text (no torch)."""

from __future__ import annotations

from dataclasses import asdict

from models.video_text.shapes import VideoTextShape
from models.video_text.words import word_ids
from models.worlds.caption_text import CRAFTER
from models.worlds.captions import NOTHING, Caption
from models.worlds.scene_captions import parse_scene_caption

WORDS = VideoTextShape(words=CRAFTER.words, example=CRAFTER.example, max_words=CRAFTER.max_words)
"""The words that captions of Crafter may have, as text networks hold them."""


def parse_caption(text: str) -> Caption:
    """The caption that ``text`` says; the inverse of ``str(caption)``, and what is not said is nothing.

    Raises:
        UsageError: No words, unknown words, or parts that captions do not have.
    """
    word_ids(WORDS, [text])
    return parse_scene_caption(text).base


def fields_that_hold(told: Caption, seen: Caption) -> dict[str, bool]:
    """Which fields of ``told`` are also ``seen``'s.

    Where something is said not to be there, its absence is a field that may hold, and its side is none. A side holds
    only where the thing itself is there.
    """
    said, found = asdict(told), asdict(seen)
    holds = {field: said[field] == found[field] for field in said}
    for thing in ("second", "creature"):
        if said[thing] == NOTHING:
            del holds[f"{thing}_side"]
        else:
            holds[f"{thing}_side"] &= holds[thing]
    return holds


def share_that_holds(told: Caption, seen: Caption) -> float:
    """Share, in [0, 1], of the fields of ``told`` that hold of ``seen``; every field counts alike."""
    holds = fields_that_hold(told, seen)
    return sum(holds.values()) / len(holds)
