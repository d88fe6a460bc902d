"""What a world is: seeded, action-conditioned clips with their ground truth (no torch, no simulator)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.types import Data

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


class WorldSpec(Data):
    """Everything that decides a world's bytes, declared in one place.

    Attributes:
        name: Registered name, such as ``"crafter-9x9"``.
        summary: One line.
        version: Raised when the same seed gives other bytes.
        rows: Tile rows of a frame; one token per tile.
        columns: Tile columns.
        tile_pixels: Side of a tile in pixels.
        map_rows: Tile rows that show the world; the rest shows the player's state (an inventory).
        clip_frames: Frames of one clip.
        actions: Names of the actions, in the order of their ids.
    """

    name: str
    summary: str
    version: int
    rows: int
    columns: int
    tile_pixels: int
    map_rows: int
    clip_frames: int
    actions: tuple[str, ...]


class Truth(Data):
    """One thing that a simulator knows of every frame.

    Attributes:
        dtype: numpy's name of its type.
        shape: Of one frame's value.
        summary: What it is.
    """

    dtype: str
    shape: tuple[int, ...]
    summary: str


@dataclass(frozen=True)
class Clip:
    """Consecutive frames of one episode.

    Attributes:
        frames: uint8 ``[T, height, width, 3]``.
        actions: int64 ``[T]``; ``actions[t]`` leads from frame t to frame t + 1.
        truth: What the simulator knows of each frame, by name, arrays ``[T, ...]`` as :attr:`World.truth` declares.
        episode_seed: Seed of the episode.
        start: Index of the first frame inside the episode.
    """

    frames: NDArray[np.uint8]
    actions: NDArray[np.int64]
    truth: Mapping[str, NDArray[Any]]
    episode_seed: int
    start: int


class World(Protocol):
    """A source of clips, registered as kind ``world``.

    Attributes:
        spec: Shape and actions.
        truth: What is kept with every frame beside pixels and action, by name; empty if nothing is. It is no part of
            ``spec``, which decides the bytes of the pixels and by which clips are found in the cache.
    """

    spec: WorldSpec
    truth: Mapping[str, Truth]

    def versions(self) -> dict[str, str | int]:
        """Versions of everything that decides the bytes of a clip: the world's own, and those of what it plays."""

    def clips(
        self, split: Split, count: int, *, processes: int = 1, progress: Callable[[int, int], None] | None = None
    ) -> list[Clip]:
        """Return the first ``count`` clips of ``split``; clip i is the same bytes whatever ``count`` or ``processes``.

        Args:
            split: Episodes of the three splits are disjoint by construction.
            count: Number of clips, ≥ 1.
            processes: Worker processes for clips that the cache lacks.
            progress: Called with (done, total).
        """


def clips_of(
    world: Any,
    split: Split,
    count: int,
    *,
    processes: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Iterable[Clip]:
    """The first clips of a split, one by one where the world has ``iterate``, so that memory stays flat.

    The arguments are those of :meth:`World.clips`.
    """
    found: Iterable[Clip] = getattr(world, "iterate", world.clips)(split, count, processes=processes, progress=progress)
    return found
