"""Finetuning for a decoding order: predict every token as the engine will, from what it will see.

The released code has no training; what the paper's reviews say of it is that the causal mask is replaced by one that
matches the order. Here the sequence and its mask are the engine's own (:mod:`models.decoding.training_view`). A gain
could come from the extra steps alone, so ``causal=True`` trains the control: the same steps, data, order and seed under
the causal mask.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from harness.errors import UsageError
from harness.files import file_sha256, usable_folder
from models.ar.loading import load_weights, save_transformer
from models.ar.shapes import TransformerShape
from models.ar.transformer import VideoTransformer, rotary_table
from models.decoding.grid import Grid
from models.decoding.schedule import PlaceholderPolicy, get_schedule
from models.decoding.tables import Tables, compile_schedule
from models.decoding.training_view import TrainingView, masked_attention, training_view
from models.tokenizers.shapes import zoo_tokenizer
from models.training.clips import TokenClips
from models.training.loop import Job, autocast, train
from models.training.lora import add_adapters, save_adapters
from models.training.presets import DIAGONAL_FINETUNE_PRESETS, preset
from models.training.video_transformer import draw_sequences, kept_clips, score_clips, sequences
from models.weights import read_weights, stored_shape, zoo_path


def train_diagonal_finetune(
    out: Path,
    init: str,
    world: str = "crafter-9x9",
    tokenizer: str | None = None,
    preset_name: str = "cpu",
    seed: int = 0,
    *,
    schedule: str = "diagonal",
    k: int = 1,
    placeholder: PlaceholderPolicy | None = None,
    causal: bool = False,
    prompt_frames: int = 2,
    frames: int = 6,
    rank: int = 0,
    clips: Path | None = None,
    validation_clips: Path | None = None,
    resume: bool = False,
    stop_after: int | None = None,
    **changes: Any,
) -> dict[str, float]:
    """Finetune a video transformer for a decoding order.

    Writes ``diagonal_finetune.safetensors`` under ``out`` (bfloat16): all weights, or with a rank the adapters alone.

    Args:
        out: Folder of the run.
        init: Weights to start from: a file name in the zoo, or a path.
        world: Registered world.
        tokenizer: File name in the zoo, or a path; the zoo's for the world if None.
        preset_name: ``"cpu"``, ``"gpu"`` or ``"test"``.
        seed: Of the batches (and of adapters).
        schedule: Registered decoding order.
        k: Row delay in tokens.
        placeholder: Stand-in policy; the schedule's own if None.
        causal: True trains the control: the causal mask, everything else the same.
        prompt_frames: Frames that are given.
        frames: Frames after them, which carry the loss.
        rank: Rank of adapters; 0 trains all weights.
        clips: File of tokenised training clips instead of the world (then ``validation_clips`` is needed too).
        validation_clips: The same for validation.
        resume: Go on from the checkpoint in ``out``.
        stop_after: Stop early at this step, with a checkpoint.
        changes: Options to change in the preset, by name.

    Returns:
        Validation numbers, teacher-forced: ``bits_per_token`` of the order as the engine decodes it, and
        ``sequential_bits_per_token``.
    """
    options = preset(DIAGONAL_FINETUNE_PRESETS, preset_name, **changes)
    if (clips is None) != (validation_clips is None):
        raise UsageError("give both files of tokenised clips, training and validation, or neither.")
    if rank < 0:
        raise UsageError(f"rank must be at least 0, not {rank}: 0 trains all weights.")
    usable_folder(out, "training folder", "Choose another with --out.")
    start = zoo_path(init)
    _, header = read_weights(start)
    shape = stored_shape(start, header, TransformerShape, "a video transformer")
    if tokenizer is None and clips is None:
        tokenizer = zoo_tokenizer(world)
    data = kept_clips(out / "train.npz", clips, world, "train", options.train_clips, tokenizer or "", options)
    held_out = kept_clips(
        out / "validation.npz", validation_clips, world, "validation", options.held_out_clips, tokenizer or "", options
    )
    length, rows, columns = data.tokens.shape[1:]
    if prompt_frames + frames > length:
        raise UsageError(f"clips have {length} frames; prompt_frames + frames = {prompt_frames + frames} is too long.")
    grid = Grid(frames=frames, rows=rows, columns=columns, actions=1, prompt_frames=prompt_frames)
    tables = compile_schedule(grid, get_schedule(schedule), k, placeholder=placeholder)
    model = VideoTransformer(shape)
    load_weights(model, start)
    model.to(options.device)
    if rank:
        add_adapters(model, rank, seed)
    trained = compile_schedule(grid, get_schedule("sequential")) if causal else tables
    view = training_view(trained)

    def loss(step: int, part: int, parts: int) -> Tensor:
        tokens = draw_sequences(data, grid, shape.image_vocabulary, options.batch, seed, step)[part::parts]
        return view_loss(model, tokens.to(options.device), view, grid).mean()

    def validate() -> dict[str, float]:
        with autocast(options):
            order = score_order(model, held_out, tables, options.device)
            bits, hits = score_clips(model, held_out, grid, options.device)
        return {
            "bits_per_token": float(order.mean()),
            "sequential_bits_per_token": float(bits.mean()),
            "sequential_token_accuracy": float(hits.mean()),
        }

    describe = {
        "task": "diagonal-finetune",
        "seed": seed,
        "grid": [prompt_frames, frames, rows, columns],
        "clips_sha256": data.sha256,
        "shape": shape.model_dump(mode="json"),
        "init_sha256": file_sha256(start),
        "schedule": [tables.schedule, tables.k_effective, tables.placeholder],
        "causal": causal,
        "rank": rank,
    }
    results = train(Job(model, loss, validate, describe), options, out, resume=resume, stop_after=stop_after)
    facts = {**describe, "data": data.facts, "options": options.model_dump(mode="json"), "validation": results}
    weights = out / "diagonal_finetune.safetensors"
    if rank:
        save_adapters(weights, model, str(describe["init_sha256"]), facts)
    else:
        save_transformer(weights, model, facts)
    return results


def view_logits(model: VideoTransformer, tokens: Tensor, view: TrainingView, grid: Grid) -> Tensor:
    """Logits ``[B, tokens, image_vocabulary]`` of the generated tokens in raster order; true ids ``[B, slots]``."""
    dtype, device = model.embed_tokens.weight.dtype, tokens.device
    slot, source, predicting = (torch.from_numpy(a).to(device) for a in (view.slot, view.source, view.predicting))
    positions = torch.from_numpy(grid.positions(model.shape.position_axes)).to(tokens.device)
    rotary = rotary_table(model.shape, positions[slot], dtype)
    hidden = model.hidden(tokens[:, source], rotary, masked_attention(view, tokens.device, dtype))
    return model.logits(hidden[:, predicting])


def view_loss(model: VideoTransformer, tokens: Tensor, view: TrainingView, grid: Grid) -> Tensor:
    """Cross-entropy in nats of every generated token, ``[B, tokens]``: each once, from the entry that predicts it."""
    logits, targets = view_logits(model, tokens, view, grid), tokens[:, torch.from_numpy(view.target).to(tokens.device)]
    return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), reduction="none").view_as(targets)


@torch.no_grad()
def score_order(
    model: VideoTransformer, clips: TokenClips, tables: Tables, device: str, batch: int = 8
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Teacher-forced bits per token ``[N]`` of the generated frames of each clip, decoded in an order."""
    model.eval()
    grid, view, found = tables.grid, training_view(tables), []
    total = grid.prompt_frames + grid.frames
    for start in range(0, len(clips.tokens), batch):
        part = slice(start, start + batch)
        ids = sequences(clips.tokens[part, :total], clips.actions[part, :total], grid, model.shape.image_vocabulary)
        nats = view_loss(model, ids.to(device), view, grid)
        found.append((nats.mean(1) / np.log(2)).double().cpu().numpy())
    return np.concatenate(found)
