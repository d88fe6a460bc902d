"""Fréchet distances to the true continuations, in feature spaces other than I3D, lower is better.

FVD means I3D features and nothing else; these are named ``frechet[space]``. One value per *set* of clips: the
arithmetic is :func:`harness.stats.frechet.frechet_distance`, the interval a joint group jackknife
(:mod:`harness.stats.jackknife`). A verdict needs at least 64 clips and more clips than feature dimensions.
"""

from __future__ import annotations

from harness.registry import register
from harness.stats.frechet import frechet_distance
from harness.stats.jackknife import MINIMUM_CLIPS
from harness.types import Made, Metric


def per_set(made: Made) -> None:
    """Return None: a set metric has no value of a single trial."""


register("metric", "frechet[tokenizer-crafter]")(
    Metric(
        name="frechet[tokenizer-crafter]",
        summary="Fréchet distance to the true continuations in the features of the Crafter tokenizer",
        unit="frechet",
        direction="lower",
        scale="set",
        compute=per_set,
        minimum_n=MINIMUM_CLIPS,
        quality=True,
        feature_space="tokenizer-crafter",
        distance=frechet_distance,
        needs_full_rank=True,
    )
)
