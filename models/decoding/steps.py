"""What one pass reads: device tensors, cut out of the compiled tables.

Two ways give the same :class:`Step`. *Exact*: every pass has tensors of its own width, made once (CPUs, where padding
costs time). *Bucketed*: passes share a few fixed shapes, and a step is looked up on the device by the number of the
pass (CUDA, where a fixed shape is what a graph can be captured of).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.decoding.tables import Tables
from models.decoding.visibility import sees

MOST_WIDTHS, MOST_LENGTHS = 4, 8
"""Width buckets × length buckets: at most 32 graphs."""


@dataclass(frozen=True)
class Step:
    """Device tensors of one pass.

    Attributes:
        slots: Slots written, ``[inputs]``.
        sources: Slots whose tokens are fed, ``[inputs]``.
        lanes: Inputs whose logits are used, ``[predicted]``.
        targets: Slots predicted, ``[predicted]``.
        cos: Rotary cosines, ``[inputs, head_dim / 2]``.
        sin: Rotary sines.
        mask: Bool ``[inputs, length]``, or None where everything is seen.
        length: Slots of the cache that are read.
    """

    slots: Tensor
    sources: Tensor
    lanes: Tensor
    targets: Tensor
    cos: Tensor
    sin: Tensor
    mask: Tensor | None
    length: int


@dataclass(frozen=True)
class Bucket:
    """Passes of one shape.

    Attributes:
        width: Entries fed, padding included.
        predicted: Tokens predicted, padding included.
        length: Slots of the cache that are read.
    """

    width: int
    predicted: int
    length: int


def exact_step(tables: Tables, pass_: int, cos: Tensor, sin: Tensor) -> Step:
    """The step of one pass, at its own width.

    Args:
        tables: Compiled schedule.
        pass_: The pass, the prefill included.
        cos: Rotary cosines by slot, ``[slots + 1, head_dim / 2]``, on the device.
        sin: Rotary sines.
    """
    entries, part, device = tables.entries, tables.rows(pass_), cos.device
    slots = torch.from_numpy(entries.slot[part].copy()).to(device)
    target = torch.from_numpy(entries.target[part].copy())
    lanes = (target >= 0).nonzero()[:, 0]
    mask = torch.from_numpy(tables.mask(pass_))
    return Step(
        slots=slots,
        sources=torch.from_numpy(entries.source[part].copy()).to(device),
        lanes=lanes.to(device),
        targets=target[lanes].to(device),
        cos=cos[slots],
        sin=sin[slots],
        mask=None if bool(mask.all()) else mask.to(device),
        length=int(tables.visible_length[pass_]),
    )


def assign_buckets(tables: Tables) -> list[Bucket]:
    """The bucket of every pass after the prefill: widths in quarters of the widest, lengths in eighths of the grid."""
    width = _rounded_up(tables.n_inputs[1:], tables.max_inputs, MOST_WIDTHS)
    length = _rounded_up(tables.visible_length[1:], tables.grid.slots, MOST_LENGTHS)
    predicted = tables.n_predicted[1:]
    most = {int(w): int(predicted[width == w].max()) for w in np.unique(width)}
    return [Bucket(w, most[w], n) for w, n in zip(width.tolist(), length.tolist(), strict=True)]


def _rounded_up(sizes: NDArray[np.int64], largest: int, parts: int) -> NDArray[np.int64]:
    """Each size, rounded up to a multiple of ``largest / parts``."""
    bounds = np.unique(np.ceil(np.arange(1, parts + 1) * largest / parts).astype(np.int64))
    rounded: NDArray[np.int64] = bounds[np.searchsorted(bounds, sizes)]
    return rounded


class DeviceTables:
    """The padded tables on the device, from which a pass looks itself up by its number.

    Padding: surplus inputs and targets are the trash slot; what they see does not matter and is never nothing.

    Args:
        tables: Compiled schedule.
        cos: Rotary cosines by slot.
        sin: Rotary sines.
    """

    def __init__(self, tables: Tables, cos: Tensor, sin: Tensor) -> None:
        self._cos, self._sin, self._visibility = cos, sin, tables.provisional
        padded, device = tables.padded(), cos.device

        def placed(name: str) -> Tensor:
            first = np.zeros((1, padded[name].shape[1]), np.int64)  # pass 0 is the prefill, which is not padded
            return torch.from_numpy(np.concatenate([first, padded[name]])).to(device)

        self._slot, self._source, self._lane, self._target = map(placed, ("slot", "source", "lane", "target"))
        self._layers = [torch.from_numpy(array)[:, None, :].to(device) for array in tables.layers]
        self._positions = torch.arange(tables.grid.slots, device=device)

    def read(self, pass_: Tensor, bucket: Bucket) -> Step:
        """Look a pass up, without asking the device for its number.

        Args:
            pass_: Number of the pass, int64 ``[1]`` on the device.
            bucket: Its bucket.
        """
        slots = self._slot.index_select(0, pass_)[0, : bucket.width]
        fed, gone, provisional = (layer[:, :, : bucket.length] for layer in self._layers)
        seen = sees(
            slots[None, :, None],
            pass_,
            self._positions[None, None, : bucket.length],
            fed,
            gone,
            provisional,
            self._visibility,
        ).any(dim=0)
        return Step(
            slots=slots,
            sources=self._source.index_select(0, pass_)[0, : bucket.width],
            lanes=self._lane.index_select(0, pass_)[0, : bucket.predicted],
            targets=self._target.index_select(0, pass_)[0, : bucket.predicted],
            cos=self._cos.index_select(0, slots),
            sin=self._sin.index_select(0, slots),
            mask=seen,
            length=bucket.length,
        )
