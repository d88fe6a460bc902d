"""An arm against itself: the noise floors of speed (same seed) and of quality (shifted seed)."""

from __future__ import annotations

from harness.registry import register
from harness.types import Arm, Scale, Suite
from suites.decoding import MARGIN, MARGIN_WHY, METRICS, cases, thresholds

SEQUENTIAL = {"schedule": "sequential"}


def scale(name: str, clips: int) -> Scale:
    """A scale by its number of test clips on ``crafter-9x9``."""
    return Scale(name=name, cases=cases("video-transformer-crafter-9x9", "crafter-9x9", clips))


NULL = register("suite", "null")(
    Suite(
        name="null",
        version=3,
        question="How much do speed and quality differ where nothing was changed?",
        arms=(
            Arm(name="sequential", summary="the baseline", maker="decoding", params=SEQUENTIAL),
            Arm(
                name="same-seed",
                summary="again: gives the speed floor",
                maker="decoding",
                params=SEQUENTIAL,
            ),
            Arm(
                name="shifted-seed",
                summary="other noise: gives the quality floor",
                maker="decoding",
                params=SEQUENTIAL,
                seed_shift=1,
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
        placebo=True,
    )
)
