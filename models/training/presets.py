"""What a training run is told, as data (no torch), and the presets for CPU, GPU and tests."""

from __future__ import annotations

import math
from typing import Literal

from harness.errors import UsageError, unknown
from harness.types import Data

Precision = Literal["float32", "bfloat16"]


class TrainOptions(Data):
    """Options of a training run; the same options and seed give the same weights on one machine type.

    Attributes:
        steps: Optimiser steps in all.
        batch: Sequences (transformer), 9x9 frames (tokenizer), pairs of them (inverse dynamics) or clips (video-text)
            per step; frames of other sizes are matched in pixels.
        learning_rate: Peak learning rate.
        warmup_steps: Linear rise from 0.
        decay_fraction: Last part of the steps, in which the rate falls linearly to ``final_fraction`` of its peak.
            Between the two it stays constant, so a run can be cut or extended from a checkpoint before the decay.
        final_fraction: Final rate over the peak.
        optimiser: ``"adamw"``, or ``"muon"`` (matrices of blocks by Muon, the rest by AdamW).
        betas: AdamW's.
        weight_decay: Of matrices; norms, biases and embeddings have none.
        clip_norm: Gradient norm is clipped to this.
        precision: ``"bfloat16"`` autocasts products; weights and optimiser stay float32.
        device: Torch device.
        threads: Torch threads of the optimiser and of validation; 0 leaves the default.
        workers: Threads that each take a part of the batch through the model, with one torch thread; on a shared CPU
            this loses less to waiting than splitting every product. Another number is another run: the mean over parts
            rounds otherwise, and the tokenizer takes its worst tiles from each part.
        accumulate: Micro batches of a step, one after another; a step's batch is the same, its memory smaller.
        validate_every: Steps between validations; 0 only at the end.
        checkpoint_every: Steps between checkpoints; one is always written at the end.
        train_clips: Training clips per world.
        held_out_clips: Validation clips per world.
        processes: Processes that make clips the cache lacks.
    """

    steps: int
    batch: int
    learning_rate: float
    warmup_steps: int = 100
    decay_fraction: float = 0.25
    final_fraction: float = 0.02
    optimiser: Literal["adamw", "muon"] = "adamw"
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.05
    clip_norm: float = 1.0
    precision: Precision = "float32"
    device: str = "cpu"
    threads: int = 0
    workers: int = 1
    accumulate: int = 1
    validate_every: int = 250
    checkpoint_every: int = 100
    train_clips: int = 1200
    held_out_clips: int = 48
    processes: int = 2

    def rate(self, step: int) -> float:
        """Learning rate of ``step`` (from 0): warm-up, constant, linear decay."""
        decay_steps = max(1, round(self.steps * self.decay_fraction))
        rise = min(1.0, (step + 1) / max(1, self.warmup_steps))
        left = min(1.0, (self.steps - step) / decay_steps)
        return self.learning_rate * rise * (self.final_fraction + (1 - self.final_fraction) * left)


