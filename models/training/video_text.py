"""Training of a contrastive video-text network on a world's clips and their captions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.errors import UsageError
from harness.files import usable_folder
from harness.registry import REGISTRY
from models.training.loop import Job, train
from models.training.presets import VIDEO_TEXT_PRESETS, preset
from models.training.progress import Progress
from models.video_text.loading import save_video_text
from models.video_text.network import VideoText, contrastive_loss
from models.video_text.shapes import VideoTextShape
from models.video_text.words import word_ids
from models.worlds.caption_text import caption_of, grammar
from models.worlds.types import Split, clips_of

LENGTHS = (6, 8, 8, 10)
"""Frames of a step's clips, one of these by lot: a network must not know one length only."""
FRAMES = 8
"""Frames of a validation clip."""
NOISE_LEVELS = 4.0
"""Standard deviation, of 255, of the noise on half of the clips: generated frames are never exact to the pixel."""


@dataclass(frozen=True)
class CaptionedClips:
    """Clips of one world with the captions of their windows.

    Attributes:
        frames: uint8 ``[N, T, H, W, 3]``.
        captions: By number of frames, the caption of each window, ``[N][T - frames + 1]``.
    """

    frames: NDArray[np.uint8]
    captions: dict[int, list[list[str]]]


def captioned_clips(
    world: str, split: Split, count: int, lengths: tuple[int, ...], processes: int = 1, skip: int = 0
) -> CaptionedClips:
    """Clips ``skip`` .. ``skip + count`` of a split of a world, with the captions of all windows of ``lengths`` frames.

    Raises:
        UsageError: A world without captions, or clips shorter than a length.
    """
    grammar(world)
    source = REGISTRY.get("world", world)()
    longest = source.spec.clip_frames
    if max(lengths) > longest:
        raise UsageError(f"clips of {world} have {longest} frames; a window of {max(lengths)} is too long.")
    frames: list[NDArray[np.uint8]] = []
    said: dict[int, list[list[str]]] = {length: [] for length in sorted(set(lengths))}
    with Progress(f"{split} clips of {world}", 0) as progress:
        clips = clips_of(source, split, skip + count, processes=processes, progress=progress.count)
        for index, clip in enumerate(clips):
            if index < skip:
                continue
            frames.append(clip.frames)
            for length, captions in said.items():
                starts = range(len(clip.frames) - length + 1)
                captions.append([caption_of(world, clip, start, length) for start in starts])
    return CaptionedClips(np.stack(frames), said)


def world_shape(world: str, video: str, text: str) -> VideoTextShape:
    """The zoo's hyper-parameters for a world and an architecture; the words are all that its captions may say.

    Crafter moves by whole tiles, ViZDoom smoothly: it is looked at in smaller tiles, over a wider reach.
    """
    told = grammar(world)
    smooth = world.startswith("vizdoom")
    sizes: dict[str, int] = {"tile_pixels": 4, "reach": 2} if smooth else {}
    if smooth or video == "volume":
        sizes |= {"tile_width": 32, "width": 64, "heads": 4}
    choice: dict[str, Any] = {"video": video, "text": text}
    return VideoTextShape(words=told.words, example=told.example, max_words=told.max_words, **choice, **sizes)


