"""The decoding engine: any schedule, one loop, a static cache.

Per pass it reads a row of the compiled tables, runs the transformer on the fed tokens, writes their keys and values
into the cache by slot, attends under the mask of :mod:`models.decoding.visibility`, samples, and writes the tokens.
Nothing inside a generation asks the device for a value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.errors import DiptychError
from models.ar.transformer import VideoTransformer, grouped_attention, rotary_table
from models.decoding import noise as noise_source
from models.decoding.sampling import Sampler, pick
from models.decoding.tables import Tables


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
class Cache:
    """Keys and values by slot, the trash slot last: ``[layers, B, kv heads, slots + 1, head_dim]`` each.

    Engines that take turns (the arms of a block) may share one: a generation begins by clearing it.
    """

    keys: Tensor
    values: Tensor

    @classmethod
    def zeros(cls, model: VideoTransformer, slots: int, batch: int = 1) -> Cache:
        """A cleared cache on the model's device, in its dtype."""
        shape, weight = model.shape, model.embed_tokens.weight
        size = (shape.layers, batch, shape.kv_heads, slots + 1, shape.head_dim)
        return cls(
            torch.zeros(size, dtype=weight.dtype, device=weight.device),
            torch.zeros(size, dtype=weight.dtype, device=weight.device),
        )

    @property
    def bytes(self) -> int:
        """Size of both."""
        return 2 * self.keys.numel() * self.keys.element_size()


@dataclass
class Generation:
    """What a generation returns.

    Attributes:
        tokens: Generated tokens, int64 ``[B, frames, rows · columns]``.
        noise_hashes: Per lane, SHA-256 over the noise consumed, by position; of all zeros for greedy.
        logits: ``[B, tokens, image_vocabulary]`` in raster order if a trace was asked for, else None.
        finite: False if a logit was NaN or infinite: such tokens mean nothing.
    """

    tokens: Tensor
    noise_hashes: list[str]
    logits: Tensor | None
    finite: bool = True


