"""Makes the videos of decoding arms: same model, prompt and noise; only the order of decoding differs."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from harness.ceilings import Ceilings, measure_ceilings
from harness.clock import Stopwatch
from harness.device import available_cores
from harness.errors import UsageError, unknown
from harness.memory import PeakMemory
from harness.registry import REGISTRY
from harness.types import Arm, Case, Made, Value
from models.ar.loading import load_transformer
from models.ar.transformer import VideoTransformer, causal_attention, rotary_table
from models.decoding.bound import bound_seconds, interpolated, pass_costs
from models.decoding.engine import Engine
from models.decoding.grid import Grid
from models.decoding.sampling import Sampler
from models.decoding.schedule import check_placeholder, get_schedule
from models.decoding.tables import Tables, compile_schedule
from models.decoding.visibility import VISIBILITIES, ProvisionalVisibility
from models.tokenizers.fsq import FSQTokenizer
from models.tokenizers.loading import load_tokenizer
from models.weights import weights_sha256
from models.worlds.types import SPLITS, Clip, Split, World
from models.zoo.cards import VideoModel

LOG = logging.getLogger("diptych")
Choice = TypeVar("Choice", bound=str)
ARM_PARAMS = ("schedule", "k", "placeholder", "provisional", "refresh", "refresh_actions")
WIDTHS = (1, 2, 4, 8, 16, 32, 128, 512)
"""Widths at which the device's matrix throughput is measured."""
CASE_PARAMS = ("split", "index", "of", "prompt_frames", "frames", "temperature", "top_k", "top_p", "greedy")


@dataclass(frozen=True)
class Loaded:
    """A model on its device, with its tokenizer."""

    card: VideoModel
    transformer: VideoTransformer
    tokenizer: FSQTokenizer
    weights_sha256: str


@dataclass
class Ready:
    """An engine and the seconds of its first call."""

    engine: Engine
    first_call_seconds: float | None = None


@dataclass(frozen=True)
class Prompt:
    """A clip, cut into what is given and what is to be predicted, as tokens.

    Attributes:
        clip: The clip.
        given: Tokens and actions by slot, int64 ``[1, slots]``.
        truth: Tokens of the true continuation, int64 ``[frames, rows · columns]``.
        sha256: Hash of prompt tokens, actions and prompt pixels.
    """

    clip: Clip
    given: Tensor
    truth: Tensor
    sha256: str


