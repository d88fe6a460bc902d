"""Structural similarity to the true continuation.

Formula: with means, variances and covariance of the two frames under a Gaussian window of sigma 1.5 (11 × 11),
``SSIM = (2 μx μy + c1)(2 σxy + c2) / ((μx² + μy² + c1)(σx² + σy² + c2))`` at every place, ``c1 = (0.01 · 255)²``,
``c2 = (0.03 · 255)²``; a frame's value is the mean over the places whose window lies inside the frame and over
channels, a trial's the mean over its frames.

Shapes: video and reference uint8 ``[frames, height >= 11, width >= 11, 3]``, equal; one value per frame.
Range: -1 to 1; 1 for equal frames only.
Unit: none.
Direction: higher is better.
Minimum n: 6 blocks for a verdict.
Preprocessing: none; every RGB channel by itself, population covariance, no downscaling.
Errors: other dtypes, ranks or channels, no frame, different shapes (:class:`harness.errors.DiptychError`). None
without a true continuation and for frames smaller than the window.
Reference: ``skimage.metrics.structural_similarity`` with the settings of Wang, Bovik, Sheikh, Simoncelli, Image quality
assessment: from error visibility to structural similarity, IEEE TIP 13(4), 2004. Other libraries also count the places
at the border, whose windows hold mirrored pixels: on real clips that moved a frame's value by up to 0.09.

Example:
    >>> import numpy as np
    >>> true = np.full((2, 16, 16, 3), 100, np.uint8)
    >>> made = true.copy()
    >>> made[1] += 10  # no structure in either: (2 · 100 · 110 + c1) / (100² + 110² + c1)
    >>> [round(value, 5) for value in ssim(made, true)]
    [1.0, 0.99548]
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.metrics.by_frame import check_pair, over_frames
from harness.registry import register
from harness.types import Made, Metric

WINDOW = 11


def ssim(video: NDArray[np.uint8], reference: NDArray[np.uint8]) -> list[float] | None:
    """Return the SSIM of every frame, or None for frames smaller than 11 × 11.

    Args:
        video: uint8 ``[frames, height, width, 3]``.
        reference: The same shape.

    Raises:
        DiptychError: Shapes or types do not fit.
    """
    check_pair(video, reference)
    if min(video.shape[1:3]) < WINDOW:
        return None
    from skimage.metrics import structural_similarity

    return [
        float(
            structural_similarity(
                true,
                made,
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
                channel_axis=-1,
                data_range=255,
            )
        )
        for made, true in zip(video, reference, strict=True)
    ]


def per_frame(made: Made) -> list[float] | None:
    """Return :func:`ssim` of what was made, or None without a true continuation."""
    return None if made.reference is None else ssim(made.video, made.reference)


register("metric", "ssim")(
    Metric(
        name="ssim",
        summary="structural similarity to the true continuation, mean over frames",
        unit="ssim",
        direction="higher",
        scale="difference",
        compute=over_frames(per_frame),
        per_frame=per_frame,
        quality=True,
        packages=("scikit-image",),
    )
)
