"""Training of a state reader on a world's frames and what its simulator has on every tile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from harness.errors import UsageError
from harness.files import usable_folder
from harness.registry import REGISTRY
from models.state.loading import save_state_reader
from models.state.network import StateReader
from models.state.shapes import StateReaderShape
from models.training.loop import Job, train
from models.training.presets import STATE_READER_PRESETS, preset
from models.training.progress import Progress
from models.worlds.types import Split, clips_of

RARITY = 0.5
"""A tile's loss is weighted with its id's count to the power of minus this: creatures are few among grass and stone."""
NOISE_LEVELS = 8.0
"""Standard deviation, of 255, of the noise on half of the frames: generated frames are never exact to the pixel."""


def state_frames(
    world: str, split: Split, count: int, processes: int = 1, skip: int = 0
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Frames of clips ``skip`` .. ``skip + count`` of a split, and the ids of their maps' tiles.

    Returns:
        uint8 ``[N, height, width, 3]``, only the part that shows the map, and uint8 ``[N, map rows, columns]``.

    Raises:
        UsageError: A world that does not tell what stands on its tiles.
    """
    source = REGISTRY.get("world", world)()
    if "semantic" not in source.truth:
        raise UsageError(f"world {world!r} does not tell what stands on its tiles. Try: --world crafter-9x9")
    with Progress(f"{split} clips of {world}", 0) as progress:
        clips = list(clips_of(source, split, skip + count, processes=processes, progress=progress.count))[skip:]
    height = source.spec.map_rows * source.spec.tile_pixels
    return (
        np.concatenate([clip.frames[:, :height] for clip in clips]),
        np.concatenate([clip.truth["semantic"] for clip in clips]),
    )


def train_state_reader(
    out: Path,
    preset_name: str = "cpu",
    world: str = "crafter-9x9",
    seed: int = 0,
    *,
    skip: int = 0,
    shape: StateReaderShape | None = None,
    resume: bool = False,
    stop_after: int | None = None,
    **changes: Any,
) -> dict[str, float]:
    """Train a state reader and write ``state_reader.safetensors`` (float16) under ``out``.

    Args:
        out: Folder of the run.
        preset_name: ``"cpu"``, ``"gpu"`` or ``"test"``.
        world: Registered world that tells what stands on its tiles.
        seed: Of the weights and the batches.
        skip: Training clips that are left to other networks, from the first on.
        shape: Hyper-parameters; the zoo's if None.
        resume: Go on from the checkpoint in ``out``.
        stop_after: Stop early at this step, with a checkpoint.
        changes: Options to change in the preset, by name.

    Returns:
        Validation numbers: ``accuracy`` of all tiles, and ``balanced``, the mean over ids of the share that is told.

    Raises:
        UsageError: No such preset, a number out of range, or a world without such truth.
    """
    options = preset(STATE_READER_PRESETS, preset_name, **changes)
    if skip < 0:
        raise UsageError(f"skip must be an integer of at least 0, not {skip}.")
    usable_folder(out, "training folder", "Choose another with --out.")
    shape = shape or StateReaderShape(tile_pixels=REGISTRY.get("world", world)().spec.tile_pixels)
    model = StateReader(shape).reset(torch.Generator().manual_seed(seed)).to(options.device)
    frames, states = state_frames(world, "train", options.train_clips, options.processes, skip)
    held_out = state_frames(world, "validation", options.held_out_clips, options.processes)
    counts = np.bincount(states.ravel(), minlength=shape.states).astype(np.float64)
    weights = torch.from_numpy(np.where(counts, np.maximum(counts, 1) ** -RARITY, 0.0)).float().to(options.device)

    def loss(step: int, part: int, parts: int) -> Tensor:
        rng = np.random.default_rng([seed, step])
        picked = rng.integers(len(frames), size=options.batch)[part::parts]
        noise = np.random.default_rng([seed, step, part, 1])
        return noisy_loss(model, frames[picked], states[picked], weights, noise)

    describe = {
        "task": "state-reader",
        "seed": seed,
        "world": world,
        "skip": skip,
        "shape": shape.model_dump(mode="json"),
    }
    job = Job(model=model, loss=loss, validate=lambda: score(model, *held_out), describe=describe)
    results = train(job, options, out, resume=resume, stop_after=stop_after)
    facts = {**describe, "options": options.model_dump(mode="json"), "validation": results}
    facts.pop("shape")
    save_state_reader(out / "state_reader.safetensors", model, facts)
    return results


def noisy_loss(
    model: StateReader,
    frames: NDArray[np.uint8],
    states: NDArray[np.uint8],
    weights: Tensor,
    generator: np.random.Generator,
) -> Tensor:
    """Weighted mean cross-entropy of tiles, nats; half of the frames carry noise from ``generator``."""
    pixels = model.to_float(frames)
    scale = (NOISE_LEVELS / 127.5) * (generator.random(len(frames)) < 0.5)
    noise = generator.standard_normal(pixels.shape, dtype=np.float32) * scale[:, None, None, None]
    logits = model(pixels + torch.from_numpy(noise.astype(np.float32)).to(pixels.device)).float()
    wanted = torch.from_numpy(states.astype(np.int64)).to(logits.device)
    return F.cross_entropy(logits.flatten(0, 2), wanted.flatten(), weight=weights)


def score(model: StateReader, frames: NDArray[np.uint8], states: NDArray[np.uint8]) -> dict[str, float]:
    """``accuracy`` of all tiles, and ``balanced``: the mean over the ids that occur of the share that is told."""
    right = model.read(frames) == states
    shares = [float(right[states == state].mean()) for state in np.unique(states)]
    return {"accuracy": float(right.mean()), "balanced": float(np.mean(shares))}
