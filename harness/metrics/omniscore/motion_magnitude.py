"""Motion magnitude: how much moves. The continuous companion of dynamic degree, for pairs; no VBench dimension.

Formula: per step from frame to frame, the mean length of the longest 5 % of the optical flow's vectors, in per cent of
the frame's shorter side; a trial's value is the mean over steps. VBench's dynamic degree asks whether it exceeds
``6 / 256`` of the shorter side, 2.34 %, often enough.
Shapes: video uint8 ``[frames >= 2, height, width, 3]``, sides of at least 16 pixels; one value per frame but the first.
Range: 0 upwards.
Unit: % of shorter side per step.
Direction: higher is better, by VBench's convention that a good video moves; noise and jitter move, too.
Minimum n: 6 blocks for a verdict.
Preprocessing: scaled so that the shorter side has at least 128 pixels and the frame at most 2¹⁶; RAFT-small in 8
iterations on the CPU in float32, or OpenCV's DIS (medium preset) on grey. ``[raft-things]``, VBench's: the large RAFT
in 20 iterations on frames as they are, padded to multiples of 8 by their edges; only those of more than 2²⁰ pixels are
scaled down, and those with a side of 120 pixels or less up to 128, which RAFT cannot look at otherwise.
Errors: a single frame, or smaller ones, have no value (:class:`harness.errors.NoValueError`), nor for ``[raft-things]``
have frames too long and thin for both bounds; weights that are not on this machine make the metric absent; ``[dis]``
needs OpenCV.
Reference: Teed and Deng, RAFT, ECCV 2020 (arXiv 2003.12039); Kroeger et al., ECCV 2016 (arXiv 1603.03590); the measure
is that of Huang et al., VBench (arXiv 2311.17982), ``dynamic_degree.py``, before its threshold.

Example:
    >>> [metric.name for metric in MOTION_MAGNITUDE]
    ['motion_magnitude[raft-small]', 'motion_magnitude[dis]', 'motion_magnitude[raft-things]']
"""

from __future__ import annotations

from harness.metrics.by_scorer import scored_metric
from harness.registry import register

UNIT = "% of shorter side per step"
SUMMARY = "motion: mean length of the longest 5 % of flow vectors"
MOTION_MAGNITUDE = (
    register("metric", "motion_magnitude[raft-small]")(
        scored_metric(
            "motion_magnitude[raft-small]",
            "motion-raft-small",
            f"{SUMMARY}, RAFT-small",
            UNIT,
            "higher",
            first_frame=1,
            assets=("raft-small",),
            packages=("torch", "torchvision"),
        )
    ),
    register("metric", "motion_magnitude[dis]")(
        scored_metric(
            "motion_magnitude[dis]",
            "motion-dis",
            f"{SUMMARY}, OpenCV's DIS (no weights)",
            UNIT,
            "higher",
            first_frame=1,
            packages=("opencv-python-headless",),
        )
    ),
    register("metric", "motion_magnitude[raft-things]")(
        scored_metric(
            "motion_magnitude[raft-things]",
            "motion-raft-things",
            f"{SUMMARY}, the large RAFT with VBench's weights",
            UNIT,
            "higher",
            first_frame=1,
            assets=("raft-things",),
            packages=("torch", "torchvision"),
        )
    ),
)
