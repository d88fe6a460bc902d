"""What a preference training is told, as data (no torch), and its presets.

The paper's numbers (VideoDPO, arXiv 2412.14167) are 3000 steps of 8 pairs, AdamW at 6e-6, β = 5000, all weights
trained; preset ``gpu`` has them. β belongs to errors that are *meaned* over a latent; it carries over neither to sums
nor to other latent sizes nor between ε, v and flow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, FiniteFloat, ValidationError

from harness.errors import UsageError, unknown
from harness.types import Data
from models.training.presets import Precision, TrainOptions

Method = Literal["sft", "dpo", "videodpo"]
Reduction = Literal["mean", "sum", "per-column"]
METHODS: tuple[Method, ...] = ("sft", "dpo", "videodpo")
TARGETS = (
    r"(.*\.)?(to_q|to_k|to_v|to_qkv|to_out(\.0)?|to_add_out|add_[qkv]_proj|cross_q|cross_kv|cross_out|up|down"
    r"|ff(n|_context)?\.net\.(0\.proj|2))"
)
"""Linear layers of attention and feed-forward, as Diptych's denoiser and diffusers' transformers call them."""


class AlignOptions(Data):
    """Options of a preference training; with seed, pairs and base they decide the weights on one type of machine.

    Attributes:
        method: ``"sft"``: the plain denoising loss on winners; ``"dpo"``: Diffusion-DPO (arXiv 2311.12908), all weights
            1; ``"videodpo"``: the same, each pair weighted by how rare its scores are.
        beta: Strength of the preference, above 0.
        reduction: How the squared error of one video becomes a number: ``"mean"`` over everything; ``"sum"``;
            ``"per-column"``: the mean over all but the last axis, and a logsigmoid for each column, as the released
            code does by mistake (V1).
        factor: A constant that multiplies the loss, above 0. The released T2V-Turbo path has 0.72 (V8).
        shared_noise: Winner and loser meet the same noise. False draws each its own, as the released code does (V4).
        shared_timestep: The same of the timestep.
        dropout: True leaves the network's dropout on, in policy and reference, as the released code does (V6).
        caption_dropout: Share of pairs whose caption is left out, of both videos, 0 to 1. Released: 0.2 (V6).
        timestep_low: Least timestep that is trained, as the network is told it.
        timestep_high: Greatest one; 0 to 1000 is all of them.
        data_fraction: Share of prompts whose pairs are used, above 0, to 1; smaller shares are parts of larger ones.
        steps: Optimiser steps in all.
        batch: Pairs per step.
        accumulate: Micro batches of a step; divides ``batch``.
        learning_rate: Constant after the warm-up.
        warmup_steps: Linear rise from 0.
        betas: AdamW's.
        weight_decay: AdamW's, of matrices.
        clip_norm: Gradient norm is clipped to this.
        rank: Rank of low-rank adapters (peft); 0 trains all weights.
        lora_alpha: Adapters are scaled by this over the rank; 0 takes the rank, which scales by 1.
        targets: Regular expression that the whole name of an adapted linear layer matches.
        ema: Decay of a moving average of the weights, which is then what is written; 0 keeps none.
        precision: ``"bfloat16"`` autocasts products; weights and optimiser stay float32.
        stored: Floating-point type of the file that is written.
        device: Torch device.
        threads: Torch threads; 0 leaves the default.
        validate_every: Steps between validations; 0 only at the end.
        validation_pairs: Most pairs that a validation looks at.
        checkpoint_every: Steps between checkpoints; one is always written at the end.
    """

    method: Method = "videodpo"
    beta: FiniteFloat = Field(default=5000.0, gt=0)
    reduction: Reduction = "mean"
    factor: FiniteFloat = Field(default=1.0, gt=0)
    shared_noise: bool = True
    shared_timestep: bool = True
    dropout: bool = False
    caption_dropout: FiniteFloat = Field(default=0.0, ge=0, le=1)
    timestep_low: FiniteFloat = Field(default=0.0, ge=0, le=1000)
    timestep_high: FiniteFloat = Field(default=1000.0, ge=0, le=1000)
    data_fraction: FiniteFloat = Field(default=1.0, gt=0, le=1)
    steps: int = Field(ge=1)
    batch: int = Field(ge=1)
    accumulate: int = Field(default=1, ge=1)
    learning_rate: FiniteFloat = Field(gt=0)
    warmup_steps: int = Field(default=0, ge=0)
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: FiniteFloat = Field(default=0.0, ge=0)
    clip_norm: FiniteFloat = Field(default=1.0, gt=0)
    rank: int = Field(default=0, ge=0)
    lora_alpha: FiniteFloat = Field(default=0.0, ge=0)
    targets: str = TARGETS
    ema: FiniteFloat = Field(default=0.0, ge=0, lt=1)
    precision: Precision = "float32"
    stored: Literal["float16", "bfloat16", "float32"] = "float16"
    device: str = "cpu"
    threads: int = Field(default=0, ge=0)
    validate_every: int = Field(default=100, ge=0)
    validation_pairs: int = Field(default=64, ge=1)
    checkpoint_every: int = Field(default=100, ge=1)

    @property
    def lora_scale(self) -> float:
        """What the product of two adapters is multiplied by."""
        return (self.lora_alpha or self.rank) / self.rank if self.rank else 0.0

    def loop(self) -> TrainOptions:
        """The part that the training loop reads: one worker, a constant rate."""
        shared = {name: getattr(self, name) for name in TrainOptions.model_fields if name in type(self).model_fields}
        return TrainOptions(**shared, decay_fraction=0.0, optimiser="adamw", workers=1)


ALIGN_PRESETS: dict[str, AlignOptions] = {
    "test": AlignOptions(
        steps=6, batch=4, accumulate=2, learning_rate=1e-3, rank=2, validate_every=3, validation_pairs=8,
        checkpoint_every=3,
    ),
    "cpu": AlignOptions(steps=300, batch=16, learning_rate=1e-4, warmup_steps=20, rank=8, validate_every=50),
    "gpu": AlignOptions(
        steps=3000, batch=8, accumulate=2, learning_rate=6e-6, precision="bfloat16", device="cuda", validate_every=250,
        checkpoint_every=250, validation_pairs=256,
    ),
}  # fmt: skip


def align_options(name: str, method: str, changes: Mapping[str, Any] | None = None) -> AlignOptions:
    """The preset called ``name`` for a method, with ``changes`` by option (None values are ignored).

    Raises:
        UsageError: No such preset, method or option, or a value out of range.
    """
    hint = "diptych align train --help"
    if name not in ALIGN_PRESETS:
        raise unknown("preset", name, ALIGN_PRESETS, hint)
    if method not in METHODS:
        raise unknown("method", method, METHODS, hint)
    given = {key: value for key, value in (changes or {}).items() if value is not None}
    for key in given:
        if key not in AlignOptions.model_fields:
            raise unknown("option", key, AlignOptions.model_fields, hint)
    try:
        options = AlignOptions(**{**ALIGN_PRESETS[name].model_dump(), **given, "method": method})
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}, not {first['input']!r}.") from error
    if options.batch % options.accumulate:
        raise UsageError(f"batch ({options.batch}) must be a multiple of accumulate ({options.accumulate}).")
    if options.timestep_low >= options.timestep_high:
        raise UsageError(
            f"timestep_low ({options.timestep_low:g}) must be below timestep_high ({options.timestep_high:g})."
        )
    return options
