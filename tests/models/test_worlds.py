"""Crafter clips are a function of their seed, in any process, and survive a damaged cache."""

from __future__ import annotations

import hashlib
import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import DiptychError, UsageError
from models.worlds import cache, crafter
from models.worlds.cache import ClipCache, DamagedShardError, pack, unpack
from models.worlds.crafter import CRAFTER_9X9, CRAFTER_15X24, CrafterWorld, OrderedBag, episode_seed, play
from models.worlds.types import SPLITS, Clip

TINY = CRAFTER_9X9.model_copy(
    update={
        "spec": CRAFTER_9X9.spec.model_copy(update={"clip_frames": 3}),
        "train_clips": 2,
        "warmup_steps": 40,
    }
)
DIGEST = """
import hashlib, sys
junk = [bytearray(int(sys.argv[1]) + i) for i in range(int(sys.argv[1]) % 977)]
from models.worlds.crafter import CRAFTER_9X9, play
settings = CRAFTER_9X9.model_copy(update={"train_clips": 5, "warmup_steps": 90})
digest = hashlib.sha256()
for clip in play(settings, "train", 11):
    for array in (clip.frames, clip.actions, *clip.truth.values()):
        digest.update(array.tobytes())
print(digest.hexdigest())
"""


def same(a: Clip, b: Clip) -> bool:
    arrays = [(a.frames, b.frames), (a.actions, b.actions), *((a.truth[name], b.truth[name]) for name in a.truth)]
    equal = a.truth.keys() == b.truth.keys() and all(np.array_equal(one, other) for one, other in arrays)
    return equal and (a.episode_seed, a.start) == (b.episode_seed, b.start)


@pytest.fixture(scope="module")
def clip() -> Clip:
    return play(TINY, "test", 0)[0]


