"""Crafter (Hafner, arXiv 2109.06780; MIT) as a world: the open stand-in for the papers' Minecraft.

Everything that decides the bytes is declared in :class:`CrafterSettings`. Three departures from ``crafter.Env``:

* *Order of creatures.* Crafter keeps the creatures of a chunk in a ``set`` hashed by memory address and draws the one
  to despawn by index, so the same seed gives other episodes in other processes. Here a chunk keeps insertion order.
* *Seeds.* The simulator's generator is seeded with the episode seed itself (Crafter hashes it with the episode number),
  so that seeds of different splits can never meet.
* *Time of day.* The clock starts at an offset, so that clips cover the day from dawn to dusk and no night.
  Clips are cut where daylight stays ≥ ``minimum_daylight``: below 0.5 Crafter draws per-pixel noise over the view,
  which no tokenizer can keep and no model predict. Steps before the clips are simulated but not drawn.
"""

from __future__ import annotations

import collections
import importlib.metadata
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np

from harness.errors import DiptychError, UsageError
from harness.types import Data
from models.worlds.cache import ClipCache
from models.worlds.policy import POLICY_VERSION, Walker
from models.worlds.types import SPLITS, Clip, Split, Truth, WorldSpec

ACTIONS = (
    "noop", "move_left", "move_right", "move_up", "move_down", "do", "sleep", "place_stone", "place_table",
    "place_furnace", "place_plant", "make_wood_pickaxe", "make_stone_pickaxe", "make_iron_pickaxe", "make_wood_sword",
    "make_stone_sword", "make_iron_sword",
)  # fmt: skip
ITEMS = 16
"""Amounts that Crafter keeps of its player, from health to the iron sword."""
DAY_STEPS = 300
ATTEMPTS = 64
"""Episodes that may die before their clips are cut, per episode index; the next attempt has the next seed."""


class CrafterSettings(Data):
    """Everything that decides the bytes of a Crafter world.

    Attributes:
        spec: Shape, actions and version.
        view: Tiles (columns, rows) of Crafter's view, inventory rows included.
        size: Pixels (width, height).
        train_clips: Clips cut, one after another, from one training episode. Making the map takes far longer than
            playing, so training shares it; validation and test cut one clip per episode: clips are then independent.
        dawn_step: First step of Crafter's 300-step day (counted on from the day before) that a clip may show.
        dusk_step: Last one, exclusive.
        minimum_daylight: Least daylight of any frame, checked.
        warmup_steps: Most steps played before the first clip.
        policy_version: Version of the walker.
    """

    spec: WorldSpec
    view: tuple[int, int]
    size: tuple[int, int]
    train_clips: int = 12
    dawn_step: int = 273
    dusk_step: int = 447
    minimum_daylight: float = 0.5
    warmup_steps: int = 160
    policy_version: int = POLICY_VERSION


CRAFTER_9X9 = CrafterSettings(
    spec=WorldSpec(
        name="crafter-9x9",
        summary="Crafter, 9x7 map and two inventory rows, 72x72 pixels, 9x9 tokens",
        version=1,
        rows=9,
        columns=9,
        tile_pixels=8,
        map_rows=7,
        clip_frames=12,
        actions=ACTIONS,
    ),
    view=(9, 9),
    size=(72, 72),
)
CRAFTER_15X24 = CrafterSettings(
    spec=WorldSpec(
        name="crafter-15x24",
        summary="Crafter at MineWorld's map size: 24x14 map and one inventory row, 192x120 pixels, 15x24 tokens",
        version=1,
        rows=15,
        columns=24,
        tile_pixels=8,
        map_rows=14,
        clip_frames=8,
        actions=ACTIONS,
    ),
    view=(24, 15),
    size=(192, 120),
)


class OrderedBag(dict[Any, None]):
    """The two set operations that Crafter's chunks need, iterated in order of insertion."""

    def add(self, thing: Any) -> None:
        """Put ``thing`` at the end."""
        self[thing] = None

    def remove(self, thing: Any) -> None:
        """Take ``thing`` out (KeyError if it is not there)."""
        del self[thing]


