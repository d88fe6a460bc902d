"""Aesthetic quality: how beautiful single frames are. VBench's is LAION's head on CLIP; the light one NIMA's MobileNet.

Formula: per frame, the mean of the ten grades under the histogram that NIMA predicts; a trial's value is the mean over
its frames.
Shapes: video uint8 ``[frames, height, width, 3]``, sides of at least 16 pixels; one value per frame.
Range: 1 to 10; photographs mostly 3 to 7.
Unit: grade.
Direction: higher is better.
Minimum n: 6 blocks for a verdict.
Preprocessing: scaled to 224 × 224 (bilinear, antialiased), RGB to [-1, 1]; float32 on the CPU.
Errors: smaller frames have no value (:class:`harness.errors.NoValueError`); weights that are not on this machine make
the metric absent.
Reference: Talebi and Milanfar, NIMA: Neural image assessment, IEEE TIP 27(8), 2018 (arXiv 1709.05424); weights of
idealo/image-quality-assessment, trained on AVA, whose photographs no rendered world resembles.

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