class Engine:
    """Decodes batches of videos with one model, one schedule and one grid.

    Args:
        model: The transformer, in eval mode, on its device and in its dtype.
        tables: Compiled schedule.
        sampler: How tokens are drawn.
        batch: Lanes decoded together.
        pad: True feeds every pass at full table width, surplus lanes writing to a trash slot. One fixed shape is what
            graph capture needs; on CPU it only costs time.
        cache: Used instead of a cache of its own; must be of the size that :meth:`Cache.zeros` gives for this grid.
    """

    def __init__(
        self,
        model: VideoTransformer,
        tables: Tables,
        sampler: Sampler,
        *,
        batch: int = 1,
        pad: bool = False,
        cache: Cache | None = None,
    ) -> None:
        self.model, self.tables, self.sampler, self.batch, self.pad = model, tables, sampler.check(), batch, pad
        shape, grid = model.shape, tables.grid
        weight = model.embed_tokens.weight
        self.device, self.dtype = weight.device, weight.dtype
        self.cache = cache or Cache.zeros(model, grid.slots, batch)
        self.keys, self.values = self.cache.keys, self.cache.values
        self._tokens = torch.zeros(batch, grid.slots + 1, dtype=torch.int64, device=self.device)
        self._checksums = torch.zeros_like(self._tokens)
        self._finite = torch.ones((), dtype=torch.bool, device=self.device)
        self._counters = noise_source.vocabulary_counters(shape.image_vocabulary, self.device)
        positions = torch.from_numpy(grid.positions(shape.position_axes)).to(self.device)
        positions = torch.cat([positions, positions[:1]])  # the trash slot sits anywhere
        self._cos, self._sin = rotary_table(shape, positions, self.dtype)
        padded = tables.padded() if pad else None
        self.steps = [self._step(p, padded) for p in range(tables.passes)]
        self._drawn = torch.from_numpy(_drawn_slots(tables)).to(self.device)

    def _step(self, pass_: int, padded: dict[str, NDArray[np.int64]] | None) -> Step:
        tables, entries = self.tables, self.tables.entries
        part = tables.rows(pass_)
        slots = torch.from_numpy(entries.slot[part].copy())
        sources = torch.from_numpy(entries.source[part].copy())
        target = torch.from_numpy(entries.target[part].copy())
        lanes = (target >= 0).nonzero()[:, 0]
        targets = target[lanes]
        mask = torch.from_numpy(tables.mask(pass_))
        length = int(tables.visible_length[pass_])
        if padded is not None and pass_ > 0:
            columns = (torch.from_numpy(padded[name][pass_ - 1]) for name in ("slot", "source", "lane", "target"))
            slots, sources, lanes, targets = columns
            seen = torch.zeros(len(slots) - len(mask), length, dtype=torch.bool)
            seen[:, 0] = True  # slot 0 is always written: a lane that sees nothing would be NaN
            mask = torch.cat([mask, seen])
        slots, sources = slots.to(self.device), sources.to(self.device)
        return Step(
            slots=slots,
            sources=sources,
            lanes=lanes.to(self.device),
            targets=targets.to(self.device),
            cos=self._cos[slots],
            sin=self._sin[slots],
            mask=None if bool(mask.all()) else mask.to(self.device),
            length=length,
        )

    def _run(self, step: Step) -> Tensor:
        """Run one pass and return the logits of its predictions, ``[B, predicted, image_vocabulary]``."""

        def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            self.keys[layer].index_copy_(2, step.slots, k)
            self.values[layer].index_copy_(2, step.slots, v)
            seen = slice(0, step.length)
            return grouped_attention(q, self.keys[layer][:, :, seen], self.values[layer][:, :, seen], step.mask)

        hidden = self.model.hidden(self._tokens[:, step.sources], (step.cos, step.sin), attend)
        return self.model.logits(hidden[:, step.lanes])

    def _sample(self, step: Step, logits: Tensor, keys: Tensor) -> Tensor:
        if self.sampler.greedy:
            return pick(logits, None, self.sampler)
        bits = noise_source.draw_bits(keys[:, step.targets], self._counters)
        self._checksums[:, step.targets] = noise_source.checksum(bits, self._counters)
        return pick(logits, noise_source.gumbel(bits), self.sampler)

    def _load(self, given: Tensor) -> None:
        grid = self.tables.grid
        if given.shape != (self.batch, grid.slots):
            raise DiptychError(
                f"the token buffer must be [{self.batch}, {grid.slots}] (batch, slots), not {list(given.shape)}."
            )
        self._tokens.zero_()
        self._tokens[:, : grid.slots] = given
        self._tokens[:, self._drawn] = 0  # whatever stood there must not be read
        self.keys.zero_()
        self.values.zero_()
        self._checksums.zero_()
        self._finite.fill_(True)

    @torch.inference_mode()
    def generate(
        self, given: Tensor, seeds: Sequence[int], *, forced: Tensor | None = None, trace: bool = False
    ) -> Generation:
        """Decode one batch.

        Args:
            given: Token ids ``[B, slots]``: the prompt's tokens and every frame's action tokens; entries at image
                slots of generated frames are ignored.
            seeds: Case seed of each lane.
            forced: Tokens ``[B, frames, rows · columns]`` to write instead of the sampled ones (for timing and
                comparison on equal streams), or None.
            trace: Keep the logits.

        Returns:
            Tokens, noise hashes and, if asked for, logits.
        """
        grid = self.tables.grid
        if len(seeds) != self.batch:
            raise DiptychError(f"{len(seeds)} seeds for {self.batch} lanes.")
        self._load(given.to(self.device))
        keys = noise_source.position_keys(list(seeds), grid, self.device)
        stream = None
        if forced is not None:
            stream = torch.zeros_like(self._tokens)
            stream[:, self._drawn] = forced.reshape(self.batch, grid.tokens).to(self.device)
        kept = None
        if trace:
            size = (self.batch, grid.slots + 1, self.model.shape.image_vocabulary)
            kept = torch.zeros(size, dtype=self.dtype, device=self.device)
        for step in self.steps:
            logits = self._run(step)
            self._finite &= logits.isfinite().all()
            if kept is not None:
                kept[:, step.targets] = logits
            if stream is not None:
                self._tokens[:, step.targets] = stream[:, step.targets]
            else:
                self._tokens[:, step.targets] = self._sample(step, logits, keys)
        tokens = self._tokens[:, self._drawn].reshape(self.batch, grid.frames, grid.frame_tokens)
        hashes = [noise_source.digest(row) for row in self._checksums[:, self._drawn]]
        return Generation(tokens, hashes, None if kept is None else kept[:, self._drawn], bool(self._finite))

    @torch.inference_mode()
    def prefill(self, given: Tensor) -> Tensor:
        """Run the prompt's pass alone (for timing it) and return its logits."""
        self._load(given.to(self.device))
        return self._run(self.steps[0])


def _drawn_slots(tables: Tables) -> NDArray[np.int64]:
    """Slots of the generated tokens in raster order, as an int64 array."""
    target = tables.entries.target
    drawn = target[target >= 0].copy()
    drawn.sort()
    return drawn
