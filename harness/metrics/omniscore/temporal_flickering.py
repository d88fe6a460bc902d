"""Temporal flickering: how little each frame differs from the one before, pixel by pixel; VBench's closed form.

Formula: per frame from the second on, ``(255 - mean |frame - frame before|) / 255`` over pixels and channels; a
trial's value is the mean over these frames.
Shapes: video uint8 ``[frames >= 2, height, width, 3]``; one value per frame but the first.
Range: 0 to 1.
Unit: agreement.
Direction: higher is better; any motion costs, so that VBench asks it of static prompts only, and it is read beside the
motion.
Minimum n: 6 blocks for a verdict.
Preprocessing: none.
Errors: a single frame has no value (:class:`harness.errors.NoValueError`).
Reference: Huang et al., VBench, CVPR 2024 (arXiv 2311.17982), ``temporal_flickering.py``. The backend needs no weights,
and the reference backend's is the same.

Example:
    >>> import numpy as np
    >>> flicker = np.stack([np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 51, np.uint8)])
    >>> agreement(flicker)
    [0.8]
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from harness.errors import NoValueError
from harness.metrics.by_frame import over_frames
from harness.registry import register
from harness.types import Made, Metric


def agreement(video: NDArray[np.uint8]) -> list[float]:
    """Return how much each frame but the first agrees with the one before, in [0, 1].

    Args:
        video: uint8 ``[frames, height, width, 3]``.

    Raises:
        NoValueError: A single frame.
    """
    if len(video) < 2:
        raise NoValueError(f"temporal flickering needs at least 2 frames, and the clip has {len(video)}")
    steps = pairwise(video)
    return [float((255 - np.abs(one.astype(np.int16) - other).mean()) / 255) for one, other in steps]


def per_frame(made: Made) -> list[float]:
    """Return :func:`agreement` of what was made."""
    return agreement(made.video)


TEMPORAL_FLICKERING = register("metric", "temporal_flickering[frame-difference]")(
    Metric(
        name="temporal_flickering[frame-difference]",
        summary="temporal flickering: agreement of each frame with the one before, pixel by pixel",
        unit="agreement",
        direction="higher",
        scale="difference",
        compute=over_frames(per_frame),
        per_frame=per_frame,
        first_frame=1,
        quality=True,
        packages=("numpy",),
        needs=(),
    )
)
