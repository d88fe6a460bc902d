"""Temporal flicker: how much pixels change from one frame to the next, in grey levels."""

import numpy as np

from harness.types import Made, Metric


def flicker(made: Made) -> float | None:
    """Mean absolute difference of consecutive frames; None for a single frame."""
    if len(made.video) < 2:
        return None
    return float(np.abs(np.diff(made.video.astype(np.int16), axis=0)).mean())


FLICKER = Metric(
    name="flicker",
    summary="mean absolute difference of consecutive frames",
    unit="grey levels",
    direction="lower",
    scale="difference",
    compute=flicker,
    quality=True,
)
