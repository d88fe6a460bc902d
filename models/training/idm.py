"""Training of an inverse-dynamics network on the frames and actions of one or more worlds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
from models.idm.loading import save_idm
from models.idm.network import InverseDynamics
from models.idm.shapes import IDMShape
from models.training.loop import Job, train
from models.training.presets import IDM_PRESETS, TrainOptions, preset
from models.training.progress import Progress
from models.worlds.types import Split

RARITY = 0.5
"""A pair is drawn with the count of its action to the power of minus this: rare actions (to craft, to place) would be
met a few times in all, and drawing all alike would make the network forget how rare they are."""
NOISE_LEVELS = 4.0
"""Standard deviation, of 255, of the noise on half of the pairs: generated frames are never exact to the pixel."""
PROJECTION_CLIPS = 256


@dataclass(frozen=True)
class ActionClips:
    """Clips of one world with what was done in them.

    Attributes:
        frames: uint8 ``[N, T, H, W, 3]``.
        actions: int64 ``[N, T - 1]``; action t leads from frame t to t + 1.
    """

    frames: NDArray[np.uint8]
    actions: NDArray[np.int64]

    def pair_weights(self) -> NDArray[np.float64]:
        """Probability of every pair of neighbouring frames to be drawn, ``[N · (T - 1)]``."""
        flat = self.actions.ravel()
        weights = np.bincount(flat)[flat].astype(np.float64) ** -RARITY
        probabilities: NDArray[np.float64] = weights / weights.sum()
        return probabilities


def action_clips(name: str, split: Split, count: int, processes: int = 1) -> ActionClips:
    """The first ``count`` clips of a split of a world."""
    world = REGISTRY.get("world", name)()
    source = world.iterate if hasattr(world, "iterate") else world.clips
    with Progress(f"{split} clips of {name}", 0) as progress:
        clips = list(source(split, count, processes=processes, progress=progress.count))
    return ActionClips(np.stack([c.frames for c in clips]), np.stack([c.actions[:-1] for c in clips]).astype(np.int64))


def shared_actions(worlds: Sequence[str]) -> tuple[str, ...]:
    """The actions of ``worlds``, which must be the same.

    Raises:
        UsageError: No world, or worlds of other actions.
    """
    if not worlds:
        raise UsageError("name at least one world to train on (--world crafter-9x9).")
    actions = {name: tuple(REGISTRY.get("world", name)().spec.actions) for name in worlds}
    first = actions[worlds[0]]
    for name, others in actions.items():
        if others != first:
            raise UsageError(
                f"one network tells the actions of one game: {worlds[0]} has {len(first)} ({', '.join(first[:3])}, …), "
                f"{name} has {len(others)} ({', '.join(others[:3])}, …). Train one network for each."
            )
    return first


def train_idm(
    out: Path,
    preset_name: str = "cpu",
    worlds: Sequence[str] = ("crafter-9x9", "crafter-15x24"),
    seed: int = 0,
    *,
    tile_pixels: int | None = None,
    reach: int | None = None,
    shape: IDMShape | None = None,
    resume: bool = False,
    stop_after: int | None = None,
    **changes: Any,
) -> dict[str, float]:
    """Train an inverse-dynamics network and write ``idm.safetensors`` (float16) under ``out``.

    Args:
        out: Folder of the run.
        preset_name: ``"cpu"``, ``"gpu"`` or ``"test"``.
        worlds: Registered worlds with the same actions; each step draws from one of them, in turn. The first gives
            ``train_clips`` clips, the others as many as hold the same number of tiles.
        seed: Of the weights and the batches.
        tile_pixels: Side of a tile; the shape's if None.
        reach: Tiles that the picture may shift between two frames; the shape's if None.
        shape: Hyper-parameters; the zoo's if None.
        resume: Go on from the checkpoint in ``out``.
        stop_after: Stop early at this step, with a checkpoint.
        changes: Options to change in the preset, by name.

    Returns:
        Validation numbers: ``accuracy_<world>`` and ``loss_<world>`` (nats), over all pairs of frames.

    Raises:
        UsageError: No such preset, a number out of range, worlds of other actions, a shape of other actions, or tiles
            that do not divide a world's frames.
    """
    options = preset(IDM_PRESETS, preset_name, **changes)
    usable_folder(out, "training folder", "Choose another with --out.")
    actions = shared_actions(worlds)
    shape = shape or IDMShape(actions=actions)
    tiles = {name: value for name, value in (("tile_pixels", tile_pixels), ("reach", reach)) if value is not None}
    shape = shape.model_copy(update=tiles)
    if shape.actions != actions:
        raise UsageError(f"the shape's actions {shape.actions} are not those of {worlds[0]}.")
    for name in worlds:
        spec = REGISTRY.get("world", name)().spec
        sides = (spec.rows * spec.tile_pixels, spec.columns * spec.tile_pixels)
        if any(side % shape.tile_pixels for side in sides):
            raise UsageError(
                f"tiles of {shape.tile_pixels} pixels do not divide the {sides[0]}x{sides[1]} frames of {name}; "
                f"try --tile-pixels {spec.tile_pixels}"
            )
    model = InverseDynamics(shape).reset(torch.Generator().manual_seed(seed)).to(options.device)
    sources = [action_clips(worlds[0], "train", options.train_clips, options.processes)]
    for name in worlds[1:]:
        one = action_clips(name, "train", 1, options.processes).frames.size
        count = max(1, round(sources[0].frames.size / one))
        sources.append(action_clips(name, "train", count, options.processes))
    weights = [source.pair_weights() for source in sources]
    held_out = {name: action_clips(name, "validation", options.held_out_clips, options.processes) for name in worlds}

    def loss(step: int, part: int, parts: int) -> Tensor:
        frames, wanted = draw_pairs(sources, weights, options, seed, step)
        return idm_loss(model, frames[part::parts], wanted[part::parts], [seed, step, part])

    job = Job(
        model=model,
        loss=loss,
        validate=lambda: {
            f"{key}_{name}": value for name, clips in held_out.items() for key, value in score(model, clips).items()
        },
        describe={"task": "idm", "seed": seed, "worlds": list(worlds), "shape": shape.model_dump(mode="json")},
    )
    results = train(job, options, out, resume=resume, stop_after=stop_after)
    model.eval()
    set_feature_projection(model, sources)
    facts = {"seed": seed, "worlds": list(worlds), "options": options.model_dump(mode="json"), "validation": results}
    save_idm(out / "idm.safetensors", model, facts, torch.float16)
    return results


def draw_pairs(
    sources: Sequence[ActionClips], weights: Sequence[NDArray[np.float64]], options: TrainOptions, seed: int, step: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The pairs of one step, ``[B, 2, H, W, 3]`` and ``[B]``: a function of seed and step only.

    Large frames are drawn in smaller number.
    """
    which = step % len(sources)
    source = sources[which]
    pixels = [one.frames[0, 0].size for one in sources]
    count = max(options.workers, round(options.batch * pixels[0] / pixels[which]))
    rng = np.random.default_rng([seed, step])
    drawn = rng.choice(len(weights[which]), size=count, p=weights[which])
    clip, time = np.divmod(drawn, source.actions.shape[1])
    frames = np.stack((source.frames[clip, time], source.frames[clip, time + 1]), 1)
    return frames, source.actions[clip, time]


