"""Makes the videos of alignment arms: same model, prompt and noise; only the weights on top differ."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.device import available_cores
from harness.errors import RejectedError, UsageError
from harness.measure import measure, time_once
from harness.params import read_params
from harness.registry import REGISTRY
from harness.types import Arm, Case, Made, Repeats
from models.diffusion.declared import ArmParams, CaseParams
from models.diffusion.text_video import TextVideoModel, check_sampling, load_text_video
from models.weights import weights_sha256
from models.worlds.scene_captions import SceneCaption, parse_scene_caption, scene_caption
from models.zoo.cards import TextVideoModel as TextVideoCard

Prompt = tuple[SceneCaption, NDArray[np.uint8] | None]
"""What the model is told, and the real video that it is true of, uint8 ``[frames, height, width, 3]``."""

Key = tuple[str, str | None, bool]
"""Model, aligned weights, and whether they are merged."""


class TextToVideoMaker:
    """Samples one video per call, batch 1.

    Args:
        device: ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
        threads: Threads that the caller has pinned; part of the protocol, and nothing is done with it here.
    """

    def __init__(self, device: str, threads: int) -> None:
        del threads
        self.device = device
        self._models: dict[Key, TextVideoModel] = {}
        self._first_call_seconds: dict[Key, float] = {}
        self._prompts: dict[tuple[str, str, int], Prompt] = {}
        self._worlds: dict[str, Any] = {}

    def check(self, arm: Arm, case: Case) -> None:
        """Load the arm's model and read the case's prompt; raises for what cannot run."""
        asked = read_params(CaseParams, case.params, f"case {case.name!r}")
        model = self.load(arm, case)
        steps = model.card.steps if asked.steps is None else asked.steps
        guidance = model.card.guidance if asked.guidance is None else asked.guidance
        check_sampling(model.shape.prediction, steps, guidance, asked.eta)
        model.condition([str(self.prompt(case, model.card)[0])])

    def context(self) -> dict[str, Any]:
        """Precision, batch size, weights, and what made the clips."""
        loaded = self._models.values()
        weights = {model.card.name: model.weights_sha256 for model in loaded}
        aligned = {
            f"{name} {weights}": model.aligned_sha256
            for (name, weights, _), model in self._models.items()
            if weights is not None
        }
        return {
            "precision": "float32",
            "batch": 1,
            "weights_sha256": dict(sorted(weights.items())),
            "aligned_sha256": dict(sorted(aligned.items())),
            "tokenizers_sha256": {name: weights_sha256(name) for name in sorted({m.card.tokenizer for m in loaded})},
            "worlds": {name: world.versions() for name, world in sorted(self._worlds.items())},
        }

    def load(self, arm: Arm, case: Case) -> TextVideoModel:
        """The case's model with the arm's weights on top, loaded once."""
        key = _key(arm, case)
        if key not in self._models:
            name, weights, merge = key
            self._models[key] = load_text_video(name, self.device, weights=weights, merge=merge)
        return self._models[key]

    def prompt(self, case: Case, card: TextVideoCard) -> Prompt:
        """What the model is told, and the real video of which it is true.

        Raises:
            UsageError: A prompt that is not in the world's words.
        """
        asked = read_params(CaseParams, case.params, f"case {case.name!r}")
        if asked.prompt is not None:
            return parse_scene_caption(asked.prompt), None
        if (card.world, asked.split, asked.index) not in self._prompts:
            world = self._worlds.setdefault(card.world, REGISTRY.get("world", card.world)())
            if card.frames > world.spec.clip_frames:
                raise UsageError(f"clips of {card.world} have {world.spec.clip_frames} frames, not {card.frames}.")
            count = max(asked.index + 1, asked.of or 0)
            for index, clip in enumerate(world.clips(asked.split, count, processes=available_cores())):
                told = scene_caption(card.world, clip, 0, card.frames)
                self._prompts[card.world, asked.split, index] = (told, clip.frames[: card.frames])
        return self._prompts[card.world, asked.split, asked.index]

    def make(self, arm: Arm, case: Case, seed: int, repeats: Repeats) -> Made:
        """Sample the case's video; see :meth:`harness.protocols.Maker.make`."""
        asked = read_params(CaseParams, case.params, f"case {case.name!r}")
        model = self.load(arm, case)
        caption, real = self.prompt(case, model.card)
        told = str(caption)
        call = partial(model.sample, [told], [seed], steps=asked.steps, guidance=asked.guidance, eta=asked.eta)
        key = _key(arm, case)
        if key not in self._first_call_seconds:
            self._first_call_seconds[key] = time_once(call, self.device)
        measured = measure(call, self.device, repeats)
        sampled = measured.result
        if not bool(sampled.latents.isfinite().all()):
            raise RejectedError("NotFinite", "the latents hold NaN or infinity, so the video means nothing")
        video = model.decode(sampled.latents)[0]
        weights = hashlib.sha256(f"{model.weights_sha256} {model.aligned_sha256}".encode()).hexdigest()
        return Made(
            video=video,
            reference=real,
            prompt=None,
            seconds=measured.seconds,
            first_call_seconds=self._first_call_seconds[key],
            prefill_seconds=None,
            peak_memory_bytes=measured.peak_memory_bytes,
            energy_joules=measured.energy_joules,
            flags=measured.flags,
            counts={"frames": len(video), "steps": len(sampled.step_seconds)},
            values={},
            hashes={
                "prompt": hashlib.sha256(told.encode()).hexdigest(),
                "noise": sampled.noise_sha256[0],
                "weights": weights,
                "tokens": hashlib.sha256(model.space.tokens(sampled.latents).cpu().numpy().tobytes()).hexdigest(),
            },
            info={
                "prompt": told,
                "weights": key[1],
                "merged": key[2],
                "step_seconds": [float(f"{value:.4g}") for value in sampled.step_seconds],
                **measured.info,
            },
            world=model.card.world,
            caption=str(caption.base),
        )


def _key(arm: Arm, case: Case) -> Key:
    asked = read_params(ArmParams, arm.params, f"arm {arm.name!r}")
    return case.model, asked.weights, asked.merge
