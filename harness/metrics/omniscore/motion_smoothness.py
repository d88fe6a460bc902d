"""Motion smoothness: whether every second frame is where its neighbours put it: by AMT-S as in VBench, light by RIFE.

Formula: for the frames 1, 3, 5 … that have a neighbour on both sides, ``1 - mean |frame - interpolated| / 255`` over
pixels and channels; a trial's value is the mean over these.
Shapes: video uint8 ``[frames >= 3, height, width, 3]``, sides of at least 16 pixels; one value per frame 1, 3, 5 …
Range: 0 to 1.
Unit: agreement.
Direction: higher is better; a still picture is perfect.
Minimum n: 6 blocks for a verdict.
Preprocessing: ``[amt-s]``: padded with their borders to multiples of 16, and to 128 pixels at least; frames of more
than 1024 × 512 pixels stay as they are, but their motion is estimated at about that size, by VBench's own rule without
the memory of the card (the size depends on the clip alone); interpolated frames are cut off to whole numbers, as VBench
does. ``[rife]``: frames of more than 2¹⁸ pixels are scaled down to about that (the same holds); padded to multiples of
128 at the right and bottom. Both in float32 on the CPU.
Errors: fewer than three frames, or smaller ones, have no value (:class:`harness.errors.NoValueError`); weights that are
not on this machine make the metric absent.
Reference: Huang et al., VBench, CVPR 2024 (arXiv 2311.17982), ``motion_smoothness.py``; Li et al., AMT, CVPR 2023
(arXiv 2304.09790); Huang et al., RIFE, ECCV 2022 (arXiv 2011.06294).

Example:
    >>> MOTION_SMOOTHNESS.name, MOTION_SMOOTHNESS.every_frames
    ('motion_smoothness[rife]', 2)
    >>> MOTION_SMOOTHNESS_AMT.name, MOTION_SMOOTHNESS_AMT.assets
    ('motion_smoothness[amt-s]', ('amt-s',))
"""

from __future__ import annotations

from harness.metrics.by_scorer import scored_metric
from harness.registry import register

MOTION_SMOOTHNESS = register("metric", "motion_smoothness[rife]")(
    scored_metric(
        "motion_smoothness[rife]",
        "smoothness-rife",
        "motion smoothness: agreement of every second frame with the one that RIFE interpolates",
        "agreement",
        "higher",
        first_frame=1,
        every_frames=2,
        assets=("rife-v4",),
    )
)
MOTION_SMOOTHNESS_AMT = register("metric", "motion_smoothness[amt-s]")(
    scored_metric(
        "motion_smoothness[amt-s]",
        "smoothness-amt-s",
        "motion smoothness: agreement of every second frame with the one that AMT-S interpolates, as VBench's",
        "agreement",
        "higher",
        first_frame=1,
        every_frames=2,
        assets=("amt-s",),
    )
)
