"""When frames are there: the first one, and each next one; what somebody who watches while it decodes waits for.

Formula: ``time_to_first_frame_seconds`` = from the start of a generation, prefill included, to the last token of
its first frame; ``inter_frame_latency_seconds`` = median over frames of the time from its last token to the next's.

Shapes: the maker's seconds to each frame; one value per trial.
Range: above 0 (an order that completes two frames in one pass has 0 between them).
Unit: s.
Direction: lower is better.
Minimum n: 6 blocks for a verdict; analysed as log-ratios of pairs.
Preprocessing: of the last timed repeat; frames are handed out in order, so one that is ready early waits.
Errors: none; None where the maker tells no times of frames, between frames for a single one, and for 0.
Reference: time to first token and inter-token latency of text generation, with frames for tokens.

Example:
    >>> from harness.types import Made
    >>> made = Made(None, None, None, [1.25], None, None, None, {}, {}, {}, frame_seconds=[0.5, 0.75, 1.25])
    >>> time_to_first_frame_seconds(made), inter_frame_latency_seconds(made)
    (0.5, 0.375)
"""

from __future__ import annotations

from itertools import pairwise
from statistics import median

from harness.registry import register
from harness.types import Made, Metric


def time_to_first_frame_seconds(made: Made) -> float | None:
    """Return the seconds to the first frame, or None where they are not told."""
    return made.frame_seconds[0] if made.frame_seconds and made.frame_seconds[0] > 0 else None


def inter_frame_latency_seconds(made: Made) -> float | None:
    """Return the median seconds between frames; None below two frames, and for 0, which has no ratio."""
    between = [later - sooner for sooner, later in pairwise(made.frame_seconds)]
    return median(between) if between and median(between) > 0 else None


register("metric", "time_to_first_frame_seconds")(
    Metric(
        name="time_to_first_frame_seconds",
        summary="seconds from the start of a generation to its first complete frame, prefill included",
        unit="s",
        direction="lower",
        scale="ratio",
        machine=True,
        compute=time_to_first_frame_seconds,
    )
)
register("metric", "inter_frame_latency_seconds")(
    Metric(
        name="inter_frame_latency_seconds",
        summary="median seconds from one complete frame to the next",
        unit="s",
        direction="lower",
        scale="ratio",
        machine=True,
        compute=inter_frame_latency_seconds,
    )
)
