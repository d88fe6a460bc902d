"""Teacher forcing: what a model predicts of true sequences, in raster order or as a decoding order feeds them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from models.ar.shapes import TransformerShape
from models.ar.transformer import Rotary, VideoTransformer, rotary_table
from models.decoding.grid import Grid
from models.decoding.tables import Tables
from models.decoding.training_view import TrainingView, masked_attention, training_view
from models.training.attention import training_attention
from models.training.clips import TokenClips
from models.training.sequences import sequences


def token_nats(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy in nats of every token ``[B, n]`` under logits ``[B, n, vocabulary]``, in float32."""
    return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), reduction="none").view_as(targets)


def grid_rotary(shape: TransformerShape, grid: Grid, device: str, dtype: torch.dtype = torch.float32) -> Rotary:
    """Rotary table of every slot of ``grid``."""
    positions = torch.from_numpy(grid.positions(shape.position_axes)).to(device)
    return rotary_table(shape, positions, dtype)


def image_slots(grid: Grid, first_frame: int) -> NDArray[np.int64]:
    """Slots of the image tokens of frame ``first_frame`` (counted with the prompt) and later."""
    index = np.arange(grid.slots)
    return index[(index >= first_frame * grid.stride) & (index % grid.stride < grid.frame_tokens)]


def teacher_forced(
    model: VideoTransformer, tokens: Tensor, grid: Grid, rotary: Rotary, first_frame: int
) -> tuple[Tensor, Tensor]:
    """Logits ``[B, n, image_vocabulary]`` and true ids ``[B, n]`` of the image tokens of ``first_frame`` and later."""
    slots = torch.from_numpy(image_slots(grid, first_frame)).to(tokens.device)
    cos, sin = rotary
    attend = training_attention(str(tokens.device), grid.stride)
    hidden = model.hidden(tokens[:, :-1], (cos[:-1], sin[:-1]), attend)
    return model.logits(hidden[:, slots - 1]), tokens[:, slots]


def sequence_loss(model: VideoTransformer, tokens: Tensor, grid: Grid, rotary: Rotary, first_frame: int) -> Tensor:
    """Cross-entropy in nats of every image token of ``first_frame`` and later, ``[B, tokens]``.

    Each is predicted from the output at the slot before it (for a frame's first token, the previous frame's action).
    """
    logits, targets = teacher_forced(model, tokens, grid, rotary, first_frame)
    return token_nats(logits, targets)


@torch.no_grad()
def score_clips(
    model: VideoTransformer, clips: TokenClips, grid: Grid, device: str, batch: int = 8
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Teacher-forced scores of the generated frames of each clip (from its first frame on).

    Returns:
        Bits per token ``[N]`` and token accuracy ``[N]`` (share of tokens whose most probable id is the true one).
    """
    model.eval()
    rotary = grid_rotary(model.shape, grid, device)
    total = grid.prompt_frames + grid.frames
    bits, hits = [], []
    for start in range(0, len(clips.tokens), batch):
        part = slice(start, start + batch)
        vocabulary = model.shape.image_vocabulary
        tokens = sequences(clips.tokens[part, :total], clips.actions[part, :total], grid, vocabulary).to(device)
        logits, targets = teacher_forced(model, tokens, grid, rotary, grid.prompt_frames)
        nats = token_nats(logits, targets)
        bits.append((nats.mean(1) / np.log(2)).double().cpu().numpy())
        hits.append((logits.argmax(-1) == targets).double().mean(1).cpu().numpy())
    return np.concatenate(bits), np.concatenate(hits)


class PlacedView:
    """A decoding order's training sequence where the model is: indices, rotary table and mask, laid down once.

    Args:
        view: The sequence.
        grid: Its slots.
        model: Whose shape, device and type count.
    """

    def __init__(self, view: TrainingView, grid: Grid, model: VideoTransformer) -> None:
        weight = model.embed_tokens.weight
        device, dtype = weight.device, weight.dtype
        slot, self._source, self._predicting, self._target = (
            torch.from_numpy(index).to(device) for index in (view.slot, view.source, view.predicting, view.target)
        )
        positions = torch.from_numpy(grid.positions(model.shape.position_axes)).to(device)
        self._rotary = rotary_table(model.shape, positions[slot], dtype)
        self._attend = masked_attention(view, device, dtype)
        self._model = model

    def logits(self, tokens: Tensor) -> Tensor:
        """Logits ``[B, tokens, image_vocabulary]`` of the generated tokens in raster order; true ids ``[B, slots]``."""
        hidden = self._model.hidden(tokens[:, self._source], self._rotary, self._attend)
        return self._model.logits(hidden[:, self._predicting])

    def nats(self, tokens: Tensor) -> Tensor:
        """Cross-entropy of every generated token, ``[B, tokens]``: each once, from the entry that predicts it."""
        return token_nats(self.logits(tokens), tokens[:, self._target])


@torch.no_grad()
def score_order(
    model: VideoTransformer, clips: TokenClips, tables: Tables, device: str, batch: int = 8
) -> NDArray[np.float64]:
    """Teacher-forced bits per token ``[N]`` of the generated frames of each clip, decoded in an order."""
    model.eval()
    grid, found = tables.grid, []
    view = PlacedView(training_view(tables), grid, model)
    total = grid.prompt_frames + grid.frames
    for start in range(0, len(clips.tokens), batch):
        part = slice(start, start + batch)
        ids = sequences(clips.tokens[part, :total], clips.actions[part, :total], grid, model.shape.image_vocabulary)
        found.append((view.nats(ids.to(device)).mean(1) / np.log(2)).double().cpu().numpy())
    return np.concatenate(found)
