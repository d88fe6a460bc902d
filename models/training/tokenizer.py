"""Training of the FSQ tokenizer on the frames of one or more worlds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.errors import UsageError
from harness.files import usable_folder
from harness.registry import REGISTRY
from models.tokenizers.fsq import FSQTokenizer
from models.tokenizers.loading import save_tokenizer
from models.tokenizers.shapes import TokenizerShape
from models.training.loop import Job, train
from models.training.presets import TOKENIZER_PRESETS, TrainOptions, preset
from models.training.progress import Progress

HARD_FRACTION = 0.05
"""The worst tiles of a batch that count a second time: rare tiles (a diamond, a skeleton) are far below the mean."""


def train_tokenizer(
    out: Path,
    preset_name: str = "cpu",
    worlds: Sequence[str] = ("crafter-9x9", "crafter-15x24"),
    seed: int = 0,
    *,
    shape: TokenizerShape | None = None,
    resume: bool = False,
    stop_after: int | None = None,
    **changes: Any,
) -> dict[str, float]:
    """Train a tokenizer and write ``tokenizer.safetensors`` under ``out``.

    Args:
        out: Folder of the run.
        preset_name: ``"cpu"``, ``"gpu"`` or ``"test"``.
        worlds: Registered worlds; each step draws from one of them, in turn. The first gives ``clips`` clips, the
            others as many as hold the same number of tiles.
        seed: Of the weights and the batches.
        shape: Hyper-parameters; the zoo's if None.
        resume: Go on from the checkpoint in ``out``.
        stop_after: Stop early at this step, with a checkpoint.
        changes: Options to change in the preset, by name.

    Returns:
        Validation numbers: ``psnr_<world>`` in dB, mean over frames.
    """
    options = preset(TOKENIZER_PRESETS, preset_name, **changes)
    usable_folder(out, "training folder", "Choose another with --out.")
    if not worlds:
        raise UsageError("name at least one world to train on (--world crafter-9x9).")
    model = FSQTokenizer(shape or TokenizerShape()).reset(torch.Generator().manual_seed(seed)).to(options.device)
    train_frames = [world_frames(name, "train", options.train_clips, options) for name in worlds[:1]]
    tiles = train_frames[0].size
    for name in worlds[1:]:
        one = world_frames(name, "train", 1, options).size
        train_frames.append(world_frames(name, "train", max(1, round(tiles / one)), options))
    held_out = {name: world_frames(name, "validation", options.held_out_clips, options) for name in worlds}
    job = Job(
        model=model,
        loss=lambda step, part, parts: tokenizer_loss(
            model, draw_frames(train_frames, options, seed, step)[part::parts]
        ),
        validate=lambda: {f"psnr_{name}": float(frame_psnr(model, frames).mean()) for name, frames in held_out.items()},
        describe={
            "task": "tokenizer",
            "seed": seed,
            "worlds": list(worlds),
            "shape": model.shape.model_dump(mode="json"),
        },
    )
    results = train(job, options, out, resume=resume, stop_after=stop_after)
    set_feature_projection(model, train_frames, seed)
    facts = {"seed": seed, "worlds": list(worlds), "options": options.model_dump(mode="json"), "validation": results}
    save_tokenizer(out / "tokenizer.safetensors", model, facts)
    return results


def world_frames(name: str, split: Any, clips: int, options: TrainOptions) -> NDArray[np.uint8]:
    """All frames of the first ``clips`` clips of a world, ``[N, H, W, 3]``."""
    world = REGISTRY.get("world", name)()
    source = world.iterate if hasattr(world, "iterate") else world.clips
    with Progress(f"{split} clips of {name}", 0) as progress:
        made = source(split, clips, processes=options.processes, progress=progress.count)
        return np.concatenate([clip.frames for clip in made])


def draw_frames(sources: Sequence[NDArray[np.uint8]], options: TrainOptions, seed: int, step: int) -> NDArray[np.uint8]:
    """The frames of one step: a function of seed and step only. Large frames are drawn in smaller number."""
    source = sources[step % len(sources)]
    tiles = sources[0][0].size
    count = max(options.workers, round(options.batch * tiles / source[0].size))
    rng = np.random.default_rng([seed, step])
    drawn: NDArray[np.uint8] = source[rng.integers(len(source), size=count)]
    return drawn


def tokenizer_loss(model: FSQTokenizer, frames: NDArray[np.uint8]) -> Tensor:
    """Squared and absolute error, with the worst tiles counted again."""
    target = model.to_float(frames)
    error = model(target).float() - target
    tiles = torch.nn.functional.avg_pool2d(error.square().mean(1, keepdim=True), model.shape.tile_pixels).flatten()
    hard = tiles.topk(max(1, int(len(tiles) * HARD_FRACTION))).values.mean()
    total: Tensor = tiles.mean() + 0.1 * error.abs().mean() + 0.2 * hard
    return total


def frame_psnr(model: FSQTokenizer, frames: NDArray[np.uint8]) -> NDArray[np.float64]:
    """PSNR in dB of each frame ``[N, H, W, 3]`` against its reconstruction (8-bit, peak 255; capped at 60)."""
    values = []
    for start in range(0, len(frames), 64):
        part = frames[start : start + 64]
        error = part.astype(np.float64) - model.decode(model.encode(part)).astype(np.float64)
        values.append(10 * np.log10(255**2 / np.maximum((error**2).mean((1, 2, 3)), 255**2 / 1e6)))
    return np.concatenate(values)


@torch.no_grad()
def set_feature_projection(model: FSQTokenizer, sources: Sequence[NDArray[np.uint8]], seed: int) -> None:
    """Fit the whitened principal components of tile states on 256 training frames of each world."""
    rng = np.random.default_rng([seed, 1 << 32])
    states = []
    for source in sources:
        frames = source[rng.integers(len(source), size=256)]
        states.append(model.tile_states(model.to_float(frames)).reshape(-1, model.shape.width).double().cpu())
    rows = torch.cat(states)
    mean = rows.mean(0)
    covariance = (rows - mean).T @ (rows - mean) / len(rows)
    values, vectors = torch.linalg.eigh(covariance)
    kept = torch.arange(len(values) - 1, len(values) - 1 - model.shape.feature_width, -1)
    directions = vectors[:, kept].T / values[kept].clamp_min(1e-9).sqrt()[:, None]
    # an eigenvector's sign is arbitrary: fix it, so that a retraining differs only where the weights do
    signs = torch.sign(directions.gather(1, directions.abs().argmax(1, keepdim=True)))
    model.feature_mean.copy_(mean)
    model.feature_projection.copy_(directions * signs)
