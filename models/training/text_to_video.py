"""Training of a text-to-video denoiser on a world's clips and their captions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor

from harness.errors import UsageError, unknown
from harness.files import usable_folder
from harness.registry import REGISTRY
from models.diffusion.latents import CodeSpace
from models.diffusion.network import Denoiser
from models.diffusion.objectives import make_objective
from models.diffusion.shapes import DenoiserShape, Prediction
from models.diffusion.text_video import save_denoiser
from models.tokenizers.loading import load_tokenizer
from models.tokenizers.shapes import ZOO_TOKENIZERS
from models.training.loop import Job, autocast, train
from models.training.presets import TEXT_TO_VIDEO_PRESETS, preset
from models.training.progress import Progress
from models.video_text.words import word_ids
from models.worlds.captions import captioner
from models.worlds.scene_captions import EXAMPLE, MOST_WORDS, SCENE_WORDS, is_held_out, scene_caption
from models.worlds.types import Split, clips_of

UNTOLD = 0.1
"""Share of training captions that are replaced by the empty one, so that guidance has what to move away from."""


@dataclass(frozen=True)
class Windows:
    """Captioned windows of a world's clips.

    Attributes:
        tokens: int64 ``[N, frames, rows, columns]``.
        captions: As many.
        dropped: Windows that were left out, for their combination of words is held out.
    """

    tokens: Tensor
    captions: list[str]
    dropped: int


def captioned_windows(
    world: str, split: Split, count: int, frames: int, tokenizer: Any, processes: int = 1, *, held_out: bool = False
) -> Windows:
    """All windows of the first ``count`` clips of a split whose captions are not held out, or those that are.

    Raises:
        UsageError: A world without captions, or clips shorter than ``frames``.
    """
    captioner(world)
    source = REGISTRY.get("world", world)()
    if frames > source.spec.clip_frames:
        raise UsageError(f"clips of {world} have {source.spec.clip_frames} frames; {frames} are too many.")
    tokens: list[Tensor] = []
    captions: list[str] = []
    dropped = 0
    with Progress(f"{split} clips of {world}", 0) as progress:
        for clip in clips_of(source, split, count, processes=processes, progress=progress.count):
            found = tokenizer.encode(clip.frames).cpu()
            for start in range(len(clip.frames) - frames + 1):
                caption = scene_caption(world, clip, start, frames)
                if is_held_out(caption) == held_out:
                    tokens.append(found[start : start + frames])
                    captions.append(str(caption))
                else:
                    dropped += 1
    return Windows(torch.stack(tokens), captions, dropped)


def train_text_to_video(
    out: Path,
    preset_name: str = "cpu",
    world: str = "crafter-9x9",
    seed: int = 0,
    *,
    prediction: Prediction = "epsilon",
    frames: int = 8,
    shape: dict[str, Any] | None = None,
    resume: bool = False,
    stop_after: int | None = None,
    **changes: Any,
) -> dict[str, float]:
    """Train a denoiser and write ``text_to_video.safetensors`` (bfloat16) under ``out``.

    Args:
        out: Folder of the run.
        preset_name: ``"cpu"``, ``"gpu"`` or ``"test"``.
        world: Registered world with captions.
        seed: Of the weights and the batches.
        prediction: ``"epsilon"``, ``"v"`` or ``"flow"``.
        frames: Frames of a video.
        shape: Hyper-parameters of :class:`models.diffusion.shapes.DenoiserShape` to change, such as ``width``.
        resume: Go on from the checkpoint in ``out``.
        stop_after: Stop early at this step, with a checkpoint.
        changes: Options to change in the preset, by name.

    Returns:
        Validation numbers: mean squared errors of the prediction, ``loss`` with the clip's own caption, ``misled`` with
        another's and ``untold`` with none.

    Raises:
        UsageError: No such preset, a number out of range, or a world without captions.
    """
    options = preset(TEXT_TO_VIDEO_PRESETS, preset_name, **changes)
    captioner(world)
    usable_folder(out, "training folder", "Choose another with --out.")
    tokenizer = load_tokenizer(ZOO_TOKENIZERS[world])
    data = captioned_windows(world, "train", options.train_clips, frames, tokenizer, options.processes)
    held_out = captioned_windows(world, "validation", options.held_out_clips, frames, tokenizer, options.processes)
    codes = tokenizer.fsq.codes(data.tokens[:4000])
    sizes = {"frames": frames, "rows": codes.shape[2], "columns": codes.shape[3]}
    means = tuple(round(value, 4) for value in codes.flatten(0, 3).mean(0).tolist())
    stds = tuple(round(value, 4) for value in codes.flatten(0, 3).std(0).tolist())
    told: dict[str, Any] = {"words": SCENE_WORDS, "example": EXAMPLE, "max_words": MOST_WORDS}
    strange = [name for name in shape or {} if name not in DenoiserShape.model_fields or name in told]
    if strange:
        raise unknown("hyper-parameter", strange[0], [name for name in DenoiserShape.model_fields if name not in told])
    try:
        made = DenoiserShape(
            prediction=prediction, latent_mean=means, latent_std=stds, **told, **{**sizes, **(shape or {})}
        )
    except ValidationError as error:
        raise UsageError(f"--shape: {error.errors()[0]['msg']}.") from error
    objective = make_objective(prediction)
    space = CodeSpace(tokenizer, made.latent_mean, made.latent_std)
    model = Denoiser(made).reset(torch.Generator().manual_seed(seed)).to(options.device)
    ids, held_out_ids = word_ids(made, data.captions), word_ids(made, held_out.captions)

    def loss(step: int, part: int, parts: int) -> Tensor:
        rng = np.random.default_rng([seed, step])
        picked = rng.integers(len(data.tokens), size=options.batch)[part::parts]
        words = ids[picked].copy()
        words[np.random.default_rng([seed, step, part, 1]).random(len(words)) < UNTOLD] = 0
        latents = space.from_tokens(data.tokens[picked])
        generator = torch.Generator().manual_seed(int(np.random.default_rng([seed, step, part]).integers(2**62)))
        return denoising_error(model, objective, latents, torch.from_numpy(words), generator).mean()

    def validate() -> dict[str, float]:
        latents = space.from_tokens(held_out.tokens[::5][:256])
        own = held_out_ids[::5][:256]
        said = {"loss": own, "misled": np.roll(own, 1, axis=0), "untold": np.zeros_like(own)}
        with autocast(options):
            return {
                name: float(
                    denoising_error(
                        model, objective, latents, torch.from_numpy(words), torch.Generator().manual_seed(1)
                    ).mean()
                )
                for name, words in said.items()
            }

    describe = {
        "task": "text-to-video",
        "seed": seed,
        "world": world,
        "windows": len(data.captions),
        "windows_held_out": data.dropped,
        "shape": made.model_dump(mode="json"),
    }
    results = train(Job(model, loss, validate, describe), options, out, resume=resume, stop_after=stop_after)
    facts = {**describe, "options": options.model_dump(mode="json"), "validation": results}
    facts.pop("shape")
    save_denoiser(out / "text_to_video.safetensors", model, facts)
    return results


def denoising_error(
    model: Denoiser, objective: Any, latents: Tensor, words: Tensor, generator: torch.Generator
) -> Tensor:
    """Mean squared error of each video's prediction, ``[B]``, at timesteps and noise from ``generator``."""
    device = model.patch_in.weight.device
    noise = torch.randn(latents.shape, generator=generator)
    times = objective.draw_timesteps(len(latents), generator)
    latents, noise, times = latents.to(device), noise.to(device), times.to(device)
    found = model(objective.noised(latents, noise, times), times, words.to(device))
    error: Tensor = (found.float() - objective.target(latents, noise, times)).square().flatten(1).mean(1)
    return error
