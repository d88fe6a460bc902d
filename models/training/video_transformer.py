"""Training of a video transformer on tokenised clips: predict every image token from all before it in raster order."""

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
from models.ar.loading import load_weights, save_transformer
from models.ar.shapes import TransformerShape
from models.ar.transformer import Rotary, VideoTransformer, rotary_table
from models.decoding.grid import Grid
from models.tokenizers.shapes import zoo_tokenizer
from models.training.attention import training_attention
from models.training.clips import TokenClips, read_tokens, tokenise, write_tokens
from models.training.loop import Job, autocast, train
from models.training.presets import VIDEO_TRANSFORMER_PRESETS, TrainOptions, preset
from models.training.progress import Progress
from models.weights import read_weights, weights_sha256
from models.zoo.shapes import crafter_shape


def train_video_transformer(
    out: Path,
    world: str = "crafter-9x9",
    tokenizer: str | None = None,
    preset_name: str = "cpu",
    seed: int = 0,
    *,
    prompt_frames: int = 2,
    frames: int = 6,
    init: Path | None = None,
    clips: Path | None = None,
    validation_clips: Path | None = None,
    shape: TransformerShape | None = None,
    resume: bool = False,
    stop_after: int | None = None,
    **changes: Any,
) -> dict[str, float]:
    """Train a video transformer and write ``video_transformer.safetensors`` (bfloat16) under ``out``.

    Args:
        out: Folder of the run; tokenised clips are kept there as ``train.npz`` and ``validation.npz``.
        world: Registered world.
        tokenizer: File name in the zoo, or a path; the zoo's for the world if None.
        preset_name: ``"cpu"``, ``"gpu"`` or ``"test"``.
        seed: Of the weights and the batches.
        prompt_frames: Frames that are given when decoding; validation scores the later ones.
        frames: Frames after them. Training sees ``prompt_frames + frames`` consecutive frames of a clip.
        init: Weights to start from, of the same shape (3-d rotary positions carry over to another grid).
        clips: File of tokenised training clips instead of the world (then ``validation_clips`` is needed too).
        validation_clips: The same for validation.
        shape: Hyper-parameters; the zoo's if None.
        resume: Go on from the checkpoint in ``out``.
        stop_after: Stop early at this step, with a checkpoint.
        changes: Options to change in the preset, by name.

    Returns:
        Validation numbers: ``bits_per_token`` and ``token_accuracy``, teacher-forced, over the generated frames.
    """
    options = preset(VIDEO_TRANSFORMER_PRESETS, preset_name, **changes)
    if (clips is None) != (validation_clips is None):
        raise UsageError("give both files of tokenised clips, training and validation, or neither.")
    usable_folder(out, "training folder", "Choose another with --out.")
    if init is not None:
        read_weights(init)  # what cannot be read is found before clips are rendered
    if tokenizer is None and clips is None:
        REGISTRY.get("world", world)  # an unknown world is said to be one
        tokenizer = zoo_tokenizer(world)
    data = kept_clips(out / "train.npz", clips, world, "train", options.train_clips, tokenizer or "", options)
    held_out = kept_clips(
        out / "validation.npz", validation_clips, world, "validation", options.held_out_clips, tokenizer or "", options
    )
    length, rows, columns = data.tokens.shape[1:]
    if prompt_frames + frames > length:
        raise UsageError(f"clips have {length} frames; prompt_frames + frames = {prompt_frames + frames} is too long.")
    grid = Grid(frames=frames, rows=rows, columns=columns, actions=1, prompt_frames=prompt_frames)
    shape = shape or crafter_shape(int(data.facts["vocabulary"]), int(data.facts["actions"]))
    model = VideoTransformer(shape).reset(torch.Generator().manual_seed(seed))
    if init is not None:
        load_weights(model, init)
    model.to(options.device)
    rotary = grid_rotary(shape, grid, options.device)

    def loss(step: int, part: int, parts: int) -> Tensor:
        tokens = draw_sequences(data, grid, shape.image_vocabulary, options.batch, seed, step)[part::parts]
        return sequence_loss(model, tokens.to(options.device), grid, rotary, first_frame=1).mean()

    def validate() -> dict[str, float]:
        with autocast(options):
            bits, hits = score_clips(model, held_out, grid, options.device)
        return {"bits_per_token": float(bits.mean()), "token_accuracy": float(hits.mean())}

    describe = {
        "task": "video-transformer",
        "seed": seed,
        "grid": [prompt_frames, frames, rows, columns],
        "clips_sha256": data.sha256,
        "shape": shape.model_dump(mode="json"),
        "init": init is not None,
    }
    results = train(Job(model, loss, validate, describe), options, out, resume=resume, stop_after=stop_after)
    facts = {**describe, "data": data.facts, "options": options.model_dump(mode="json"), "validation": results}
    save_transformer(out / "video_transformer.safetensors", model, facts)
    return results


def kept_clips(
    kept: Path, given: Path | None, world: str, split: Any, count: int, tokenizer: str, options: TrainOptions
) -> TokenClips:
    """The given file, or the one kept in the run's folder if it holds what is asked for, or newly made."""
    if given is not None:
        return read_tokens(given)
    wanted = {"world": world, "split": split, "tokenizer_sha256": weights_sha256(tokenizer)}
    if not (kept.exists() and holds(read_tokens(kept), wanted, count)):
        with Progress(f"{split} clips of {world}", 0) as progress:
            made = tokenise(
                world,
                split,
                count,
                tokenizer,
                device=options.device,
                processes=options.processes,
                progress=progress.count,
            )
        write_tokens(kept, made)
    return read_tokens(kept)


