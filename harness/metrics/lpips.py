"""Learned perceptual distances to the true continuation: LPIPS, and its shift-tolerant variant.

Formula: ``d = Σ_l mean over places Σ_c w_lc (f_lc(x) − f_lc(y))²`` per frame, with ``f_l`` the features of stage l of
an AlexNet, scaled at every place to unit length over channels, and ``w`` weights fitted to human judgements; a
trial's value is the mean over its frames. ``lpips`` is version 0.1 on ImageNet's AlexNet, as the field reports it;
``st-lpips-alex`` is the shift-tolerant network, whose values are on a scale of their own: the two never meet.

Shapes: video and reference uint8 ``[frames, height, width, 3]``, equal, sides of at least 31 pixels (``lpips``) or 21
(``st-lpips-alex``); one value per frame.
Range: 0 (equal frames) upwards; other pictures lie around 0.5 to 1.
Unit: none.
Direction: lower is better.
Minimum n: 6 blocks for a verdict.
Preprocessing: RGB to [-1, 1], then ImageNet's mean and deviation; frames are never resized. In float32 on the CPU,
whatever the run's device, so that numbers do not depend on the card.
Errors: other dtypes, ranks or channels, no frame, different shapes (:class:`harness.errors.DiptychError`); weights
that are not on this machine (:class:`harness.assets.locate.AbsentError`). None without a true continuation and for
frames smaller than the network takes.
Reference: Zhang, Isola, Efros, Shechtman, Wang, The unreasonable effectiveness of deep features as a perceptual metric,
CVPR 2018 (arXiv 1801.03924; package lpips 0.1.4); Ghildyal and Liu, Shift-tolerant perceptual similarity metric, ECCV
2022 (arXiv 2207.13686; package stlpips-pytorch 0.0.2).

Example:
    The networks live in other rooms; any registered comparer does.

    >>> import numpy as np
    >>> class Brightness:
    ...     least_side = 1
    ...     def __call__(self, video, reference):
    ...         return abs(video.mean((1, 2, 3)) - reference.mean((1, 2, 3))) / 255
    >>> true = np.zeros((2, 8, 8, 3), np.uint8)
    >>> distances(np.full_like(true, 51), true, Brightness())
    [0.2, 0.2]
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from harness.metrics.by_frame import PerFrame, check_pair, over_frames
from harness.protocols import Comparer
from harness.registry import REGISTRY, register
from harness.types import Made, Metric


@cache
def comparer(name: str) -> Comparer:
    """The registered comparer, on the CPU, built once per process."""
    built: Comparer = REGISTRY.get("comparer", name)("cpu")
    return built


def distances(video: NDArray[np.uint8], reference: NDArray[np.uint8], compare: Comparer) -> list[float] | None:
    """Return the distance of every frame, or None for frames smaller than the comparer takes.

    Args:
        video: uint8 ``[frames, height, width, 3]``.
        reference: The same shape.
        compare: Network and weights.

    Raises:
        DiptychError: Shapes or types do not fit.
    """
    check_pair(video, reference)
    if min(video.shape[1:3]) < compare.least_side:
        return None
    return [float(value) for value in compare(video, reference)]


def by_comparer(name: str) -> PerFrame:
    """Return a function from what was made to :func:`distances` by the registered comparer."""

    def per_frame(made: Made) -> list[float] | None:
        return None if made.reference is None else distances(made.video, made.reference, comparer(name))

    return per_frame


_LPIPS, _ST_LPIPS = by_comparer("lpips-alex"), by_comparer("st-lpips-alex")

register("metric", "lpips")(
    Metric(
        name="lpips",
        summary="LPIPS v0.1 (AlexNet) to the true continuation, mean over frames",
        unit="lpips",
        direction="lower",
        scale="difference",
        compute=over_frames(_LPIPS),
        per_frame=_LPIPS,
        quality=True,
        assets=("alexnet-imagenet", "lpips-alex-heads"),
    )
)
register("metric", "st-lpips-alex")(
    Metric(
        name="st-lpips-alex",
        summary="shift-tolerant LPIPS (AlexNet) to the true continuation, mean over frames",
        unit="st-lpips",
        direction="lower",
        scale="difference",
        compute=over_frames(_ST_LPIPS),
        per_frame=_ST_LPIPS,
        quality=True,
        assets=("st-lpips-alex",),
    )
)