TOKENIZER_PRESETS: dict[str, TrainOptions] = {
    "test": TrainOptions(
        steps=20, batch=4, learning_rate=2e-3, warmup_steps=4, train_clips=24, held_out_clips=2, processes=1,
        validate_every=10, checkpoint_every=10,
    ),
    "cpu": TrainOptions(
        steps=2500, batch=32, learning_rate=2e-3, warmup_steps=100, decay_fraction=0.4, weight_decay=0.0,
        precision="bfloat16", workers=2, train_clips=1200, validate_every=500,
    ),
    "gpu": TrainOptions(
        steps=20000, batch=128, learning_rate=1e-3, warmup_steps=500, decay_fraction=0.4, weight_decay=0.0,
        precision="bfloat16", device="cuda", train_clips=4800, validate_every=1000, checkpoint_every=1000, processes=8,
    ),
}  # fmt: skip
VIDEO_TRANSFORMER_PRESETS: dict[str, TrainOptions] = {
    "test": TrainOptions(
        steps=8, batch=2, learning_rate=1e-3, warmup_steps=2, train_clips=24, held_out_clips=2, processes=1,
        validate_every=4, checkpoint_every=4,
    ),
    "cpu": TrainOptions(
        steps=1500, batch=8, learning_rate=3e-3, warmup_steps=60, optimiser="muon", precision="bfloat16", workers=2,
        train_clips=3400, held_out_clips=64,
    ),
    "gpu": TrainOptions(
        steps=30000, batch=64, learning_rate=1e-3, warmup_steps=500, optimiser="muon", precision="bfloat16",
        device="cuda", train_clips=48000, held_out_clips=256, validate_every=1000, checkpoint_every=1000, processes=8,
    ),
}  # fmt: skip
IDM_PRESETS: dict[str, TrainOptions] = {
    "test": TrainOptions(
        steps=12, batch=8, learning_rate=2e-3, warmup_steps=2, train_clips=24, held_out_clips=2, processes=1,
        validate_every=6, checkpoint_every=6,
    ),
    "cpu": TrainOptions(
        steps=1500, batch=128, learning_rate=2e-3, warmup_steps=60, decay_fraction=0.5, precision="bfloat16",
        train_clips=1800, held_out_clips=64, validate_every=250, processes=1,
    ),
    "gpu": TrainOptions(
        steps=12000, batch=512, learning_rate=1e-3, warmup_steps=300, decay_fraction=0.5, precision="bfloat16",
        device="cuda", train_clips=9600, held_out_clips=128, validate_every=1000, checkpoint_every=1000, processes=8,
    ),
}  # fmt: skip
VIDEO_TEXT_PRESETS: dict[str, TrainOptions] = {
    "test": TrainOptions(
        steps=12, batch=8, learning_rate=2e-3, warmup_steps=2, train_clips=24, held_out_clips=4, processes=1,
        validate_every=6, checkpoint_every=6,
    ),
    "cpu": TrainOptions(
        steps=900, batch=64, learning_rate=2e-3, warmup_steps=50, decay_fraction=0.5, precision="bfloat16",
        train_clips=2400, held_out_clips=128, validate_every=100, processes=1,
    ),
    "gpu": TrainOptions(
        steps=12000, batch=256, learning_rate=1e-3, warmup_steps=300, decay_fraction=0.5, precision="bfloat16",
        device="cuda", train_clips=19200, held_out_clips=256, validate_every=500, checkpoint_every=500, processes=8,
    ),
}  # fmt: skip
STATE_READER_PRESETS: dict[str, TrainOptions] = {
    "test": TrainOptions(
        steps=12, batch=8, learning_rate=5e-3, warmup_steps=2, train_clips=24, held_out_clips=2, processes=1,
        validate_every=6, checkpoint_every=6,
    ),
    "cpu": TrainOptions(
        steps=2000, batch=48, learning_rate=5e-3, warmup_steps=50, decay_fraction=0.5, weight_decay=0.0,
        train_clips=1200, held_out_clips=128, validate_every=500, checkpoint_every=500, processes=1,
    ),
    "gpu": TrainOptions(
        steps=10000, batch=256, learning_rate=3e-3, warmup_steps=100, decay_fraction=0.5, weight_decay=0.0,
        device="cuda", train_clips=4800, held_out_clips=256, validate_every=1000, checkpoint_every=1000, processes=8,
    ),
}  # fmt: skip
TEXT_TO_VIDEO_PRESETS: dict[str, TrainOptions] = {
    "test": TrainOptions(
        steps=12, batch=8, learning_rate=1e-3, warmup_steps=2, train_clips=24, held_out_clips=4, processes=1,
        validate_every=6, checkpoint_every=6,
    ),
    "cpu": TrainOptions(
        steps=5000, batch=32, learning_rate=2e-3, warmup_steps=100, decay_fraction=0.5, optimiser="muon",
        weight_decay=0.0, train_clips=3400, held_out_clips=256, validate_every=250, checkpoint_every=250, processes=1,
    ),
    "gpu": TrainOptions(
        steps=60000, batch=128, learning_rate=1e-3, warmup_steps=500, decay_fraction=0.5, optimiser="muon",
        weight_decay=0.0, precision="bfloat16", device="cuda", train_clips=48000, held_out_clips=256,
        validate_every=1000, checkpoint_every=1000, processes=8,
    ),
}  # fmt: skip
TEXT_VIDEO_TRANSFORMER_PRESETS = VIDEO_TRANSFORMER_PRESETS
DIAGONAL_FINETUNE_PRESETS: dict[str, TrainOptions] = {
    "test": TrainOptions(
        steps=4, batch=2, learning_rate=1e-3, warmup_steps=2, train_clips=24, held_out_clips=2, processes=1,
        validate_every=2, checkpoint_every=2,
    ),
    "cpu": TrainOptions(
        steps=300, batch=8, learning_rate=1e-3, warmup_steps=20, decay_fraction=0.8, weight_decay=0.0,
        precision="bfloat16", workers=2, train_clips=3400, held_out_clips=64, validate_every=100,
    ),
    "gpu": TrainOptions(
        steps=4000, batch=64, learning_rate=3e-4, warmup_steps=200, decay_fraction=0.8, weight_decay=0.0,
        precision="bfloat16", device="cuda", train_clips=48000, held_out_clips=256, validate_every=500,
        checkpoint_every=500, processes=8,
    ),
}  # fmt: skip


def preset(table: dict[str, TrainOptions], name: str, **changes: object) -> TrainOptions:
    """The preset called ``name``, with ``changes`` (None values are ignored).

    Raises:
        UsageError: No such preset, or a number out of range.
    """
    if name not in table:
        raise unknown("preset", name, table, "diptych train --help")
    options = table[name]
    options = TrainOptions(**{**options.model_dump(), **{k: v for k, v in changes.items() if v is not None}})
    for field in (
        "steps", "batch", "workers", "accumulate", "train_clips", "held_out_clips", "processes", "checkpoint_every",
    ):  # fmt: skip
        if getattr(options, field) < 1:
            raise UsageError(f"{field} must be at least 1, not {getattr(options, field)}.")
    if not (math.isfinite(options.learning_rate) and options.learning_rate > 0):
        raise UsageError(f"learning_rate must be a number above 0, not {options.learning_rate}.")
    if options.batch % (options.workers * options.accumulate):
        raise UsageError(
            f"batch ({options.batch}) must be a multiple of workers ({options.workers}) times accumulate "
            f"({options.accumulate})."
        )
    return options
