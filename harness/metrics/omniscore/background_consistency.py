"""Background consistency: whether what does not move by itself stays. VBench's is CLIP's; the light one EfficientNet's.

Formula: that of subject consistency: for ``[efficientnet-lite0]`` with the weights of the rest, 1 minus the subject's;
for ``[clip-vitb32]``, VBench's, with the image features of CLIP's ViT-B/32.
Shapes: video uint8 ``[frames >= 2, height, width, 3]``, sides of at least 16 pixels; one value per frame but the first.
Range: 0 to 1.
Unit: cosine.
Direction: higher is better; a still picture is perfect.
Minimum n: 6 blocks for a verdict.
Preprocessing: that of subject consistency, with which ``[efficientnet-lite0]`` shares features and flow; for
``[clip-vitb32]`` the shorter side to 224 by a cubic without antialiasing, the middle square, CLIP's mean and deviation,
float32 on the CPU (VBench computes in float16 on a GPU).
Errors: a single frame, or smaller ones, have no value (:class:`harness.errors.NoValueError`); weights that are not on
this machine, or for ``[clip-vitb32]`` the package transformers (``diptych[reference]``), make the metric absent.
Reference: Huang et al., VBench, CVPR 2024 (arXiv 2311.17982), ``background_consistency.py``; Radford et al., CLIP
(arXiv 2103.00020). Which notes on VideoDPO list it among OmniScore's parts is open (seven or eight sub-scores), hence a
preset for each.

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
REFERENCE_BACKGROUND_CONSISTENCY = register("metric", "background_consistency[clip-vitb32]")(
    scored_metric(
        "background_consistency[clip-vitb32]",
        "background-clip-vitb32",
        "background consistency as VBench measures it: CLIP's ViT-B/32",
        "cosine",
        "higher",
        first_frame=1,
        assets=("clip-vitb32",),
        packages=("torch", "transformers"),
    )
)
