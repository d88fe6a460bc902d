"""Sequential against diagonal decoding at published sizes, with random weights: speed only."""

from __future__ import annotations

from harness.registry import register
from harness.types import Arm, Case, Scale, Suite, Value
from suites.decoding import MARGIN, SAMPLING, thresholds

METRICS = (
    "frames_per_second",
    "tokens_per_second",
    "passes",
    "time_to_first_frame_seconds",
    "inter_frame_latency_seconds",
    "energy_joules_per_frame",
    "peak_memory_bytes",
    "ssim",
)
ORDERS = (("diagonal-k1", "diagonal", 1), ("diagonal-k2", "diagonal", 2), ("diagonal-k4", "diagonal", 4))


def arm(name: str, summary: str, **params: Value) -> Arm:
    """An arm of the maker of shapes."""
    return Arm(name=name, summary=summary, maker="decoding-shape", params=params)


def cases(model: str, count: int, **params: Value) -> tuple[Case, ...]:
    """``count`` random prompts of a model."""
    return tuple(
        Case(
            name=f"{model}/random/{index:04d}",
            group=model,
            model=model,
            params={"index": index, **params, **SAMPLING},
            speed_only=True,
        )
        for index in range(count)
    )


HALF: dict[str, Value] = {"precision": "bfloat16"}
SCALES = {
    "smoke": cases("mineworld-300m-16f", 1, frames=1, **HALF),
    "small": (*cases("mineworld-300m-16f", 8, frames=1, **HALF), *cases("mineworld-700m-16f", 6, frames=1, **HALF)),
    "full": (
        *(case for size in ("300m", "700m", "1.2b") for case in cases(f"mineworld-{size}-16f", 12, **HALF)),
        *cases("wham-like-1.6b", 8, **HALF),
        *cases("cosmos-like-4b", 6, **HALF),
        *cases("cosmos-like-12b", 6, **HALF),
    ),
}

DECODING_PUBLISHED = register("suite", "decoding-published")(
    Suite(
        name="decoding-published",
        version=1,
        question="How much faster is diagonal decoding at the sizes that papers use?",
        arms=(
            arm("sequential", "next-token prediction, one token a pass", schedule="sequential"),
            *(arm(name, f"diagonals inside a frame, row delay {k}", schedule=s, k=k) for name, s, k in ORDERS),
            arm("diagonal-st-k2", "diagonals inside and across frames, row delay 2", schedule="diagonal-st", k=2),
        ),
        baseline="sequential",
        scales={name: Scale(name=name, cases=chosen) for name, chosen in SCALES.items()},
        metrics=METRICS,
        primary_speed="frames_per_second",
        primary_quality="ssim",
        margin=MARGIN,
        margin_why="never asked: the weights are random, and nothing can be said of quality",
        thresholds=thresholds(METRICS),
    )
)
