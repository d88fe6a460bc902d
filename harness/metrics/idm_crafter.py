"""Distances to the true continuations in the features of the Crafter inverse-dynamics network, lower is better.

The arithmetic, the shapes and the errors are those of :mod:`harness.metrics.frechet` and :mod:`harness.metrics.kvd`.
The space has 48 dimensions (:class:`models.extractors.idm.IDMFeatures`): what is in the frames and what is done between
them, mean and spread over a clip. It knows Crafter only; ``frechet[idm-crafter]`` is no FVD.
"""

from __future__ import annotations

from harness.registry import register
from harness.stats.frechet import frechet_distance
from harness.stats.jackknife import MINIMUM_CLIPS, MINIMUM_GROUPS
from harness.stats.kvd import kernel_distance
from harness.types import Made, Metric

WORLDS = ("crafter-9x9", "crafter-15x24")


def per_set(made: Made) -> None:
    """Return None: a set metric has no value of a single trial."""


register("metric", "frechet[idm-crafter]")(
    Metric(
        name="frechet[idm-crafter]",
        summary="Fréchet distance to the true continuations in the features of the Crafter inverse-dynamics network",
        unit="frechet",
        direction="lower",
        scale="set",
        compute=per_set,
        minimum_n=MINIMUM_CLIPS,
        quality=True,
        feature_space="idm-crafter",
        distance=frechet_distance,
        needs_full_rank=True,
        worlds=WORLDS,
    )
)
register("metric", "kvd[idm-crafter]")(
    Metric(
        name="kvd[idm-crafter]",
        summary="unbiased kernel distance (MMD²) to the true continuations in the features of that network",
        unit="mmd2",
        direction="lower",
        scale="set",
        compute=per_set,
        minimum_n=MINIMUM_GROUPS,
        quality=True,
        feature_space="idm-crafter",
        distance=kernel_distance,
        worlds=WORLDS,
    )
)
