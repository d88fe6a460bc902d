"""Action following after MineWorld (arXiv 2504.08388): does what was made show what was commanded? Higher is better.

An inverse-dynamics network (:mod:`models.idm`) tells the action of every generated transition, the first one from the
last prompt frame; the command is the truth. With TP, FP and FN of each group of actions summed over all clips,

    precision = TP / (TP + FP),   recall = TP / (TP + FN),   F1 = 2 TP / (2 TP + FP + FN),

and the value is the plain mean over the groups that were commanded (:mod:`harness.stats.actions`). Crafter's groups
are move (four directions; a wrong one is both a false alarm and a miss), act (do, place, make) and sleep; ``noop`` is
the absence of all and has no score of its own: its mistakes are the others' false alarms and misses.

* Shapes: uint8 frames ``[T, H, W, 3]`` of the world's own size, as they are; at least one prompt frame; actions
  ``[T]``. A clip is a row of ``3 · groups`` counts, float64.
* Range [0, 1], a fraction. One value per *set* of clips; the bias-corrected value of the jackknife may pass 1 by
  a little and is not clamped. A verdict needs 32 cases (:mod:`harness.stats.jackknife`).
* **Ceiling**: the network errs on real video too, because some actions leave no trace. The same score of the true
  continuation stands beside every value; a model cannot be blamed for what is missing above it.
* No value, and no error, for random weights, for other worlds, and where a maker tells no prompt or no actions.
* Errors: rows that are no counts, or a set without any commanded action of a group, are a ``ValueError``, which an
  analysis shows as the reason of an absent value.

Measured coverage of the nominal 95 % interval of a difference is 94-96 % from 32 clips on (:mod:`harness.stats.actions`
has the table); that of a value near its ceiling is less below 128 clips.

Example:
    >>> from harness.stats.actions import macro_of
    >>> clips = [[3, 1, 1, 2, 0, 0], [5, 0, 0, 1, 1, 2]]  # TP, FP, FN of two groups, two clips
    >>> f1 = macro_of("f1")
    >>> round(f1(clips, clips), 4)  # the mean of 2·8 / (2·8 + 1 + 1) and 2·3 / (2·3 + 1 + 2)
    0.7778
"""

from __future__ import annotations

from harness.metrics.spaces import per_set
from harness.registry import register
from harness.stats.actions import SCORES, Score, macro_of
from harness.stats.jackknife import MINIMUM_GROUPS
from harness.types import Metric

CRAFTER_WORLDS = ("crafter-9x9", "crafter-15x24")
MEANING: dict[Score, str] = {
    "precision": "of the actions that are seen, the share that was commanded",
    "recall": "of the commanded actions, the share that is seen",
    "f1": "how well commanded actions are followed (F1)",
}


def action_metric(score: Score, network: str, worlds: tuple[str, ...]) -> Metric:
    """Declare one score in the counts of one network.

    Args:
        score: Which.
        network: Name of the network; its counts come from the extractor ``<network>-actions``.
        worlds: Worlds that it was trained on.
    """
    return Metric(
        name=f"action_{score}[{network}]",
        summary=f"{MEANING[score]}, seen by the inverse-dynamics network; mean over groups of actions",
        unit="fraction",
        direction="higher",
        scale="set",
        compute=per_set,
        minimum_n=MINIMUM_GROUPS,
        quality=True,
        feature_space=f"{network}-actions",
        distance=macro_of(score),
        counts=True,
        worlds=worlds,
    )


for _score in SCORES:
    register("metric", f"action_{_score}[idm-crafter]")(action_metric(_score, "idm-crafter", CRAFTER_WORLDS))
