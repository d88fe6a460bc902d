"""Which share of what a Crafter caption says holds of another caption, and captions read back from text (no torch)."""

from __future__ import annotations

import contextlib
import re
from dataclasses import asdict

from harness.errors import UsageError
from models.video_text.shapes import VideoTextShape
from models.video_text.words import split_words, word_ids
from models.worlds.caption_text import CRAFTER
from models.worlds.captions import NOTHING, Caption

WORDS = VideoTextShape(words=CRAFTER.words, example=CRAFTER.example, max_words=CRAFTER.max_words)
"""The words that captions of Crafter may have, as text networks hold them."""
PLACE = r"(?:on the (left|right)|(above|below|here))"
FORM = re.compile(rf"mostly (\w+)(?: (?!a |going )(\w+) {PLACE})?(?: a (\w+) {PLACE})? going (\w+)")


def parse_caption(text: str) -> Caption:
    """The caption that ``text`` says; the inverse of ``str(caption)``.

    Raises:
        UsageError: No words, unknown words, or words in another order than captions have.
    """
    word_ids(WORDS, [text])
    found = FORM.fullmatch(" ".join(split_words(text)))
    if found is not None:
        ground, second, left, above, creature, creature_left, creature_above, going = found.groups()
        said = (ground, second, left or above, creature, creature_left or creature_above)
        with contextlib.suppress(UsageError):  # a word in another field's place
            return Caption(*(word or NOTHING for word in said), going)
    raise UsageError(f"the caption {text!r} does not read like one. Such as: {CRAFTER.example!r}")


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
