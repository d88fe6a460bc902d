"""Subject consistency: whether what moves by itself keeps its looks. VBench's is DINO's; the light one EfficientNet's.

Formula: per frame from the second on, the mean of the cosines between its subject's features and those of the frame
before and of the first frame, negative ones as 0; a trial's value is the mean over these frames. The subject's features
are, for ``[efficientnet-lite0]``, the mean of EfficientNet-Lite0's feature map (7 × 7 places), weighted by how far each
place's optical flow (RAFT-small) differs from the frame's median flow: half at 1 % of the shorter side per step. Where
nothing moves by itself, the subject is the whole frame. For ``[dino-vitb16]``, VBench's, they are the class token of
DINO's ViT-B/16 on the whole frame. VBench takes the mean over all frames of all videos; per video the two are equal.
Shapes: video uint8 ``[frames >= 2, height, width, 3]``, sides of at least 16 pixels; one value per frame but the first.
Range: 0 to 1.
Unit: cosine.
Direction: higher is better; a still picture is perfect, so that it is read beside the motion.
Minimum n: 6 blocks for a verdict.
Preprocessing: ImageNet's mean and deviation; float32 on the CPU. Frames scaled to 224 × 224 (bilinear, antialiased);
for ``[dino-vitb16]`` the shorter side to 224 without antialiasing, as VBench, whole and in their proportions.
Errors: a single frame, or smaller ones, have no value (:class:`harness.errors.NoValueError`), nor for ``[dino-vitb16]``
have frames more than eight times as long as wide; weights that are not on this machine make the metric absent.
Reference: Huang et al., VBench, CVPR 2024 (arXiv 2311.17982), ``subject_consistency.py``; ``[efficientnet-lite0]`` is
its scheme with another network, and with a subject that is told apart. Caron et al., DINO (arXiv 2104.14294).

Example:
    >>> SUBJECT_CONSISTENCY.name, SUBJECT_CONSISTENCY.first_frame
    ('subject_consistency[efficientnet-lite0]', 1)
"""

from __future__ import annotations

from harness.metrics.by_scorer import scored_metric
from harness.registry import register

SUBJECT_CONSISTENCY = register("metric", "subject_consistency[efficientnet-lite0]")(
    scored_metric(
        "subject_consistency[efficientnet-lite0]",
        "subject-efficientnet-lite0",
        "subject consistency: EfficientNet-Lite0's features where things move by themselves",
        "cosine",
        "higher",
        first_frame=1,
        assets=("efficientnet-lite0-imagenet", "raft-small"),
        packages=("torch", "torchvision"),
    )
)
REFERENCE_SUBJECT_CONSISTENCY = register("metric", "subject_consistency[dino-vitb16]")(
    scored_metric(
        "subject_consistency[dino-vitb16]",
        "subject-dino-vitb16",
        "subject consistency as VBench measures it: DINO's ViT-B/16",
        "cosine",
        "higher",
        first_frame=1,
        assets=("dino-vitb16",),
        packages=("torch", "torchvision"),
    )
)
