"""A tiny text-to-video model and a scorer that draw on nothing but seeds and captions: a collection in milliseconds."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.absent import missing_assets
from harness.cli.builtin import load_builtin
from harness.cli.collecting import DEFAULT_SCORE
from harness.errors import UsageError
from harness.metrics.omniscore.total import preset
from harness.scoring.values import Values
from models.alignment.artefact import CollectionPlan, Sampling
from models.alignment.prompts import Prompt, PromptSet, _prompt_set

SHAPE = (4, 2, 3, 3)
METRICS = ("bright", "red", "omniscore[two]")
PARTS = [
    {"metric": "bright", "side": "quality", "weight": 1.0, "worst": 0.0, "best": 2.0},
    {"metric": "red", "side": "semantics", "weight": 1.0, "worst": 1.0, "best": 0.0},
]


def skip_without_the_reward() -> None:
    """Skip a test, with the reason, where the default score's weights are not on this machine."""
    parts = [load_builtin().get("metric", name) for name in preset(DEFAULT_SCORE).metrics]
    if lacking := [reason for part in parts if (reason := missing_assets(part))]:
        pytest.skip(lacking[0])


@dataclass
class Sampled:
    latents: torch.Tensor
    noise_sha256: list[str]


@dataclass
class TinyModel:
    """Latents are noise of the seed; a prompt called *same* gives equal videos, one called *wild* infinite latents.

    ``fail_at`` raises KeyboardInterrupt before that many videos are sampled in all.
    """

    weights_sha256: str = "0" * 64
    aligned_sha256: str | None = None
    sampled: list[tuple[str, int]] = field(default_factory=list)
    fail_at: int | None = None

    def condition(self, captions: Sequence[str]) -> None:
        for caption in captions:
            if "unknown" in caption:
                raise UsageError(f"word 'unknown' of {caption!r} is not known.")

    def sample(self, captions, seeds, *, steps, guidance, eta) -> Sampled:
        if self.fail_at is not None and len(self.sampled) + len(seeds) > self.fail_at:
            raise KeyboardInterrupt
        self.sampled += list(zip(captions, seeds, strict=True))
        found, hashes = [], []
        for caption, seed in zip(captions, seeds, strict=True):
            noise = torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))
            hashes.append(hashlib.sha256(noise.numpy().tobytes()).hexdigest())
            noise = torch.zeros(SHAPE) if caption == "same" else noise
            found.append(noise * 1e9 if caption == "wild" else noise)
        return Sampled(torch.stack(found), hashes)

    def decode(self, latents: torch.Tensor) -> np.ndarray:
        frames = (latents.mean(dim=(1, 2)) * 200 + 128).clamp(0, 255).numpy().astype(np.uint8)  # [B, 3, 3]
        return np.repeat(frames[:, None, :, :, None], 3, axis=-1).repeat(2, axis=1)


@dataclass
class TinyScorer:
    """Brightness and redness of a video, and their sum; ``fail_at`` stops before that many videos were scored."""

    code_sha256: str = "c" * 64
    fail_at: int | None = None
    scored: int = 0

    def __call__(self, frames: np.ndarray, caption: str) -> Values:
        if self.fail_at is not None and self.scored >= self.fail_at:
            raise KeyboardInterrupt
        self.scored += 1
        bright = float(frames.mean()) / 255
        if caption == "no score":
            return Values({"bright": bright, "red": None, "omniscore[two]": None}, {}, {"red": "no word is known"})
        red = float(frames[0, 0, 0, 0]) / 255
        return Values({"bright": bright, "red": red, "omniscore[two]": (bright + red) / 2}, {}, {})


def prompt_set(texts: Sequence[str]) -> PromptSet:
    prompts = [Prompt(text, text, f"line {number}") for number, text in enumerate(texts, start=1)]
    return _prompt_set(prompts, "prompts.txt", None, 0)


def make_plan(prompts: PromptSet, *, videos: int = 3, batch: int = 4, seed: int = 7, **changes) -> CollectionPlan:
    facts = {
        "model": "tiny",
        "weights_sha256": "0" * 64,
        "prompts": prompts.facts,
        "videos": videos,
        "seed": seed,
        "sampling": Sampling(steps=2, guidance=3.0, batch=batch),
        "score": "omniscore[two]",
        "metrics": METRICS,
        "scoring": {"parts": PARTS, "clip": True, "directions": dict.fromkeys(METRICS, "higher") | {"red": "lower"}},
    }
    return CollectionPlan(**{**facts, **changes})


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


TEXTS = ("a", "b", "same", "no score", "a", "wild", "c")