@cache
def _environment_class() -> type[Any]:
    """Crafter's environment with the departures above; imported late, because it brings imageio and PIL."""
    try:
        import crafter
    except ImportError as error:
        raise DiptychError(
            f"the crafter worlds need the package crafter ({error}). Try: pip install crafter"
        ) from error

    class Environment(crafter.Env):  # type: ignore[misc, unused-ignore]
        """One episode at a time, from an explicit seed and time of day."""

        def start(self, seed: int, clock: int) -> None:
            self._clock, self._step, self._episode = clock, 0, 1
            self._world.reset(seed=seed)
            self._world._chunks = collections.defaultdict(OrderedBag)
            self._update_time()
            centre = (self._world.area[0] // 2, self._world.area[1] // 2)
            self._player = crafter.objects.Player(self._world, centre)
            self._last_health = self._player.health
            self._world.add(self._player)
            self._unlocked: set[str] = set()
            crafter.worldgen.generate_world(self._world, self._player)

        def _update_time(self) -> None:
            played, self._step = self._step, self._step + self._clock
            super()._update_time()
            self._step = played

        def _obs(self) -> None:
            return None

        def semantic(self) -> np.ndarray[Any, np.dtype[np.uint8]]:
            """Ids of the visible map tiles ``[rows, columns]``; 0 outside the map."""
            grid, whole = self._local_view._grid, self._sem_view()
            padded = np.zeros((whole.shape[0] + 2 * grid[0], whole.shape[1] + 2 * grid[1]), np.uint8)
            padded[grid[0] : grid[0] + whole.shape[0], grid[1] : grid[1] + whole.shape[1]] = whole
            x, y = self._player.pos - grid // 2 + grid
            return padded[x : x + grid[0], y : y + grid[1]].T

    return Environment


def episode_seed(split: Split, episode: int, attempt: int) -> int:
    """Seed of an episode; equal only for equal arguments, so splits cannot share one.

    Args:
        split: Decides the seed modulo 3.
        episode: Index of the episode in its split, from 0.
        attempt: 0, or the number of earlier attempts that died, < :data:`ATTEMPTS`.
    """
    return (episode * ATTEMPTS + attempt) * len(SPLITS) + SPLITS.index(split)


def play(settings: CrafterSettings, split: Split, episode: int) -> list[Clip]:
    """Simulate one episode and cut its clips.

    Args:
        settings: The world.
        split: Which split's episode.
        episode: Its index.

    Returns:
        ``train_clips`` consecutive clips for ``"train"``, one clip otherwise. No clip holds a death.
    """
    count = settings.train_clips if split == "train" else 1
    width, height = settings.size
    environment = _environment_class()(view=settings.view, size=(width, height), length=0, seed=0)
    for attempt in range(ATTEMPTS):
        clips = _attempt(settings, environment, episode_seed(split, episode, attempt), count)
        if clips is not None:
            return clips
    raise DiptychError(f"{settings.spec.name}: {ATTEMPTS} attempts at {split} episode {episode} died; raise ATTEMPTS.")


def _attempt(settings: CrafterSettings, environment: Any, seed: int, count: int) -> list[Clip] | None:
    """Play the episode of ``seed``; None if the player dies too early."""
    import crafter.constants

    rng = np.random.default_rng([seed, settings.policy_version])
    frames = settings.spec.clip_frames
    start = int(rng.integers(settings.warmup_steps + 1))
    clock = int(rng.integers(settings.dawn_step, settings.dusk_step - count * frames + 1)) - start
    environment.start(seed, clock)
    walker = Walker(rng, crafter.constants)
    reach = (min(settings.view[0] // 2, 7), min(settings.spec.map_rows // 2, 6))
    recorded: list[tuple[Any, ...]] = []
    for step in range(start + count * frames):
        world, player = environment._world, environment._player
        action = crafter.constants.actions.index(walker.act(world, player, reach))
        if step >= start:
            if world.daylight < settings.minimum_daylight:
                raise DiptychError(f"daylight {world.daylight:.3f} in a clip: dawn_step and dusk_step are wrong.")
            items = [min(int(amount), 255) for amount in player.inventory.values()]
            recorded.append((environment.render(), action, environment.semantic(), items, world.daylight))
        environment.step(action)
        if player.health <= 0 and step < start + count * frames - 1:
            return None
    return [_cut(recorded[i * frames : (i + 1) * frames], seed, start + i * frames) for i in range(count)]


def _cut(recorded: list[tuple[Any, ...]], seed: int, start: int) -> Clip:
    images, actions, semantic, items, daylight = zip(*recorded, strict=True)
    return Clip(
        frames=np.stack(images).astype(np.uint8),
        actions=np.array(actions, np.int64),
        truth={
            "semantic": np.stack(semantic).astype(np.uint8),
            "inventory": np.array(items, np.uint8),
            "daylight": np.array(daylight, np.float32),
        },
        episode_seed=seed,
        start=start,
    )


def _simulator_versions() -> dict[str, str]:
    try:
        return {name: importlib.metadata.version(name) for name in ("crafter", "opensimplex")}
    except importlib.metadata.PackageNotFoundError as error:
        raise DiptychError(f"the world needs {error.name}, which is not installed: pip install {error.name}") from error


class CrafterWorld:
    """Clips of Crafter, made once and kept in the cache.

    Args:
        settings: Which Crafter.
        cache: Where clips are kept; the default cache if None.
    """

    def __init__(self, settings: CrafterSettings, cache: ClipCache | None = None) -> None:
        if tuple(settings.spec.actions) != ACTIONS:
            raise UsageError(f"{settings.spec.name}: the actions are Crafter's, in Crafter's order: {ACTIONS}.")
        self.settings = settings
        self.spec = settings.spec
        self.truth = {
            "semantic": Truth(
                dtype="uint8",
                shape=(self.spec.map_rows, self.spec.columns),
                summary="material or creature id of every visible map tile",
            ),
            "inventory": Truth(dtype="uint8", shape=(ITEMS,), summary="amount of every item, health first"),
            "daylight": Truth(dtype="float32", shape=(), summary="0 (night) to 1 (day)"),
        }
        self.cache = cache or ClipCache()

    def versions(self) -> dict[str, str | int]:
        """Versions of the world, the walker's policy and the simulator."""
        return {
            "version": self.spec.version,
            "policy_version": self.settings.policy_version,
            **_simulator_versions(),
        }

    def iterate(
        self, split: Split, count: int, *, processes: int = 1, progress: Callable[[int, int], None] | None = None
    ) -> Iterator[Clip]:
        """As :meth:`clips`, a shard at a time in memory."""
        if split not in SPLITS:
            raise UsageError(f"unknown split {split!r}. Valid: {', '.join(SPLITS)}.")
        if count < 1:
            raise UsageError(f"the number of clips must be at least 1, not {count}.")
        # not versions(): the settings hold the world's own, and a changed key would make every kept clip anew
        key = {"settings": self.settings.model_dump(mode="json"), **_simulator_versions(), "split": split}
        per_episode = self.settings.train_clips if split == "train" else 1
        return self.cache.clips(play, (self.settings, split), key, per_episode, count, processes, progress)

    def clips(
        self, split: Split, count: int, *, processes: int = 1, progress: Callable[[int, int], None] | None = None
    ) -> list[Clip]:
        """Return the first ``count`` clips of ``split``: the same bytes for any ``count``, process and number of them.

        Args:
            split: ``"train"``, ``"validation"`` or ``"test"``; their episode seeds differ modulo 3.
            count: Number of clips, ≥ 1.
            processes: Worker processes (spawned) for the clips that the cache lacks.
            progress: Called with (done, total) clips.
        """
        return list(self.iterate(split, count, processes=processes, progress=progress))


def crafter_9x9() -> CrafterWorld:
    """The world ``crafter-9x9``."""
    return CrafterWorld(CRAFTER_9X9)


def crafter_15x24() -> CrafterWorld:
    """The world ``crafter-15x24``."""
    return CrafterWorld(CRAFTER_15X24)
