"""The decoding engine: any schedule, one loop, a static cache.

Per pass it reads a row of the compiled tables, runs the transformer on the fed tokens, writes their keys and values
into the cache by slot, attends under the mask of :mod:`models.decoding.visibility`, samples, and writes the tokens.
Nothing between the first pass and the last asks the device for a value. On CUDA the passes are replays of captured
graphs, one per bucket of shapes (:mod:`models.decoding.graphs`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor

from harness.device import unsorted_writes
from harness.errors import DiptychError, UsageError
from models.ar.attention import packed_attention, split_attention
from models.ar.prepared import PreparedTransformer, prepared
from models.ar.transformer import VideoTransformer, rotary_table
from models.decoding import noise as noise_source
from models.decoding.cache import Cache, cache_size
from models.decoding.frame_times import FrameTimes
from models.decoding.graphs import CaptureFacts, Graphs
from models.decoding.inputs import check_actions, check_forced, check_given
from models.decoding.milestones import asked_actions, completed_frames, late_slots
from models.decoding.sampling import Sampler, pick
from models.decoding.steps import DeviceTables, Step, assign_buckets, exact_step
from models.decoding.tables import Tables

Actions = Callable[[int], Tensor]
"""``actions(frame)`` → action ids ``[B, actions per frame]``, asked for once ``frame`` is complete."""


@dataclass
class Generation:
    """What a generation returns.

    Attributes:
        tokens: Generated tokens, int64 ``[B, frames, rows · columns]``.
        noise_hashes: Per lane, SHA-256 over the noise consumed, by position; of all zeros for greedy.
        logits: ``[B, tokens, image_vocabulary]`` in raster order if a trace was asked for, else None.
        finite: False if a logit was NaN or infinite: such tokens mean nothing.
        frame_seconds: Seconds from the start, clearing the cache included, to each frame's last token.
    """

    tokens: Tensor
    noise_hashes: list[str]
    logits: Tensor | None
    finite: bool = True
    frame_seconds: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class StreamedFrame:
    """A frame that is complete while later ones are not.

    Attributes:
        index: Generated frame, from 0.
        tokens: int64 ``[B, rows, columns]``.
    """

    index: int
    tokens: Tensor


class Engine:
    """Decodes batches of videos with one model, one schedule and one grid.

    Args:
        model: The transformer, in eval mode, on its device and in its dtype. Several engines share one
            :class:`PreparedTransformer`; of a module each engine lays out weights of its own.
        tables: Compiled schedule.
        sampler: How tokens are drawn.
        batch: Lanes decoded together.
        pad: True feeds every pass at its bucket's shape, surplus lanes writing to a trash slot: what graph capture
            needs, and on a CPU only a loss of time. None: on CUDA.
        cache: Used instead of a cache of its own; must be of the size that :meth:`Cache.zeros` gives for this grid.
    """

    def __init__(
        self,
        model: VideoTransformer | PreparedTransformer,
        tables: Tables,
        sampler: Sampler,
        *,
        batch: int = 1,
        pad: bool | None = None,
        cache: Cache | None = None,
    ) -> None:
        self.model, self.tables, self.sampler, self.batch = prepared(model), tables, sampler.check(), batch
        shape, grid = self.model.shape, tables.grid
        self.device, self.dtype = self.model.device, self.model.dtype
        self.pad = self.device.type == "cuda" if pad is None else pad
        self.cache = cache or Cache.zeros(self.model, grid.slots, batch)
        needed = cache_size(shape, grid.slots, batch)
        if tuple(self.cache.keys.shape) != needed or self.cache.keys.dtype != self.dtype:
            raise DiptychError(
                f"the cache is {list(self.cache.keys.shape)} {self.cache.keys.dtype}, and this model and grid need "
                f"{list(needed)} {self.dtype} (layers, batch, key/value heads, slots + 1, head width). "
                "Make one with Cache.zeros(model, grid.slots, batch)."
            )
        self.keys, self.values = self.cache.keys, self.cache.values
        # a pass writes to places that are all different; only padding meets in the trash slot, which nobody reads
        self._writing = unsorted_writes if self.pad else nullcontext
        self._tokens = torch.zeros(batch, grid.slots + 1, dtype=torch.int64, device=self.device)
        self._stream, self._noise_keys = torch.zeros_like(self._tokens), torch.zeros_like(self._tokens)
        self._checksums = torch.zeros_like(self._tokens)
        self._finite = torch.ones((), dtype=torch.bool, device=self.device)
        self._counters = noise_source.vocabulary_counters(shape.image_vocabulary, self.device)
        positions = torch.from_numpy(grid.positions(shape.position_axes)).to(self.device)
        positions = torch.cat([positions, positions[:1]])  # the trash slot sits anywhere
        cos, sin = rotary_table(shape, positions, self.dtype)
        self._prefill = exact_step(tables, 0, cos, sin)
        self._steps: list[Step] = []
        self._graphs: Graphs | None = None
        if self.pad:
            self._graphs = Graphs(DeviceTables(tables, cos, sin), assign_buckets(tables), self._pass, self.device)
        else:
            self._steps = [exact_step(tables, p, cos, sin) for p in range(1, tables.passes)]
        self._drawn = torch.from_numpy(grid.token_slots()).to(self.device)
        self._late = torch.cat([self._drawn, torch.from_numpy(late_slots(grid)).to(self.device)])
        self._completed = completed_frames(tables)
        self._asked = asked_actions(tables)

    def capture(self, *, forced: bool = False) -> CaptureFacts:
        """Capture the graphs ahead of the first generation, which otherwise does; nothing to do without CUDA.

        Args:
            forced: For generations with a forced token stream (others capture graphs of their own).
        """
        with torch.inference_mode():
            return self._graphs.capture(forced) if self._graphs else CaptureFacts()

    def _run(self, step: Step) -> Tensor:
        """Run one pass and return the logits of its predictions, ``[B, predicted, image_vocabulary]``."""
        bias, seen = _bias(step.mask, self.model.shape.heads // self.model.shape.kv_heads, self.dtype), step.length
        attention = split_attention if self.pad and step is not self._prefill else packed_attention

        def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            keys, values = self.keys[layer], self.values[layer]
            with self._writing():
                keys.index_copy_(2, step.slots, k)
                values.index_copy_(2, step.slots, v)
            return attention(q, keys[:, :, :seen], values[:, :, :seen], bias)

        hidden = self.model.hidden(self._tokens[:, step.sources], (step.cos, step.sin), attend)
        return self.model.logits(hidden[:, step.lanes])

    def _pass(self, step: Step, forced: bool) -> Tensor:
        """Run one pass, write its tokens, and return its logits."""
        logits = self._run(step)
        self._finite &= logits.isfinite().all()
        sums: Tensor | None = None
        if forced:
            drawn = self._stream[:, step.targets]
        elif self.sampler.greedy:
            drawn = pick(logits, None, self.sampler)
        else:
            bits = noise_source.draw_bits(self._noise_keys[:, step.targets], self._counters)
            sums = noise_source.checksum(bits, self._counters)
            drawn = pick(logits, noise_source.gumbel(bits), self.sampler)
        with self._writing():
            self._tokens[:, step.targets] = drawn
            if sums is not None:
                self._checksums[:, step.targets] = sums
        return logits

    def _load(
        self,
        given: Tensor,
        seeds: Sequence[int],
        forced: Tensor | None,
        *,
        clear: bool = True,
        late_actions: bool = False,
    ) -> None:
        grid, vocabulary = self.tables.grid, self.model.shape.vocabulary
        unread = self._late if late_actions else self._drawn
        check_given(given, unread, seeds, (self.batch, grid.slots), vocabulary)
        if forced is not None:
            check_forced(forced, (self.batch, grid.frames, grid.frame_tokens), vocabulary)
        self.cache.begin()
        self._tokens.zero_()
        self._tokens[:, : grid.slots] = given.to(self.device)
        self._tokens[:, unread] = 0  # whatever stood there must not be read
        if forced is not None:
            self._stream[:, self._drawn] = forced.reshape(self.batch, grid.tokens).to(self.device)
        self._noise_keys.copy_(noise_source.position_keys(list(seeds), grid, self.device))
        if clear:
            self.keys.zero_()
            self.values.zero_()
        self._checksums.zero_()
        self._finite.fill_(True)

    def passes(
        self, *, forced: bool = False, kept: Tensor | None = None, actions: Actions | None = None
    ) -> Iterator[int]:
        """Run all passes over what :meth:`_load` laid down; no value is asked of the device meanwhile.

        Args:
            forced: Write the forced stream instead of drawing.
            kept: Buffer of logits by slot to fill, or None.
            actions: Asked for the actions of each frame before the pass that feeds them, or None.

        Yields:
            Every frame that is complete, in order, as soon as its last pass was issued.
        """
        if self._graphs is not None:
            self._graphs.rewind()
        for number in range(self.tables.passes):
            for frame in self._asked[number] if actions is not None else ():
                assert actions is not None
                self._take_actions(frame, actions(frame))
            if number == 0:
                step, logits = self._prefill, self._pass(self._prefill, forced)
            elif self._graphs is None:
                step = self._steps[number - 1]
                logits = self._pass(step, forced)
            elif kept is None:
                self._graphs.replay(number, forced)
            else:
                step, logits = self._graphs.call(number, forced)
            if kept is not None:
                kept[:, step.targets] = logits
            yield from self._completed[number]

    @torch.inference_mode()
    def generate(
        self,
        given: Tensor,
        seeds: Sequence[int],
        *,
        forced: Tensor | None = None,
        trace: bool = False,
        clear: bool = True,
    ) -> Generation:
        """Decode one batch.

        Args:
            given: Token ids ``[B, slots]``: the prompt's tokens and every frame's action tokens; entries at image
                slots of generated frames are ignored.
            seeds: Case seed of each lane.
            forced: Tokens ``[B, frames, rows · columns]`` to write instead of the sampled ones (for timing and
                comparison on equal streams), or None.
            trace: Keep the logits.
            clear: False keeps what the cache holds (a fault of the released decoder, for measuring it).

        Returns:
            Tokens, noise hashes, times of frames and, if asked for, logits.
        """
        grid = self.tables.grid
        if self._graphs is not None and not trace:
            self._graphs.capture(forced is not None)  # once; it leaves its traces in the state that is laid down next
        times = FrameTimes(self.device)
        self._load(given, seeds, forced, clear=clear)
        kept = None
        if trace:
            size = (self.batch, grid.slots + 1, self.model.shape.image_vocabulary)
            kept = torch.zeros(size, dtype=self.dtype, device=self.device)
        for _ in self.passes(forced=forced is not None, kept=kept):
            times.mark()
        tokens = self._tokens[:, self._drawn].reshape(self.batch, grid.frames, grid.frame_tokens)
        hashes = [noise_source.digest(row) for row in self._checksums[:, self._drawn]]
        logits = None if kept is None else kept[:, self._drawn]
        return Generation(tokens, hashes, logits, bool(self._finite), times.seconds())

    @torch.inference_mode()
    def stream(self, given: Tensor, seeds: Sequence[int], *, actions: Actions | None = None) -> Iterator[StreamedFrame]:
        """Decode one batch and hand out every frame as soon as it is complete; tokens as from :meth:`generate`.

        Args:
            given: As for :meth:`generate`; with ``actions`` those of generated frames are not read.
            seeds: Case seed of each lane.
            actions: ``actions(frame)`` gives the action ids ``[B, actions]`` that lead on from ``frame``; it is called
                once that frame was handed out. None takes them from ``given``.

        Yields:
            The frames, in order.

        Raises:
            UsageError: ``actions`` with an order that reads actions ahead of their frame, or a grid without any.
            DiptychError: Not finite logits: such tokens mean nothing. Or the cache was used by another generation
                between two frames: the next ones would rest on what that one left.
        """
        ahead = self.tables.action_lookahead_passes
        if actions is not None and not self.tables.grid.actions:
            raise UsageError("this grid has no action tokens, so none can be supplied. Leave actions out.")
        if actions is not None and ahead:
            raise UsageError(
                f"schedule {self.tables.schedule!r} (k = {self.tables.k}) reads the actions of a frame up to {ahead} "
                "passes before the frame is complete, so they must be known. To supply them while it runs, take an "
                "order with action_lookahead_passes 0 (diptych schedule NAME), such as diagonal."
            )
        if self._graphs is not None:
            self._graphs.capture(False)
        self._load(given, seeds, None, late_actions=actions is not None)
        turn = self.cache.turn
        grid = self.tables.grid
        size = (self.batch, grid.rows, grid.columns)
        for frame in self.passes(actions=actions):
            first = grid.slot(frame, 0, 0)
            tokens = self._tokens[:, first : first + grid.frame_tokens].reshape(size).clone()
            if not bool(self._finite):
                raise DiptychError(f"the logits of frame {frame} hold NaN or infinity, so its tokens mean nothing.")
            yield StreamedFrame(frame, tokens)
            if self.cache.turn != turn:
                raise DiptychError(
                    f"another generation began in the same cache after frame {frame} was streamed, so the frames after "
                    "it cannot be drawn. Take all frames of a stream first, or give each engine a cache of its own."
                )

    def _take_actions(self, frame: int, ids: Tensor) -> None:
        slots = self.tables.grid.action_slots(frame)
        check_actions(ids, frame, (self.batch, len(slots)), self.model.shape.vocabulary)
        self._tokens[:, slots.start : slots.stop] = ids.to(self.device)

    @torch.inference_mode()
    def prefill(self, given: Tensor) -> Tensor:
        """Run the prompt's pass alone (for timing it) and return its logits."""
        self._load(given, [0] * self.batch, None)
        return self._run(self._prefill)


def _bias(mask: Tensor | None, groups: int, dtype: torch.dtype) -> Tensor | None:
    """The mask as attention adds it, ``[groups · inputs, length]``: once a pass, and not once a layer."""
    if mask is None:
        return None
    bias = torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill_(~mask, -torch.inf)
    return bias.repeat(groups, 1)
