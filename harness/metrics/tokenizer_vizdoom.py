"""Distances to the true continuations in the features of the ViZDoom tokenizer, lower is better.

``frechet[tokenizer-vizdoom]``: ``|m1 - m2|² + Tr(C1 + C2 - 2 (C1 C2)^½)`` of means and covariances of two sets of 48
features a clip, ≥ 0; biased upwards at small n. ``kvd[tokenizer-vizdoom]``: unbiased MMD² with a cubic kernel, may be
negative. One value per *set* of clips of the world ``vizdoom-6x8``, uint8 ``[frames ≥ 2, height, width, 3]``, without
resizing; elsewhere absent. Intervals and the fewest clips are those of :mod:`harness.metrics.frechet` and
:mod:`harness.metrics.kvd`. The features are a tokenizer's, trained on this world: neither is an FVD.

Example:
    >>> from harness.metrics.tokenizer_vizdoom import METRICS
    >>> [metric.name for metric in METRICS]
    ['frechet[tokenizer-vizdoom]', 'kvd[tokenizer-vizdoom]']
"""

from __future__ import annotations

from harness.registry import register
from harness.stats.frechet import frechet_distance
from harness.stats.jackknife import MINIMUM_CLIPS, MINIMUM_GROUPS
from harness.stats.kvd import kernel_distance
from harness.types import Made, Metric

SPACE = "tokenizer-vizdoom"
WORLDS = ("vizdoom-6x8",)


def per_set(made: Made) -> None:
    """Return None: a set metric has no value of a single trial."""


METRICS = (
    Metric(
        name=f"frechet[{SPACE}]",
        summary="Fréchet distance to the true continuations in the features of the ViZDoom tokenizer",
        unit="frechet",
        direction="lower",
        scale="set",
        compute=per_set,
        minimum_n=MINIMUM_CLIPS,
        quality=True,
        feature_space=SPACE,
        distance=frechet_distance,
        needs_full_rank=True,
        worlds=WORLDS,
    ),
    Metric(
        name=f"kvd[{SPACE}]",
        summary="unbiased kernel distance (MMD²) to the true continuations in the features of the ViZDoom tokenizer",
        unit="mmd2",
        direction="lower",
        scale="set",
        compute=per_set,
        minimum_n=MINIMUM_GROUPS,
        quality=True,
        feature_space=SPACE,
        distance=kernel_distance,
        worlds=WORLDS,
    ),
)
for each in METRICS:
    register("metric", each.name)(each)
