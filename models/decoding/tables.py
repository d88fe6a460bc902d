"""Compile a schedule for a grid into fixed-width integer tables.

From the order alone follows everything the engine needs:

* a token is predicted from its *raster predecessor's* slot. If the token of that slot is known by then, it is fed as
  final; otherwise a placeholder is fed, provisionally;
* a slot whose true token becomes known and that was not fed with it is fed again (*refreshed*) in the first pass after
  the token is drawn, its logits discarded;
* the actions of a frame are fed in the pass that predicts the first token of the next frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError, unknown
from models.decoding.compat import Compat, check_compat, starts_row, writes_frame_end
from models.decoding.grid import Grid
from models.decoding.placeholders import placeholder_source
from models.decoding.schedule import PLACEHOLDERS, PlaceholderPolicy, Schedule, effective_delay
from models.decoding.visibility import ProvisionalVisibility, sees

BEFORE = -1
"""A pass number before every pass."""
NEVER = np.iinfo(np.int64).max // 2
"""A pass number later than every pass."""


@dataclass(frozen=True)
class Entries:
    """Every write of the cache, in the order of passes; within a pass in the order of slots.

    Attributes:
        slot: Slot written, int64 ``[entries]``.
        source: Slot whose token is fed; differs from ``slot`` for placeholders.
        pass_: Pass it is fed at.
        overwritten: Pass at which another entry replaces it, or :data:`NEVER`.
        provisional: True for placeholders.
        target: Slot predicted from it, or −1.
    """

    slot: NDArray[np.int64]
    source: NDArray[np.int64]
    pass_: NDArray[np.int64]
    overwritten: NDArray[np.int64]
    provisional: NDArray[np.bool_]
    target: NDArray[np.int64]


@dataclass(frozen=True)
class Tables:
    """A compiled schedule: pass 0 is the prefill, over the prompt.

    Attributes:
        grid: The grid.
        schedule: Name of the schedule.
        k: Row delay asked for.
        k_effective: κ = min(k, columns).
        placeholder: Policy used.
        provisional: Who sees placeholders.
        unwritten: True if slots that were never written are seen, as zero keys and values.
        order: Pass of every generated token, in raster order.
        entries: Every write.
        offsets: ``entries[offsets[p]:offsets[p + 1]]`` are the entries of pass p.
    """

    grid: Grid
    schedule: str
    k: int
    k_effective: int
    placeholder: PlaceholderPolicy
    provisional: ProvisionalVisibility
    unwritten: bool
    order: NDArray[np.int64]
    entries: Entries
    offsets: NDArray[np.int64]

    @property
    def passes(self) -> int:
        """Number of forward passes, the prefill included."""
        return len(self.offsets) - 1

    @cached_property
    def n_inputs(self) -> NDArray[np.int64]:
        """Entries fed in every pass, ``[passes]``; the prompt counts in pass 0."""
        return np.diff(self.offsets)

    @cached_property
    def n_predicted(self) -> NDArray[np.int64]:
        """Tokens predicted in every pass, ``[passes]``."""
        return np.bincount(self.order, minlength=self.passes).astype(np.int64)

    @property
    def max_width(self) -> int:
        """Most tokens predicted in one pass."""
        return int(self.n_predicted.max())

    @property
    def max_inputs(self) -> int:
        """Most entries fed in one pass after the prefill."""
        return int(self.n_inputs[1:].max(initial=0))

    @cached_property
    def visible_length(self) -> NDArray[np.int64]:
        """Slots that the queries of each pass can reach at most: one past the largest slot fed, ``[passes]``."""
        return np.maximum.reduceat(self.entries.slot, self.offsets[:-1]) + 1

    @property
    def action_lookahead_passes(self) -> int:
        """How many passes before the end of a frame its actions are fed at the earliest; 0 for interactive orders."""
        grid = self.grid
        if grid.actions == 0:
            return 0
        ahead = 0
        for frame in range(grid.frames - 1):
            last = self.order[frame * grid.frame_tokens : (frame + 1) * grid.frame_tokens].max()
            first_of_next = self.order[(frame + 1) * grid.frame_tokens]
            ahead = max(ahead, int(last + 1 - first_of_next))
        return ahead

    def rows(self, pass_: int) -> slice:
        """Slice of ``entries`` that belongs to ``pass_``."""
        return slice(int(self.offsets[pass_]), int(self.offsets[pass_ + 1]))

    def padded(self) -> dict[str, NDArray[np.int64]]:
        """Return the fixed-width tables of passes 1 and later.

        Padding: slots and targets hold ``grid.slots`` (the trash slot), sources and lanes hold 0.

        Returns:
            ``slot``, ``source`` ``[passes − 1, max_inputs]``; ``lane``, ``target`` ``[passes − 1, max width]``: the
            token of ``target`` is read from the logits of input ``lane``; ``inputs``, ``predicted``, ``length``
            ``[passes − 1]``.
        """
        count, trash = self.passes - 1, self.grid.slots
        width = int(self.n_predicted[1:].max(initial=0))
        slot = np.full((count, self.max_inputs), trash, np.int64)
        source = np.zeros_like(slot)
        lane = np.zeros((count, width), np.int64)
        target = np.full((count, width), trash, np.int64)
        for row in range(count):
            part = self.rows(row + 1)
            size = part.stop - part.start
            slot[row, :size] = self.entries.slot[part]
            source[row, :size] = self.entries.source[part]
            lanes = np.flatnonzero(self.entries.target[part] >= 0)
            lane[row, : len(lanes)] = lanes
            target[row, : len(lanes)] = self.entries.target[part][lanes]
        return {
            "slot": slot,
            "source": source,
            "lane": lane,
            "target": target,
            "inputs": self.n_inputs[1:],
            "predicted": self.n_predicted[1:],
            "length": self.visible_length[1:],
        }

    @cached_property
    def layers(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Entries of each slot in order: pass fed, pass overwritten, provisional; each ``[entries of a slot, slots]``.

        At most two are written: a stand-in and the true token. Where unwritten slots are seen, a third one stands for
        what the cleared cache holds: fed before every pass, and overwritten by the first write.
        """
        e = self.entries
        fed = np.full((2, self.grid.slots), NEVER, np.int64)
        gone = np.full((2, self.grid.slots), NEVER, np.int64)
        provisional = np.zeros((2, self.grid.slots), bool)
        layer = np.zeros(len(e.slot), np.int64)
        seen: dict[int, int] = {}
        for i, slot in enumerate(e.slot.tolist()):
            layer[i] = seen.get(slot, 0)
            seen[slot] = int(layer[i]) + 1
        fed[layer, e.slot] = e.pass_
        gone[layer, e.slot] = e.overwritten
        provisional[layer, e.slot] = e.provisional
        if not self.unwritten:
            return fed, gone, provisional
        blank = np.full((1, self.grid.slots), BEFORE, np.int64)
        return (
            np.concatenate([fed, blank]),
            np.concatenate([gone, fed[:1]]),
            np.concatenate([provisional, np.zeros((1, self.grid.slots), bool)]),
        )

    def mask(self, pass_: int) -> NDArray[np.bool_]:
        """Slots seen by each query of ``pass_``, bool ``[inputs of the pass, visible_length[pass_]]``."""
        fed, gone, provisional = self.layers
        length = int(self.visible_length[pass_])
        queries = self.entries.slot[self.rows(pass_)]
        seen: NDArray[np.bool_] = sees(
            queries[:, None, None],
            pass_,
            np.arange(length)[None, None, :],
            fed[None, :, :length],
            gone[None, :, :length],
            provisional[None, :, :length],
            self.provisional,
        ).any(axis=1)
        return seen


