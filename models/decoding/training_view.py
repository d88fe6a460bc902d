"""A compiled schedule as a training sequence: one forward in which every token is predicted as the engine predicts it.

The sequence is the engine's own list of writes (:class:`models.decoding.tables.Entries`), with what is true in place
of what is drawn, and the mask is :func:`models.decoding.visibility.sees`. So a row's first token is predicted from the
stand-in that the engine feeds, under what the engine lets it see; nothing here repeats a rule of decoding. In law E's
words: the raster entries, and one placeholder entry for every token whose predecessor is not known by its pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.decoding.tables import Tables
from models.decoding.visibility import sees


@dataclass(frozen=True)
class TrainingView:
    """A training sequence, in order of slots; a slot's stand-in before its true token.

    Attributes:
        slot: Slot of every entry, whose position id it has, int64 ``[entries]``.
        source: Slot whose true token is its content.
        predicting: Entries that predict a token, in raster order of the tokens, int64 ``[tokens]``.
        target: Slots of those tokens.
        chunks: First and last-plus-one entry of every frame.
        masks: What each chunk's queries see of all entries up to the chunk's end, bool ``[queries, keys]``.
    """

    slot: NDArray[np.int64]
    source: NDArray[np.int64]
    predicting: NDArray[np.int64]
    target: NDArray[np.int64]
    chunks: tuple[tuple[int, int], ...]
    masks: tuple[NDArray[np.bool_], ...]


def training_view(tables: Tables) -> TrainingView:
    """Lay a compiled schedule out as a training sequence."""
    entries, grid = tables.entries, tables.grid
    order = np.lexsort((entries.pass_, entries.slot))
    slot, pass_ = entries.slot[order], entries.pass_[order]
    gone, provisional, target = entries.overwritten[order], entries.provisional[order], entries.target[order]
    predicting = np.flatnonzero(target >= 0)
    predicting = predicting[np.argsort(target[predicting])]
    frames = grid.prompt_frames + grid.frames
    bounds = grid.start_tokens + grid.stride * np.arange(1, frames + 1)  # a caption goes with the first frame
    stops = np.unique(np.searchsorted(slot, bounds))
    chunks = tuple(zip([0, *stops[:-1].tolist()], stops.tolist(), strict=True))
    masks = tuple(
        sees(
            slot[start:stop, None],
            pass_[start:stop, None],
            slot[None, :stop],
            pass_[None, :stop],
            gone[None, :stop],
            provisional[None, :stop],
            tables.provisional,
        )
        for start, stop in chunks
    )
    return TrainingView(slot, entries.source[order], predicting, target[predicting], chunks, masks)


def masked_attention(
    view: TrainingView, device: torch.device, dtype: torch.dtype = torch.float32
) -> Callable[[int, Tensor, Tensor, Tensor], Tensor]:
    """An ``attend`` function over the sequence; the queries of a frame look at no key of a later one.

    Args:
        view: The sequence.
        device: Where.
        dtype: Of the scores.
    """
    biases = []
    for mask in view.masks:
        seen = torch.from_numpy(mask).to(device)
        biases.append(torch.zeros(mask.shape, dtype=dtype, device=device).masked_fill_(~seen, -torch.inf))

    def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        del layer
        batch, heads, _, width = q.shape
        kv_heads = k.shape[1]
        groups = heads // kv_heads
        outs = []
        for (start, stop), bias in zip(view.chunks, biases, strict=True):
            count = stop - start
            packed = q[:, :, start:stop].reshape(batch, kv_heads, groups * count, width) * width**-0.5
            scores = (packed @ k[:, :, :stop].transpose(-1, -2)).view(batch, kv_heads, groups, count, stop)
            weights = (scores + bias).softmax(-1).view(batch, kv_heads, groups * count, stop).to(v.dtype)
            outs.append((weights @ v[:, :, :stop]).reshape(batch, heads, count, width))
        return torch.cat(outs, dim=2)

    return attend
