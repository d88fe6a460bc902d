"""What an inverse-dynamics network sees in a clip: a row of features, and a row of counts of followed actions.

Both read one network. :class:`IDMFeatures` is a feature space of its own, ``idm-crafter``: it knows one game, was
trained to see what was *done*, and is no FVD. :class:`ActionCounts` is the classifier of MineWorld's controllability
protocol (arXiv 2504.08388): it tells the action of every generated transition and counts where that is the commanded
one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.errors import UsageError
from models.idm.groups import CRAFTER_GROUPS, Groups, group_index
from models.idm.loading import load_idm
from models.weights import weights_sha256

CRAFTER_WEIGHTS = "idm_crafter.safetensors"


class IDMFeatures:
    """A :class:`harness.protocols.Extractor`: pooled states of neighbouring frames, their mean and spread over a clip.

    Args:
        device: Torch device.
        weights: Network's file in the zoo, or a path.
    """

    def __init__(self, device: str = "cpu", weights: str = CRAFTER_WEIGHTS) -> None:
        self.model = load_idm(weights, device)
        self._sha256 = weights_sha256(weights)
        self.dimensions = 2 * self.model.shape.feature_width

    def __call__(self, video: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Map uint8 ``[T ≥ 2, H, W, 3]`` (sides divisible by the tile) to float64 ``[48]``."""
        row: NDArray[np.float64] = self.model.clip_features(video).cpu().numpy()
        return row

    def context(self) -> dict[str, Any]:
        """The weights behind the features."""
        return {"weights_sha256": self._sha256}


class ActionCounts:
    """A :class:`harness.protocols.ActionExtractor`: how many actions of each group were followed.

    Args:
        groups: Actions that are scored together.
        device: Torch device.
        weights: Network's file in the zoo, or a path.
    """

    reads_actions = True

    def __init__(self, groups: Groups, device: str = "cpu", weights: str = CRAFTER_WEIGHTS) -> None:
        self.model = load_idm(weights, device)
        self._sha256 = weights_sha256(weights)
        self.groups = groups
        self._group = np.array(group_index(self.model.shape.actions, groups))
        self.dimensions = 3 * len(groups)

    def __call__(
        self, video: NDArray[np.uint8], *, prompt: NDArray[np.uint8], actions: ArrayLike
    ) -> NDArray[np.float64]:
        """Count hits, false alarms and misses of every group.

        Args:
            video: Frames uint8 ``[T ≥ 1, H, W, 3]``.
            prompt: Frames before them uint8 ``[P ≥ 1, H, W, 3]``; the last one is needed.
            actions: Ids ``[T]`` of the commanded actions; action t leads to frame t of ``video``.

        Returns:
            float64 ``[3 · groups]``: true positives, false positives and false negatives of the first group, then of
            the second, and so on. Another action of the same group is both a false positive and a false negative.

        Raises:
            UsageError: No prompt frame, another number of actions than frames, or an unknown id.
        """
        commanded = np.asarray(actions, np.int64)
        known = len(self.model.shape.actions)
        if len(prompt) == 0 or commanded.shape != (len(video),):
            raise UsageError(
                f"actions are judged from the last prompt frame on, one action a frame: {len(prompt)} prompt frames, "
                f"{len(video)} frames, actions {list(commanded.shape)}."
            )
        if commanded.size and not (commanded.min() >= 0 and commanded.max() < known):
            raise UsageError(f"action ids are 0 .. {known - 1}, not {commanded.min()} .. {commanded.max()}.")
        if commanded.size == 0:
            return np.zeros(self.dimensions)
        seen = self.model.classify(np.concatenate((prompt[-1:], video))[None])[0]
        return count_actions(commanded, seen, self._group, len(self.groups))

    def context(self) -> dict[str, Any]:
        """The weights behind the counts, and what the groups are, in the order of the row."""
        # a list: a manifest sorts the keys of a mapping, and the order is the row's
        groups = [{"name": name, "actions": list(members)} for name, members in self.groups.items()]
        return {"weights_sha256": self._sha256, "groups": groups}


def count_actions(
    commanded: NDArray[np.int64], seen: NDArray[np.int64], group: NDArray[np.int64], groups: int
) -> NDArray[np.float64]:
    """True positives, false positives and false negatives of every group, float64 ``[3 · groups]``.

    Args:
        commanded: Ids ``[T]`` of what was asked for.
        seen: Ids ``[T]`` of what the network sees.
        group: Group of every id, -1 for none.
        groups: Their number.
    """
    hit = commanded == seen
    counts = np.zeros((groups, 3))
    for position in range(groups):
        counts[position] = (
            np.sum(hit & (group[commanded] == position)),
            np.sum(~hit & (group[seen] == position)),
            np.sum(~hit & (group[commanded] == position)),
        )
    return counts.ravel()


def idm_crafter(device: str) -> IDMFeatures:
    """The extractor ``idm-crafter``."""
    return IDMFeatures(device)


def idm_crafter_actions(device: str) -> ActionCounts:
    """The extractor ``idm-crafter-actions``."""
    return ActionCounts(CRAFTER_GROUPS, device)
