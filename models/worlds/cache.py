"""Clips on disk: shards of whole episodes, written atomically, checked when read, rebuilt when damaged.

A shard is an ``.npz`` (read with ``allow_pickle=False``) behind a 32-byte SHA-256 of its bytes. Its file name is a hash
of everything that decides its content, so there is nothing to invalidate: another version is another file. Several
processes may fill the same cache: the last complete file wins, and all are equal.
"""

from __future__ import annotations

import hashlib
import io
import json
import multiprocessing
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np

from harness.cache import cache_root
from harness.errors import DiptychError, UsageError
from harness.files import usable_folder, write_atomically
from models.worlds.types import Clip

OF_CLIPS = ("frames", "actions")
OF_EPISODES = ("episode_seed", "start")
SHARD_CLIPS = 6
"""Clips of a shard at least; a shard holds whole episodes."""
Play = Callable[..., list[Clip]]


class DamagedShardError(Exception):
    """A shard whose bytes are not what was written."""


def pack(clips: Sequence[Clip]) -> bytes:
    """Bytes of a shard: checksum, then a compressed ``.npz``. Equal clips give equal bytes on one platform."""
    arrays = {name: np.stack([getattr(clip, name) for clip in clips]) for name in OF_CLIPS}
    arrays |= {name: np.stack([clip.truth[name] for clip in clips]) for name in clips[0].truth}
    arrays["episode_seed"] = np.array([clip.episode_seed for clip in clips], np.int64)
    arrays["start"] = np.array([clip.start for clip in clips], np.int64)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    body = buffer.getvalue()
    return hashlib.sha256(body).digest() + body


def unpack(data: bytes) -> list[Clip]:
    """Read a shard.

    Raises:
        DamagedShardError: Truncated or altered.
    """
    if len(data) < 32 or hashlib.sha256(data[32:]).digest() != data[:32]:
        raise DamagedShardError(f"checksum of {len(data)} bytes does not match")
    with np.load(io.BytesIO(data[32:]), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    known = [name for name in arrays if name not in (*OF_CLIPS, *OF_EPISODES)]
    return [
        Clip(
            frames=arrays["frames"][i],
            actions=arrays["actions"][i],
            truth={name: arrays[name][i] for name in known},
            episode_seed=int(arrays["episode_seed"][i]),
            start=int(arrays["start"][i]),
        )
        for i in range(len(arrays["start"]))
    ]


def build_shard(path: Path, play: Play, arguments: tuple[Any, ...], episodes: range) -> Path:
    """Play ``episodes`` and write their clips to ``path`` (runs in a worker)."""
    write_atomically(path, pack([clip for episode in episodes for clip in play(*arguments, episode)]))
    return path


class ClipCache:
    """The clips that were made before.

    Args:
        root: Folder; ``$DIPTYCH_CACHE`` or ``~/.cache/diptych`` if None.
        report: Told of each damaged shard; standard error if None.
    """

    def __init__(self, root: Path | None = None, report: Callable[[str], None] | None = None) -> None:
        self.root = root if root is not None else cache_root()
        self.report = report or (lambda text: print(text, file=sys.stderr))

    def clips(
        self,
        play: Play,
        arguments: tuple[Any, ...],
        key: dict[str, Any],
        per_episode: int,
        count: int,
        processes: int,
        progress: Callable[[int, int], None] | None,
    ) -> Iterator[Clip]:
        """Yield the first ``count`` clips, building the shards that are missing or damaged.

        Args:
            play: Importable ``play(*arguments, episode)``, giving ``per_episode`` clips.
            arguments: Picklable.
            key: Everything that decides the clips (JSON).
            per_episode: Clips per episode.
            count: Clips wanted.
            processes: Worker processes.
            progress: Called with (done, total) clips.
        """
        if processes < 1:
            raise UsageError(f"processes must be at least 1, not {processes}.")
        episodes = -(-SHARD_CLIPS // per_episode)
        size = episodes * per_episode
        shards = -(-count // size)
        paths = [self.path(key, index, episodes) for index in range(shards)]
        spans = {path: range(i * episodes, (i + 1) * episodes) for i, path in enumerate(paths)}
        missing = [path for path in paths if not path.exists()]
        done = count - min(count, len(missing) * size)
        if missing:
            usable_folder(self.root / "clips", "cache folder", "Choose another with DIPTYCH_CACHE.")
            if progress:
                progress(done, count)
        for path in self._build(play, arguments, {path: spans[path] for path in missing}, processes):
            done = min(count, done + size)
            if progress:
                progress(done, count)
            del path
        for index, path in enumerate(paths):
            clips = self._read(path) or self._rebuild(path, play, arguments, spans[path])
            yield from clips[: count - index * size]

    def path(self, key: dict[str, Any], index: int, episodes: int) -> Path:
        """File of shard ``index``."""
        text = json.dumps({**key, "shard": index, "episodes": episodes}, sort_keys=True)
        return self.root / "clips" / f"{hashlib.sha256(text.encode()).hexdigest()}.clips"

    def _build(
        self, play: Play, arguments: tuple[Any, ...], spans: dict[Path, range], processes: int
    ) -> Iterator[Path]:
        if processes == 1 or len(spans) < 2:
            for path, episodes in spans.items():
                yield build_shard(path, play, arguments, episodes)
            return
        # spawn: a forked child of a process that holds torch's thread pool can hang
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(min(processes, len(spans)), mp_context=context) as pool:
            jobs = [pool.submit(build_shard, path, play, arguments, episodes) for path, episodes in spans.items()]
            for job in as_completed(jobs):
                yield job.result()

    def _read(self, path: Path) -> list[Clip] | None:
        try:
            return unpack(path.read_bytes())
        except FileNotFoundError:
            return None
        except (DamagedShardError, ValueError, KeyError, OSError) as error:
            self.report(f"cache: {path.name} is damaged ({error}); it is made again.")
            return None

    @staticmethod
    def _rebuild(path: Path, play: Play, arguments: tuple[Any, ...], episodes: range) -> list[Clip]:
        build_shard(path, play, arguments, episodes)
        try:
            return unpack(path.read_bytes())
        except DamagedShardError as error:
            raise DiptychError(f"cannot keep clips in {path.parent}: {error}. Is the disk full or failing?") from error
