"""Set metrics on clips of ViZDoom: distances to the true continuations, and action following, by networks of its own.

Formula: ``frechet[space]`` is ``|m1 - m2|² + Tr(C1 + C2 - 2 (C1 C2)^½)`` of means and covariances of two sets of
    feature rows; ``kvd[space]`` the unbiased MMD² with the cubic kernel ``(x·y / d + 1)³``; ``action_f1[idm-vizdoom]``
    the mean over groups of actions (walk, strafe, turn, attack) of ``2 TP / (2 TP + FP + FN)``
    (:mod:`harness.metrics.action_f1`), with precision and recall beside it.
Shapes: Videos uint8 ``[frames ≥ 2, 48, 64, 3]``; rows float64 ``[48]`` a clip in the spaces ``tokenizer-vizdoom`` and
    ``idm-vizdoom``, ``[12]`` counts a clip for action scores, which also need a prompt frame and actions ``[frames]``.
Range: Fréchet [0, ∞), biased upwards in small sets; KVD about 0 and above, may be negative; action scores [0, 1].
Unit: frechet, mmd2, fraction.
Direction: Lower is better for distances, higher for action scores.
Minimum n: 64 clips (and more than 48) for a Fréchet verdict, 32 for the others.
Preprocessing: None; frames are read at the world's own size.
Errors: No value, and no error, for clips of another world and for random weights; what the extractors refuse is a
    :class:`harness.errors.DiptychError`.
Reference: Heusel et al., arXiv 1706.08500; Bińkowski et al., arXiv 1801.01401; MineWorld, arXiv 2504.08388. The
    features are those of small networks trained on this world: none of the distances is an FVD.

Example:
    >>> from harness.metrics.vizdoom import METRICS
    >>> [metric.name for metric in METRICS if metric.name.startswith("frechet")]
    ['frechet[tokenizer-vizdoom]', 'frechet[idm-vizdoom]']
"""

from __future__ import annotations

from harness.metrics.action_f1 import action_metric
from harness.metrics.spaces import frechet_metric, kernel_metric
from harness.registry import register
from harness.stats.actions import SCORES
from harness.types import Metric

WORLDS = ("vizdoom-6x8",)


def distances(space: str, network: str) -> tuple[Metric, Metric]:
    """Fréchet and kernel distance in the features of a network of this world."""
    return frechet_metric(space, network, worlds=WORLDS), kernel_metric(space, network, worlds=WORLDS)


METRICS = (
    *distances("tokenizer-vizdoom", "the ViZDoom tokenizer"),
    *distances("idm-vizdoom", "the ViZDoom inverse-dynamics network"),
    *(action_metric(score, "idm-vizdoom", WORLDS) for score in SCORES),
)
for each in METRICS:
    register("metric", each.name)(each)
