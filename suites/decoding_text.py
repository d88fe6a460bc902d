"""Diagonal decoding of a model that is told a caption, with and without a prompt frame (DiagD's second task).

Without a prompt frame nobody knows what should have happened: a video is judged by how probable the model itself finds
it, and as a set against the clips that the captions were made of. All tokens of a frame at once is no control here
(there is nothing to begin the first frame with); NAR's order, for which the model was not trained, is.
"""

from __future__ import annotations

from harness.registry import register
from harness.types import Arm, Case, Scale, Suite, Threshold
from suites.decoding import ARMS, cases, thresholds

MODEL = "text-video-transformer-crafter-9x9"
METRICS = (
    "frames_per_second",
    "time_to_first_frame_seconds",
    "passes",
    "model_bits_per_token",
    "frechet[tokenizer-crafter]",
    "kvd[tokenizer-crafter]",
)
MARGIN = 0.12
CHOSEN = ("sequential", "diagonal-k1", "diagonal-k2", "diagonal-k4", "diagonal-st-k2")
GROUPS = (("caption and prompt frame", 1, 7), ("caption alone", 0, 8))


def scale(name: str, clips: int) -> Scale:
    """A scale by its number of captions for each group."""
    chosen: tuple[Case, ...] = ()
    for group, prompt_frames, frames in GROUPS:
        chosen += cases(MODEL, group, clips, prompt_frames=prompt_frames, frames=frames)
    return Scale(name=name, cases=chosen)


DECODING_TEXT = register("suite", "decoding-text")(
    Suite(
        name="decoding-text",
        version=1,
        question="How much faster is diagonal decoding from a caption, and what does it cost in quality?",
        arms=(
            *(arm for arm in ARMS if arm.name in CHOSEN),
            Arm(
                name="nar",
                summary="3-d anti-diagonals by a model of raster order: the negative control",
                maker="decoding",
                params={"schedule": "nar"},
            ),
        ),
        baseline="sequential",
        scales={"smoke": scale("smoke", 6), "small": scale("small", 64), "full": scale("full", 256)},
        metrics=METRICS,
        primary_speed="frames_per_second",
        primary_quality="model_bits_per_token",
        margin=MARGIN,
        margin_why=(
            "half of the least that the control loses: nar costs 0.35 [0.25, 0.45] bits with a prompt frame and 0.36 "
            "[0.27, 0.45] without, on 64 validation clips (a pilot that is not committed)"
        ),
        thresholds=(
            *(threshold for threshold in thresholds(METRICS) if threshold.metric != "model_bits_per_token"),
            Threshold(metric="model_bits_per_token", tau=MARGIN, why="the margin"),
        ),
        negative_control="nar",
    )
)
