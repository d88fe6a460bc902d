"""Training of a video transformer that is told a caption: the caption's words, then frames and actions in raster order.

Every image token of every frame carries a loss, the first frame's too: it is predicted from the caption. So one model
continues a prompt frame, and makes a video from the caption alone; the two differ in what is given.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.errors import UsageError
from harness.files import usable_folder, write_atomically
from harness.registry import REGISTRY
from models.ar.loading import save_transformer
from models.ar.shapes import TransformerShape
from models.ar.transformer import VideoTransformer
from models.decoding.grid import Grid
from models.decoding.schedule import get_schedule
from models.decoding.tables import compile_schedule
from models.decoding.training_view import training_view
from models.tokenizers.shapes import zoo_tokenizer
from models.training.clips import TokenClips
from models.training.loop import Job, autocast, train
from models.training.presets import TEXT_VIDEO_TRANSFORMER_PRESETS, preset
from models.training.sequences import epoch_draw, kept_clips
from models.training.teacher_forcing import PlacedView
from models.worlds.captions import LENGTH, WORDS, captioner
from models.worlds.types import clips_of
from models.zoo.shapes import crafter_small_shape


def train_text_video_transformer(
    out: Path,
    world: str = "crafter-9x9",
    tokenizer: str | None = None,
    preset_name: str = "cpu",
    seed: int = 0,
    *,
    frames: int = 8,
    shape: TransformerShape | None = None,
    resume: bool = False,
    stop_after: int | None = None,
    **changes: Any,
) -> dict[str, float]:
    """Train a captioned video transformer and write ``text_video_transformer.safetensors`` (bfloat16) under ``out``.

    Args:
        out: Folder of the run.
        world: Registered world with captions.
        tokenizer: File name in the zoo, or a path; the zoo's for the world if None.
        preset_name: ``"cpu"``, ``"gpu"`` or ``"test"``.
        seed: Of the weights and the batches.
        frames: Frames of a sequence.
        shape: Hyper-parameters, the caption's words among the vocabulary; the zoo's small one if None.
        resume: Go on from the checkpoint in ``out``.
        stop_after: Stop early at this step, with a checkpoint.
        changes: Options to change in the preset, by name.

    Returns:
        Validation numbers, teacher-forced: ``bits_per_token``, ``first_frame_bits_per_token``, and the latter with
        another clip's caption.
    """
    options = preset(TEXT_VIDEO_TRANSFORMER_PRESETS, preset_name, **changes)
    captioner(world)
    usable_folder(out, "training folder", "Choose another with --out.")
    tokenizer = tokenizer or zoo_tokenizer(world)
    data = kept_clips(out / "train.npz", None, world, "train", options.train_clips, tokenizer, options)
    held_out = kept_clips(out / "validation.npz", None, world, "validation", options.held_out_clips, tokenizer, options)
    rows, columns = data.tokens.shape[2:]
    if frames > data.tokens.shape[1]:
        raise UsageError(f"clips have {data.tokens.shape[1]} frames; frames = {frames} is too long.")
    captions = {
        "train": kept_captions(out / "train_captions.npy", world, "train", options.train_clips, frames),
        "validation": kept_captions(out / "validation_captions.npy", world, "validation", len(held_out.tokens), frames),
    }
    grid = Grid(frames=frames, rows=rows, columns=columns, actions=1, prompt_frames=0, start_tokens=LENGTH)
    images, actions = int(data.facts["vocabulary"]), int(data.facts["actions"])
    shape = shape or text_shape(images, actions)
    model = VideoTransformer(shape).reset(torch.Generator().manual_seed(seed)).to(options.device)
    view = PlacedView(training_view(compile_schedule(grid, get_schedule("sequential"))), grid, model)

    def loss(step: int, part: int, parts: int) -> Tensor:
        picked, offsets = epoch_draw(data, frames, options.batch, seed, step)
        tokens = captioned_sequences(data, captions["train"], grid, images, actions, picked, offsets)[part::parts]
        return view.nats(tokens.to(options.device)).mean()

    def score(shift: int) -> tuple[float, float]:
        said = np.roll(captions["validation"], -shift, axis=0)  # each clip with the caption of another
        count, found = len(held_out.tokens), []
        for start in range(0, count, 8):
            picked = np.arange(start, min(count, start + 8))
            tokens = captioned_sequences(held_out, said, grid, images, actions, picked, 0 * picked)
            found.append(view.nats(tokens.to(options.device)).double().cpu().numpy() / np.log(2))
        bits = np.concatenate(found)
        return float(bits.mean()), float(bits[:, : grid.frame_tokens].mean())

    def validate() -> dict[str, float]:
        with autocast(options):
            bits, first = score(0)
            _, misled = score(1)
        return {"bits_per_token": bits, "first_frame_bits_per_token": first, "first_frame_bits_misled": misled}

    describe = {
        "task": "text-video-transformer",
        "seed": seed,
        "grid": [0, frames, rows, columns],
        "clips_sha256": data.sha256,
        "shape": shape.model_dump(mode="json"),
        "words": list(WORDS),
    }
    results = train(Job(model, loss, validate, describe), options, out, resume=resume, stop_after=stop_after)
    facts = {**describe, "data": data.facts, "options": options.model_dump(mode="json"), "validation": results}
    save_transformer(out / "text_video_transformer.safetensors", model, facts)
    return results


def text_shape(images: int, actions: int) -> TransformerShape:
    """The zoo's small shape, with the caption's words after image and action tokens."""
    return crafter_small_shape().model_copy(
        update={"image_vocabulary": images, "vocabulary": images + actions + len(WORDS)}
    )


def kept_captions(path: Path, world: str, split: Any, count: int, frames: int) -> NDArray[np.int64]:
    """Word ids of the caption of every window of frames, int64 ``[clips, offsets, LENGTH]``; kept in ``path``."""
    if path.exists():
        kept: NDArray[np.int64] = np.load(path, allow_pickle=False)
        if kept.shape[0] == count and kept.shape[2] == LENGTH:
            return kept
    say, source = captioner(world), REGISTRY.get("world", world)()
    found = []
    for clip in clips_of(source, split, count):
        offsets = range(len(clip.frames) - frames + 1)
        found.append(np.stack([say(clip, start, frames).ids() for start in offsets]))
    captions: NDArray[np.int64] = np.stack(found)
    buffer = io.BytesIO()
    np.save(buffer, captions, allow_pickle=False)
    write_atomically(path, buffer.getvalue())
    return captions


def captioned_sequences(
    data: TokenClips,
    captions: NDArray[np.int64],
    grid: Grid,
    images: int,
    actions: int,
    picked: NDArray[np.int64],
    offsets: NDArray[np.int64],
) -> Tensor:
    """Token ids in slot order: the caption of each window, then its frames and actions.

    Args:
        data: Clips.
        captions: Of all clips by offset.
        grid: With as many start tokens as a caption has words.
        images: Image tokens of the vocabulary.
        actions: Action tokens.
        picked: Clips, ``[B]``.
        offsets: First frames, ``[B]``.

    Returns:
        int64 ``[B, slots]``.
    """
    window = offsets[:, None] + np.arange(grid.frames)
    tokens = data.tokens[picked[:, None], window].reshape(len(picked), grid.frames, -1).astype(np.int64)
    acts = images + data.actions[picked[:, None], window][..., None].astype(np.int64)
    words = images + actions + captions[picked, offsets]
    laid = np.concatenate([words, np.concatenate([tokens, acts], axis=2).reshape(len(picked), -1)], axis=1)
    return torch.from_numpy(laid[:, : grid.slots])
