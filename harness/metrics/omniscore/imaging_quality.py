"""Imaging quality: noise, blur and other distortions of single frames. The reference is VBench's MUSIQ, light BRISQUE.

Formula: ``[musiq-spaq]``: per frame, the grade of a transformer over patches at three scales, trained on people's
grades of smartphone photographs. ``[brisque]``: per frame, BRISQUE's regression on the moments of locally normalised
contrasts and of their products with neighbours, at the frame's size and at half of it. A trial's value is the mean over
its frames.
Shapes: video uint8 ``[frames, height, width, 3]``, sides of at least 16 pixels; one value per frame.
Range: ``[musiq-spaq]`` about 0 to 100, unbounded in principle; ``[brisque]`` about 0 (natural) to 100 (distorted), and
beyond both.
Unit: musiq, which VBench divides by 100; brisque.
Direction: ``[musiq-spaq]`` higher, ``[brisque]`` lower is better.
Minimum n: 6 blocks for a verdict.
Preprocessing: ``[musiq-spaq]``: a longer side of more than 512 pixels is scaled down to that (bilinear, no
antialiasing, as VBench); RGB to [-1, 1]; seen at longer sides of 224 and 384 (bicubic) and as it is; float32 on the
CPU. ``[brisque]``: grey of RGB in [0, 1] (weights .2125, .7154, .0721); frames are not resized.
Errors: smaller frames have no value, with ``[brisque]`` also those without contrast
(:class:`harness.errors.NoValueError`); weights that are not on this machine make the metric absent.
Reference: Ke et al., MUSIQ: Multi-scale image quality transformer, ICCV 2021 (arXiv 2108.05997), weights of pyiqa;
Huang et al., VBench, CVPR 2024 (arXiv 2311.17982), ``imaging_quality.py``. Mittal, Moorthy and Bovik, No-reference
image quality assessment in the spatial domain, IEEE TIP 21(12), 2012. Both were fitted on photographs: on rendered
worlds they tell distortions apart, and their level means nothing.

Example:
    >>> IMAGING_QUALITY.name, IMAGING_QUALITY.direction, IMAGING_QUALITY.assets
    ('imaging_quality[brisque]', 'lower', ('brisque-live',))
    >>> IMAGING_QUALITY_MUSIQ.name, IMAGING_QUALITY_MUSIQ.direction, IMAGING_QUALITY_MUSIQ.assets
    ('imaging_quality[musiq-spaq]', 'higher', ('musiq-spaq',))
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
IMAGING_QUALITY_MUSIQ = register("metric", "imaging_quality[musiq-spaq]")(
    scored_metric(
        "imaging_quality[musiq-spaq]",
        "musiq-spaq",
        "imaging quality: MUSIQ trained on SPAQ, mean over frames, as VBench before it divides by 100",
        "musiq",
        "higher",
        assets=("musiq-spaq",),
    )
)
