"""Suite ``null`` on a second world: the noise floor of quality on ViZDoom clips."""

from __future__ import annotations

from harness.registry import register
from harness.types import Suite
from suites.decoding_vizdoom import MARGIN, MARGIN_WHY, VIZDOOM_METRICS, scale, thresholds
from suites.null import NULL

NULL_VIZDOOM = register("suite", "null-vizdoom")(
    Suite(
        name="null-vizdoom",
        version=2,
        question="How much do speed and quality differ on ViZDoom clips where nothing was changed?",
        arms=NULL.arms,
        baseline=NULL.baseline,
        scales={"smoke": scale("smoke", 8), "small": scale("small", 64), "full": scale("full", 256)},
        metrics=VIZDOOM_METRICS,
        primary_speed="frames_per_second",
        primary_quality="ssim",
        margin=MARGIN,
        margin_why=MARGIN_WHY,
        thresholds=thresholds(VIZDOOM_METRICS),
        placebo=True,
    )
)
