"""Tokenised clips as training sequences: what a run reads, how its batches are drawn, and the order of slots."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.errors import UsageError
from harness.registry import REGISTRY
from models.decoding.grid import Grid
from models.tokenizers.shapes import zoo_tokenizer
from models.training.clips import TokenClips, read_tokens, tokenise, write_tokens
from models.training.presets import TrainOptions
from models.training.progress import Progress
from models.weights import weights_sha256


@dataclass(frozen=True)
class ClipSource:
    """Where the clips of a run come from.

    Attributes:
        world: Registered world.
        tokenizer: File name in the zoo, or a path; the zoo's for the world if None.
        clips: File of tokenised training clips instead of the world.
        validation_clips: The same for validation; both or neither.
    """

    world: str
    tokenizer: str | None = None
    clips: Path | None = None
    validation_clips: Path | None = None

    def __post_init__(self) -> None:
        if (self.clips is None) != (self.validation_clips is None):
            raise UsageError("give both files of tokenised clips, training and validation, or neither.")

    def read(
        self, out: Path, options: TrainOptions, prompt_frames: int, frames: int
    ) -> tuple[TokenClips, TokenClips, Grid]:
        """Return training clips, validation clips and the grid of a sequence; what is made is kept under ``out``.

        Raises:
            UsageError: No such world, or clips that are shorter than a sequence.
        """
        tokenizer = self.tokenizer or ""
        if not tokenizer and self.clips is None:
            REGISTRY.get("world", self.world)  # an unknown world is said to be one
            tokenizer = zoo_tokenizer(self.world)
        data = kept_clips(out / "train.npz", self.clips, self.world, "train", options.train_clips, tokenizer, options)
        held_out = kept_clips(
            out / "validation.npz", self.validation_clips, self.world, "validation", options.held_out_clips, tokenizer,
            options,
        )  # fmt: skip
        length, rows, columns = data.tokens.shape[1:]
        if prompt_frames + frames > length:
            raise UsageError(
                f"clips have {length} frames; prompt_frames + frames = {prompt_frames + frames} is too long."
            )
        return data, held_out, Grid(frames=frames, rows=rows, columns=columns, actions=1, prompt_frames=prompt_frames)


def kept_clips(
    kept: Path, given: Path | None, world: str, split: Any, count: int, tokenizer: str, options: TrainOptions
) -> TokenClips:
    """The given file, or the one kept in the run's folder if it holds what is asked for, or newly made."""
    if given is not None:
        return read_tokens(given)
    wanted = {"world": world, "split": split, "tokenizer_sha256": weights_sha256(tokenizer)}
    if not (kept.exists() and holds(read_tokens(kept), wanted, count)):
        with Progress(f"{split} clips of {world}", 0) as progress:
            made = tokenise(
                world,
                split,
                count,
                tokenizer,
                device=options.device,
                processes=options.processes,
                progress=progress.count,
            )
        write_tokens(kept, made)
    return read_tokens(kept)


def holds(clips: TokenClips, wanted: dict[str, str], count: int) -> bool:
    """Tell whether a kept file was made from what is asked for now: an aborted run may have left another's."""
    return len(clips.tokens) == count and all(clips.facts.get(key) == value for key, value in wanted.items())


def sequences(tokens: NDArray[Any], actions: NDArray[Any], grid: Grid, image_vocabulary: int) -> Tensor:
    """Token ids in slot order.

    Args:
        tokens: ``[B, T, rows, columns]``, T = prompt and generated frames.
        actions: ``[B, T]``, action ids from 0.
        grid: With one action per frame.
        image_vocabulary: Added to action ids.

    Returns:
        int64 ``[B, slots]``.
    """
    images = tokens.reshape(*tokens.shape[:2], -1).astype(np.int64)
    slots = np.concatenate([images, image_vocabulary + actions[..., None].astype(np.int64)], axis=2)
    return torch.from_numpy(slots.reshape(len(slots), -1)[:, : grid.slots])


def draw_sequences(data: TokenClips, grid: Grid, image_vocabulary: int, batch: int, seed: int, step: int) -> Tensor:
    """The batch of one step, a function of seed and step: every clip once per epoch, at a random offset."""
    total = grid.prompt_frames + grid.frames
    picked, offsets = epoch_draw(data, total, batch, seed, step)
    window = offsets[:, None] + np.arange(total)
    return sequences(
        data.tokens[picked[:, None], window], data.actions[picked[:, None], window], grid, image_vocabulary
    )


def epoch_draw(
    data: TokenClips, frames: int, batch: int, seed: int, step: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Clips and first frames of one step's batch, ``[batch]`` each: every clip once per epoch, at a random offset."""
    count = len(data.tokens)
    rng = np.random.default_rng([seed, 1, step])
    wanted = np.arange(step * batch, (step + 1) * batch)
    picked = np.empty(batch, np.int64)
    for epoch in np.unique(wanted // count):
        here = wanted // count == epoch
        picked[here] = np.random.default_rng([seed, 2, int(epoch)]).permutation(count)[wanted[here] % count]
    return picked, rng.integers(data.tokens.shape[1] - frames + 1, size=batch)
