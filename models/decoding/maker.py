"""Makes the videos of decoding arms: same model, prompt and noise; only the order of decoding differs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from harness.ceilings import Ceilings, measure_ceilings
from harness.errors import RejectedError
from harness.measure import measure, time_once
from harness.registry import REGISTRY
from harness.types import Arm, Case, Made, Repeats
from models.ar.attention import causal_attention
from models.ar.loading import load_transformer
from models.ar.prepared import PreparedTransformer
from models.ar.transformer import rotary_table
from models.decoding.bound import bound_seconds, interpolated, pass_costs
from models.decoding.cache import Cache
from models.decoding.engine import Engine, Generation
from models.decoding.graphs import peak_with_graphs
from models.decoding.grid import Grid
from models.decoding.params import ARM_PARAMS, arm_params, check_names, clip_of, sampler_of, tables_of, video_model
from models.decoding.prompts import Prompt, Prompts, sha256
from models.decoding.tables import Tables
from models.tokenizers.fsq import FSQTokenizer
from models.tokenizers.loading import load_tokenizer
from models.weights import weights_sha256
from models.worlds.caption_text import GRAMMARS, caption_of
from models.zoo.cards import VideoModel

WIDTHS = (1, 2, 4, 8, 16, 32, 128, 512)
"""Widths at which the device's matrix throughput is measured."""


@dataclass(frozen=True)
class Loaded:
    """A model on its device, with its tokenizer."""

    card: VideoModel
    transformer: PreparedTransformer
    tokenizer: FSQTokenizer
    weights_sha256: str


@dataclass
class Ready:
    """An engine and the seconds of its first call."""

    engine: Engine
    first_call_seconds: float | None = None


