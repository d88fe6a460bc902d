"""Peak signal-to-noise ratio against the true continuation.

Formula: ``PSNR = 10 log10(255² / MSE)`` per frame, the mean squared error over all pixels and channels; a trial's
value is the mean over its frames. At most 100 dB: the cap stands in for the infinity of identical frames, which would
swallow every mean. One grey level in one value of a 64 × 64 frame is 89 dB, so the cap touches nothing that a
reader would call a difference.

Shapes: video and reference uint8 ``[frames, height, width, 3]``, equal; one value per frame.
Range: 0 (black against white) to 100.
Unit: dB.
Direction: higher is better.
Minimum n: 6 blocks for a verdict.
Preprocessing: none; RGB as decoded, no luma, no cropping.
Errors: other dtypes, ranks or channels, no frame, different shapes (:class:`harness.errors.DiptychError`). None
without a true continuation.
Reference: ``skimage.metrics.peak_signal_noise_ratio``; Huynh-Thu and Ghanbari, Scope of validity of PSNR in image/video
quality assessment, Electronics Letters 44(13), 2008.

Example:
    >>> import numpy as np
    >>> true = np.full((2, 16, 16, 3), 100, np.uint8)
    >>> made = true.copy()
    >>> made[1] += 10
    >>> [round(value, 2) for value in psnr(made, true)]
    [100.0, 28.13]
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.metrics.by_frame import check_pair, over_frames
from harness.registry import register
from harness.types import Made, Metric

CAP_DB = 100.0


def psnr(video: NDArray[np.uint8], reference: NDArray[np.uint8]) -> list[float]:
    """Return the PSNR of every frame, in dB.

    Args:
        video: uint8 ``[frames, height, width, 3]``.
        reference: The same shape.

    Raises:
        DiptychError: Shapes or types do not fit.
    """
    from skimage.metrics import peak_signal_noise_ratio

    check_pair(video, reference)
    return [
        CAP_DB
        if np.array_equal(made, true)
        else min(float(peak_signal_noise_ratio(true, made, data_range=255)), CAP_DB)
        for made, true in zip(video, reference, strict=True)
    ]


def per_frame(made: Made) -> list[float] | None:
    """Return :func:`psnr` of what was made, or None without a true continuation."""
    return None if made.reference is None else psnr(made.video, made.reference)


register("metric", "psnr")(
    Metric(
        name="psnr",
        summary="peak signal-to-noise ratio against the true continuation, mean over frames, at most 100 dB",
        unit="dB",
        direction="higher",
        scale="difference",
        compute=over_frames(per_frame),
        per_frame=per_frame,
        quality=True,
        packages=("scikit-image",),
    )
)
