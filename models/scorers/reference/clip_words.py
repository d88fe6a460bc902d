"""CLIP's byte pairs: from a caption to tokens.

Radford et al., CLIP (arXiv 2103.00020), ``simple_tokenizer.py`` of openai/CLIP at d05afc4: HTML entities are resolved,
white space is collapsed, all is lower case; then contractions, letters, single digits and the rest are merged each by
itself, as bytes. ``ftfy``, which CLIP calls first, is replaced by what it does to well-formed text: NFC, straight
quotation marks, no ligatures, no letters of full width, no control characters. The two special tokens have no
spelling: a caption that holds ``<|endoftext|>`` is read sign by sign.
"""

from __future__ import annotations

import gzip
import html
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from harness.errors import DiptychError, UsageError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

VOCABULARY = 49408
MERGES = VOCABULARY - 2 * 256 - 2
"""Bytes, bytes that end a word, merges, start and end."""
START, END = VOCABULARY - 2, VOCABULARY - 1
WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
LIGATURES, FULL_WIDTH = range(0xFB00, 0xFB07), range(0xFF01, 0xFF5F)
CONTROL = (*range(9), 0x0B, *range(0x0E, 0x20), 0x7F, 0xFEFF)
PLAIN = str.maketrans(
    {
        **dict.fromkeys("\u02bc\u2018\u2019\u201b", "'"),
        **dict.fromkeys("\u201c\u201d\u201e", '"'),
        **{letter: unicodedata.normalize("NFKC", chr(letter)) for letter in (*LIGATURES, *FULL_WIDTH)},
        **dict.fromkeys(CONTROL, ""),
    }
)
"""What is written out or left out."""


def clean(caption: str) -> str:
    r"""A caption as it is before it is cut.

    Example:
        >>> clean("  Tom &amp;amp;\n JERRY\u2019s ")
        "tom & jerry's"
    """
    plain = unicodedata.normalize("NFC", html.unescape(html.unescape(caption)).translate(PLAIN))
    return re.sub(r"\s+", " ", plain).strip().lower()


def byte_letters() -> list[str]:
    """A letter for each of the 256 bytes in the vocabulary's order: printable ones stand for themselves and come first.

    Example:
        >>> letters = byte_letters()
        >>> letters[0], letters[188], len(set(letters))
        ('!', 'Ā', 256)
    """
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    return [*map(chr, printable), *(chr(256 + n) for n in range(256 - len(printable)))]


def read_tokenizer(path: Path) -> Tokenizer:
    """CLIP's tokenizer from its list of merges, ``bpe_simple_vocab_16e6.txt.gz``.

    Raises:
        DiptychError: Another file.
    """
    from tokenizers import Regex, Tokenizer
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split

    try:
        lines = gzip.decompress(path.read_bytes()).decode("utf-8").split("\n")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise DiptychError(f"{path} is not CLIP's list of byte pairs: {error}") from error
    pairs = [(first, second) for first, _, second in (line.partition(" ") for line in lines[1 : MERGES + 1])]
    if len(pairs) != MERGES or not all(first and second for first, second in pairs):
        raise DiptychError(f"{path} is not CLIP's list of byte pairs: it holds {len(pairs)} of {MERGES} merges.")
    letters = byte_letters()
    words = [*letters, *(f"{letter}</w>" for letter in letters), *(first + second for first, second in pairs)]
    vocabulary = {word: number for number, word in enumerate(words)}
    found = Tokenizer(BPE(vocab=vocabulary, merges=pairs, end_of_word_suffix="</w>"))
    found.pre_tokenizer = Sequence(
        [Split(Regex(WORDS), behavior="removed", invert=True), ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    return found


def tokens(tokenizer: Tokenizer, captions: Sequence[str], context: int) -> Tensor:
    """Tokens of captions between start and end, zeros behind them: int64 ``[captions, context]``.

    What does not fit is cut off, and the end stands last.

    Raises:
        UsageError: A caption without a word.
    """
    rows = torch.zeros(len(captions), context, dtype=torch.int64)
    for row, caption in zip(rows, captions, strict=True):
        ids = tokenizer.encode(clean(caption), add_special_tokens=False).ids
        if not ids:
            raise UsageError(f"the caption {caption!r} is empty; it needs words. Such as: 'a dog runs over the grass'")
        found = [START, *ids[: context - 2], END]
        row[: len(found)] = torch.tensor(found)
    return rows
