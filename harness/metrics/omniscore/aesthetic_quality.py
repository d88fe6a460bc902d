"""Aesthetic quality: how beautiful single frames are. VBench's is LAION's head on CLIP; the light one NIMA's MobileNet.

Formula: per frame, for ``[nima-mobilenet]`` the mean of the ten grades under the histogram that NIMA predicts; for
``[laion-clip-vitl14]``, VBench's, LAION's linear head on CLIP's image features of unit length, over 10. A trial's value
is the mean over its frames.
Shapes: video uint8 ``[frames, height, width, 3]``, sides of at least 16 pixels; one value per frame.
Range: 1 to 10; photographs mostly 3 to 7. ``[laion-clip-vitl14]``: about 0 to 1; the head knows no bounds.
Unit: grade; ``[laion-clip-vitl14]``: grade over 10.
Direction: higher is better.
Minimum n: 6 blocks for a verdict.
Preprocessing: scaled to 224 × 224 (bilinear, antialiased), RGB to [-1, 1]; float32 on the CPU. ``[laion-clip-vitl14]``:
the shorter side to 224 by a cubic without antialiasing, the middle square, CLIP's mean and deviation, float32 on the
CPU (VBench computes the features in float16 on a GPU).
Errors: smaller frames have no value (:class:`harness.errors.NoValueError`); weights that are not on this machine, or
for ``[laion-clip-vitl14]`` the package transformers (``diptych[reference]``), make the metric absent.
Reference: Talebi and Milanfar, NIMA: Neural image assessment, IEEE TIP 27(8), 2018 (arXiv 1709.05424); weights of
idealo/image-quality-assessment, trained on AVA, whose photographs no rendered world resembles. Huang et al., VBench
(arXiv 2311.17982), ``aesthetic_quality.py``; LAION-AI/aesthetic-predictor; Radford et al., CLIP (arXiv 2103.00020).

Example:
    >>> AESTHETIC_QUALITY.name, AESTHETIC_QUALITY.unit
    ('aesthetic_quality[nima-mobilenet]', 'grade')
"""

from __future__ import annotations

from harness.metrics.by_scorer import scored_metric
from harness.registry import register

AESTHETIC_QUALITY = register("metric", "aesthetic_quality[nima-mobilenet]")(
    scored_metric(
        "aesthetic_quality[nima-mobilenet]",
        "nima-mobilenet",
        "aesthetic quality: NIMA's MobileNet, mean over frames",
        "grade",
        "higher",
        assets=("nima-mobilenet-ava",),
    )
)
REFERENCE_AESTHETIC_QUALITY = register("metric", "aesthetic_quality[laion-clip-vitl14]")(
    scored_metric(
        "aesthetic_quality[laion-clip-vitl14]",
        "laion-clip-vitl14",
        "aesthetic quality as VBench measures it: LAION's head on CLIP's ViT-L/14, over 10, mean over frames",
        "grade over 10",
        "higher",
        assets=("clip-vitl14", "laion-aesthetic-vitl14"),
        packages=("torch", "transformers"),
    )
)
