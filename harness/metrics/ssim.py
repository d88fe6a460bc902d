"""Structural similarity to the true continuation, in [-1, 1], higher is better.

Wang et al. 2004: Gaussian window of sigma 1.5 (11 × 11), population covariance, data range 255, mean over channels and
frames, as ``skimage.metrics.structural_similarity`` computes it. Frames smaller than the window have no SSIM: None.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.metrics.psnr import check_shapes
from harness.registry import register
from harness.types import Made, Metric

WINDOW = 11


def ssim(video: NDArray[np.uint8], reference: NDArray[np.uint8]) -> float | None:
    """Return the mean SSIM over frames, or None for frames smaller than 11 × 11.

    Args:
        video: uint8 ``[frames, height, width, 3]``.
        reference: The same shape.

    Raises:
        DiptychError: Shapes or types do not fit.
    """
    check_shapes(video, reference)
    if min(video.shape[1:3]) < WINDOW:
        return None
    from skimage.metrics import structural_similarity

    values = [
        structural_similarity(
            true, made, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, channel_axis=-1, data_range=255
        )
        for made, true in zip(video, reference, strict=True)
    ]
    return float(np.mean(values))


def compute(made: Made) -> float | None:
    """Return :func:`ssim` of what was made, or None without a true continuation."""
    return None if made.reference is None else ssim(made.video, made.reference)


register("metric", "ssim")(
    Metric(
        name="ssim",
        summary="structural similarity to the true continuation, mean over frames",
        unit="ssim",
        direction="higher",
        scale="difference",
        compute=compute,
        quality=True,
        packages=("scikit-image",),
    )
)
