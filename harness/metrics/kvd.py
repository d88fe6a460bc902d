"""Kernel video distances to the true continuations, lower is better: the unbiased companion of the Fréchet distance.

One value per *set* of clips: the arithmetic is :func:`harness.stats.kvd.kernel_distance` (unbiased cubic-kernel MMD²,
may be negative), the interval a joint group jackknife (:mod:`harness.stats.jackknife`), which needs 32 cases. Unlike
the Fréchet distance it carries a verdict with fewer clips than feature dimensions.
"""

from __future__ import annotations

from harness.registry import register
from harness.stats.jackknife import MINIMUM_GROUPS
from harness.stats.kvd import kernel_distance
from harness.types import Made, Metric


def per_set(made: Made) -> None:
    """Return None: a set metric has no value of a single trial."""


register("metric", "kvd[tokenizer-crafter]")(
    Metric(
        name="kvd[tokenizer-crafter]",
        summary="unbiased kernel distance (MMD²) to the true continuations in the features of the Crafter tokenizer",
        unit="mmd2",
        direction="lower",
        scale="set",
        compute=per_set,
        minimum_n=MINIMUM_GROUPS,
        quality=True,
        feature_space="tokenizer-crafter",
        distance=kernel_distance,
    )
)
