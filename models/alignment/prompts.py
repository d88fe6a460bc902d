"""What a model is asked for: captions of a world's clips, or a text file with one prompt a line."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UsageError, unknown
from harness.types import Data
from models.worlds.types import SPLITS, Split

LONGEST = 2000
"""Characters of the longest prompt: a text encoder reads far fewer."""
HOW = "Give a number of captions, or a UTF-8 text file with one prompt a line."


@dataclass(frozen=True)
class Prompt:
    """One text.

    Attributes:
        text: What the model is told.
        caption: What a metric of text alignment is told: the words that its network knows, where the text says more.
        where: Where it comes from, for messages: ``"prompt 3"``, ``"line 12"``.
    """

    text: str
    caption: str
    where: str


class PromptFacts(Data):
    """Where prompts come from.

    Attributes:
        source: ``"crafter-9x9"`` (the world), or the file's name.
        split: Of the world's clips; None for a file.
        count: Prompts, repeated ones included.
        sha256: Of the texts, joined by newlines.
        empty_lines: Lines of the file without a text, left out.
        repeated: Prompts whose text an earlier one has; each is asked all the same, with noise of its own.
    """

    source: str
    split: str | None
    count: int
    sha256: str
    empty_lines: int = 0
    repeated: int = 0


@dataclass(frozen=True)
class PromptSet:
    """Prompts in order, and where they come from."""

    prompts: tuple[Prompt, ...]
    facts: PromptFacts


def read_prompt_file(path: Path, world: str | None = None) -> PromptSet:
    """Read one prompt a line; empty lines are left out and counted.

    Args:
        path: UTF-8 text, with or without a byte-order mark.
        world: Where the model has a world whose captions metrics know, lines that are such captions are told to
            metrics in the words that those know.

    Raises:
        UsageError: No such file, not UTF-8, no prompt, or a line that is too long.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"the prompts {str(path)!r} cannot be read: {error.strerror or error}. {HOW}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"the prompts {str(path)!r} are not UTF-8: byte {error.start} is no character.") from error
    if "\x00" in text:
        raise UsageError(f"the prompts {str(path)!r} hold a zero byte: that is no text file. {HOW}")
    lines = [line.strip() for line in text.split("\n")]
    while lines and not lines[-1]:  # the end of the last line is no empty line
        lines.pop()
    prompts = []
    for number, line in enumerate(lines, start=1):
        if len(line) > LONGEST:
            raise UsageError(
                f"{path}, line {number}: the prompt has {len(line)} characters, the most is {LONGEST}. "
                "One prompt a line; is this a file of another kind?"
            )
        if line:
            prompts.append(Prompt(line, _told_to_metrics(line, world), f"line {number}"))
    if not prompts:
        raise UsageError(f"{path} has no prompt: {len(lines)} lines, all of them empty. {HOW}")
    return _prompt_set(prompts, path.name, None, len(lines) - len(prompts))


def world_prompts(world: str, split: str, count: int, frames: int) -> PromptSet:
    """Captions of the first ``count`` clips of a world's split.

    Args:
        world: Registered world that has captions.
        split: ``"train"``, ``"validation"`` or ``"test"``.
        count: Prompts, at least 1.
        frames: Frames of a clip that are captioned: as many as the model makes.

    Raises:
        UsageError: No such split, no prompt, or a world without captions.
    """
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    if count < 1:
        raise UsageError(f"the number of prompts must be an integer of at least 1, not {count}. {HOW}")
    from models.worlds.scene_captions import scene_captions

    chosen: Split = next(one for one in SPLITS if one == split)
    captions = scene_captions(world, chosen, count, frames)
    prompts = [Prompt(str(one), str(one.base), f"prompt {number}") for number, one in enumerate(captions)]
    return _prompt_set(prompts, world, split, 0)


def _told_to_metrics(text: str, world: str | None) -> str:
    from models.worlds.captions import CAPTIONED

    if world not in CAPTIONED:
        return text
    from models.worlds.scene_captions import parse_scene_caption

    try:
        return str(parse_scene_caption(text).base)
    except UsageError:  # the model says whether it knows the words
        return text


def _prompt_set(prompts: Sequence[Prompt], source: str, split: str | None, empty: int) -> PromptSet:
    texts = [prompt.text for prompt in prompts]
    facts = PromptFacts(
        source=source,
        split=split,
        count=len(texts),
        sha256=hashlib.sha256("\n".join(texts).encode()).hexdigest(),
        empty_lines=empty,
        repeated=len(texts) - len(set(texts)),
    )
    return PromptSet(tuple(prompts), facts)
