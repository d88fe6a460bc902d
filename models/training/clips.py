"""Tokenised clips in one compact file, so that a machine without the simulator can train.

The file is an ``.npz`` without pickled objects: ``tokens`` uint16 ``[N, T, rows, columns]``, ``actions`` uint8
``[N, T]``, ``episode_seed`` int64 ``[N]``, ``facts`` (JSON text: world, split,
tokenizer and its SHA-256, vocabulary, actions). ``python -m models.training.clips WORLD SPLIT COUNT FILE`` makes one.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import DiptychError
from harness.files import write_atomically
from harness.registry import REGISTRY
from models.training.progress import Progress
from models.worlds.types import SPLITS, Split, clips_of

ENCODE_CLIPS = 64


@dataclass(frozen=True)
class TokenClips:
    """Tokenised clips.

    Attributes:
        tokens: uint16 ``[N, T, rows, columns]``.
        actions: uint8 ``[N, T]``; action t leads from frame t to t + 1.
        episode_seed: int64 ``[N]``.
        facts: ``world``, ``split``, ``tokenizer``, ``tokenizer_sha256``, ``vocabulary``, ``actions`` (their number).
    """

    tokens: NDArray[np.uint16]
    actions: NDArray[np.uint8]
    episode_seed: NDArray[np.int64]
    facts: dict[str, Any]

    @property
    def sha256(self) -> str:
        """Hash of tokens and actions."""
        digest = hashlib.sha256(np.ascontiguousarray(self.tokens).tobytes())
        digest.update(np.ascontiguousarray(self.actions).tobytes())
        return digest.hexdigest()


def tokenise(
    world: str,
    split: Split,
    count: int,
    tokenizer: str,
    *,
    device: str = "cpu",
    processes: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> TokenClips:
    """Make and tokenise the first ``count`` clips of a split.

    Args:
        world: Registered world.
        split: Which split.
        count: Number of clips, ≥ 1.
        tokenizer: File name in the zoo, or a path.
        device: Torch device of the tokenizer.
        processes: Processes that make clips which the cache lacks.
        progress: Called with (done, total) while clips are made.
    """
    from models.tokenizers.loading import load_tokenizer
    from models.weights import weights_sha256

    source = REGISTRY.get("world", world)()
    model = load_tokenizer(tokenizer, device)
    tokens: list[NDArray[np.uint16]] = []
    actions: list[NDArray[np.uint8]] = []
    frames: list[NDArray[np.uint8]] = []
    seeds: list[int] = []

    def encode() -> None:
        if frames:
            stacked = np.stack(frames)
            ids = model.encode(stacked.reshape(-1, *stacked.shape[2:])).cpu().numpy()
            tokens.append(ids.reshape(*stacked.shape[:2], *ids.shape[1:]).astype(np.uint16))
            frames.clear()

    for clip in clips_of(source, split, count, processes=processes, progress=progress):
        frames.append(clip.frames)
        actions.append(clip.actions.astype(np.uint8))
        seeds.append(clip.episode_seed)
        if len(frames) == ENCODE_CLIPS:
            encode()
    encode()
    facts = {
        "world": world,
        "split": split,
        "tokenizer": Path(tokenizer).name,
        "tokenizer_sha256": weights_sha256(tokenizer),
        "vocabulary": model.shape.vocabulary,
        "actions": len(source.spec.actions),
    }
    return TokenClips(np.concatenate(tokens), np.stack(actions), np.array(seeds, np.int64), facts)


def write_tokens(path: Path, clips: TokenClips) -> Path:
    """Write ``clips`` to ``path`` (atomically)."""
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        allow_pickle=False,
        tokens=clips.tokens,
        actions=clips.actions,
        episode_seed=clips.episode_seed,
        facts=np.array(json.dumps(clips.facts, sort_keys=True)),
    )
    write_atomically(path, buffer.getvalue())
    return path


def read_tokens(path: Path) -> TokenClips:
    """Read a file of :func:`write_tokens`.

    Raises:
        DiptychError: Absent, unreadable, or its arrays do not fit each other.
    """
    try:
        # from memory: numpy leaves the file open where it finds no archive in it
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            facts = json.loads(str(file["facts"]))
            clips = TokenClips(file["tokens"], file["actions"], file["episode_seed"], facts)
    except FileNotFoundError:
        raise DiptychError(
            f"there is no clips file {path}. Make one: python -m models.training.clips crafter-9x9 train 3400 {path}"
        ) from None
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
        raise DiptychError(f"{path} is not a readable file of tokenised clips ({error}).") from error
    if clips.tokens.ndim != 4 or clips.actions.shape != clips.tokens.shape[:2]:
        raise DiptychError(f"{path}: tokens {clips.tokens.shape} and actions {clips.actions.shape} do not fit.")
    if clips.tokens.size and int(clips.tokens.max()) >= int(facts["vocabulary"]):
        raise DiptychError(f"{path}: token {int(clips.tokens.max())} is outside the vocabulary {facts['vocabulary']}.")
    return clips


def export_tokens(
    world: str, split: Split, count: int, out: Path, *, tokenizer: str | None = None,
    processes: int = 1, progress: Callable[[int, int], None] | None = None,
) -> Path:  # fmt: skip
    """Tokenise the first ``count`` clips of a split into one file (about 1 KB a 9x9 clip).

    Args:
        world: Registered world.
        split: Which split.
        count: Number of clips.
        out: File to write.
        tokenizer: File name in the zoo, or a path; the zoo's for the world if None.
        processes: Processes that make clips which the cache lacks.
        progress: Called with (done, total).
    """
    from models.tokenizers.shapes import zoo_tokenizer

    REGISTRY.get("world", world)  # an unknown world is said to be one
    tokenizer = tokenizer or zoo_tokenizer(world)
    return write_tokens(out, tokenise(world, split, count, tokenizer, processes=processes, progress=progress))


def main(arguments: Sequence[str] | None = None) -> None:
    """Export tokenised clips of a world to a file for ``diptych train video-transformer --clips FILE``."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("world")
    parser.add_argument("split", choices=SPLITS)
    parser.add_argument("count", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--tokenizer", help="the zoo's for the world if not given")
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args(arguments)
    REGISTRY.add_package("world", "models.worlds.catalogue")
    try:
        with Progress(f"{options.split} clips of {options.world}", 0) as progress:
            path = export_tokens(
                options.world,
                options.split,
                options.count,
                options.file,
                tokenizer=options.tokenizer,
                processes=options.processes,
                progress=progress.count,
            )
    except DiptychError as error:
        raise SystemExit(f"error: {error}") from None
    print(path)


if __name__ == "__main__":
    main()
