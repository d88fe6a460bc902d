"""What OmniScore says of several videos of one prompt: how far the best and the worst lie apart, and by what.

Four videos a prompt from the model itself, as VideoDPO collects them, and the same by diagonal decoding. Within a
prompt nothing differs but the drawn tokens; the variance that is left is what pairs are chosen by.
"""

from __future__ import annotations

from harness.registry import register
from harness.types import Arm, Case, Scale, Suite, Threshold
from suites.decoding import SAMPLING
from suites.omniscore_sanity import DIMENSIONS as SANITY

VIDEOS_PER_PROMPT = 4
MODELS = {"crafter-9x9": "video-transformer-crafter-9x9", "vizdoom-6x8": "video-transformer-vizdoom-6x8"}
DIMENSIONS = tuple(name for name in SANITY if not name.endswith(("[dis]", "[conse]")))
"""Those of the worlds; DIS measures what RAFT does, and class names are for natural video."""
COMPOSITES = tuple(f"omniscore[light-{world}{use}]" for world in ("crafter", "vizdoom") for use in ("", "-pairing"))
METRICS = (*DIMENSIONS, *COMPOSITES)


def scale(name: str, prompts: int, *, split: str = "test") -> Scale:
    """A scale by its number of prompts of each world."""
    cases = tuple(
        Case(
            name=f"{world}/{split}/{index:04d}",
            group=world,
            model=model,
            params={"split": split, "index": index, "of": prompts, **SAMPLING},
        )
        for world, model in MODELS.items()
        for index in range(prompts)
    )
    return Scale(name=name, cases=cases, repetitions=VIDEOS_PER_PROMPT, warmups=0)


register("suite", "omniscore-samples")(
    Suite(
        name="omniscore-samples",
        version=1,
        question="How far apart does OmniScore find videos of one prompt, and what does diagonal decoding cost in it?",
        arms=(
            Arm(
                name="sequential",
                summary="one token a pass",
                maker="decoding",
                params={"schedule": "sequential"},
            ),
            Arm(
                name="diagonal-k1",
                summary="rows overlap but for one token",
                maker="decoding",
                params={"schedule": "diagonal", "k": 1},
            ),
            Arm(
                name="frame-at-once",
                summary="all tokens of a frame in one pass: the negative control",
                maker="decoding",
                params={"schedule": "frame-at-once"},
            ),
        ),
        baseline="sequential",
        scales={
            "smoke": scale("smoke", 2),
            "calibration": scale("calibration", 12, split="validation"),
            "small": scale("small", 12),
            "full": scale("full", 64),
        },
        metrics=METRICS,
        primary_speed=None,
        primary_quality="temporal_flickering[frame-difference]",
        margin=0.01,
        margin_why="2.55 grey levels of mean difference from frame to frame",
        thresholds=tuple(
            Threshold(metric=name, tau=0.0, why="whether there is a difference, not how much it matters")
            for name in METRICS
        ),
    )
)
