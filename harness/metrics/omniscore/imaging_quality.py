"""Imaging quality: noise, blur and other distortions of single frames. VBench's is MUSIQ's; the light one BRISQUE.

Formula: per frame, BRISQUE's regression on the moments of locally normalised contrasts and of their products with
neighbours, at the frame's size and at half of it; a trial's value is the mean over its frames.
Shapes: video uint8 ``[frames, height, width, 3]``, sides of at least 16 pixels; one value per frame.
Range: about 0 (natural) to 100 (distorted); the regression may go beyond both.
Unit: brisque.
Direction: lower is better.
Minimum n: 6 blocks for a verdict.
Preprocessing: grey of RGB in [0, 1] (weights .2125, .7154, .0721); frames are not resized.
Errors: frames without contrast, or smaller, have no value (:class:`harness.errors.NoValueError`).
Reference: Mittal, Moorthy and Bovik, No-reference image quality assessment in the spatial domain, IEEE TIP 21(12),
2012. It was fitted on photographs: on rendered worlds it tells distortions apart, and its level means nothing.

Example:
    >>> IMAGING_QUALITY.name, IMAGING_QUALITY.direction, IMAGING_QUALITY.assets
    ('imaging_quality[brisque]', 'lower', ('brisque-live',))
"""

from __future__ import annotations

from harness.metrics.by_scorer import scored_metric
from harness.registry import register

IMAGING_QUALITY = register("metric", "imaging_quality[brisque]")(
    scored_metric(
        "imaging_quality[brisque]",
        "brisque",
        "imaging quality: BRISQUE, mean over frames",
        "brisque",
        "lower",
        assets=("brisque-live",),
        packages=("numpy", "scipy"),
    )
)