def idm_loss(model: InverseDynamics, frames: NDArray[np.uint8], wanted: NDArray[np.int64], seed: list[int]) -> Tensor:
    """Mean cross-entropy of the actions; half of the pairs carry noise, drawn from ``seed``."""
    pixels = model.to_float(frames)
    generator = np.random.default_rng([*seed, 1])
    scale = (NOISE_LEVELS / 127.5) * (generator.random(len(frames)) < 0.5)
    noise = generator.standard_normal(pixels.shape, dtype=np.float32) * scale[:, None, None, None, None]
    pixels = pixels + torch.from_numpy(noise.astype(np.float32)).to(pixels.device)
    logits = model(pixels)[:, 0].float()
    return F.cross_entropy(logits, torch.from_numpy(wanted).to(logits.device))


@torch.no_grad()
def score(model: InverseDynamics, clips: ActionClips, batch: int = 16) -> dict[str, float]:
    """``accuracy`` and ``loss`` (mean cross-entropy, nats) over all pairs of ``clips``."""
    hits, nats = 0, 0.0
    for start in range(0, len(clips.frames), batch):
        logits = model(model.to_float(clips.frames[start : start + batch])).float().flatten(0, 1)
        wanted = torch.from_numpy(clips.actions[start : start + batch].ravel()).to(logits.device)
        hits += int((logits.argmax(-1) == wanted).sum())
        nats += float(F.cross_entropy(logits, wanted, reduction="sum"))
    return {"accuracy": hits / clips.actions.size, "loss": nats / clips.actions.size}


@torch.no_grad()
def set_feature_projection(model: InverseDynamics, sources: Sequence[ActionClips]) -> None:
    """Fit the whitened principal components of pooled states on the first training clips of each world."""
    states = []
    for source in sources:
        parts = [source.frames[start : start + 16] for start in range(0, min(len(source.frames), PROJECTION_CLIPS), 16)]
        states += [model.pooled(model.to_float(part)).flatten(0, 1).double().cpu() for part in parts]
    rows = torch.cat(states)
    mean = rows.mean(0)
    values, vectors = torch.linalg.eigh((rows - mean).T @ (rows - mean) / len(rows))
    kept = torch.arange(len(values) - 1, len(values) - 1 - model.shape.feature_width, -1)
    directions = vectors[:, kept].T / values[kept].clamp_min(1e-9).sqrt()[:, None]
    # an eigenvector's sign is arbitrary: fix it, so that a retraining differs only where the weights do
    signs = torch.sign(directions.gather(1, directions.abs().argmax(1, keepdim=True)))
    model.feature_mean.copy_(mean)
    model.feature_projection.copy_(directions * signs)