def test_bytes_do_not_depend_on_hash_seed_or_memory_layout() -> None:
    def digest(hash_seed: str, junk: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-c", DIGEST, junk]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout

    first = digest("0", "3")
    assert len(first.strip()) == 64
    assert digest("12345", "40961") == first


def test_chunks_keep_insertion_order() -> None:
    """The trap itself: Crafter's set iterates by address, ours by insertion, also after removal."""
    environment = crafter._environment_class()(view=(9, 9), size=(72, 72), length=0, seed=0)
    environment.start(5, 0)
    assert all(type(bag) is OrderedBag for bag in environment._world._chunks.values())
    bag = OrderedBag()
    for thing in (5, 3, 9):
        bag.add(thing)
    bag.remove(5)
    bag.add(5)
    assert list(bag) == [3, 9, 5]
    with pytest.raises(KeyError):
        bag.remove(7)


def test_clips_are_the_same_from_one_process_and_two_and_from_the_cache(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(cache, "SHARD_CLIPS", 2)
    one = CrafterWorld(TINY, ClipCache(tmp_path / "one")).clips("train", 6)
    seen: list[tuple[int, int]] = []
    world = CrafterWorld(TINY, ClipCache(tmp_path / "two"))
    two = world.clips("train", 6, processes=2, progress=lambda done, total: seen.append((done, total)))
    again = world.clips("train", 5)
    assert all(same(a, b) for a, b in zip(one, two, strict=True))
    assert all(same(a, b) for a, b in zip(one[:5], again, strict=True))
    assert seen[0] == (0, 6)
    assert seen[-1] == (6, 6)
    assert len({clip.start for clip in one[:2]}) == 2
    assert one[1].start == one[0].start + 3, "clips of one training episode follow one another"


@given(*(st.tuples(st.sampled_from(SPLITS), st.integers(0, 10**5), st.integers(0, crafter.ATTEMPTS - 1)),) * 2)
def test_seeds_differ_unless_everything_is_equal(a, b) -> None:
    assert (episode_seed(*a) == episode_seed(*b)) == (a == b)


def test_a_clip_shows_what_its_labels_say(clip: Clip) -> None:
    spec = TINY.spec
    side = spec.tile_pixels
    assert clip.frames.shape == (spec.clip_frames, spec.rows * side, spec.columns * side, 3)
    assert clip.truth["semantic"].shape == (spec.clip_frames, spec.map_rows, spec.columns)
    assert set(np.unique(clip.actions)) <= set(range(len(spec.actions)))
    assert clip.truth["daylight"].min() >= TINY.minimum_daylight
    assert (clip.truth["inventory"][:, 0] > 0).all(), "health: nobody dies inside a clip"
    player = 13
    middle = clip.truth["semantic"][:, spec.map_rows // 2, spec.columns // 2]
    assert (middle == player).all(), "the player stands in the middle"
    # tiles of one frame with the same label look the same, water and grass do not
    tiles = clip.frames[0, : spec.map_rows * side].reshape(spec.map_rows, side, spec.columns, side, 3)
    tiles = tiles.transpose(0, 2, 1, 3, 4).reshape(-1, side * side * 3)
    labels = clip.truth["semantic"][0].ravel()
    common = np.bincount(labels).argmax()
    assert len(np.unique(tiles[labels == common], axis=0)) == 1
    assert len(np.unique(tiles, axis=0)) > 1


def test_the_large_view_matches_its_specification() -> None:
    settings = CRAFTER_15X24.model_copy(
        update={"spec": CRAFTER_15X24.spec.model_copy(update={"clip_frames": 2}), "warmup_steps": 0}
    )
    clip = play(settings, "validation", 0)[0]
    assert clip.frames.shape == (2, 120, 192, 3)
    assert clip.truth["semantic"].shape == (2, 14, 24)
    assert (clip.truth["semantic"][:, 7, 12] == 13).all()


def test_a_walk_goes_somewhere_and_uses_things() -> None:
    clips = play(CRAFTER_9X9.model_copy(update={"train_clips": 8, "warmup_steps": 60}), "train", 2)
    names = [CRAFTER_9X9.spec.actions[a] for clip in clips for a in clip.actions]
    assert len({name for name in names if name.startswith("move_")}) == 4
    assert "do" in names
    assert "sleep" not in names
    maps = [clip.truth["semantic"] for clip in clips]
    moved = np.mean([(a != b).any() for seen in maps for a, b in itertools.pairwise(seen)])
    assert moved > 0.5


@pytest.mark.parametrize("harm", ["truncate", "flip", "empty"])
def test_a_damaged_shard_is_reported_and_made_again(tmp_path: Path, harm: str, monkeypatch) -> None:
    monkeypatch.setattr(cache, "SHARD_CLIPS", 1)
    said: list[str] = []
    world = CrafterWorld(TINY, ClipCache(tmp_path, said.append))
    before = world.clips("test", 1)
    [shard] = (tmp_path / "clips").iterdir()
    good = shard.read_bytes()
    flipped = good[:-100] + bytes([good[-100] ^ 1]) + good[-99:]
    shard.write_bytes({"truncate": good[: len(good) // 2], "flip": flipped, "empty": b""}[harm])
    after = world.clips("test", 1)
    assert same(before[0], after[0])
    assert len(said) == 1
    assert shard.name in said[0]
    assert hashlib.sha256(shard.read_bytes()[32:]).digest() == shard.read_bytes()[:32]
    assert [p.suffix for p in (tmp_path / "clips").iterdir()] == [".clips"], "no partial file is left"


def test_a_shard_reads_back_what_was_written_and_nothing_pickled(clip: Clip) -> None:
    [again] = unpack(pack([clip]))
    assert same(clip, again)
    with pytest.raises(DamagedShardError):
        unpack(pack([clip])[:-1])


def test_the_cache_follows_the_environment(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "there"))
    assert cache.cache_root() == tmp_path / "there"


def test_other_settings_have_other_shards() -> None:
    keep = ClipCache(Path("unused"))
    keys = [{"settings": s.model_dump(mode="json"), "split": split} for s in (TINY, CRAFTER_9X9) for split in SPLITS]
    assert len({keep.path(key, index, 1) for key in keys for index in (0, 1)}) == 12


@pytest.mark.parametrize(("count", "split", "processes"), [(0, "test", 1), (1, "exam", 1), (1, "test", 0)])
def test_wrong_requests_are_refused(tmp_path: Path, count: int, split, processes: int) -> None:
    with pytest.raises(UsageError):
        CrafterWorld(TINY, ClipCache(tmp_path)).clips(split, count, processes=processes)


def test_an_episode_that_always_dies_says_so(monkeypatch) -> None:
    monkeypatch.setattr(crafter, "_attempt", lambda *_: None)
    with pytest.raises(DiptychError, match="died"):
        play(TINY, "test", 0)


def scrolled(before: np.ndarray, after: np.ndarray) -> tuple[int, int]:
    """The step (right, down) of the player that best explains how the map moved, (0, 0) preferred."""
    height, width = before.shape

    def agreement(right: int, down: int) -> float:
        old = before[max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)]
        new = after[max(0, -down) : height + min(0, -down), max(0, -right) : width + min(0, -right)]
        return float((old == new).mean())

    return max([(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)], key=lambda step: agreement(*step))


def test_the_action_of_a_frame_leads_to_the_next_frame() -> None:
    clips = play(CRAFTER_9X9.model_copy(update={"train_clips": 8, "warmup_steps": 0}), "train", 2)
    steps = {(-1, 0): "move_left", (1, 0): "move_right", (0, -1): "move_up", (0, 1): "move_down"}
    moved = []
    for clip in clips:
        for t in range(len(clip.actions) - 1):
            step = scrolled(clip.truth["semantic"][t], clip.truth["semantic"][t + 1])
            if step != (0, 0):
                moved.append(CRAFTER_9X9.spec.actions[clip.actions[t]] == steps[step])
    assert len(moved) > 20
    assert np.mean(moved) > 0.95
    assert len({round(float(clip.truth["daylight"][0]), 3) for clip in clips}) > 1, "time passes between clips"
