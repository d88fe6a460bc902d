"""The bench of action scores: what it does to clips, and its rows on a world where everything is known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from harness.benches import actions as bench
from harness.registry import REGISTRY, Entry
from harness.stats.actions import macro, macro_of, summed_counts
from harness.types import Metric

GROUPS = [{"name": "left", "actions": ["left"]}, {"name": "right", "actions": ["right"]}]


class Scroll:
    """Frames that show their place; action 0 stays, 1 goes down by one, 2 up by one."""

    def clips(self, split: str, count: int):
        made = []
        for seed in range(count):
            actions = np.random.default_rng(seed).integers(0, 3, 9)
            places = 100 + np.cumsum([0, *np.array([0, -1, 1])[actions[:-1]]])
            frames = np.tile(places[:, None, None, None], (1, 2, 2, 3)).astype(np.uint8)
            made.append(SimpleNamespace(frames=frames, actions=actions))
        return made


class Judge:
    """Sees the step exactly, but once in a while (by the place) nothing."""

    reads_actions = True

    def __call__(self, video, *, prompt, actions):
        places = np.concatenate((prompt[-1:], video)).astype(int)[:, 0, 0, 0]
        seen = np.select([np.diff(places) < 0, np.diff(places) > 0], [1, 2], 0)
        seen[places[1:] % 7 == 0] = 0
        hit = seen == actions
        row = [
            [np.sum(hit & (actions == g)), np.sum(~hit & (seen == g)), np.sum(~hit & (actions == g))] for g in (1, 2)
        ]
        return np.array(row, dtype=float).ravel()

    def context(self):
        return {"groups": GROUPS}


def test_its_rows_tell_ceiling_damage_and_coverage(monkeypatch):
    entries = {"world": ("scroll", Scroll), "extractor": ("judge-actions", lambda device: Judge())}
    for kind, (name, thing) in entries.items():
        monkeypatch.setitem(REGISTRY.entries, (kind, name), Entry(kind, name, "", "here", thing))
    metric = Metric(
        name="action_f1[judge]", summary="", unit="fraction", direction="higher", scale="set", counts=True,
        compute=lambda made: None, feature_space="judge-actions", distance=macro_of("f1"), worlds=("scroll",),
    )  # fmt: skip
    rows = {row.name: row for row in bench._world(metric, "scroll", 64, True, 0, lambda line: None)}
    ceiling = rows["f1 of scroll, 64 test clips, mean over groups"]
    assert 0.85 < ceiling.value < 1
    assert "interval" in ceiling.reason
    damaged = [row for name, row in rows.items() if any(damage in name for damage in bench.DAMAGES)]
    assert [row.met for row in damaged] == [True] * len(bench.DAMAGES)
    # by chance alone a scroll is seen as often as it is commanded
    assert all(row.value < 0.5 for row in damaged)
    coverage = [row.value for name, row in rows.items() if name.startswith("coverage")]
    assert len(coverage) == 2
    assert min(coverage) > 0.85
    assert rows["precision of scroll, 64 test clips, left (" + str(support()) + " commanded)"].value == pytest.approx(1)


def support() -> int:
    return sum(int((clip.actions[:-1] == 1).sum()) for clip in Scroll().clips("test", 64))


def test_a_worse_arm_keeps_its_commands():
    rows = np.random.default_rng(0).poisson(3.0, (50, 6)).astype(float)
    worse = bench._with_misses(rows, np.random.default_rng(1))
    before, after = summed_counts(rows), summed_counts(worse)
    assert (before[:, 0] + before[:, 2] == after[:, 0] + after[:, 2]).all()
    assert (worse >= 0).all()
    assert macro(worse, "f1") < macro(rows, "f1")
