"""Finetuning for a decoding order: predict every token as the engine will, from what it will see.

The released code has no training; what the paper's reviews say of it is that the causal mask is replaced by one that
matches the order. Here the sequence and its mask are the engine's own (:mod:`models.decoding.training_view`). A gain
could come from the extra steps alone, so ``causal=True`` trains the control: the same steps, data, order and seed under
the causal mask.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from harness.errors import UsageError
from harness.files import file_sha256, usable_folder
from models.ar.loading import load_weights, save_transformer
from models.ar.shapes import TransformerShape
from models.ar.transformer import VideoTransformer
from models.decoding.schedule import PlaceholderPolicy, get_schedule
from models.decoding.tables import compile_schedule
from models.decoding.training_view import training_view
from models.training.loop import Job, autocast, train
from models.training.lora import add_adapters, save_adapters
from models.training.presets import DIAGONAL_FINETUNE_PRESETS, preset
from models.training.sequences import ClipSource, draw_sequences
from models.training.teacher_forcing import PlacedView, score_clips, score_order
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
    source = ClipSource(world, tokenizer, clips, validation_clips)
    if rank < 0:
        raise UsageError(f"rank must be at least 0, not {rank}: 0 trains all weights.")
    usable_folder(out, "training folder", "Choose another with --out.")
    start = zoo_path(init)
    _, header = read_weights(start)
    shape = stored_shape(start, header, TransformerShape, "a video transformer")
    data, held_out, grid = source.read(out, options, prompt_frames, frames)
    tables = compile_schedule(grid, get_schedule(schedule), k, placeholder=placeholder)
    model = VideoTransformer(shape)
    load_weights(model, start)
    model.to(options.device)
    if rank:
        add_adapters(model, rank, seed)
    trained = compile_schedule(grid, get_schedule("sequential")) if causal else tables
    view = PlacedView(training_view(trained), grid, model)

    def loss(step: int, part: int, parts: int) -> Tensor:
        tokens = draw_sequences(data, grid, shape.image_vocabulary, options.batch, seed, step)[part::parts]
        return view.nats(tokens.to(options.device)).mean()

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
        "grid": [prompt_frames, frames, grid.rows, grid.columns],
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
