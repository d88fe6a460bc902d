"""Sequential against diagonal decoding of autoregressive video transformers (DiagD, arXiv 2503.14070)."""

from __future__ import annotations

from harness.registry import register
from harness.types import Arm, Case, Scale, Suite, Threshold

FRAME_AT_ONCE = Arm(
    name="frame-at-once",
    summary="all tokens of a frame in one pass: the negative control",
    maker="decoding",
    params={"schedule": "frame-at-once"},
)

ARMS = (
    Arm(
        name="sequential",
        summary="next-token prediction, one token a pass",
        maker="decoding",
        params={"schedule": "sequential"},
    ),
    *(
        Arm(
            name=f"diagonal-k{k}",
            summary=f"diagonals inside a frame, row delay {k}",
            maker="decoding",
            params={"schedule": "diagonal", "k": k},
        )
        for k in (1, 2, 4)
    ),
    Arm(
        name="diagonal-st-k2",
        summary="diagonals inside and across frames, row delay 2",
        maker="decoding",
        params={"schedule": "diagonal-st", "k": 2},
    ),
    FRAME_AT_ONCE,
)

METRICS = (
    "frames_per_second",
    "tokens_per_second",
    "passes",
    "frame_latency_seconds",
    "time_to_first_frame_seconds",
    "inter_frame_latency_seconds",
    "bound_fraction",
    "energy_joules_per_frame",
    "peak_memory_bytes",
    "token_accuracy",
    "model_bits_per_token",
    "psnr",
    "ssim",
    "frechet[tokenizer-crafter]",
    "kvd[tokenizer-crafter]",
    "action_f1[idm-crafter]",
    "frechet[idm-crafter]",
    "kvd[idm-crafter]",
)

MARGIN = 0.013
MARGIN_WHY = (
    "half of the least that the negative control loses: frame-at-once costs 0.034 [0.027, 0.042] of SSIM on 256 "
    "validation clips (results/baselines/decoding-placeholders, scale full)"
)

SPEED_TAU = 0.01
SPEED_WHY = (
    "a slow-down of 3 % is then seen in 40 pairs of 2 % noise in nine runs of ten (in 0.89 of them in suite decoding, "
    "whose family of 10 widens every interval; diptych bench statistics), and no bias of the harness is as large: "
    "both arms of suite null together differ from their baseline by -0.3 % [-0.9, +0.2], 64 clips"
)

THRESHOLDS = (
    Threshold(metric="frames_per_second", tau=SPEED_TAU, why=SPEED_WHY),
    Threshold(metric="tokens_per_second", tau=SPEED_TAU, why="the threshold of frames_per_second"),
    Threshold(metric="frame_latency_seconds", tau=SPEED_TAU, why="the threshold of frames_per_second"),
    Threshold(metric="time_to_first_frame_seconds", tau=SPEED_TAU, why="the threshold of frames_per_second"),
    Threshold(metric="inter_frame_latency_seconds", tau=SPEED_TAU, why="the threshold of frames_per_second"),
    Threshold(metric="peak_memory_bytes", tau=0.05, why="the process on a CPU is not measured better"),
    Threshold(metric="passes", tau=0.01, why="counted, not measured"),
    Threshold(metric="ssim", tau=0.01, why="the floor of shifted seeds in suite null, 64 clips"),
    Threshold(metric="psnr", tau=0.5, why="a quarter of the 2.0 dB that frame-at-once costs on validation clips"),
    Threshold(metric="model_bits_per_token", tau=0.06, why="a quarter of the 0.24 bits that frame-at-once costs there"),
    Threshold(
        metric="token_accuracy", tau=0.02, why="drawing tokens independently hardly moves their expected accuracy"
    ),
    Threshold(metric="frechet[tokenizer-crafter]", tau=0.05, why="the floor of shifted seeds in suite null, 64 clips"),
    Threshold(metric="kvd[tokenizer-crafter]", tau=0.0035, why="the floor of shifted seeds in suite null, 64 clips"),
    Threshold(
        metric="action_f1[idm-crafter]",
        tau=0.045,
        why="the floor of shifted seeds: -0.011 [-0.041, +0.019] between two sequential arms, 64 clips of crafter-9x9",
    ),
    Threshold(
        metric="frechet[idm-crafter]",
        tau=0.25,
        why="the floor of shifted seeds: -0.001 [-0.250, +0.248] between two sequential arms, 64 clips of crafter-9x9",
    ),
    Threshold(
        metric="kvd[idm-crafter]",
        tau=0.01,
        why="the floor of shifted seeds: -0.001 [-0.009, +0.008] between two sequential arms, 64 clips of crafter-9x9",
    ),
)


def thresholds(metrics: tuple[str, ...]) -> tuple[Threshold, ...]:
    """Thresholds of those of ``metrics`` that have one."""
    return tuple(threshold for threshold in THRESHOLDS if threshold.metric in metrics)


SAMPLING = {"temperature": 1.0, "top_p": 0.8}
"""MineWorld's sampling (arXiv 2504.08388, scripts/compute_metrics.sh)."""


RANDOM = "llama-like-101m-random"


def cases(
    model: str, group: str, count: int, *, split: str = "test", speed_only: bool = False, **params: int
) -> tuple[Case, ...]:
    """``count`` clips of a split for ``model``, one case each."""
    return tuple(
        Case(
            name=f"{group}/{split}/{index:04d}",
            group=group,
            model=model,
            params={"split": split, "index": index, "of": count, **params, **SAMPLING},
            speed_only=speed_only,
        )
        for index in range(count)
    )


def scale(name: str, nine: int, wide: int, random: int) -> Scale:
    """A scale by its numbers of clips: on ``crafter-9x9``, on ``crafter-15x24``, on random weights of 101M."""
    return Scale(
        name=name,
        cases=(
            *cases("video-transformer-crafter-9x9", "crafter-9x9", nine),
            *cases("video-transformer-crafter-15x24", "crafter-15x24", wide),
            *cases(RANDOM, RANDOM, random, speed_only=True, prompt_frames=1, frames=2),
        ),
    )


DECODING = register("suite", "decoding")(
    Suite(
        name="decoding",
        version=3,
        question="How much faster is diagonal decoding than sequential decoding, and what does it cost in quality?",
        arms=ARMS,
        baseline="sequential",
        scales={
            "smoke": scale("smoke", nine=12, wide=0, random=0),
            "small": scale("small", nine=64, wide=64, random=12),
            "full": scale("full", nine=256, wide=128, random=24),
        },
        metrics=METRICS,
        primary_speed="frames_per_second",
        primary_quality="ssim",
        margin=MARGIN,
        margin_why=MARGIN_WHY,
        thresholds=thresholds(METRICS),
        negative_control="frame-at-once",
    )
)
