"""Rows of extractors that judge actions: told prompt and commands, and absent where a maker tells none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.conformance.metric import made
from harness.trial import feature_rows
from harness.types import Metric

VIDEO, TRUTH = np.zeros((3, 8, 8, 3), np.uint8), np.ones((3, 8, 8, 3), np.uint8)


class Judge:
    """Counts that show what it was given."""

    reads_actions = True

    def __call__(self, video, *, prompt, actions):
        return np.array([float(video.sum()), float(len(prompt)), float(np.sum(actions))])


def metric(space: str, **changes) -> Metric:
    return Metric(
        name=f"m[{space}]", summary="", unit="fraction", direction="higher", scale="set", compute=lambda made: None,
        feature_space=space, distance=lambda one, other: 0.0, **changes,
    )  # fmt: skip


METRICS = {"a": metric("judge", worlds=("w",)), "b": metric("plain")}
EXTRACTORS = {"judge": Judge(), "plain": lambda video: np.array([float(len(video))])}
TOLD = replace(made(VIDEO, TRUTH), prompt=VIDEO[:2], actions=np.array([1, 2, 3]), world="w")


def test_generated_and_reference_are_judged_by_the_same_commands():
    rows = feature_rows(TOLD, EXTRACTORS, METRICS)
    assert rows["judge"].generated == [0.0, 2.0, 6.0]
    assert rows["judge"].reference == [576.0, 2.0, 6.0]
    assert rows["plain"].generated == rows["plain"].reference == [3.0]


@pytest.mark.parametrize("changes", [{"prompt": None}, {"prompt": VIDEO[:0]}, {"actions": None}, {"world": "v"}])
def test_without_prompt_or_actions_or_in_another_world_there_is_no_row(changes):
    assert set(feature_rows(replace(TOLD, **changes), EXTRACTORS, METRICS)) == {"plain"}


def test_without_a_reference_its_row_is_empty():
    rows = feature_rows(replace(TOLD, reference=None), EXTRACTORS, METRICS)
    assert rows["judge"].reference == []
    assert rows["judge"].generated == [0.0, 2.0, 6.0]