class DecodingMaker:
    """Decodes one clip per call, batch 1.

    Arm params: ``schedule`` (required), ``k`` (1), ``placeholder`` (the schedule's own), ``provisional`` (``"own"``),
    ``refresh`` (True), ``refresh_actions`` (False). Case params: ``split``, ``index`` and ``of`` (the clip, out of how
    many), ``prompt_frames``, ``frames``, ``temperature``, ``top_k``, ``top_p``, ``greedy``.

    Args:
        device: ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
        threads: CPU threads in use, for the record.
    """

    def __init__(self, device: str, threads: int) -> None:
        self.device, self.threads = device, threads
        self._models: dict[str, Loaded] = {}
        self._engines: dict[tuple[str, ...], Ready] = {}
        self._worlds: dict[str, World] = {}
        self._clips: dict[tuple[str, str], list[Clip]] = {}
        self._prompts: dict[tuple[str, str, int, int, int], Prompt] = {}
        self._ceilings: dict[str, Ceilings] = {}

    def check(self, arm: Arm, case: Case) -> None:
        """Compile the arm's schedule for the case and load its model; raises a DiptychError for what cannot run."""
        for params, known, owner in (
            (arm.params, ARM_PARAMS, f"arm {arm.name!r}"),
            (case.params, CASE_PARAMS, f"case {case.name!r}"),
        ):
            for name in params:
                if name not in known:
                    raise unknown(f"parameter of {owner}", name, known)
        _tables(arm, _card(case), case)
        _sampler(case)
        self.load(case.model)  # missing or wrong weights are found here, and their hashes belong to the context

    def context(self) -> dict[str, Any]:
        """Precision, batch size, the weights that are used, and what made the clips."""
        weights = {name: loaded.weights_sha256 for name, loaded in sorted(self._models.items())}
        files = sorted({loaded.card.tokenizer for loaded in self._models.values()})
        tokenizers = {name: weights_sha256(name) for name in files}
        worlds = {name: self._world(name).versions() for name in sorted({m.card.world for m in self._models.values()})}
        return {
            "precision": "float32",
            "batch": 1,
            "weights_sha256": weights,
            "tokenizers_sha256": tokenizers,
            "worlds": worlds,
        }

    def load(self, name: str) -> Loaded:
        """Load a registered model once."""
        if name not in self._models:
            card: VideoModel = REGISTRY.get("model", name)
            transformer, sha256 = load_transformer(card, self.device, torch.float32)
            tokenizer = load_tokenizer(card.tokenizer, self.device)
            self._models[name] = Loaded(card, transformer.eval(), tokenizer, sha256)
        return self._models[name]

    def make(self, arm: Arm, case: Case, seed: int, repeats: int) -> Made:
        """Decode the case's clip by the arm's schedule; see :meth:`harness.protocols.Maker.make`."""
        loaded = self.load(case.model)
        ready = self._ready(arm, case, loaded)
        engine, tables = ready.engine, ready.engine.tables
        grid = tables.grid
        prompt = self._prompt(case, loaded, grid)
        watch = Stopwatch(self.device)
        if ready.first_call_seconds is None:
            _, first = watch.measure(lambda: engine.generate(prompt.given, [seed]), 1)
            ready.first_call_seconds = first[0]
        _, prefill = watch.measure(lambda: engine.prefill(prompt.given), 1)
        with PeakMemory(self.device) as peak:
            generation, seconds = watch.measure(lambda: engine.generate(prompt.given, [seed]), repeats)
        tokens = generation.tokens[0].cpu()
        frames = prompt.clip.frames
        video = loaded.tokenizer.decode(tokens.view(grid.frames, grid.rows, grid.columns).to(self.device))
        return Made(
            video=video,
            reference=frames[grid.prompt_frames : grid.prompt_frames + grid.frames],
            prompt=frames[: grid.prompt_frames],
            seconds=seconds,
            first_call_seconds=ready.first_call_seconds,
            prefill_seconds=prefill[0],
            peak_memory_bytes=peak.bytes,
            counts={"frames": grid.frames, "tokens": grid.tokens, "passes": tables.passes},
            values={} if loaded.card.speed_only else self._quality(loaded, prompt, tokens, grid),
            hashes={
                "prompt": prompt.sha256,
                "noise": generation.noise_hashes[0],
                "weights": loaded.weights_sha256,
                "tokens": _sha256(tokens.numpy()),
            },
            info={
                "schedule": tables.schedule,
                "k_effective": tables.k_effective,
                "placeholder": tables.placeholder,
                "provisional": tables.provisional,
                "max_width": tables.max_width,
                "action_lookahead_passes": tables.action_lookahead_passes,
                "cache_bytes": engine.cache_bytes,
                "bound_seconds": self._bound(loaded, tables),
                "peak_memory_method": peak.method,
                "flags": list(watch.flags),
            },
            tokens=tokens.numpy(),
        )

    def _ready(self, arm: Arm, case: Case, loaded: Loaded) -> Ready:
        sampler = _sampler(case)
        tables_key = [f"{name}={arm.params.get(name)}" for name in ARM_PARAMS]
        case_key = [f"{case.params.get(name)}" for name in ("prompt_frames", "frames")]
        key = (case.model, *tables_key, *case_key, sampler.model_dump_json())
        if key not in self._engines:
            tables = _tables(arm, loaded.card, case)
            self._engines[key] = Ready(Engine(loaded.transformer, tables, sampler))
        return self._engines[key]

    def _world(self, name: str) -> World:
        if name not in self._worlds:
            self._worlds[name] = REGISTRY.get("world", name)()
        return self._worlds[name]

    def _clip(self, case: Case, world_name: str) -> Clip:
        split: Split = _one_of(SPLITS, str(case.params.get("split", "test")), "split")
        index = _integer(case.params.get("index"), 0, "index")
        key = (world_name, split)
        if len(self._clips.get(key, [])) <= index:
            count = max(index + 1, _integer(case.params.get("of"), index + 1, "of"))
            # rendering is not timed: it may use every core
            self._clips[key] = self._world(world_name).clips(
                split, count, processes=available_cores(), progress=_teller(f"clips of {world_name}, {split}")
            )
        return self._clips[key][index]

    def _prompt(self, case: Case, loaded: Loaded, grid: Grid) -> Prompt:
        card = loaded.card
        split, index = str(case.params.get("split", "test")), _integer(case.params.get("index"), 0, "index")
        key = (case.model, split, index, grid.prompt_frames, grid.frames)
        if key not in self._prompts:
            clip = self._clip(case, card.world)
            total = grid.prompt_frames + grid.frames
            if len(clip.frames) < total:
                raise UsageError(
                    f"case {case.name!r} wants {total} frames, but clips of world {card.world!r} have "
                    f"{len(clip.frames)}. Ask for fewer frames."
                )
            tokens = loaded.tokenizer.encode(clip.frames[:total]).reshape(total, -1).cpu()
            given = place(tokens, torch.from_numpy(clip.actions[:total]), grid, card.shape.image_vocabulary)
            pixels = clip.frames[: grid.prompt_frames]
            prompt_tokens = given[:, : grid.prompt_slots]
            actions = clip.actions[: total - 1]
            sha256 = _sha256(prompt_tokens.numpy(), actions, pixels)
            self._prompts[key] = Prompt(clip, given, tokens[grid.prompt_frames :], sha256)
        return self._prompts[key]

    @torch.inference_mode()
    def _quality(self, loaded: Loaded, prompt: Prompt, tokens: Tensor, grid: Grid) -> dict[str, float]:
        """Token accuracy against the true continuation, and bits per token under the model's own causal law."""
        model = loaded.transformer
        filled = prompt.given.clone().to(self.device)
        drawn = torch.from_numpy(_image_slots(grid)).to(self.device)
        filled[:, drawn] = tokens.reshape(1, -1).to(self.device)
        positions = torch.from_numpy(grid.positions(1 if model.shape.position == "1d" else 3)).to(self.device)
        logits = model(filled, rotary_table(model.shape, positions), causal_attention)[0, drawn - 1]
        nats = F.cross_entropy(logits.double(), filled[0, drawn])
        return {
            "token_accuracy": float((tokens == prompt.truth).double().mean()),
            "model_bits_per_token": float(nats) / float(np.log(2.0)),
        }

    def _bound(self, loaded: Loaded, tables: Tables) -> float:
        """Predicted seconds of one generation from the ceilings measured on this device, once per model."""
        shape = loaded.card.shape
        if loaded.card.name not in self._ceilings:
            size = sum(p.numel() * p.element_size() for p in loaded.transformer.parameters())
            # read bandwidth at the size of the weights: a model that fits in a cache is not bound by memory
            self._ceilings[loaded.card.name] = measure_ceilings(self.device, WIDTHS, buffer_bytes=min(size, 2**27))
        ceilings = self._ceilings[loaded.card.name]
        costs = pass_costs(shape, tables, element_bytes=4)
        return bound_seconds(costs, ceilings.bandwidth_bytes_per_second, interpolated(ceilings.flops_per_second))


