"""Captions as word ids: a closed vocabulary, and one clear error for what is not in it (no torch)."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError

PAD = 0


class Words(Protocol):
    """The closed vocabulary of a network."""

    @property
    def words(self) -> tuple[str, ...]:
        """In the order of their ids from 1."""

    @property
    def max_words(self) -> int:
        """Most words of a caption."""

    @property
    def example(self) -> str:
        """A caption in these words."""


def split_words(caption: str) -> list[str]:
    """The words of a caption: lower case; white space, commas, semicolons and full stops stand between them."""
    return [word for word in re.split(r"[\s,;.]+", caption.lower()) if word]


def word_ids(shape: Words, captions: Sequence[str]) -> NDArray[np.int64]:
    """Word ids from 1, int64 ``[captions, max_words]``, padded with 0.

    Raises:
        UsageError: An empty caption, a word that the network does not know (with the nearest that it does), or too
            many words.
    """
    known = {word: index + 1 for index, word in enumerate(shape.words)}
    ids = np.full((len(captions), shape.max_words), PAD, np.int64)
    for row, caption in enumerate(captions):
        words = split_words(caption)
        valid = f"Valid words: {', '.join(sorted(known))}. Such as: {shape.example!r}"
        if not words:
            raise UsageError(f"the caption {caption!r} is empty. {valid}")
        strange = [word for word in dict.fromkeys(words) if word not in known]
        if strange:
            told = ", ".join(_with_nearest(word, known) for word in strange)
            raise UsageError(f"unknown words in the caption {caption!r}: {told}. {valid}")
        if len(words) > shape.max_words:
            raise UsageError(
                f"the caption {caption!r} has {len(words)} words, more than {shape.max_words}. "
                f"Such as: {shape.example!r}"
            )
        ids[row, : len(words)] = [known[word] for word in words]
    return ids


def _with_nearest(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"{word!r} (did you mean {near[0]!r}?)" if near else repr(word)
