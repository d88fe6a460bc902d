"""ViZDoom (Kempka et al., arXiv 1605.02097; MIT) as a world: textured first-person 3-D, with the scenarios it bundles.

Everything that decides the bytes is declared in :class:`VizdoomSettings`. Each episode plays one of the scenarios, by
its index in turn, with the same actions in all of them. A walker with persistence (not white noise) plays: it turns in
arcs, walks, sidesteps and shoots, and turns away from what stops it. Frames are rendered at ``render_resolution``
without status bar, crosshair and messages, and averaged down to the frame's size.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import DiptychError, UsageError
from harness.types import Data
from models.worlds.cache import ClipCache
from models.worlds.types import SPLITS, Clip, Split, Truth, WorldSpec
from models.worlds.vizdoom_walker import POLICY_VERSION, Walker

ATTEMPTS = 64
"""Episodes that may end before their clip is cut, per clip; the next attempt has the next seed."""

BUTTONS: dict[str, tuple[str, ...]] = {
    "noop": (),
    "forward": ("MOVE_FORWARD",),
    "backward": ("MOVE_BACKWARD",),
    "turn_left": ("TURN_LEFT",),
    "turn_right": ("TURN_RIGHT",),
    "strafe_left": ("MOVE_LEFT",),
    "strafe_right": ("MOVE_RIGHT",),
    "attack": ("ATTACK",),
}
"""Actions and the buttons that each holds down."""
ACTIONS = tuple(BUTTONS)
HELD = tuple(sorted({button for held in BUTTONS.values() for button in held}))
VARIABLES = ("HEALTH", "AMMO2", "KILLCOUNT", "POSITION_X", "POSITION_Y", "POSITION_Z", "ANGLE")
"""Game variables kept with each frame."""


class VizdoomSettings(Data):
    """Everything that decides the bytes of a ViZDoom world; what :func:`running` sets for all belongs to the version.

    Attributes:
        spec: Shape, actions and version.
        scenarios: Bundled scenarios; session i plays number i modulo their count.
        render_resolution: ViZDoom's name of the resolution that is rendered.
        shrink: Rendered pixels averaged to one, in each direction.
        tics: Game tics (of 35 a second) per frame; the action is held for all of them.
        skill: Of the monsters, 1 (easiest) to 5.
        train_clips: Clips of one training session, each from an episode of its own: starting the simulator takes longer
            than playing. A session of validation and test gives one.
        warmup_frames: Most frames played before a clip.
        policy_version: Version of the walker.
    """

    spec: WorldSpec
    scenarios: tuple[str, ...]
    render_resolution: str
    shrink: int
    tics: int = 2
    skill: int = 1
    train_clips: int = 6
    warmup_frames: int = 40
    policy_version: int = POLICY_VERSION


VIZDOOM_6X8 = VizdoomSettings(
    spec=WorldSpec(
        name="vizdoom-6x8",
        summary="ViZDoom, first-person 3-D, 8 bundled scenarios, 64x48 pixels, 6x8 tokens",
        version=1,
        rows=6,
        columns=8,
        tile_pixels=8,
        map_rows=6,
        clip_frames=12,
        actions=ACTIONS,
    ),
    scenarios=(
        "basic", "deadly_corridor", "defend_the_center", "defend_the_line", "health_gathering", "my_way_home",
        "predict_position", "take_cover",
    ),
    render_resolution="RES_256X192",
    shrink=4,
)  # fmt: skip


def episode_seed(split: Split, clip: int, attempt: int) -> int:
    """Seed of an episode; equal only for equal arguments, so splits cannot share one.

    Args:
        split: Decides the seed modulo 3.
        clip: Index of the clip in its split, from 0.
        attempt: 0, or the number of earlier attempts that ended too early, < :data:`ATTEMPTS`.
    """
    return (clip * ATTEMPTS + attempt) * len(SPLITS) + SPLITS.index(split)


def play(settings: VizdoomSettings, split: Split, session: int) -> list[Clip]:
    """Start the simulator on one scenario and cut clips, each from its own episode.

    Args:
        settings: The world.
        split: Which split's.
        session: Its index; decides the scenario.

    Returns:
        ``train_clips`` clips for ``"train"``, one clip otherwise. No clip holds a death.
    """
    count = settings.train_clips if split == "train" else 1
    number = session % len(settings.scenarios)
    with running(settings, settings.scenarios[number]) as game:
        return [_clip(settings, game, split, session * count + i, number) for i in range(count)]


def _clip(settings: VizdoomSettings, game: Any, split: Split, index: int, scenario: int) -> Clip:
    for attempt in range(ATTEMPTS):
        clip = _attempt(settings, game, episode_seed(split, index, attempt), scenario)
        if clip is not None:
            return clip
    name = settings.spec.name
    raise DiptychError(f"{name}: {ATTEMPTS} attempts at {split} clip {index} ended early; raise ATTEMPTS.")


@contextlib.contextmanager
def running(settings: VizdoomSettings, scenario: str) -> Iterator[Any]:
    """A simulator that plays a scenario; ended, with everything that it wrote, on leaving.

    Raises:
        DiptychError: ViZDoom is not installed, or does not start.
    """
    vizdoom = _vizdoom()
    game = vizdoom.DoomGame()
    with tempfile.TemporaryDirectory(prefix="diptych-vizdoom-") as folder:
        game.load_config(str(Path(vizdoom.scenarios_path) / f"{scenario}.cfg"))
        game.set_doom_config_path(str(Path(folder) / "vizdoom.ini"))
        game.set_mode(vizdoom.Mode.PLAYER)  # the game waits for every action
        game.set_window_visible(False)
        game.set_sound_enabled(False)
        game.set_screen_resolution(getattr(vizdoom.ScreenResolution, settings.render_resolution))
        game.set_screen_format(vizdoom.ScreenFormat.RGB24)
        for name in ("hud", "crosshair", "messages", "decals", "particles", "screen_flashes"):
            getattr(game, f"set_render_{name}")(False)
        game.set_render_weapon(True)  # an attack is seen by it
        game.set_labels_buffer_enabled(True)
        game.set_doom_skill(settings.skill)
        game.set_episode_timeout(0)
        game.set_available_buttons([getattr(vizdoom.Button, name) for name in HELD])
        game.set_available_game_variables([getattr(vizdoom.GameVariable, name) for name in VARIABLES])
        try:
            with contextlib.chdir(folder):  # it makes a folder wherever it starts
                game.init()
            yield game
        except vizdoom.ViZDoomErrorException as error:
            raise DiptychError(f"ViZDoom fails on scenario {scenario!r}: {error}") from error
        finally:
            game.close()


def _vizdoom() -> Any:
    try:
        import vizdoom
    except ImportError as error:
        raise DiptychError(
            f"the vizdoom worlds need the package vizdoom ({error}). Try: pip install 'diptych[vizdoom]'"
        ) from error
    return vizdoom


def _attempt(settings: VizdoomSettings, game: Any, seed: int, scenario: int) -> Clip | None:
    """Play the episode of ``seed`` and cut its clip; None if it ends too early."""
    rng = np.random.default_rng([seed, settings.policy_version])
    start = int(rng.integers(settings.warmup_frames + 1))
    game.set_seed(seed)
    game.new_episode()
    walker = Walker(rng)
    x, y = VARIABLES.index("POSITION_X"), VARIABLES.index("POSITION_Y")
    images, actions, labels, variables = [], [], [], []
    for step in range(start + settings.spec.clip_frames):
        state = game.get_state()
        if state is None or game.is_player_dead():
            return None
        known = np.asarray(state.game_variables, np.float32)
        action = walker.act(float(known[x]), float(known[y]))
        if step >= start:
            images.append(shrunk(state.screen_buffer, settings.shrink))
            actions.append(ACTIONS.index(action))
            labels.append(np.asarray(state.labels_buffer)[:: settings.shrink, :: settings.shrink])
            variables.append(known)
        game.make_action([float(name in BUTTONS[action]) for name in HELD], settings.tics)
    return Clip(
        frames=np.stack(images),
        actions=np.array(actions, np.int64),
        truth={
            "labels": np.stack(labels).astype(np.uint8),
            "variables": np.stack(variables),
            "scenario": np.full(len(images), scenario, np.uint8),
        },
        episode_seed=seed,
        start=start,
    )


def shrunk(screen: Any, factor: int) -> NDArray[np.uint8]:
    """Average ``factor`` × ``factor`` pixels to one: ``[H, W, 3]`` → ``[H / factor, W / factor, 3]``, uint8."""
    pixels = np.asarray(screen, np.uint16)
    height, width = pixels.shape[0] // factor, pixels.shape[1] // factor
    sums = pixels.reshape(height, factor, width, factor, 3).sum((1, 3), dtype=np.uint32)
    area = factor * factor
    means: NDArray[np.uint8] = ((sums + area // 2) // area).astype(np.uint8)
    return means


def _simulator_versions() -> dict[str, str]:
    try:
        return {"vizdoom": importlib.metadata.version("vizdoom")}
    except importlib.metadata.PackageNotFoundError as error:
        raise DiptychError(
            "the vizdoom worlds need vizdoom, which is not installed. Try: pip install 'diptych[vizdoom]'"
        ) from error


class VizdoomWorld:
    """Clips of ViZDoom, made once and kept in the cache.

    Args:
        settings: Which ViZDoom.
        cache: Where clips are kept; the default cache if None.
    """

    def __init__(self, settings: VizdoomSettings, cache: ClipCache | None = None) -> None:
        self.settings = settings
        self.spec = settings.spec
        size = (self.spec.rows * self.spec.tile_pixels, self.spec.columns * self.spec.tile_pixels)
        self.truth = {
            "labels": Truth(dtype="uint8", shape=size, summary="ViZDoom's labels buffer: which thing a pixel shows"),
            "variables": Truth(dtype="float32", shape=(len(VARIABLES),), summary=f"game variables {VARIABLES}"),
            "scenario": Truth(dtype="uint8", shape=(), summary=f"number of the scenario in {settings.scenarios}"),
        }
        self.cache = cache or ClipCache()

    def versions(self) -> dict[str, str | int]:
        """Versions of the world, the walker's policy and the simulator."""
        return {"version": self.spec.version, "policy_version": self.settings.policy_version, **_simulator_versions()}

    def iterate(
        self, split: Split, count: int, *, processes: int = 1, progress: Callable[[int, int], None] | None = None
    ) -> Iterator[Clip]:
        """As :meth:`clips`, a shard at a time in memory."""
        if split not in SPLITS:
            raise UsageError(f"unknown split {split!r}. Valid: {', '.join(SPLITS)}.")
        if count < 1:
            raise UsageError(f"the number of clips must be at least 1, not {count}.")
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


def vizdoom_6x8() -> VizdoomWorld:
    """The world ``vizdoom-6x8``."""
    return VizdoomWorld(VIZDOOM_6X8)
