"""Samples and scores the videos of a collection: latents by groups of prompts, scores by prompts, both on disk at once.

What is decoded and scored is what is on disk, in float16: latents found on resuming give the very same scores.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.files import file_sha256
from models.alignment.artefact import LATENTS, VIDEOS, CollectionPlan, VideoRow, video_name
from models.alignment.latents import StoredLatents, check_shard, read_shard, shard_name, write_shard
from models.alignment.prompts import Prompt
from models.training.progress import Progress

NOT_FINITE = "its latents are not finite in float16"


class Samples(Protocol):
    """What sampling gives: latents ``[B, C, T, H, W]``, and the SHA-256 of each video's noise."""

    latents: Tensor
    noise_sha256: list[str]


class Sampler(Protocol):
    """A text-to-video model, whoever built it."""

    def condition(self, captions: Sequence[str]) -> Any:
        """What the network is told of captions; UsageError for words that it does not know."""

    def sample(
        self, captions: Sequence[str], seeds: Sequence[int], *, steps: int | None, guidance: float | None, eta: float
    ) -> Samples:
        """Latents of one video a caption, each from the noise of its seed."""

    def decode(self, latents: Tensor) -> NDArray[np.uint8]:
        """Frames ``[B, T, height, width, 3]``."""


class VideoScores(Protocol):
    """Values of one video by metric, None where it has none, and why it has none."""

    scores: dict[str, float | None]
    reasons: dict[str, str]


class VideoScorer(Protocol):
    """Scores one video.

    Attributes:
        code_sha256: Of the code that does.
    """

    code_sha256: str

    def __call__(self, frames: NDArray[np.uint8], caption: str) -> VideoScores:
        """Values of frames uint8 ``[T, height, width, 3]``, and the reasons of metrics that have none."""


def collection_seed(seed: int, split: str | None, prompt: int, video: int) -> int:
    """Seed of one video's noise: in [0, 2**63), never one of a suite's trials or of another split.

    Args:
        seed: Of the collection, at least 0.
        split: Split that the prompts come from; None for a file.
        prompt: Number of the prompt, from 0.
        video: Number of the video, from 0; the first ones do not depend on how many follow.
    """
    text = f"collection\x00{split or ''}\x00{seed}\x00{prompt}\x00{video}"  # a suite's text begins with a number
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def make_videos(
    folder: Path, model: Sampler, prompts: Sequence[Prompt], scorer: VideoScorer, plan: CollectionPlan, done: int
) -> None:
    """Sample and score every prompt from number ``done`` on, group by group."""
    (folder / LATENTS).mkdir(exist_ok=True)
    size = max(1, plan.sampling.batch // plan.videos)
    with Progress("video", len(prompts) * plan.videos, done * plan.videos) as progress:
        for group in range(done // size, -(-len(prompts) // size)):
            numbers = range(group * size, min(len(prompts), (group + 1) * size))
            stored, sha256 = _group(folder, model, prompts, plan, group, numbers)
            for prompt in numbers:
                if prompt >= done:
                    _score(folder, model, prompts, scorer, plan, prompt, (stored, sha256, group, numbers), progress)


def _group(
    folder: Path, model: Sampler, prompts: Sequence[Prompt], plan: CollectionPlan, group: int, numbers: range
) -> tuple[StoredLatents, str]:
    """Latents of a group of prompts as they are on disk, sampled first if they are not; and their file's SHA-256."""
    path = folder / shard_name(group)
    asked = [(prompt, video) for prompt in numbers for video in range(plan.videos)]
    names = tuple(video_name(*one) for one in asked)
    if not path.exists():
        latents: list[Tensor] = []
        noise: list[str] = []
        how = plan.sampling
        for start in range(0, len(asked), how.batch):
            several = asked[start : start + how.batch]
            sampled = model.sample(
                [prompts[prompt].text for prompt, _ in several],
                [collection_seed(plan.seed, plan.prompts.split, prompt, video) for prompt, video in several],
                steps=how.steps,
                guidance=how.guidance,
                eta=how.eta,
            )
            latents.append(sampled.latents.detach().cpu().to(torch.float16))
            noise += sampled.noise_sha256
        write_shard(path, StoredLatents(torch.cat(latents), plan.digest, names, tuple(noise)))
    stored = read_shard(path)
    check_shard(stored, path, plan.digest, names)
    return stored, file_sha256(path)


def _score(
    folder: Path,
    model: Sampler,
    prompts: Sequence[Prompt],
    scorer: VideoScorer,
    plan: CollectionPlan,
    prompt: int,
    held: tuple[StoredLatents, str, int, range],
    progress: Progress,
) -> None:
    """Decode and score the videos of one prompt, and write their lines at once."""
    stored, sha256, group, numbers = held
    first = (prompt - numbers.start) * plan.videos
    latents = stored.latents[first : first + plan.videos].float()
    finite = [bool(torch.isfinite(one).all()) for one in latents]
    frames = iter(model.decode(latents[finite]) if any(finite) else ())
    lines = []
    for video in range(plan.videos):
        if finite[video]:
            found = scorer(next(frames), prompts[prompt].caption)
            scores, reasons = found.scores, found.reasons
        else:
            scores, reasons = dict.fromkeys(plan.metrics), dict.fromkeys(plan.metrics, NOT_FINITE)
        row = VideoRow(
            prompt=prompt,
            video=video_name(prompt, video),
            text=prompts[prompt].text,
            caption=prompts[prompt].caption,
            seed=collection_seed(plan.seed, plan.prompts.split, prompt, video),
            noise_sha256=stored.noise_sha256[first + video],
            shard=shard_name(group),
            row=first + video,
            shard_sha256=sha256,
            scores=scores,
            reasons=reasons,
        )
        lines.append(row.model_dump_json().encode() + b"\n")
        progress.update(prompt * plan.videos + video + 1)
    with (folder / VIDEOS).open("ab") as file:
        file.write(b"".join(lines))
        file.flush()
        os.fsync(file.fileno())
