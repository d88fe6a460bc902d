"""Diagonal decoding with and without finetuning for it, on two model sizes (as MineWorld's Table 2, arXiv 2504.08388).

Finetuned against not is confounded by the extra training, so there is a control: the same extra steps, data and seeds
under the causal mask, decoded both ways. Every arm is judged by the bits of the *original* model's causal law.
"""

from __future__ import annotations

from harness.registry import register
from harness.types import Arm, Case, Scale, Suite
from suites.decoding import FRAME_AT_ONCE, MARGIN, MARGIN_WHY, cases, thresholds

SEEDS = (0, 1, 2)
METRICS = (
    "frames_per_second",
    "passes",
    "token_accuracy",
    "model_bits_per_token",
    "psnr",
    "ssim",
    "action_f1[idm-crafter]",
    "frechet[idm-crafter]",
    "kvd[idm-crafter]",
)
MODELS = {
    "crafter-9x9 0.9M": "video-transformer-crafter-9x9-small",
    "crafter-9x9 2.6M": "video-transformer-crafter-9x9",
}


def diagonal(name: str, summary: str, weights: str | None = None) -> Arm:
    """An arm of diagonal decoding with k = 1."""
    return Arm(
        name=name, summary=summary, maker="decoding", params={"schedule": "diagonal", "k": 1, "weights": weights}
    )


def sequential(name: str, summary: str, weights: str | None = None) -> Arm:
    """An arm of sequential decoding."""
    return Arm(name=name, summary=summary, maker="decoding", params={"schedule": "sequential", "weights": weights})


ARMS = (
    sequential("sequential", "next-token prediction, the model as it is"),
    diagonal("diagonal-k1", "diagonals inside a frame, row delay 1, without finetuning"),
    *(diagonal(f"diagonal-k1-finetuned-s{s}", f"finetuned for it, seed {s}", f"diagonal-k1-s{s}") for s in SEEDS),
    *(diagonal(f"diagonal-k1-control-s{s}", f"as much causal training, seed {s}", f"control-s{s}") for s in SEEDS),
    sequential("sequential-finetuned-s0", "finetuned for diagonals, decoded token by token", "diagonal-k1-s0"),
    sequential("sequential-control-s0", "as much causal training, decoded token by token", "control-s0"),
    FRAME_AT_ONCE,
)


def scale(name: str, clips: int) -> Scale:
    """A scale by its number of test clips for each size."""
    chosen: tuple[Case, ...] = ()
    for group, model in MODELS.items():
        chosen += cases(model, group, clips)
    return Scale(name=name, cases=chosen)


DECODING_FINETUNE = register("suite", "decoding-finetune")(
    Suite(
        name="decoding-finetune",
        version=1,
        question="Does finetuning for diagonal decoding give back what it costs, and does the cost shrink with size?",
        arms=ARMS,
        baseline="sequential",
        scales={"smoke": scale("smoke", 8), "small": scale("small", 64), "full": scale("full", 256)},
        metrics=METRICS,
        primary_speed="frames_per_second",
        primary_quality="ssim",
        margin=MARGIN,
        margin_why=MARGIN_WHY,
        thresholds=thresholds(METRICS),
        negative_control="frame-at-once",
    )
)
