"""Training of a video transformer on tokenised clips: predict every image token from all before it in raster order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from harness.files import usable_folder
from models.ar.loading import load_weights, save_transformer
from models.ar.shapes import TransformerShape
from models.ar.transformer import VideoTransformer
from models.training.loop import Job, autocast, train
from models.training.presets import VIDEO_TRANSFORMER_PRESETS, preset
from models.training.sequences import ClipSource, draw_sequences
from models.training.teacher_forcing import grid_rotary, score_clips, sequence_loss
from models.weights import read_weights
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
    source = ClipSource(world, tokenizer, clips, validation_clips)
    usable_folder(out, "training folder", "Choose another with --out.")
    if init is not None:
        read_weights(init)  # what cannot be read is found before clips are rendered
    data, held_out, grid = source.read(out, options, prompt_frames, frames)
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
        "grid": [prompt_frames, frames, grid.rows, grid.columns],
        "clips_sha256": data.sha256,
        "shape": shape.model_dump(mode="json"),
        "init": init is not None,
    }
    results = train(Job(model, loss, validate, describe), options, out, resume=resume, stop_after=stop_after)
    facts = {**describe, "data": data.facts, "options": options.model_dump(mode="json"), "validation": results}
    save_transformer(out / "video_transformer.safetensors", model, facts)
    return results
