"""Laws of extractors: a clip is a row of float64, whatever came before it, on the device that was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.conformance.laws import Component, Law, free_of_global_state, refuses, require, same
from harness.errors import DiptychError
from harness.protocols import Extractor

SIZES = ((8, 72, 72), (16, 112, 112), (16, 224, 224), (5, 120, 192))
"""Frames, height and width that are tried, in this order."""


@dataclass
class Subject:
    """An extractor on the CPU, and clips of a size that it takes."""

    component: Component

    @cached_property
    def extract(self) -> Extractor:
        """The extractor."""
        return told_actions(self.component.thing("cpu"))

    @property
    def clips(self) -> list[NDArray[np.uint8]]:
        """Three clips, drawn anew: one that an extractor has written into is not met again."""
        return [_clip(self.size, seed) for seed in range(3)]

    @cached_property
    def size(self) -> tuple[int, int, int]:
        """Frames, height and width that it takes."""
        reasons = []
        for size in SIZES:
            try:
                self.extract(_clip(size, 0))
            except DiptychError as error:
                reasons.append(str(error))
            else:
                return size
        raise DiptychError(f"it takes no clip of {', '.join(map(str, SIZES))}: {reasons[0]}")


def told_actions(extract: Any) -> Extractor:
    """The extractor of a clip alone; one that judges actions is given its first frame as prompt, and drawn commands."""
    if not getattr(extract, "reads_actions", False):
        plain: Extractor = extract
        return plain

    def judged(video: NDArray[np.uint8]) -> NDArray[np.float64]:
        # there are at least two actions; which of them are commanded is another matter in another clip
        actions = np.random.default_rng(int(video.sum())).integers(0, 2, len(video) - 1)
        row: NDArray[np.float64] = extract(video[1:], prompt=video[:1], actions=actions)
        return row

    return judged


def _clip(size: tuple[int, int, int], seed: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    frames, height, width = size
    tiles = rng.integers(0, 256, (-(-height // 8), -(-width // 8), 3), dtype=np.uint8)
    ground = np.repeat(np.repeat(tiles, 8, 0), 8, 1)[:height, :width]
    return np.stack([np.roll(ground, t, 1) for t in range(frames)])


def prepare(component: Component) -> Subject:
    """The subject; nothing is built yet."""
    return Subject(component)


def _rows(subject: Subject) -> str:
    rows = [subject.extract(clip) for clip in subject.clips]
    for row in rows:
        require(isinstance(row, np.ndarray) and row.dtype == np.float64, f"a row is {getattr(row, 'dtype', type(row))}")
        require(
            row.ndim == 1 and row.shape == rows[0].shape, f"rows have shapes {[r.shape for r in rows]}, not one [d]"
        )
        require(bool(np.isfinite(row).all()), "a row holds NaN or infinity")
    require(not same(rows[0], rows[1]), "two clips give the same row")
    return f"float64 [{len(rows[0])}] for clips of {list(subject.clips[0].shape)}"


def _deterministic(subject: Subject) -> str:
    clip, before = subject.clips[0], subject.clips[0]
    one, other = free_of_global_state(lambda: subject.extract(clip))
    require(same(before, clip), "it changes the clip")
    require(same(one, other), "the same clip gives two different rows")
    rebuilt = told_actions(subject.component.thing("cpu"))(clip)
    require(same(one, rebuilt), "an extractor built anew gives another row")
    return "the same row twice, and by one built anew"


def _order(subject: Subject) -> str:
    forward = [subject.extract(clip) for clip in subject.clips]
    backward = [subject.extract(clip) for clip in reversed(subject.clips)]
    require(
        all(same(a, b) for a, b in zip(forward, reversed(backward), strict=True)), "rows depend on what came before"
    )
    return "three clips, forwards and backwards"


def _device(subject: Subject) -> str:
    return refuses(lambda: subject.component.thing("no-such-device"), "an unknown device")


LAWS = (
    Law("finite float64 rows of one length", _rows),
    Law("repeatable, and touches nothing else", _deterministic),
    Law("rows do not depend on the order of clips", _order),
    Law("an unknown device is a clear error", _device),
)
