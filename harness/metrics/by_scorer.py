"""Metrics that a registered scorer gives: values of frames, or of steps from frame to frame, and their mean."""

from __future__ import annotations

from functools import cache

from harness.metrics.by_frame import PerFrame, over_frames
from harness.protocols import Scorer
from harness.registry import REGISTRY
from harness.types import Direction, Made, Metric


@cache
def scorer(name: str) -> Scorer:
    """The registered scorer, on the CPU, built once per process."""
    built: Scorer = REGISTRY.get("scorer", name)("cpu")
    return built


def by_scorer(name: str) -> PerFrame:
    """Return a function from what was made to the scorer's values of its video."""

    def per_frame(made: Made) -> list[float] | None:
        video = made.video  # where there is none, no network is built
        return [float(value) for value in scorer(name)(video)]

    return per_frame


def scored_metric(
    name: str,
    scored_by: str,
    summary: str,
    unit: str,
    direction: Direction,
    *,
    first_frame: int = 0,
    every_frames: int = 1,
    assets: tuple[str, ...] = (),
    packages: tuple[str, ...] = ("torch",),
) -> Metric:
    """Declare a metric whose values of frames are a scorer's, and whose value is their mean.

    Args:
        name: ``DIMENSION[BACKEND]``.
        scored_by: The registered scorer.
        summary: One line.
        unit: Of the values.
        direction: Which way is better.
        first_frame: Frame of the first value.
        every_frames: Frames from one value to the next.
        assets: Weight files that it cannot do without.
        packages: Distributions whose version can change its numbers.
    """
    per_frame = by_scorer(scored_by)
    return Metric(
        name=name,
        summary=summary,
        unit=unit,
        direction=direction,
        scale="difference",
        compute=over_frames(per_frame),
        per_frame=per_frame,
        first_frame=first_frame,
        every_frames=every_frames,
        quality=True,
        packages=packages,
        assets=assets,
        needs=(),
    )