def train_video_text(
    out: Path,
    preset_name: str = "cpu",
    world: str = "crafter-9x9",
    seed: int = 0,
    *,
    video: Literal["tiles", "volume"] = "tiles",
    text: Literal["attention", "recurrent"] = "attention",
    skip: int = 0,
    shape: VideoTextShape | None = None,
    resume: bool = False,
    stop_after: int | None = None,
    **changes: Any,
) -> dict[str, float]:
    """Train a video-text network and write ``video_text.safetensors`` (float16) under ``out``.

    Args:
        out: Folder of the run.
        preset_name: ``"cpu"``, ``"gpu"`` or ``"test"``.
        world: Registered world with captions.
        seed: Of the weights and the batches.
        video: Video encoder.
        text: Text encoder.
        skip: Training clips that are left to another network, from the first on.
        shape: Hyper-parameters; the zoo's for the world, ``video`` and ``text`` if None.
        resume: Go on from the checkpoint in ``out``.
        stop_after: Stop early at this step, with a checkpoint.
        changes: Options to change in the preset, by name.

    Returns:
        Validation numbers: ``r1`` (the right caption among those of all validation clips), ``loss`` (nats).

    Raises:
        UsageError: No such preset, a number out of range, or a world without captions.
    """
    options = preset(VIDEO_TEXT_PRESETS, preset_name, **changes)
    if skip < 0:
        raise UsageError(f"skip must be an integer of at least 0, not {skip}.")
    shape = shape or world_shape(world, video, text)
    usable_folder(out, "training folder", "Choose another with --out.")
    model = VideoText(shape).reset(torch.Generator().manual_seed(seed)).to(options.device)
    data = captioned_clips(world, "train", options.train_clips, LENGTHS, options.processes, skip)
    ids = {
        length: np.stack([word_ids(shape, windows) for windows in captions])
        for length, captions in data.captions.items()
    }
    held_out = captioned_clips(world, "validation", options.held_out_clips, (FRAMES,), options.processes)
    if options.batch > len(data.frames):
        raise UsageError(
            f"a batch of {options.batch} clips needs as many training clips; there are {len(data.frames)}."
        )

    def loss(step: int, part: int, parts: int) -> Tensor:
        frames, said = draw_clips(data.frames, ids, options.batch, seed, step)
        return noisy_loss(model, frames[part::parts], said[part::parts], [seed, step, part])

    describe = {
        "task": "video-text",
        "seed": seed,
        "world": world,
        "skip": skip,
        "shape": shape.model_dump(mode="json"),
    }
    job = Job(model=model, loss=loss, validate=lambda: score(model, held_out), describe=describe)
    results = train(job, options, out, resume=resume, stop_after=stop_after)
    facts = {**describe, "options": options.model_dump(mode="json"), "validation": results}
    facts.pop("shape")
    save_video_text(out / "video_text.safetensors", model, facts)
    return results


def draw_clips(
    frames: NDArray[np.uint8], ids: dict[int, NDArray[np.int64]], batch: int, seed: int, step: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The windows of one step, uint8 ``[B, T, H, W, 3]``, and their captions, ``[B, words]``: of seed and step only."""
    rng = np.random.default_rng([seed, step])
    length = int(rng.choice(LENGTHS))
    picked = rng.choice(len(frames), size=batch, replace=False)
    starts = rng.integers(ids[length].shape[1], size=batch)
    return frames[picked[:, None], starts[:, None] + np.arange(length)], ids[length][picked, starts]


def noisy_loss(model: VideoText, frames: NDArray[np.uint8], ids: NDArray[np.int64], seed: list[int]) -> Tensor:
    """The contrastive loss of a batch; half of the clips carry noise, drawn from ``seed``."""
    pixels = model.to_float(frames)
    generator = np.random.default_rng([*seed, 1])
    scale = (NOISE_LEVELS / 127.5) * (generator.random(len(frames)) < 0.5)
    noise = generator.standard_normal(pixels.shape, dtype=np.float32) * scale[:, None, None, None, None]
    pixels = pixels + torch.from_numpy(noise.astype(np.float32)).to(pixels.device)
    words = torch.from_numpy(ids).to(pixels.device)
    videos, texts = model.embed_videos(pixels), model.embed_texts(words)
    with torch.autocast(pixels.device.type, enabled=False):
        return contrastive_loss(videos, texts, words, model.log_scale)


@torch.no_grad()
def score(model: VideoText, clips: CaptionedClips, batch: int = 16) -> dict[str, float]:
    """``r1`` and ``loss`` of the first :data:`FRAMES` frames of all clips among each other's captions."""
    captions = [windows[0] for windows in clips.captions[FRAMES]]
    frames = clips.frames[:, :FRAMES]
    parts = [frames[start : start + batch] for start in range(0, len(frames), batch)]
    videos = torch.cat([model.embed_videos(model.to_float(part)) for part in parts])
    words = model.ids(captions)
    texts = model.embed_texts(words)
    right = (words[:, None] == words[None]).all(-1)  # a caption that equals the clip's own is right
    found = (videos @ texts.T).masked_fill(right, -torch.inf).amax(1) < (videos * texts).sum(1)
    return {"r1": float(found.float().mean()), "loss": float(contrastive_loss(videos, texts, words, model.log_scale))}
