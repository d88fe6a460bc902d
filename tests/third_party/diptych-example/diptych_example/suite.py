"""Two rows at a time against one token at a time, on a trained model and on one's own."""

from harness.cases import clip_cases
from harness.registry import register
from harness.types import Arm, Scale, Suite, Threshold

ARMS = tuple(
    Arm(name=name, summary=f"order {name}", maker="decoding", params={"schedule": name})
    for name in ("sequential", "two-rows", "frame-at-once")
)


def scale(name: str, clips: int) -> Scale:
    """So many clips for each model."""
    trained = clip_cases("video-transformer-crafter-9x9", clips, group="crafter-9x9", prompt_frames=1, frames=3)
    return Scale(name=name, cases=(*trained, *clip_cases("tiny-random", clips, speed_only=True)))


register("suite", "two-rows")(
    Suite(
        name="two-rows",
        version=1,
        question="How much faster are two rows at a time, and what do they cost?",
        arms=ARMS,
        baseline="sequential",
        scales={"smoke": scale("smoke", 8), "small": scale("small", 64)},
        metrics=("frames_per_second", "passes", "ssim", "flicker"),
        primary_speed="frames_per_second",
        primary_quality="ssim",
        margin=0.013,
        margin_why="the margin of suite decoding, on the same clips",
        thresholds=(Threshold(metric="frames_per_second", tau=0.05, why="the threshold of suite decoding"),),
        negative_control="frame-at-once",
    )
)
