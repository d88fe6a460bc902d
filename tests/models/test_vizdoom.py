"""ViZDoom clips are a function of their seed in any process, and hold what the simulator knows."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.errors import DiptychError
from models.idm.groups import VIZDOOM_GROUPS, group_index
from models.worlds.cache import ClipCache
from models.worlds.types import SPLITS, Clip
from models.worlds.vizdoom import (
    ACTIONS,
    VARIABLES,
    VIZDOOM_6X8,
    VizdoomWorld,
    episode_seed,
    play,
    shrunk,
    vizdoom_6x8,
)
from models.worlds.vizdoom_walker import Walker

plays = pytest.mark.skipif(
    importlib.util.find_spec("vizdoom") is None, reason="the package vizdoom is not installed: pip install vizdoom"
)

TINY = VIZDOOM_6X8.model_copy(
    update={"spec": VIZDOOM_6X8.spec.model_copy(update={"clip_frames": 4}), "train_clips": 2, "warmup_frames": 6}
)
DIGEST = """
import hashlib, sys
from models.worlds.vizdoom import VIZDOOM_6X8, play
digest = hashlib.sha256()
for session in (1, 4):
    for clip in play(VIZDOOM_6X8, "test", session):
        for array in (clip.frames, clip.actions, *clip.truth.values()):
            digest.update(array.tobytes())
print(digest.hexdigest())
"""


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    """One clip of each scenario."""
    return [play(TINY, "validation", session)[0] for session in range(len(TINY.scenarios))]


@plays
def test_another_process_makes_the_same_bytes(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    made = []
    for hash_seed in ("0", "7"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(root)}
        command = [sys.executable, "-c", DIGEST]
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, cwd=tmp_path)
        made.append(done.stdout)
    assert made[0] == made[1]
    assert len(made[0].strip()) == 64
    assert list(tmp_path.iterdir()) == []  # the simulator leaves nothing where it was started


@plays
def test_a_clip_is_as_declared(clips: list[Clip]) -> None:
    spec, declared = TINY.spec, VizdoomWorld(TINY).truth
    for number, clip in enumerate(clips):
        height, width = spec.rows * spec.tile_pixels, spec.columns * spec.tile_pixels
        assert clip.frames.shape == (spec.clip_frames, height, width, 3)
        assert clip.frames.dtype == np.uint8
        assert set(clip.truth) == set(declared) == {"labels", "variables", "scenario"}
        for name, kind in declared.items():
            assert clip.truth[name].shape == (spec.clip_frames, *kind.shape)
            assert clip.truth[name].dtype == kind.dtype
        assert set(clip.truth["scenario"].tolist()) == {number}
        assert (clip.truth["variables"][:, VARIABLES.index("HEALTH")] > 0).all()
        assert clip.actions.max() < len(ACTIONS)
        assert clip.frames.std() > 5


@plays
def test_scenarios_look_different_and_things_are_labelled(clips: list[Clip]) -> None:
    assert len(clips) >= 5
    means = {tuple(np.round(clip.frames.mean((0, 1, 2)), 1)) for clip in clips}
    assert len(means) == len(clips)
    assert sum(bool(clip.truth["labels"].any()) for clip in clips) >= 5  # monsters, weapons, medikits


@plays
def test_clips_of_a_session_come_from_episodes_of_their_own() -> None:
    first, second = play(TINY, "train", 0)
    assert first.episode_seed != second.episode_seed
    assert not np.array_equal(first.frames, second.frames)


def test_splits_share_no_seed() -> None:
    seeds = [{episode_seed(split, i, attempt) for i in range(40) for attempt in (0, 63)} for split in SPLITS]
    assert not seeds[0] & seeds[1]
    assert not seeds[0] & seeds[2]
    assert not seeds[1] & seeds[2]


def test_the_walker_keeps_on_and_turns_from_what_stops_it() -> None:
    walker = Walker(np.random.default_rng(0))
    actions = [walker.act(float(step), 0.0) for step in range(2000)]
    changes = sum(a != b for a, b in itertools.pairwise(actions))
    assert changes < 1000  # held for several frames each
    assert set(actions) == set(ACTIONS)
    stuck = Walker(np.random.default_rng(1))
    stood = [stuck.act(0.0, 0.0) for _ in range(2000)]
    assert sum(a in ("forward", "backward") for a in stood) < sum(a in ("forward", "backward") for a in actions)


def test_every_action_but_noop_is_scored_in_one_group() -> None:
    index = group_index(ACTIONS, VIZDOOM_GROUPS)
    assert [action for action, group in zip(ACTIONS, index, strict=True) if group == -1] == ["noop"]
    assert set(index) - {-1} == set(range(len(VIZDOOM_GROUPS)))


def test_shrinking_averages_and_rounds() -> None:
    screen = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    expected = np.floor(screen.reshape(2, 2, 3, 2, 3).mean((1, 3)) + 0.5)
    assert np.array_equal(shrunk(screen, 2), expected)


def test_without_the_package_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vizdoom", None)
    with pytest.raises(DiptychError, match=r"pip install 'diptych\[vizdoom\]'"):
        play(TINY, "test", 0)


@plays
def test_a_clip_does_not_depend_on_how_many_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.worlds.cache.SHARD_CLIPS", 1)
    world = VizdoomWorld(TINY, ClipCache(tmp_path))
    two, three = world.clips("test", 2), world.clips("test", 3)
    played = play(TINY, "test", 1)[0]
    for clip in (two[1], three[1]):
        assert np.array_equal(clip.frames, played.frames)
        assert np.array_equal(clip.actions, played.actions)
        assert all(np.array_equal(clip.truth[name], played.truth[name]) for name in played.truth)
    assert [clip.truth["scenario"][0] for clip in three] == [0, 1, 2]


@plays
def test_versions_name_the_simulator() -> None:
    from importlib.metadata import version

    assert vizdoom_6x8().versions()["vizdoom"] == version("vizdoom")


def test_a_world_without_its_package_says_so_before_it_plays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def absent(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", absent)
    with pytest.raises(DiptychError, match=r"pip install 'diptych\[vizdoom\]'"):
        VizdoomWorld(TINY, ClipCache(tmp_path)).clips("test", 1)