def _teller(what: str) -> Callable[[int, int], None]:
    """Log every tenth of the way; what was in the cache comes at once and says nothing."""
    began = time.monotonic()

    def tell(done: int, total: int) -> None:
        if time.monotonic() - began > 1 and done * 10 // total > (done - 1) * 10 // total:
            LOG.info("%s: %d of %d", what, done, total)

    return tell


def place(tokens: Tensor, actions: Tensor, grid: Grid, image_vocabulary: int) -> Tensor:
    """Lay tokens and actions out by slot.

    Args:
        tokens: Image tokens ``[prompt frames + frames, rows · columns]``.
        actions: Action ids ``[prompt frames + frames]``.
        grid: The grid; one action token per frame.
        image_vocabulary: First action token.

    Returns:
        int64 ``[1, slots]``; the true tokens stand at generated slots too (the engine blanks them).
    """
    rows = torch.cat([tokens, (actions + image_vocabulary)[:, None]], dim=1)
    return rows.reshape(1, -1)[:, : grid.slots].contiguous()


def _image_slots(grid: Grid) -> NDArray[np.int64]:
    return np.array([grid.slot(f, 0, 0) + i for f in range(grid.frames) for i in range(grid.frame_tokens)])


def _card(case: Case) -> VideoModel:
    card: VideoModel = REGISTRY.get("model", case.model)
    return card


def _sampler(case: Case) -> Sampler:
    names = ("temperature", "top_k", "top_p", "greedy")
    return Sampler(**{name: case.params[name] for name in names if name in case.params}).check()


def _tables(arm: Arm, card: VideoModel, case: Case) -> Tables:
    if "schedule" not in arm.params:
        raise UsageError(f"arm {arm.name!r} names no schedule. See: diptych list schedules")
    spec = REGISTRY.get("world", card.world)().spec
    grid = Grid(
        frames=_integer(case.params.get("frames"), card.frames, "frames"),
        rows=spec.rows,
        columns=spec.columns,
        actions=card.actions_per_frame,
        prompt_frames=_integer(case.params.get("prompt_frames"), card.prompt_frames, "prompt_frames"),
    )
    placeholder = arm.params.get("placeholder")
    provisional: ProvisionalVisibility = _one_of(VISIBILITIES, str(arm.params.get("provisional", "own")), "visibility")
    return compile_schedule(
        grid,
        get_schedule(str(arm.params["schedule"])),
        _integer(arm.params.get("k"), 1, "k"),
        placeholder=None if placeholder is None else check_placeholder(str(placeholder)),
        provisional=provisional,
        refresh=bool(arm.params.get("refresh", True)),
        refresh_actions=bool(arm.params.get("refresh_actions", False)),
    )


def _integer(value: Value, default: int, name: str) -> int:
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int):
        raise UsageError(f"{name} must be a whole number, not {value!r}.")
    return value


def _one_of(choices: tuple[Choice, ...], name: str, what: str) -> Choice:
    for choice in choices:
        if choice == name:
            return choice
    raise unknown(what, name, choices)


def _sha256(*arrays: NDArray[Any]) -> str:
    total = hashlib.sha256()
    for array in arrays:
        total.update(f"{array.dtype.str}{array.shape}".encode())
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()
