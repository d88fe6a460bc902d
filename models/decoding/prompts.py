"""Prompts of decoding trials: a clip, cut into what is given and what is to be predicted, as tokens."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.device import available_cores
from harness.registry import REGISTRY
from harness.types import Case
from models.decoding.grid import Grid
from models.decoding.params import clip_of
from models.tokenizers.fsq import FSQTokenizer
from models.worlds.captions import captioner
from models.worlds.types import Clip, World
from models.zoo.cards import VideoModel

LOG = logging.getLogger("diptych")


@dataclass(frozen=True)
class Prompt:
    """A clip, cut.

    Attributes:
        clip: The clip.
        given: Tokens and actions by slot, int64 ``[1, slots]``; the engine does not read those of generated frames.
        truth: Tokens of the true continuation, int64 ``[frames, rows · columns]``.
        sha256: Hash of prompt tokens, actions and prompt pixels.
    """

    clip: Clip
    given: Tensor
    truth: Tensor
    sha256: str


class Prompts:
    """Clips and prompts of a run, each made once."""

    def __init__(self) -> None:
        self._worlds: dict[str, World] = {}
        self._clips: dict[tuple[str, str], list[Clip]] = {}
        self._made: dict[tuple[str, str, int, int, int], Prompt] = {}

    def world(self, name: str) -> World:
        """The registered world."""
        if name not in self._worlds:
            self._worlds[name] = REGISTRY.get("world", name)()
        return self._worlds[name]

    def clip(self, case: Case, world: str) -> Clip:
        """The clip that a case names."""
        split, index, count = clip_of(case)
        key = (world, split)
        if len(self._clips.get(key, [])) <= index:
            # rendering is not timed: it may use every core
            self._clips[key] = self.world(world).clips(
                split, count, processes=available_cores(), progress=teller(f"clips of {world}, {split}")
            )
        return self._clips[key][index]

    def prompt(self, case: Case, card: VideoModel, tokenizer: FSQTokenizer, grid: Grid) -> Prompt:
        """Cut and tokenise the clip of a case."""
        split, index, _ = clip_of(case)
        key = (card.name, split, index, grid.prompt_frames, grid.frames)
        if key not in self._made:
            clip = self.clip(case, card.world)
            total = grid.prompt_frames + grid.frames
            tokens = tokenizer.encode(clip.frames[:total]).reshape(total, -1).cpu()
            images, caption = card.shape.image_vocabulary, None
            if card.caption_tokens:
                words = torch.from_numpy(captioner(card.world)(clip, 0, total).ids())
                caption = words + images + len(self.world(card.world).spec.actions)
            given = place(tokens, torch.from_numpy(clip.actions[:total]), grid, images, caption)
            pixels = clip.frames[: grid.prompt_frames]
            digest = sha256(given[:, : grid.prompt_slots].numpy(), clip.actions[: total - 1], pixels)
            self._made[key] = Prompt(clip, given, tokens[grid.prompt_frames :], digest)
        return self._made[key]


def place(
    tokens: Tensor, actions: Tensor, grid: Grid, image_vocabulary: int, caption: Tensor | None = None
) -> Tensor:
    """Lay tokens and actions out by slot.

    Args:
        tokens: Image tokens ``[prompt frames + frames, rows · columns]``.
        actions: Action ids ``[prompt frames + frames]``.
        grid: The grid; one action token per frame.
        image_vocabulary: First action token.
        caption: Token ids of the caption ``[start tokens]``, or None.

    Returns:
        int64 ``[1, slots]``; the true tokens stand at generated slots too (the engine blanks them).
    """
    rows = torch.cat([tokens, (actions + image_vocabulary)[:, None]], dim=1)
    laid = rows.reshape(1, -1)
    if caption is not None:
        laid = torch.cat([caption[None], laid], dim=1)
    return laid[:, : grid.slots].contiguous()


def teller(what: str) -> Callable[[int, int], None]:
    """Log that something begins, and every tenth of the way; what was in the cache comes at once and says nothing."""
    began = time.monotonic()

    def tell(done: int, total: int) -> None:
        if done == 0 or (time.monotonic() - began > 1 and done * 10 // total > (done - 1) * 10 // total):
            once = " (rendered once, then kept in the cache)" if done == 0 else ""
            LOG.info("%s: %d of %d%s", what, done, total, once)

    return tell


def sha256(*arrays: NDArray[Any]) -> str:
    """SHA-256 over types, shapes and bytes of arrays."""
    total = hashlib.sha256()
    for array in arrays:
        total.update(f"{array.dtype.str}{array.shape}".encode())
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()