def compile_schedule(
    grid: Grid,
    schedule: Schedule,
    k: int = 1,
    *,
    placeholder: PlaceholderPolicy | None = None,
    provisional: ProvisionalVisibility = "own",
    refresh: bool = True,
    refresh_actions: bool = False,
    unwritten: bool = False,
    compat: Compat | None = None,
) -> Tables:
    """Compile ``schedule`` for ``grid``.

    Args:
        grid: Slots to fill.
        schedule: The order.
        k: Row delay in tokens, ≥ 1; more than ``grid.columns`` means ``grid.columns``.
        placeholder: Stand-in policy; the schedule's own if None.
        provisional: Who sees placeholders.
        refresh: False leaves placeholders in the cache for ever (an ablation).
        refresh_actions: True feeds the actions of a frame again once the frame is complete, where they were fed
            before that (an ablation; only orders with action look-ahead).
        unwritten: True shows queries the slots before them that were never written, as zero keys and values (an
            ablation).
        compat: ``"mineworld"``: what MineWorld's released decoder feeds and sees (:mod:`models.decoding.compat`);
            ``provisional``, ``refresh``, ``refresh_actions`` and ``unwritten`` are then its own.

    Returns:
        The tables.

    Raises:
        UsageError: k < 1, a placeholder whose source does not exist or is not known by its pass, or a compat that has
            no such order.
    """
    delay = effective_delay(k, grid.columns)
    order = schedule.order(grid, delay)
    if len(order) != grid.tokens or set(np.unique(order)) != set(range(int(order.max()) + 1)):
        raise UsageError(f"schedule {schedule.name!r} leaves passes empty or tokens out.")
    policy = placeholder or schedule.placeholder
    if policy not in PLACEHOLDERS:
        raise unknown("placeholder policy", policy, PLACEHOLDERS)
    if compat is not None:
        policy = check_compat(compat, schedule.name, placeholder, delay, grid.columns)
        provisional, refresh, refresh_actions, unwritten = "all", False, False, True
    known = np.full(grid.slots, -1, np.int64)  # last pass before which the slot's token is not known
    tokens = grid.token_slots()
    known[tokens] = order
    last_pass = int(order.max())

    writes: dict[tuple[int, int], tuple[int, bool, int]] = {}  # (pass, slot) → (source, provisional, target)
    for slot in range(grid.prompt_slots):
        writes[0, slot] = (slot, False, -1)
    for token, pass_ in enumerate(order.tolist()):
        target = int(tokens[token])
        slot = target - 1
        if token % grid.frame_tokens == 0 and token:
            for action in grid.action_slots(token // grid.frame_tokens - 1):
                writes[pass_, action] = (action, False, -1)
        if known[slot] < pass_ and not (compat and starts_row(token, grid)):
            writes[pass_, slot] = (slot, False, target)
        else:
            source = placeholder_source(grid, policy, order, token, pass_)
            writes[pass_, slot] = (source, True, target)
    final = {slot for (_, slot), (_, stand_in, _) in writes.items() if not stand_in}
    stood_in = {slot for (_, slot), (_, stand_in, _) in writes.items() if stand_in}
    for token, pass_ in enumerate(order.tolist()):
        slot = int(tokens[token])
        if compat and not writes_frame_end(schedule.name):
            continue
        if slot not in final and pass_ < last_pass and (refresh or slot not in stood_in):
            writes[pass_ + 1, slot] = (slot, False, -1)
    if refresh_actions:
        for frame in range(grid.frames - 1):
            complete = int(order[frame * grid.frame_tokens : (frame + 1) * grid.frame_tokens].max()) + 1
            if order[(frame + 1) * grid.frame_tokens] < complete <= last_pass:
                for action in grid.action_slots(frame):
                    writes[complete, action] = (action, False, -1)
    entries, offsets = _entries(writes, last_pass + 1)
    return Tables(grid, schedule.name, k, delay, policy, provisional, unwritten, order, entries, offsets)


def _entries(writes: dict[tuple[int, int], tuple[int, bool, int]], passes: int) -> tuple[Entries, NDArray[np.int64]]:
    keys = sorted(writes)
    pass_ = np.array([p for p, _ in keys], np.int64)
    slot = np.array([s for _, s in keys], np.int64)
    values = [writes[key] for key in keys]
    overwritten = np.full(len(keys), NEVER, np.int64)
    newest: dict[int, int] = {}
    for i, (p, s) in enumerate(keys):
        if s in newest:
            overwritten[newest[s]] = p
        newest[s] = i
    entries = Entries(
        slot=slot,
        source=np.array([v[0] for v in values], np.int64),
        pass_=pass_,
        overwritten=overwritten,
        provisional=np.array([v[1] for v in values], bool),
        target=np.array([v[2] for v in values], np.int64),
    )
    return entries, np.searchsorted(pass_, np.arange(passes + 1)).astype(np.int64)
