"""Text-to-video diffusion as it is, against SFT, DPO and VideoDPO (arXiv 2412.14167): same prompts, same noise.

Three training seeds a method. The score that chose the training pairs (``omniscore[light-crafter-pairing]``) is the
primary metric and never the only judge: held out are a video-text scorer of another seed, architecture and data, a
reader of the simulator's labels, the kernel distance to real clips, motion, and diversity within a prompt. Prompts are
captions of clips that no pair was made of, four latent seeds each; those of ``validation`` are for choosing, those of
the other scales are scored once.
"""

from __future__ import annotations

from harness.registry import register
from harness.types import Arm, Case, Scale, Suite, Threshold, Value
from suites.decoding import THRESHOLDS as DECODING

SEEDS = (0, 1, 2)
METHODS = {
    "sft": "supervised finetuning on the preferred videos",
    "dpo": "Diffusion-DPO, every pair weighs the same",
    "videodpo": "VideoDPO, pairs weighted by how rare their scores are",
}
MODELS = {
    "crafter epsilon": "text-to-video-crafter-epsilon",
    "crafter flow": "text-to-video-crafter-flow",
}
VIDEOS_PER_PROMPT = 4
TRAINING_SCORE = "omniscore[light-crafter-pairing]"
HELD_OUT = (
    "text_alignment[video-text-crafter-judge]",
    "caption_fields[state-crafter]",
    "kvd[tokenizer-crafter]",
    "motion_magnitude[raft-small]",
    "diversity[tokenizer-crafter]",
)
METRICS = (
    TRAINING_SCORE,
    "omniscore[light-crafter]",
    "motion_magnitude[raft-small]",
    "dynamic_degree[raft-small]",
    "background_consistency[efficientnet-lite0]",
    "temporal_flickering[frame-difference]",
    "motion_smoothness[rife]",
    "text_alignment[video-text-crafter]",
    "text_alignment[video-text-crafter-judge]",
    "caption_fields[state-crafter]",
    "diversity[tokenizer-crafter]",
    "kvd[tokenizer-crafter]",
    "frechet[tokenizer-crafter]",
    "kvd[idm-crafter]",
    "frechet[idm-crafter]",
    "frames_per_second",
    "peak_memory_bytes",
)
WIN_RATES = (TRAINING_SCORE, "omniscore[light-crafter]", *HELD_OUT[:2], "motion_magnitude[raft-small]")
SAMPLED_FLOORS = {
    TRAINING_SCORE: 0.005,
    "omniscore[light-crafter]": 0.005,
    "motion_magnitude[raft-small]": 0.3,
    "dynamic_degree[raft-small]": 0.04,
    "background_consistency[efficientnet-lite0]": 0.002,
    "temporal_flickering[frame-difference]": 0.001,
    "motion_smoothness[rife]": 0.0015,
    "text_alignment[video-text-crafter]": 0.015,
    "text_alignment[video-text-crafter-judge]": 0.005,
}
"""Metric → what independent noise moves at most, rounded up."""
FLOOR_WHY = (
    "independent noise alone moves the mean of 32 prompts and four videos each by less, 95 % of the time: from the "
    "spread within prompts in results/baselines/omniscore-samples (sequential arm, crafter-9x9)"
)
MARGIN = SAMPLED_FLOORS[TRAINING_SCORE]
THRESHOLDS = (
    *(Threshold(metric=name, tau=tau, why=FLOOR_WHY) for name, tau in SAMPLED_FLOORS.items() if name != TRAINING_SCORE),
    Threshold(
        metric="caption_fields[state-crafter]",
        tau=0.02,
        why="one field of five in one video of ten; real clips lack 0.004 of their own captions' fields",
    ),
    Threshold(
        metric="diversity[tokenizer-crafter]",
        tau=0.05,
        why="a twentieth of one whitened unit: less than a thirtieth of what lies between two unrelated clips (1.4)",
    ),
    *(threshold for threshold in DECODING if threshold.metric in METRICS and threshold.metric not in SAMPLED_FLOORS),
)


def arm(name: str, summary: str, weights: str | None = None, *, merge: bool = True) -> Arm:
    """An arm with weights on top of the case's model, or without."""
    params: dict[str, Value] = {} if weights is None else {"weights": weights, "merge": merge}
    return Arm(name=name, summary=summary, maker="text-to-video", params=params)


BASELINE = arm("baseline", "the model as it is")
ARMS = (
    BASELINE,
    *(
        arm(f"{method}-s{seed}", f"{words}; training seed {seed}", f"{method}-s{seed}")
        for method, words in METHODS.items()
        for seed in SEEDS
    ),
    arm(
        "videodpo-s0-unmerged",
        "the same adapters computed beside the weights: for speed and memory",
        "videodpo-s0",
        merge=False,
    ),
)


def prompts(group: str, model: str, count: int, *, split: str) -> tuple[Case, ...]:
    """``count`` prompts: captions of clips, each from an episode of its own."""
    return tuple(
        Case(
            name=f"{group}/{split}/{index:04d}",
            group=group,
            model=model,
            params={"split": split, "index": index, "of": count},
        )
        for index in range(count)
    )


def scale(
    name: str,
    count: int,
    groups: tuple[str, ...] = tuple(MODELS),
    *,
    split: str = "test",
    videos: int = VIDEOS_PER_PROMPT,
) -> Scale:
    """A scale by its number of prompts of each model."""
    cases = tuple(case for group in groups for case in prompts(group, MODELS[group], count, split=split))
    return Scale(name=name, cases=cases, repetitions=videos, warmups=0)


ALIGNMENT = register("suite", "alignment")(
    Suite(
        name="alignment",
        version=1,
        question="Does preference alignment better a text-to-video model's videos, by judges that never chose a pair?",
        arms=ARMS,
        baseline="baseline",
        scales={
            "smoke": scale("smoke", 6, ("crafter epsilon",), videos=2),
            "validation": scale("validation", 24, split="validation", videos=2),
            "small": scale("small", 24, videos=2),
            "full": scale("full", 128),
        },
        metrics=METRICS,
        primary_speed=None,
        primary_quality=TRAINING_SCORE,
        margin=MARGIN,
        margin_why=FLOOR_WHY,
        thresholds=THRESHOLDS,
        win_rate_of=WIN_RATES,
        methods=tuple(METHODS),
        training_score=TRAINING_SCORE,
        held_out=HELD_OUT,
    )
)
