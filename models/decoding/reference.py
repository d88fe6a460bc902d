"""The reference decoder: no cache, float64, one forward over all entries so far.

It exists to be obviously right, and shares with the engine only the list of entries, the mask function and the weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from models.ar.transformer import VideoTransformer, rotary_table
from models.decoding import noise as noise_source
from models.decoding.engine import Generation
from models.decoding.sampling import Sampler, pick
from models.decoding.tables import BEFORE, NEVER, Tables
from models.decoding.visibility import sees


@torch.inference_mode()
def decode(
    model: VideoTransformer,
    tables: Tables,
    sampler: Sampler,
    given: Tensor,
    seeds: Sequence[int],
    *,
    forced: Tensor | None = None,
) -> Generation:
    """Decode one batch, recomputing everything in every pass.

    Args:
        model: The transformer in float64.
        tables: Compiled schedule.
        sampler: How tokens are drawn.
        given: Token ids ``[B, slots]`` as for the engine.
        seeds: Case seed of each lane.
        forced: Tokens to write instead of the sampled ones, or None.

    Returns:
        Tokens, noise hashes and logits.
    """
    grid, entries = tables.grid, tables.entries
    batch = given.shape[0]
    drawn = torch.tensor(sorted(t for t in entries.target.tolist() if t >= 0))
    tokens = torch.zeros(batch, grid.slots + 1, dtype=torch.int64)
    tokens[:, : grid.slots] = given
    tokens[:, drawn] = 0
    stream = torch.zeros_like(tokens)
    if forced is not None:
        stream[:, drawn] = forced.reshape(batch, -1)
    keys = noise_source.position_keys(list(seeds), grid, torch.device("cpu"))
    counters = noise_source.vocabulary_counters(model.shape.image_vocabulary, torch.device("cpu"))
    checksums = torch.zeros_like(tokens)
    logits = torch.zeros(batch, grid.slots + 1, model.shape.image_vocabulary, dtype=torch.float64)
    positions = torch.from_numpy(grid.positions(model.shape.position_axes))
    slot, fed_at, gone_at, provisional = (
        torch.from_numpy(a) for a in (entries.slot, entries.pass_, entries.overwritten, entries.provisional)
    )
    blank = _blank_slots(tables)
    content = torch.zeros(batch, 0, dtype=torch.int64)
    for pass_ in range(tables.passes):
        part = tables.rows(pass_)
        content = torch.cat([content, tokens[:, entries.source[part]]], dim=1)  # an entry keeps the token it was fed
        so_far = slice(0, part.stop)
        mask = sees(
            slot[so_far, None],
            fed_at[so_far, None],
            slot[None, so_far],
            fed_at[None, so_far],
            gone_at[None, so_far],
            provisional[None, so_far],
            tables.provisional,
        )
        if blank is not None:  # what a cleared cache holds, up to the first write
            never, gone = torch.full_like(blank, BEFORE), blank
            free = torch.zeros_like(blank, dtype=torch.bool)
            every = torch.arange(grid.slots)
            unseen = sees(slot[so_far, None], fed_at[so_far, None], every, never, gone, free, tables.provisional)
            mask = torch.cat([mask, unseen], dim=1)

        def attend(layer: int, q: Tensor, k: Tensor, v: Tensor, mask: Tensor = mask) -> Tensor:
            del layer
            groups = q.shape[1] // k.shape[1]
            empty = torch.zeros(*k.shape[:2], mask.shape[1] - k.shape[2], k.shape[3], dtype=k.dtype)
            k, v = torch.cat([k, empty], dim=2), torch.cat([v, empty], dim=2)
            k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
            scores = (q @ k.transpose(-1, -2)) / q.shape[-1] ** 0.5
            out: Tensor = scores.masked_fill(~mask, -torch.inf).softmax(dim=-1) @ v
            return out

        rotary = rotary_table(model.shape, positions[slot[so_far]], torch.float64)
        out = model(content, rotary, attend)
        for i in range(part.start, part.stop):
            target = int(entries.target[i])
            if target < 0:
                continue
            logits[:, target] = out[:, i]
            bits = noise_source.draw_bits(keys[:, target], counters)
            if not sampler.greedy and forced is None:
                checksums[:, target] = noise_source.checksum(bits, counters)
            noise = None if sampler.greedy else noise_source.gumbel(bits)
            tokens[:, target] = stream[:, target] if forced is not None else pick(out[:, i], noise, sampler)
    result = tokens[:, drawn].reshape(batch, grid.frames, grid.frame_tokens)
    return Generation(result, [noise_source.digest(row) for row in checksums[:, drawn]], logits[:, drawn])


def _blank_slots(tables: Tables) -> Tensor | None:
    """Pass of the first write of every slot, ``[slots]``, where unwritten slots are seen; else None."""
    if not tables.unwritten:
        return None
    first = [NEVER] * tables.grid.slots
    for slot, pass_ in zip(tables.entries.slot.tolist(), tables.entries.pass_.tolist(), strict=True):
        first[slot] = min(first[slot], pass_)
    return torch.tensor(first)
