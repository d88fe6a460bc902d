"""Peak signal-to-noise ratio against the true continuation, in dB, higher is better.

``PSNR = 10 log10(255² / MSE)`` per frame over all channels, at most 100 dB, averaged over frames. The cap stands in for
the infinity of identical frames, which would swallow every mean; one grey level in one value of a 64 × 64 frame is
89 dB, so the cap touches nothing that a reader would call a difference.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.errors import DiptychError
from harness.registry import register
from harness.types import Made, Metric

CAP_DB = 100.0


def check_shapes(video: NDArray[np.uint8], reference: NDArray[np.uint8]) -> None:
    """Refuse videos that cannot be compared frame by frame.

    Raises:
        DiptychError: Not uint8 ``[frames >= 1, height, width, 3]`` both, or of different shapes.
    """
    for name, frames in (("video", video), ("reference", reference)):
        if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3 or len(frames) == 0:
            raise DiptychError(
                f"the {name} is {frames.dtype} {list(frames.shape)}; expected uint8 [frames, height, width, 3]"
            )
    if video.shape != reference.shape:
        raise DiptychError(f"the video {list(video.shape)} and its reference {list(reference.shape)} differ in shape")


def psnr(video: NDArray[np.uint8], reference: NDArray[np.uint8]) -> float:
    """Return the mean PSNR over frames, in dB.

    Args:
        video: uint8 ``[frames, height, width, 3]``.
        reference: The same shape.

    Raises:
        DiptychError: Shapes or types do not fit.
    """
    from skimage.metrics import peak_signal_noise_ratio

    check_shapes(video, reference)
    values = [
        CAP_DB
        if np.array_equal(made, true)
        else min(float(peak_signal_noise_ratio(true, made, data_range=255)), CAP_DB)
        for made, true in zip(video, reference, strict=True)
    ]
    return float(np.mean(values))


def compute(made: Made) -> float | None:
    """Return :func:`psnr` of what was made, or None without a true continuation."""
    return None if made.reference is None else psnr(made.video, made.reference)


register("metric", "psnr")(
    Metric(
        name="psnr",
        summary="peak signal-to-noise ratio against the true continuation, mean over frames, at most 100 dB",
        unit="dB",
        direction="higher",
        scale="difference",
        compute=compute,
        quality=True,
        packages=("scikit-image",),
    )
)
