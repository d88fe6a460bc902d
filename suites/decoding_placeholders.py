"""Which stand-in, seen by whom, refreshed or not: the evidence for the engine's defaults (validation clips)."""

from __future__ import annotations

from harness.registry import register
from harness.types import Arm, Case, Scale, Suite
from suites.decoding import MARGIN, MARGIN_WHY, SAMPLING, thresholds

METRICS = ("frames_per_second", "token_accuracy", "model_bits_per_token", "psnr", "ssim")


def variant(placeholder: str, provisional: str, *, refresh: bool = True) -> Arm:
    """Diagonal decoding with k = 1, where most tokens are drawn beside a stand-in."""
    return Arm(
        name=f"{placeholder}-{provisional}" + ("" if refresh else "-stale"),
        summary=f"stand-in {placeholder!r}, seen by {provisional}, {'refreshed' if refresh else 'never refreshed'}",
        maker="decoding",
        params={
            "schedule": "diagonal",
            "k": 1,
            "placeholder": placeholder,
            "provisional": provisional,
            "refresh": refresh,
        },
    )


def scale(name: str, clips: int) -> Scale:
    """A scale by its number of validation clips."""
    return Scale(
        name=name,
        cases=tuple(
            Case(
                name=f"crafter-9x9/validation/{index:04d}",
                group="crafter-9x9",
                model="video-transformer-crafter-9x9",
                params={"split": "validation", "index": index, "of": clips, **SAMPLING},
            )
            for index in range(clips)
        ),
    )


DECODING_PLACEHOLDERS = register("suite", "decoding-placeholders")(
    Suite(
        name="decoding-placeholders",
        version=1,
        question="What should stand in for a token that does not exist yet, and who may see it?",
        arms=(
            Arm(name="sequential", summary="no stand-ins", maker="decoding", params={"schedule": "sequential"}),
            *(
                variant(placeholder, provisional)
                for placeholder in ("above", "repeat", "prompt", "previous")
                for provisional in ("own", "all")
            ),
            variant("above", "all", refresh=False),
            variant("prompt", "all", refresh=False),
            Arm(
                name="frame-at-once",
                summary="all tokens of a frame in one pass: the negative control",
                maker="decoding",
                params={"schedule": "frame-at-once"},
            ),
        ),
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
