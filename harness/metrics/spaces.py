"""How a feature space gets its two metrics: the Fréchet distance and the kernel distance to the true continuations.

A space is an extractor (kind ``extractor``). Its metrics are one call in a file of their own in this package::

    register_space("tokenizer-crafter", "the Crafter tokenizer", worlds=("crafter-9x9", "crafter-15x24"))

Formula: ``frechet[space] = |μ₁ - μ₂|² + tr (S₁ + S₂ - 2 (S₁ S₂)^½)`` with unbiased covariances
(:mod:`harness.stats.frechet`); ``kvd[space]`` is the unbiased MMD² with ``k(x, y) = (x·y / d + 1)³``
(:mod:`harness.stats.kvd`). One value per *set* of clips; the interval is a joint group jackknife
(:mod:`harness.stats.jackknife`), never a bootstrap.
Shapes: a clip, uint8 ``[frames, height, width, 3]``, becomes a row, float64 ``[dimensions]``; sets are ``[n, d]``.
Range: Fréchet [0, ∞), biased upwards by O(1/n), which the jackknife removes; KVD (-∞, ∞), 0 expected for equal
distributions and never clamped.
Unit: squared units of the features (``frechet``, ``mmd2``): numbers of two spaces do not compare.
Direction: lower is better.
Minimum n: a Fréchet verdict needs 64 clips and more clips than dimensions; a kernel distance 32 cases.
Preprocessing: the extractor's; its ``context()`` is part of a run's record.
Errors: fewer than 2 clips, rows of different length, NaN or infinity: the value is absent with that reason. Where the
extractor's weights are not on a machine its metrics are absent, and the run goes on.
Reference: Dowson and Landau 1982; Heusel et al. 2017 (arXiv 1706.08500); Bińkowski et al. 2018 (arXiv 1801.01401);
Gretton et al. 2012; Unterthiner et al. 2018 (arXiv 1812.01717) for video.

Example:
    >>> import numpy as np
    >>> rows = np.random.default_rng(0).standard_normal((200, 4))
    >>> metric = frechet_metric("tokenizer-crafter", "the Crafter tokenizer")
    >>> metric.name, round(metric.distance(rows, rows), 9), round(metric.distance(rows, rows + 1.0), 9)
    ('frechet[tokenizer-crafter]', 0.0, 4.0)
"""

from __future__ import annotations

from harness.registry import REGISTRY, Registry, register
from harness.stats.frechet import frechet_distance
from harness.stats.jackknife import MINIMUM_CLIPS, MINIMUM_GROUPS
from harness.stats.kvd import kernel_distance
from harness.types import Made, Metric


def per_set(made: Made) -> None:
    """Return None: a set metric has no value of a single trial."""


def frechet_metric(
    space: str,
    features: str,
    *,
    name: str | None = None,
    summary: str | None = None,
    assets: tuple[str, ...] = (),
    worlds: tuple[str, ...] = (),
) -> Metric:
    """Declare the Fréchet distance in a space: ``D = |μ₁ - μ₂|² + tr (S₁ + S₂ - 2 (S₁ S₂)^½)``, lower is better.

    Range [0, ∞) in the squared unit of the features; biased upwards by O(1/n), which the jackknife removes. A verdict
    needs at least 64 clips and more clips than dimensions. See :mod:`harness.stats.frechet`.

    Args:
        space: Registered extractor.
        features: Whose features they are, for a reader, such as ``"the Crafter tokenizer"``.
        name: ``frechet[space]`` if None: only the distance in I3D's features is called ``fvd``.
        summary: One line; made from ``features`` if None.
        assets: Weight files that it cannot do without.
        worlds: Worlds whose clips the extractor was made for; any if empty.

    >>> frechet_metric("tokenizer-crafter", "the Crafter tokenizer").name
    'frechet[tokenizer-crafter]'
    """
    return Metric(
        name=name or f"frechet[{space}]",
        summary=summary or f"Fréchet distance to the true continuation in the features of {features}",
        unit="frechet",
        direction="lower",
        scale="set",
        compute=per_set,
        minimum_n=MINIMUM_CLIPS,
        quality=True,
        feature_space=space,
        distance=frechet_distance,
        needs_full_rank=True,
        assets=assets,
        worlds=worlds,
    )


def kernel_metric(space: str, features: str, *, assets: tuple[str, ...] = (), worlds: tuple[str, ...] = ()) -> Metric:
    """Declare the kernel distance in a space: unbiased MMD² with ``k(x, y) = (x·y / d + 1)³``, lower is better.

    Range (-∞, ∞), 0 expected for equal distributions and never clamped; a verdict needs 32 cases, and may do with
    fewer clips than dimensions. See :mod:`harness.stats.kvd`; the arguments are those of :func:`frechet_metric`.

    >>> kernel_metric("tokenizer-crafter", "the Crafter tokenizer").name
    'kvd[tokenizer-crafter]'
    """
    return Metric(
        name=f"kvd[{space}]",
        summary=f"unbiased kernel distance (MMD²) to the true continuation in the features of {features}",
        unit="mmd2",
        direction="lower",
        scale="set",
        compute=per_set,
        minimum_n=MINIMUM_GROUPS,
        quality=True,
        feature_space=space,
        distance=kernel_distance,
        assets=assets,
        worlds=worlds,
    )


def register_space(
    space: str,
    features: str,
    *,
    assets: tuple[str, ...] = (),
    worlds: tuple[str, ...] = (),
    registry: Registry = REGISTRY,
) -> None:
    """Register ``frechet[space]`` and ``kvd[space]``; the arguments are those of :func:`frechet_metric`."""
    for metric in (
        frechet_metric(space, features, assets=assets, worlds=worlds),
        kernel_metric(space, features, assets=assets, worlds=worlds),
    ):
        register("metric", metric.name, registry=registry)(metric)
