"""Sequential against diagonal decoding on a second world: the arms of suite ``decoding`` on first-person 3-D views.

A suite of its own, so that each world is judged by the margin, thresholds and feature space that were measured on it.
The scale ``validation`` is where those of this suite come from.
"""

from __future__ import annotations

from harness.registry import register
from harness.types import Case, Scale, Suite, Threshold
from suites.decoding import ARMS, METRICS, SAMPLING, THRESHOLDS

MODEL = "video-transformer-vizdoom-6x8"
GROUP = "vizdoom-6x8"
VIZDOOM_METRICS = (
    *(name for name in METRICS if "[" not in name),  # those in brackets look through a network of one world
    "frechet[tokenizer-vizdoom]",
    "kvd[tokenizer-vizdoom]",
)

MARGIN = 0.006
MARGIN_WHY = (
    "half of the least that the negative control loses: frame-at-once costs 0.020 [0.013, 0.028] of SSIM on 128 "
    "validation clips (results/baselines/decoding-vizdoom, scale validation)"
)
QUARTER = "a quarter of what frame-at-once costs on those validation clips"
OF_THE_WORLD = (
    Threshold(metric="ssim", tau=0.005, why=QUARTER),
    Threshold(metric="psnr", tau=0.17, why=QUARTER),
    Threshold(metric="model_bits_per_token", tau=0.4, why=QUARTER),
    Threshold(metric="token_accuracy", tau=0.011, why=QUARTER),
    Threshold(metric="frechet[tokenizer-vizdoom]", tau=0.05, why=QUARTER),
    Threshold(metric="kvd[tokenizer-vizdoom]", tau=0.0035, why=QUARTER),
)
OWN = {threshold.metric for threshold in OF_THE_WORLD}


def thresholds(metrics: tuple[str, ...]) -> tuple[Threshold, ...]:
    """Thresholds of those of ``metrics`` that have one: quality's of this world, the machine's as in ``decoding``."""
    shared = (threshold for threshold in THRESHOLDS if threshold.metric not in OWN)
    return tuple(threshold for threshold in (*shared, *OF_THE_WORLD) if threshold.metric in metrics)


def cases(count: int, split: str = "test") -> tuple[Case, ...]:
    """``count`` clips of a split, one case each; the scenarios take turns."""
    return tuple(
        Case(
            name=f"{GROUP}/{split}/{index:04d}",
            group=GROUP,
            model=MODEL,
            params={"split": split, "index": index, "of": count, **SAMPLING},
        )
        for index in range(count)
    )


def scale(name: str, clips: int, split: str = "test") -> Scale:
    """A scale by its number of clips."""
    return Scale(name=name, cases=cases(clips, split))


DECODING_VIZDOOM = register("suite", "decoding-vizdoom")(
    Suite(
        name="decoding-vizdoom",
        version=2,
        question="Does what diagonal decoding gains and costs on Crafter hold on first-person 3-D views?",
        arms=ARMS,
        baseline="sequential",
        scales={
            "smoke": scale("smoke", 8),
            "small": scale("small", 64),
            "full": scale("full", 256),
            "validation": scale("validation", 128, "validation"),
        },
        metrics=VIZDOOM_METRICS,
        primary_speed="frames_per_second",
        primary_quality="ssim",
        margin=MARGIN,
        margin_why=MARGIN_WHY,
        thresholds=thresholds(VIZDOOM_METRICS),
        negative_control="frame-at-once",
    )
)