def holds(clips: TokenClips, wanted: dict[str, str], count: int) -> bool:
    """Tell whether a kept file was made from what is asked for now: an aborted run may have left another's."""
    return len(clips.tokens) == count and all(clips.facts.get(key) == value for key, value in wanted.items())


def grid_rotary(shape: TransformerShape, grid: Grid, device: str, dtype: torch.dtype = torch.float32) -> Rotary:
    """Rotary table of every slot of ``grid``."""
    positions = torch.from_numpy(grid.positions(shape.position_axes)).to(device)
    return rotary_table(shape, positions, dtype)


def sequences(tokens: NDArray[Any], actions: NDArray[Any], grid: Grid, image_vocabulary: int) -> Tensor:
    """Token ids in slot order.

    Args:
        tokens: ``[B, T, rows, columns]``, T = prompt and generated frames.
        actions: ``[B, T]``, action ids from 0.
        grid: With one action per frame.
        image_vocabulary: Added to action ids.

    Returns:
        int64 ``[B, slots]``.
    """
    images = tokens.reshape(*tokens.shape[:2], -1).astype(np.int64)
    slots = np.concatenate([images, image_vocabulary + actions[..., None].astype(np.int64)], axis=2)
    return torch.from_numpy(slots.reshape(len(slots), -1)[:, : grid.slots])


def draw_sequences(data: TokenClips, grid: Grid, image_vocabulary: int, batch: int, seed: int, step: int) -> Tensor:
    """The batch of one step, a function of seed and step: every clip once per epoch, at a random offset."""
    total = grid.prompt_frames + grid.frames
    picked, offsets = epoch_draw(data, total, batch, seed, step)
    window = offsets[:, None] + np.arange(total)
    return sequences(
        data.tokens[picked[:, None], window], data.actions[picked[:, None], window], grid, image_vocabulary
    )


def epoch_draw(
    data: TokenClips, frames: int, batch: int, seed: int, step: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Clips and first frames of one step's batch, ``[batch]`` each: every clip once per epoch, at a random offset."""
    count = len(data.tokens)
    rng = np.random.default_rng([seed, 1, step])
    wanted = np.arange(step * batch, (step + 1) * batch)
    picked = np.empty(batch, np.int64)
    for epoch in np.unique(wanted // count):
        here = wanted // count == epoch
        picked[here] = np.random.default_rng([seed, 2, int(epoch)]).permutation(count)[wanted[here] % count]
    return picked, rng.integers(data.tokens.shape[1] - frames + 1, size=batch)


def image_slots(grid: Grid, first_frame: int) -> NDArray[np.int64]:
    """Slots of the image tokens of frame ``first_frame`` (counted with the prompt) and later."""
    index = np.arange(grid.slots)
    return index[(index >= first_frame * grid.stride) & (index % grid.stride < grid.frame_tokens)]


def sequence_loss(model: VideoTransformer, tokens: Tensor, grid: Grid, rotary: Rotary, first_frame: int) -> Tensor:
    """Cross-entropy in nats of every image token of ``first_frame`` and later, ``[B, tokens]``.

    Each is predicted from the output at the slot before it (for a frame's first token, the previous frame's action).
    """
    logits, targets = teacher_forced(model, tokens, grid, rotary, first_frame)
    return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), reduction="none").view_as(targets)


def teacher_forced(
    model: VideoTransformer, tokens: Tensor, grid: Grid, rotary: Rotary, first_frame: int
) -> tuple[Tensor, Tensor]:
    """Logits ``[B, n, image_vocabulary]`` and true ids ``[B, n]`` of the image tokens of ``first_frame`` and later."""
    slots = torch.from_numpy(image_slots(grid, first_frame)).to(tokens.device)
    cos, sin = rotary
    attend = training_attention(str(tokens.device), grid.stride)
    hidden = model.hidden(tokens[:, :-1], (cos[:-1], sin[:-1]), attend)
    return model.logits(hidden[:, slots - 1]), tokens[:, slots]


@torch.no_grad()
def score_clips(
    model: VideoTransformer, clips: TokenClips, grid: Grid, device: str, batch: int = 8
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Teacher-forced scores of the generated frames of each clip (from its first frame on).

    Returns:
        Bits per token ``[N]`` and token accuracy ``[N]`` (share of tokens whose most probable id is the true one).
    """
    model.eval()
    rotary = grid_rotary(model.shape, grid, device)
    total = grid.prompt_frames + grid.frames
    bits, hits = [], []
    for start in range(0, len(clips.tokens), batch):
        part = slice(start, start + batch)
        vocabulary = model.shape.image_vocabulary
        tokens = sequences(clips.tokens[part, :total], clips.actions[part, :total], grid, vocabulary).to(device)
        logits, targets = teacher_forced(model, tokens, grid, rotary, grid.prompt_frames)
        nats = F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), reduction="none").view_as(targets)
        bits.append((nats.mean(1) / np.log(2)).double().cpu().numpy())
        hits.append((logits.argmax(-1) == targets).double().mean(1).cpu().numpy())
    return np.concatenate(bits), np.concatenate(hits)
