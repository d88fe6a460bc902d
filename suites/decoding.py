"""Sequential against diagonal decoding of autoregressive video transformers (DiagD, arXiv 2503.14070)."""

from __future__ import annotations

from harness.registry import register
from harness.types import Arm, Case, Scale, Suite, Threshold

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
    Arm(
        name="frame-at-once",
        summary="all tokens of a frame in one pass: the negative control",
        maker="decoding",
        params={"schedule": "frame-at-once"},
    ),
)

SAMPLING = {"temperature": 1.0, "top_p": 0.8}
"""MineWorld's sampling (arXiv 2504.08388, scripts/compute_metrics.sh)."""


def cases(model: str, group: str, count: int, *, speed_only: bool = False, **params: int) -> tuple[Case, ...]:
    """``count`` test clips for ``model``, one case each."""
    return tuple(
        Case(
            name=f"{group}/test/{index:04d}",
            group=group,
            model=model,
            params={"split": "test", "index": index, "of": count, **params, **SAMPLING},
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
            *cases("llama-101m-random", "llama-101m-random", random, speed_only=True, prompt_frames=1, frames=2),
        ),
    )


DECODING = register("suite", "decoding")(
    Suite(
        name="decoding",
        version=1,
        question="How much faster is diagonal decoding than sequential decoding, and what does it cost in quality?",
        arms=ARMS,
        baseline="sequential",
        scales={
            "smoke": scale("smoke", nine=8, wide=0, random=0),
            "small": scale("small", nine=64, wide=12, random=6),
            "full": scale("full", nine=256, wide=64, random=16),
        },
        metrics=(
            "frames_per_second",
            "tokens_per_second",
            "passes",
            "frame_latency_seconds",
            "peak_memory_bytes",
            "token_accuracy",
            "model_bits_per_token",
            "psnr",
            "ssim",
            "frechet[tokenizer-crafter]",
            "kvd[tokenizer-crafter]",
        ),
        primary_speed="frames_per_second",
        primary_quality="token_accuracy",
        margin=0.02,
        margin_why="placeholder",
        thresholds=(Threshold(metric="frames_per_second", tau=0.05, why="same-seed pairs of suite null"),),
        negative_control="frame-at-once",
    )
)
