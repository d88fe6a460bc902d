"""Laws of worlds: the same bytes from the same seeds, no clip in two splits, and clips as the world declares them."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from harness.conformance.laws import Component, Law, free_of_global_state, refuses, require

SPLITS = ("train", "validation", "test")
CLIPS = 3


@dataclass
class Subject:
    """A world, and the first clips of each split."""

    component: Component

    @cached_property
    def world(self) -> Any:
        """The world."""
        return self.component.thing()

    @cached_property
    def clips(self) -> dict[str, list[Any]]:
        """Clips by split, from the cache where it has them."""
        return {split: self.world.clips(split, CLIPS) for split in SPLITS}


def prepare(component: Component) -> Subject:
    """The subject; nothing is played yet."""
    return Subject(component)


@contextmanager
def _empty_cache() -> Iterator[None]:
    """A cache of its own, so that clips are made and not read."""
    before = os.environ.get("DIPTYCH_CACHE")
    with tempfile.TemporaryDirectory(prefix="diptych-check-") as folder:
        os.environ["DIPTYCH_CACHE"] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ["DIPTYCH_CACHE"]
            else:
                os.environ["DIPTYCH_CACHE"] = before


def digest(clip: Any) -> str:
    """SHA-256 over a clip's frames and actions."""
    return hashlib.sha256(clip.frames.tobytes() + clip.actions.tobytes()).hexdigest()


def _deterministic(subject: Subject) -> str:
    kept = [digest(clip) for clip in subject.clips["test"]]

    def anew() -> list[str]:
        with _empty_cache():
            return [digest(clip) for clip in subject.component.thing().clips("test", CLIPS)]

    one, other = free_of_global_state(anew)
    require(one == other, "made twice from the same seeds, clips differ")
    require(one == kept, "made anew, clips differ from those in the cache")
    fewer = [digest(clip) for clip in subject.world.clips("test", 1)]
    require(fewer == kept[:1], "clip 0 depends on how many clips are asked for")
    return f"{CLIPS} test clips, made twice and read once"


def _disjoint(subject: Subject) -> str:
    owner: dict[object, str] = {}
    for split, clips in subject.clips.items():
        for clip in clips:
            for key in (digest(clip), ("seed", clip.episode_seed)):
                other = owner.setdefault(key, split)
                require(other == split, f"splits {other} and {split} share an episode or a clip")
        require(len({digest(clip) for clip in clips}) == len(clips), f"split {split} holds one clip twice")
    return f"{CLIPS} clips of each of {', '.join(SPLITS)}"


def _as_declared(subject: Subject) -> str:
    spec = subject.world.spec
    require(spec.name == subject.component.entry.name, f"its spec calls it {spec.name!r}")
    size = (spec.clip_frames, spec.rows * spec.tile_pixels, spec.columns * spec.tile_pixels, 3)
    for split, clips in subject.clips.items():
        require(len(clips) == CLIPS, f"asked for {CLIPS} {split} clips, it gives {len(clips)}")
        for clip in clips:
            require(clip.frames.dtype == np.uint8, f"frames are {clip.frames.dtype}, not uint8")
            require(clip.frames.shape == size, f"frames are {list(clip.frames.shape)}, declared {list(size)}")
            require(clip.actions.shape == (spec.clip_frames,), f"actions are {list(clip.actions.shape)}")
            low, high = int(clip.actions.min()), int(clip.actions.max())
            require(low >= 0 and high < len(spec.actions), f"actions {low} to {high}, declared {len(spec.actions)}")
            require(bool(clip.frames.std() > 0), f"a {split} clip is one flat colour")
            _truth_as_declared(subject.world.truth, clip.truth, spec.clip_frames)
    kept = ", ".join(sorted(subject.world.truth)) or "nothing"
    return f"uint8 {list(size)}, {len(spec.actions)} actions; known of each frame: {kept}"


def _truth_as_declared(declared: Any, kept: Any, frames: int) -> None:
    require(set(kept) == set(declared), f"its truth is {sorted(kept)}, declared {sorted(declared)}")
    for name, kind in declared.items():
        array, shape = kept[name], (frames, *kind.shape)
        fits = array.shape == shape and array.dtype == kind.dtype
        require(fits, f"{name} is {array.dtype} {list(array.shape)}, declared {kind.dtype} {list(shape)}")


def _versions(subject: Subject) -> str:
    versions = subject.world.versions()
    require(bool(versions), "versions() is empty: another version of the world would go unnoticed")
    return json.dumps(versions, sort_keys=True)


def _refuses(subject: Subject) -> str:
    told = refuses(lambda: subject.world.clips("tset", 1), "an unknown split")
    refuses(lambda: subject.world.clips("test", 0), "no clips at all")
    return told


LAWS = (
    Law("repeatable, and touches nothing else", _deterministic),
    Law("splits share nothing", _disjoint),
    Law("clips are as declared", _as_declared),
    Law("versions are told", _versions),
    Law("an unknown split, or no clips, are refused", _refuses),
)
