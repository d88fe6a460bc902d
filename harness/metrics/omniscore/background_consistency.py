"""Background consistency: whether what does not move by itself stays. VBench's is CLIP's; the light one EfficientNet's.

Formula: that of subject consistency with the weights of the rest: 1 minus the subject's.
Shapes: video uint8 ``[frames >= 2, height, width, 3]``, sides of at least 16 pixels; one value per frame but the first.
Range: 0 to 1.
Unit: cosine.
Direction: higher is better; a still picture is perfect.
Minimum n: 6 blocks for a verdict.
Preprocessing: that of subject consistency, with which it shares features and flow.
Errors: a single frame, or smaller ones, have no value (:class:`harness.errors.NoValueError`); weights that are not on
this machine make the metric absent.
Reference: Huang et al., VBench, CVPR 2024 (arXiv 2311.17982); which notes on VideoDPO list it among OmniScore's parts
is open (seven or eight sub-scores), hence a preset for each.

Example:
    >>> BACKGROUND_CONSISTENCY.name
    'background_consistency[efficientnet-lite0]'
"""

from __future__ import annotations

from harness.metrics.by_scorer import scored_metric
from harness.registry import register

BACKGROUND_CONSISTENCY = register("metric", "background_consistency[efficientnet-lite0]")(
    scored_metric(
        "background_consistency[efficientnet-lite0]",
        "background-efficientnet-lite0",
        "background consistency: EfficientNet-Lite0's features where nothing moves by itself",
        "cosine",
        "higher",
        first_frame=1,
        assets=("efficientnet-lite0-imagenet", "raft-small"),
        packages=("torch", "torchvision"),
    )
)
