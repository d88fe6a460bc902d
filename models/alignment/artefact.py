"""The files of a collection: their names, and what each holds.

``collection.json`` says what was asked and, once all is there, the SHA-256 of the other files; ``videos.jsonl`` has a
line for every video; ``latents/*.safetensors`` their latents in float16, by groups of prompts; ``pairs.json`` the pairs
and weights, of which :mod:`models.alignment.pairing` makes more under other names; ``scores.csv`` the scores, for
``diptych figures videodpo --scores``.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

from pydantic import Field, FiniteFloat

from harness.types import Data
from models.alignment.pairs import DifferenceFilter
from models.alignment.prompts import PromptFacts
from models.alignment.weights import WeightOptions

SCHEMA_VERSION = 1
COLLECTION, VIDEOS, LATENTS, SCORES, PAIRS = "collection.json", "videos.jsonl", "latents", "scores.csv", "pairs"


class Sampling(Data):
    """How videos are sampled: whatever can change a bit of a latent.

    Attributes:
        steps: Denoising steps.
        guidance: Classifier-free guidance scale.
        eta: DDIM's η.
        batch: Videos sampled at once.
        device: Torch device.
        threads: Torch's threads.
    """

    steps: int = Field(ge=1)
    guidance: FiniteFloat
    eta: FiniteFloat = Field(default=0.0, ge=0)
    batch: int = Field(ge=1)
    device: str = "cpu"
    threads: int = 1


class CollectionPlan(Data):
    """What was asked; a collection goes on only where all of it is the same.

    Attributes:
        model: Registered name.
        weights: The finetune that was loaded over it, or None.
        weights_sha256: Of the model's own weights.
        aligned_sha256: Of the finetune, or None.
        prompts: Where they come from.
        videos: Videos of every prompt, N.
        seed: Of the collection.
        sampling: How.
        score: The metric that ranks videos.
        metrics: Every metric that is kept, its parts first.
        scoring: What scores depend on (JSON): versions, weights, scales, directions.
    """

    model: str
    weights: str | None = None
    weights_sha256: str
    aligned_sha256: str | None = None
    prompts: PromptFacts
    videos: int = Field(ge=2)
    seed: int = Field(ge=0)
    sampling: Sampling
    score: str
    metrics: tuple[str, ...]
    scoring: dict[str, Any]

    @property
    def digest(self) -> str:
        """SHA-256 of the plan as JSON."""
        return hashlib.sha256(json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()


class Shard(Data):
    """A file of latents: its path below the folder, SHA-256, and how many videos it holds."""

    file: str
    sha256: str
    videos: int


class CollectionFile(Data):
    """What ``collection.json`` holds.

    Attributes:
        schema_version: Of all files of the folder.
        status: ``"finished"`` once every video is scored.
        plan: What was asked.
        scoring_code_sha256: Of the code that scored, one hash for every version of it that took part.
        videos_sha256: Of ``videos.jsonl``; None before the end.
        shards: In order; empty before the end.
        notes: What a reader must know.
    """

    schema_version: int = SCHEMA_VERSION
    status: Literal["unfinished", "finished"]
    plan: CollectionPlan
    scoring_code_sha256: tuple[str, ...] = ()
    videos_sha256: str | None = None
    shards: tuple[Shard, ...] = ()
    notes: tuple[str, ...] = ()


class VideoRow(Data):
    """One line of ``videos.jsonl``.

    Attributes:
        prompt: Number of the prompt, from 0.
        video: Its name, which sorts by prompt and video: ``"000012-003"``.
        text: What the model was told.
        caption: What metrics were told.
        seed: Of its noise.
        noise_sha256: Of the noise.
        shard: File of its latent, below the folder.
        row: Its row there.
        shard_sha256: Of that file.
        scores: Metric → value; None where it has none.
        reasons: Metric → why it has none.
    """

    prompt: int
    video: str
    text: str
    caption: str
    seed: int
    noise_sha256: str
    shard: str
    row: int
    shard_sha256: str
    scores: dict[str, FiniteFloat | None]
    reasons: dict[str, str] = Field(default_factory=dict)


class PairOptions(Data):
    """How pairs are made of scores.

    Attributes:
        strategy: See :func:`models.alignment.pairs.make_pairs`.
        keep: Filter of differences.
        reading: Name of the reading of the weights that ``weights`` began from.
        weights: How pairs are weighed.
        score: The score that ranks: a kept metric, or ``"quality"`` or ``"semantics"`` of an OmniScore.
        videos: Only the first this many of every prompt.
        fraction: Share of the prompts, above 0; a smaller share is part of a larger one.
        seed: Of the strategy that draws, and of which prompts belong to a share.
    """

    strategy: str = "best-worst"
    keep: DifferenceFilter = Field(default_factory=DifferenceFilter)
    reading: str = "paper"
    weights: WeightOptions = Field(default_factory=WeightOptions)
    score: str
    videos: int
    fraction: FiniteFloat = Field(default=1.0, gt=0, le=1)
    seed: int = Field(default=0, ge=0)


class WeighedPair(Data):
    """Two videos of one prompt by name, with their scores and the pair's weight."""

    prompt: int
    winner: str
    loser: str
    winner_score: FiniteFloat
    loser_score: FiniteFloat
    probability: FiniteFloat
    weight: FiniteFloat


class Bins(Data):
    """Histogram of scores: bin of 0.01 → videos, all videos that the pairs were chosen from, and the mode."""

    counts: dict[int, int]
    n: int
    mode: int
    mode_probability: FiniteFloat


class WeightFacts(Data):
    """What the weights of all pairs amount to; see :class:`models.alignment.weights.PairWeights`."""

    beta: FiniteFloat
    maximum: FiniteFloat
    raw_maximum: FiniteFloat
    effective_sample_size: FiniteFloat


class PairFile(Data):
    """What a file of pairs holds.

    Attributes:
        schema_version: As the collection's.
        collection_sha256: Of the finished ``collection.json``.
        options: How they were made.
        prompts: Prompts that were looked at.
        missing_scores: Videos without a score, left out before ranking.
        left_out: Reason → pairs that were not made or not kept.
        histogram: None where no video has a score.
        weights: None where there is no pair.
        notes: What a reader must know.
        pairs: In the order of the prompts.
    """

    schema_version: int = SCHEMA_VERSION
    collection_sha256: str
    options: PairOptions
    prompts: int
    missing_scores: int
    left_out: dict[str, int]
    histogram: Bins | None
    weights: WeightFacts | None
    notes: tuple[str, ...] = ()
    pairs: tuple[WeighedPair, ...]


def video_name(prompt: int, video: int) -> str:
    """Name of a video: its prompt's number and its own, both from 0."""
    return f"{prompt:06d}-{video:03d}"
