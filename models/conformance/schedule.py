"""Laws of schedules: every token once, nothing read before it is written, and the engine equal to its reference."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from harness.conformance.laws import Component, Law, does_not_apply, free_of_global_state, require, same
from harness.errors import UsageError
from models.conformance.tiny import random_tokens, tiny_transformer
from models.decoding.engine import Engine
from models.decoding.grid import Grid
from models.decoding.reference import decode
from models.decoding.sampling import Sampler
from models.decoding.schedule import Schedule, get_schedule
from models.decoding.tables import Tables, compile_schedule

SIZES = ((1, 1, 1), (1, 1, 5), (1, 4, 1), (1, 2, 3), (2, 3, 4), (3, 4, 5), (2, 5, 2), (3, 2, 6))
"""Frames, rows and columns that schedules are tried on, with and without actions."""
DECODED = (Grid(frames=2, rows=3, columns=4, actions=2), Grid(frames=3, rows=2, columns=3))
RELATIVE = 1e-9


@dataclass
class Subject:
    """A schedule on many grids."""

    component: Component

    @cached_property
    def schedule(self) -> Schedule:
        """The schedule."""
        schedule = self.component.thing
        require(isinstance(schedule, Schedule), f"it is a {type(schedule).__name__}, not a models.decoding Schedule")
        return schedule  # type: ignore[no-any-return]

    @cached_property
    def grids(self) -> list[tuple[Grid, int]]:
        """Grids and row delays that its order takes."""
        taken = []
        for frames, rows, columns in SIZES:
            for actions in (0, 2):
                grid = Grid(frames=frames, rows=rows, columns=columns, actions=actions)
                for k in range(1, columns + 1):
                    try:
                        self.schedule.order(grid, k)
                    except UsageError:
                        continue  # an order may refuse grids, with a message
                    taken.append((grid, k))
        require(bool(taken), "its order refuses every grid that was tried")
        return taken

    @cached_property
    def tables(self) -> list[Tables]:
        """The compiled tables of every grid and delay."""
        return [compile_schedule(grid, self.schedule, k) for grid, k in self.grids]


def prepare(component: Component) -> Subject:
    """The subject; nothing is compiled yet."""
    return Subject(component)


def _once(subject: Subject) -> str:
    for grid, k in subject.grids:
        where = f"{_of(grid)}, k = {k}"
        order = np.asarray(subject.schedule.order(grid, k))
        require(order.dtype == np.int64, f"order is {order.dtype}, not int64 ({where})")
        require(order.shape == (grid.tokens,), f"order has shape {list(order.shape)}, not [{grid.tokens}] ({where})")
        passes = np.unique(order)
        gapless = len(passes) and (passes == np.arange(len(passes))).all()
        require(bool(gapless), f"passes are not numbered 0, 1, 2, … without a gap ({where})")
    for tables in subject.tables:
        targets = np.sort(tables.entries.target[tables.entries.target >= 0])
        wanted = [
            tables.grid.slot(f, 0, 0) + i for f in range(tables.grid.frames) for i in range(tables.grid.frame_tokens)
        ]
        require(targets.tolist() == wanted, f"a token is drawn twice, or never ({_of(tables.grid)})")
    return f"{len(subject.grids)} grids and delays"


def _passes(subject: Subject) -> str:
    formula = subject.schedule.passes
    if formula is None:
        does_not_apply("it declares no formula (Schedule.passes)")
    for tables in subject.tables:
        promised, where = formula(tables.grid, tables.k_effective), f"{_of(tables.grid)}, k = {tables.k}"
        require(promised == tables.passes, f"declared {promised} passes, has {tables.passes} ({where})")
    return "as declared, everywhere"


def _widths(subject: Subject) -> str:
    for tables in subject.tables:
        where = f"{_of(tables.grid)}, k = {tables.k}"
        entries, padded = tables.entries, tables.padded()
        drawn = [int((entries.target[entries.pass_ == p] >= 0).sum()) for p in range(tables.passes)]
        fed = [int((entries.pass_ == p).sum()) for p in range(tables.passes)]
        require(tables.max_width == max(drawn), f"max_width {tables.max_width}, but {max(drawn)} are drawn ({where})")
        require(
            tables.max_inputs == max(fed[1:], default=0), f"max_inputs {tables.max_inputs}, fed {fed[1:]} ({where})"
        )
        require(padded["predicted"].tolist() == drawn[1:], f"the padded tables draw another number ({where})")
        require(padded["inputs"].tolist() == fed[1:], f"the padded tables feed another number ({where})")
    return f"at most {max(t.max_width for t in subject.tables)} tokens drawn in a pass of these grids"


def _written(subject: Subject) -> str:
    for tables in subject.tables:
        entries, where = tables.entries, f"{_of(tables.grid)}, k = {tables.k}"
        written = np.zeros(tables.grid.slots, bool)
        known = np.zeros(tables.grid.slots, bool)
        known[: tables.grid.prompt_slots] = True
        for frame in range(-1, tables.grid.frames - 1):
            known[tables.grid.action_slots(frame)] = True
        for pass_ in range(tables.passes):
            part = tables.rows(pass_)
            require(bool(known[entries.source[part]].all()), f"pass {pass_} feeds a token not yet drawn ({where})")
            written[entries.slot[part]] = True
            mask = tables.mask(pass_)
            require(bool(mask.any(axis=1).all()), f"a query of pass {pass_} sees nothing ({where})")
            seen = np.flatnonzero(mask.any(axis=0))
            require(bool(written[seen].all()), f"pass {pass_} reads a slot that was never written ({where})")
            known[entries.target[part][entries.target[part] >= 0]] = True
    return "every fed token is drawn, and every slot that is seen is written, before"


def _delay(subject: Subject) -> str:
    if not subject.schedule.takes_k:
        for grid, k in subject.grids:
            one, other = subject.schedule.order(grid, 1), subject.schedule.order(grid, k)
            require(same(one, other), f"it declares takes_k=False, but k = {k} changes the order ({_of(grid)})")
        return "k changes nothing, as declared"
    for grid in dict.fromkeys(grid for grid, _ in subject.grids):
        wanted = compile_schedule(grid, get_schedule("sequential")).padded()
        for k in (grid.columns, grid.columns + 3):
            got = compile_schedule(grid, subject.schedule, k).padded()
            differing = [key for key in wanted if not same(wanted[key], got[key])]
            require(
                not differing, f"k = {k} ≥ columns is not sequential decoding: {differing[:3]} differ ({_of(grid)})"
            )
    return "k ≥ columns compiles to sequential's tables"


def _actions(subject: Subject) -> str:
    for grid, k in subject.grids:
        bare = Grid(frames=grid.frames, rows=grid.rows, columns=grid.columns)
        one, other = subject.schedule.order(grid, k), subject.schedule.order(bare, k)
        require(same(one, other), f"actions change the order ({_of(grid)}, k = {k})")
    return "actions ride along: the order is the same without them"


def _reference(subject: Subject) -> str:
    largest, sampler = 0.0, Sampler(top_p=0.9)
    taken = {grid for grid, _ in subject.grids} & set(DECODED)
    for grid in sorted(taken, key=str):
        for position, k in (("3d", 1), ("1d", 2)):
            model, tables = tiny_transformer(position), compile_schedule(grid, subject.schedule, k)
            prompt = random_tokens(grid, batch=2, seed=k)
            for pad in (False, True):
                ours = Engine(model, tables, sampler, batch=2, pad=pad).generate(prompt, [7, 8], trace=True)
                reference = decode(model, tables, sampler, prompt, [7, 8])
                require(ours.logits is not None and reference.logits is not None, "no trace")
                error = float((ours.logits - reference.logits).abs().max() / reference.logits.abs().max())  # type: ignore[operator, union-attr]
                largest = max(largest, error)
                where = f"{_of(grid)}, k = {k}"
                require(error <= RELATIVE, f"logits differ from the float64 reference by {error:.1e} ({where})")
                require(torch.equal(ours.tokens, reference.tokens), f"tokens differ from the reference's ({where})")
    if not taken:
        does_not_apply("its order refuses the grids that are decoded")
    return f"logits within {largest:.1e} of the reference decoder in float64, tokens equal"


def _deterministic(subject: Subject) -> str:
    for grid, k in subject.grids:
        one, other = free_of_global_state(lambda grid=grid, k=k: subject.schedule.order(grid, k))  # type: ignore[misc]
        require(same(one, other), f"two calls of order differ ({_of(grid)}, k = {k})")
    return "two calls of order agree everywhere; global generators untouched"


def _of(grid: Grid) -> str:
    return f"{grid.frames} frames of {grid.rows} × {grid.columns}, {grid.actions} actions"


LAWS = (
    Law("every token is drawn exactly once", _once),
    Law("as many passes as declared", _passes),
    Law("widths are those of the passes", _widths),
    Law("nothing is read before it is written", _written),
    Law("full delay is sequential decoding", _delay),
    Law("the order does not depend on actions", _actions),
    Law("same grid, same order", _deterministic),
    Law("the engine equals the float64 reference", _reference),
)