class DecodingMaker:
    """Decodes one clip per call, batch 1.

    Arm params: ``schedule`` (required), ``k`` (1), ``placeholder`` (the schedule's own), ``provisional`` (``"own"``),
    ``refresh`` (True), ``refresh_actions`` (False), ``unwritten`` (False), ``compat`` (None), ``stale`` (False),
    ``weights`` (the model's own). Case params: ``split``, ``index`` and ``of`` (the clip, out of how many),
    ``prompt_frames``, ``frames``, ``temperature``, ``top_k``, ``top_p``, ``greedy``.

    Args:
        device: ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
        threads: Threads that the caller has pinned; part of the protocol, and nothing is done with it here.
    """

    def __init__(self, device: str, threads: int) -> None:
        del threads
        self.device = device
        self.prompts = Prompts()
        self._models: dict[str, Loaded] = {}
        self._engines: dict[tuple[str, ...], Ready] = {}
        self._caches: dict[tuple[str, int], Cache] = {}
        self._ceilings: dict[str, Ceilings] = {}

    def check(self, arm: Arm, case: Case) -> None:
        """Compile the arm's schedule for the case, load its model and render its clip; raises for what cannot run."""
        check_names(arm, case)
        card = video_model(case)
        tables_of(arm, card, case)
        sampler_of(case)
        clip_of(case)
        # missing or wrong weights are found here, and their hashes belong to the context
        self.load(case.model)
        self.load(case.model, arm_params(arm).weights)
        self.prompts.clip(case, card.world)  # a cache that cannot be written is found here, and no trial waits for it

    def context(self) -> dict[str, Any]:
        """Precision, batch size, the weights that are used, and what made the clips."""
        loaded = self._models.values()
        return {
            "precision": "float32",
            "batch": 1,
            "weights_sha256": {name: model.weights_sha256 for name, model in sorted(self._models.items())},
            "tokenizers_sha256": {name: weights_sha256(name) for name in sorted({m.card.tokenizer for m in loaded})},
            "worlds": {name: self.prompts.world(name).versions() for name in sorted({m.card.world for m in loaded})},
        }

    def load(self, name: str, finetune: str | None = None) -> Loaded:
        """Load a registered model once, with or without a finetune of its card."""
        key = name if finetune is None else f"{name} {finetune}"
        if key not in self._models:
            card: VideoModel = REGISTRY.get("model", name)
            transformer, digest = load_transformer(card, self.device, torch.float32, finetune=finetune)
            tokenizer = load_tokenizer(card.tokenizer, self.device)
            self._models[key] = Loaded(card, PreparedTransformer(transformer, release=True), tokenizer, digest)
        return self._models[key]

    def make(self, arm: Arm, case: Case, seed: int, repeats: Repeats) -> Made:
        """Decode the case's clip by the arm's schedule; see :meth:`harness.protocols.Maker.make`."""
        loaded = self.load(case.model, arm_params(arm).weights)
        ready = self._ready(arm, case, loaded)
        engine, tables = ready.engine, ready.engine.tables
        grid = tables.grid
        prompt = self.prompts.prompt(case, loaded.card, loaded.tokenizer, grid)
        if ready.first_call_seconds is None:
            ready.first_call_seconds = time_once(lambda: engine.generate(prompt.given, [seed]), self.device)
        prefill_seconds = time_once(lambda: engine.prefill(prompt.given), self.device)
        before = self._stale(case, loaded, engine, seed) if arm_params(arm).stale else None
        measured = measure(partial(generate, engine, prompt.given, seed, before), self.device, repeats)
        generation = measured.result
        if not generation.finite:
            raise RejectedError("NotFinite", "the logits hold NaN or infinity, so the tokens mean nothing")
        tokens = generation.tokens[0].cpu()
        frames = prompt.clip.frames
        video = loaded.tokenizer.decode(tokens.view(grid.frames, grid.rows, grid.columns).to(self.device))
        return Made(
            video=video,
            reference=frames[grid.prompt_frames : grid.prompt_frames + grid.frames],
            prompt=frames[: grid.prompt_frames],
            seconds=measured.seconds,
            first_call_seconds=ready.first_call_seconds,
            prefill_seconds=prefill_seconds,
            peak_memory_bytes=peak_with_graphs(measured.peak_memory_bytes, engine.capture()),
            energy_joules=measured.energy_joules,
            flags=measured.flags,
            counts={"frames": grid.frames, "tokens": grid.tokens, "passes": tables.passes},
            values={} if loaded.card.speed_only else self._quality(self.load(case.model), prompt, tokens, grid),
            hashes={
                "prompt": prompt.sha256,
                "noise": generation.noise_hashes[0],
                "weights": loaded.weights_sha256,
                "tokens": sha256(tokens.numpy()),
            },
            info={
                "schedule": tables.schedule,
                "k_effective": tables.k_effective,
                "placeholder": tables.placeholder,
                "provisional": tables.provisional,
                "stale": before is not None,
                "max_width": tables.max_width,
                "action_lookahead_passes": tables.action_lookahead_passes,
                "graphs": dataclasses.asdict(engine.capture()),
                "cache_bytes": engine.cache.bytes,
                **self._bound(loaded, tables),
                **measured.info,
            },
            frame_seconds=generation.frame_seconds,
            tokens=tokens.numpy(),
            world=loaded.card.world,
            caption=caption_of(loaded.card.world, prompt.clip, grid.prompt_frames, grid.frames)
            if loaded.card.world in GRAMMARS
            else None,
            actions=prompt.clip.actions[grid.prompt_frames - 1 : grid.prompt_frames + grid.frames - 1]
            if grid.prompt_frames
            else None,  # nothing leads to the very first frame
        )

    def _stale(self, case: Case, loaded: Loaded, engine: Engine, seed: int) -> tuple[Tensor, Tensor]:
        """What the cache holds after another clip: the next one of the split, round its end."""
        _, index, count = clip_of(case)
        other = case.model_copy(update={"params": {**case.params, "index": (index + 1) % count if count > 1 else 1}})
        prompt = self.prompts.prompt(other, loaded.card, loaded.tokenizer, engine.tables.grid)
        engine.generate(prompt.given, [seed])
        return engine.keys.clone(), engine.values.clone()

    def _ready(self, arm: Arm, case: Case, loaded: Loaded) -> Ready:
        sampler = sampler_of(case)
        tables_key = [f"{name}={arm.params.get(name)}" for name in ARM_PARAMS]
        case_key = [f"{case.params.get(name)}" for name in ("prompt_frames", "frames")]
        key = (case.model, *tables_key, *case_key, sampler.model_dump_json())
        if key not in self._engines:
            tables = tables_of(arm, loaded.card, case)
            size = (case.model, tables.grid.slots)
            if size not in self._caches:  # one for all arms: they take turns, and the peak is not the sum of all caches
                self._caches[size] = Cache.zeros(loaded.transformer, tables.grid.slots)
            self._engines[key] = Ready(Engine(loaded.transformer, tables, sampler, cache=self._caches[size]))
        return self._engines[key]

    @torch.inference_mode()
    def _quality(self, loaded: Loaded, prompt: Prompt, tokens: Tensor, grid: Grid) -> dict[str, float]:
        """Token accuracy against the true continuation, and bits per token under the causal law of the model as it is.

        One judge for every arm, finetuned or not.
        """
        model = loaded.transformer
        filled = prompt.given.clone().to(self.device)
        drawn = torch.from_numpy(grid.token_slots()).to(self.device)
        filled[:, drawn] = tokens.reshape(1, -1).to(self.device)
        positions = torch.from_numpy(grid.positions(model.shape.position_axes)).to(self.device)
        logits = model(filled, rotary_table(model.shape, positions), causal_attention)[0, drawn - 1]
        nats = F.cross_entropy(logits.double(), filled[0, drawn])
        return {
            "token_accuracy": float((tokens == prompt.truth).double().mean()),
            "model_bits_per_token": float(nats) / float(np.log(2.0)),
        }

    def _bound(self, loaded: Loaded, tables: Tables) -> dict[str, Any]:
        """Predicted seconds of one generation from the ceilings measured on this device, once per model; and those."""
        name = loaded.card.name
        if name not in self._ceilings:
            # read bandwidth at the size of the weights: a model that fits in a cache is not bound by memory
            size = min(loaded.transformer.weight_bytes, 2**27)
            self._ceilings[name] = measure_ceilings(self.device, WIDTHS, buffer_bytes=size)
        ceilings = self._ceilings[name]
        costs = pass_costs(loaded.card.shape, tables, element_bytes=4)
        peak_flops = interpolated(ceilings.flops_per_second)
        return {
            "bound_seconds": bound_seconds(costs, ceilings.bandwidth_bytes_per_second, peak_flops),
            "bandwidth_bytes_per_second": float(f"{ceilings.bandwidth_bytes_per_second:.6g}"),
            "flops_per_second": {str(width): float(f"{rate:.6g}") for width, rate in ceilings.flops_per_second.items()},
            "ceilings_unsteadiness": float(f"{ceilings.unsteadiness:.6g}"),
        }


def generate(engine: Engine, given: Tensor, seed: int, before: tuple[Tensor, Tensor] | None) -> Generation:
    """Decode into a cleared cache, or into one that holds ``before``."""
    if before is not None:
        engine.keys.copy_(before[0])
        engine.values.copy_(before[1])
    return engine.generate(given, [seed], clear=before is None)
