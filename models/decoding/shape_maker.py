"""Decodes published shapes with random weights and a random prompt: for speed only, and so it makes no video."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from harness.device import check_bfloat16, parse_device
from harness.errors import RejectedError, UsageError
from harness.measure import measure, time_once
from harness.params import read_params
from harness.registry import REGISTRY
from harness.types import Arm, Case, Made, Repeats
from models.ar.prepared import PreparedTransformer
from models.ar.transformer import VideoTransformer
from models.decoding.cache import Cache
from models.decoding.engine import Engine
from models.decoding.graphs import peak_with_graphs
from models.decoding.grid import Grid
from models.decoding.memory import check_memory, memory_available, memory_needed
from models.decoding.params import arm_params, compile_arm
from models.decoding.prompts import sha256
from models.decoding.sampling import Sampler
from models.decoding.shape_declared import ShapeCaseParams
from models.decoding.tables import Tables
from models.zoo.cards import PublishedShape

WEIGHTS_SEED = 0


@dataclass(frozen=True)
class Drawn:
    """A model with random weights, by what it was drawn from."""

    model: PreparedTransformer
    sha256: str


class ShapeMaker:
    """Decodes one random prompt per call, batch 1; one model is held at a time.

    Arm params are those of :class:`models.decoding.maker.DecodingMaker` but ``weights`` and ``stale``; case params:
    ``index``, ``prompt_frames``, ``frames``, ``precision``, ``temperature``, ``top_p``.

    Args:
        device: ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
        threads: Threads that the caller has pinned; nothing is done with it here.
    """

    def __init__(self, device: str, threads: int) -> None:
        del threads
        self.device = str(parse_device(device))
        self._held: tuple[tuple[str, str], Drawn] | None = None
        self._engines: dict[tuple[str, ...], tuple[Engine, float]] = {}
        self._cache: tuple[tuple[str, str, int], Cache] | None = None
        self._precisions: dict[str, str] = {}

    def check(self, arm: Arm, case: Case) -> None:
        """Compile, and find what does not fit before anything is drawn."""
        asked = arm_params(arm)
        if asked.weights is not None or asked.stale:
            raise UsageError(f"arm {arm.name!r}: weights and stale mean nothing here: weights and prompts are random.")
        card, case_asked = card_of(case), case_params(case)
        tables = self._tables(arm, case)
        needed = memory_needed(card.shape, tables.grid, case_asked.precision, width=tables.max_width)
        check_memory(needed, memory_available(self.device), self.device)
        check_precision(case_asked.precision, self.device)
        self._precisions[case.model] = case_asked.precision

    def context(self) -> dict[str, Any]:
        """Precisions, batch size, and what the weights are drawn from."""
        return {"batch": 1, "precisions": dict(sorted(self._precisions.items())), "weights_seed": WEIGHTS_SEED}

    def make(self, arm: Arm, case: Case, seed: int, repeats: Repeats) -> Made:
        """Decode the case's prompt by the arm's schedule; see :meth:`harness.protocols.Maker.make`."""
        card, asked = card_of(case), case_params(case)
        tables = self._tables(arm, case)
        grid, drawn = tables.grid, self._draw(card, asked.precision)
        given = random_prompt(card, grid, asked.index)
        key = (arm.name, case.model, asked.precision, str(grid), str(asked.temperature), str(asked.top_p))
        if key not in self._engines:
            sampler = Sampler(temperature=asked.temperature, top_p=asked.top_p)
            engine = Engine(drawn.model, tables, sampler, cache=self._shared_cache(card.name, asked.precision, grid))
            capture = engine.capture()
            first = time_once(lambda: engine.generate(given, [seed]), self.device) + capture.seconds
            self._engines[key] = engine, first
        engine, first_call = self._engines[key]
        prefill_seconds = time_once(lambda: engine.prefill(given), self.device)
        measured = measure(lambda: engine.generate(given, [seed]), self.device, repeats)
        generation = measured.result
        if not generation.finite:
            raise RejectedError("NotFinite", "the logits hold NaN or infinity, so the tokens mean nothing")
        needed = memory_needed(card.shape, grid, asked.precision, width=tables.max_width)
        return Made(
            video=None,
            reference=None,
            prompt=None,
            seconds=measured.seconds,
            first_call_seconds=first_call,
            prefill_seconds=prefill_seconds,
            peak_memory_bytes=peak_with_graphs(measured.peak_memory_bytes, engine.capture()),
            energy_joules=measured.energy_joules,
            flags=measured.flags,
            counts={"frames": grid.frames, "tokens": grid.tokens, "passes": tables.passes},
            values={},
            hashes={
                "prompt": sha256(given[:, : grid.prompt_slots].numpy()),
                "noise": generation.noise_hashes[0],
                "weights": drawn.sha256,
                "tokens": sha256(generation.tokens.cpu().numpy()),
            },
            info={
                "schedule": tables.schedule,
                "k_effective": tables.k_effective,
                "placeholder": tables.placeholder,
                "max_width": tables.max_width,
                "action_lookahead_passes": tables.action_lookahead_passes,
                "graphs": dataclasses.asdict(engine.capture()),
                "precision": asked.precision,
                "parameters": card.shape.parameters,
                "memory_needed_bytes": needed.total,
                "frame_seconds": generation.frame_seconds,
                **measured.info,
            },
            frame_seconds=generation.frame_seconds,
        )

    def _tables(self, arm: Arm, case: Case) -> Tables:
        card, asked = card_of(case), case_params(case)
        grid = Grid(
            frames=asked.frames or card.frames,
            rows=card.rows,
            columns=card.columns,
            actions=card.actions_per_frame,
            prompt_frames=asked.prompt_frames or card.prompt_frames,
        )
        if grid.slots > card.max_positions:
            raise UsageError(
                f"case {case.name!r}: {grid.prompt_frames} + {grid.frames} frames are {grid.slots} slots, and "
                f"{card.name} has positions for {card.max_positions}. Ask for fewer frames."
            )
        return compile_arm(arm_params(arm), grid)

    def _draw(self, card: PublishedShape, precision: str) -> Drawn:
        key = (card.name, precision)
        if self._held is None or self._held[0] != key:
            self._held = self._cache = None  # the one before goes before the next is drawn
            self._engines.clear()
            model = draw(card, getattr(torch, precision), self.device)
            said = f"{card.shape.model_dump_json()} {precision} {self.device} seed {WEIGHTS_SEED}"
            self._held = key, Drawn(PreparedTransformer(model, release=True), hashlib.sha256(said.encode()).hexdigest())
        return self._held[1]

    def _shared_cache(self, name: str, precision: str, grid: Grid) -> Cache:
        key = (name, precision, grid.slots)
        if self._cache is None or self._cache[0] != key:
            assert self._held is not None
            self._cache = key, Cache.zeros(self._held[1].model, grid.slots)
        return self._cache[1]


def card_of(case: Case) -> PublishedShape:
    """The registered shape of a case.

    Raises:
        UsageError: No such model, or one with weights and a world.
    """
    card = REGISTRY.get("model", case.model)
    if not isinstance(card, PublishedShape):
        raise UsageError(f"model {case.model!r} has weights and a world: its maker is 'decoding'.")
    return card


def case_params(case: Case) -> ShapeCaseParams:
    """The case's own parameters.

    Raises:
        UsageError: A name or value that means nothing.
    """
    return read_params(ShapeCaseParams, case.params, f"case {case.name!r}")


def check_precision(precision: str, device: str) -> None:
    """Refuse half precision where the device has none.

    Raises:
        UsageError: Names what the device has.
    """
    if precision == "bfloat16":
        check_bfloat16(device)
    if precision == "float16" and device == "cpu":
        raise UsageError("the CPU has no units for float16, and is many times slower in it. Valid: float32, bfloat16.")


def draw(card: PublishedShape, dtype: torch.dtype, device: str) -> VideoTransformer:
    """Random weights, drawn on their device in their type: never held twice, and other numbers on another device."""
    with torch.device("meta"):
        model = VideoTransformer(card.shape).to(dtype)
    model = model.to_empty(device=device)
    return model.reset(torch.Generator(device=device).manual_seed(WEIGHTS_SEED)).eval().requires_grad_(False)


def random_prompt(card: PublishedShape, grid: Grid, index: int) -> Tensor:
    """Random image and action tokens by slot, ``[1, slots]``."""
    shape, generator = card.shape, torch.Generator().manual_seed(index)
    tokens = torch.randint(shape.image_vocabulary, (1, grid.slots), generator=generator)
    if grid.actions == 0:
        return tokens
    actions = torch.randint(shape.image_vocabulary, shape.vocabulary, (1, grid.slots), generator=generator)
    return torch.where(torch.arange(grid.slots) % grid.stride >= grid.frame_tokens, actions, tokens)
