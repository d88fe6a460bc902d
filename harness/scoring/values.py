"""Values of one video: metric by metric, so that what one cannot do costs no other; composites from their parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from harness.errors import DiptychError, NoValueError
from harness.trial import metric_frame_values, metric_values
from harness.types import Case, Made, Metric

NO_CASE = Case(name="score", group="score", model="")


@dataclass
class Values:
    """What metrics make of one video.

    Attributes:
        scores: Metric → value; None where it has none. A metric that raised is not in it.
        frame_scores: Metric → one value per frame, where it has such.
        reasons: Metric → why it has no value.
        failed: Metrics that memory or the disk failed: the same video may have a value another time.
    """

    scores: dict[str, float | None] = field(default_factory=dict)
    frame_scores: dict[str, list[float]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)


def made_of(video: NDArray[np.uint8], reference: NDArray[np.uint8] | None = None, caption: str | None = None) -> Made:
    """What is known of a video of which nobody knows how it was made."""
    return Made(
        video=video,
        reference=reference,
        prompt=None,
        seconds=[],
        first_call_seconds=None,
        prefill_seconds=None,
        peak_memory_bytes=None,
        counts={"frames": len(video)},
        values={},
        hashes={},
        caption=caption,
    )


def values_of(made: Made, metrics: Mapping[str, Metric]) -> Values:
    """Compute metrics of single videos that are no composites, each on its own.

    Args:
        made: The video, with its reference or caption where metrics need them.
        metrics: By name.
    """
    found = Values()
    for name, metric in metrics.items():
        # nobody knows a video's world: who asks for a metric of some worlds says that it is of one
        of_world = replace(made, world=next(iter(metric.worlds), None))
        why: dict[str, str] = {}
        try:
            by_frame = metric_frame_values(of_world, NO_CASE, {name: metric}, why)
            found.scores |= metric_values(of_world, NO_CASE, {name: metric}, by_frame, why)
            found.frame_scores |= by_frame
            if found.scores[name] is None:
                found.reasons[name] = why.get(name) or f"{name} has no value for {size(made.video)}"
        except Exception as error:  # noqa: BLE001 - what a metric cannot do is told; the rest goes on
            found.reasons[name] = told(error)
            if isinstance(error, OSError | MemoryError):
                found.failed.add(name)
    return found


def combine(scores: dict[str, float | None], composites: Mapping[str, Metric], reasons: dict[str, str]) -> None:
    """Put composites together from the parts' values in ``scores``, and add them, or the reason why one is absent."""
    for name, metric in composites.items():
        assert metric.combine is not None
        try:
            scores[name] = metric.combine(scores)
        except NoValueError as error:
            scores[name] = None
            reasons[name] = str(error)


def size(frames: NDArray[np.uint8]) -> str:
    """A video's size in words."""
    count, height, width = frames.shape[:3]
    return f"{count} frame{'s' if count != 1 else ''} of {height}x{width}"


def told(error: Exception) -> str:
    """An error in one line."""
    text = str(error).strip().split("\n")[0]
    if isinstance(error, DiptychError | ValueError) and text:
        return text.removeprefix("clip 0: ").removeprefix("clip 0 ")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
