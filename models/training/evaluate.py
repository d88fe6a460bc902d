"""What a zoo model can do, for its card: teacher-forced scores against two baselines, and a sheet of samples.

With ``--free-running`` also continuations of its own, in pixels, against repeating the last prompt frame: a model can
be right about most next tokens and still wander off.

Run it as ``python -m models.training.evaluate MODEL [--clips N] [--free-running] [--out FOLDER]``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from harness.files import write_atomically
from harness.registry import REGISTRY
from harness.types import Made, Metric
from models.ar.loading import load_transformer
from models.ar.transformer import VideoTransformer
from models.decoding.engine import Engine
from models.decoding.grid import Grid
from models.decoding.sampling import Sampler
from models.decoding.schedule import get_schedule
from models.decoding.tables import compile_schedule
from models.tokenizers.fsq import FSQTokenizer
from models.tokenizers.loading import load_tokenizer
from models.training.clips import TokenClips, tokenise
from models.training.sequences import sequences
from models.training.teacher_forcing import score_clips
from models.training.tokenizer import frame_psnr
from models.worlds.types import Clip, Split
from models.zoo.cards import VideoModel

LEVEL = 0.95
SHEET_SAMPLER = Sampler(temperature=1.0, top_p=0.8)
FREE_RUNNING = ("ssim", "psnr")


def interval(values: NDArray[np.float64]) -> dict[str, Any]:
    """Mean over clips with its t interval; clips of validation and test come from different episodes.

    Args:
        values: One number per clip, at least 2.
    """
    from scipy import stats

    mean = float(values.mean())
    half = float(stats.t.ppf(0.5 + LEVEL / 2, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5)
    return {"value": mean, "low": mean - half, "high": mean + half, "level": LEVEL, "n": len(values)}


def unigram_bits(clips: TokenClips, reference: TokenClips, grid: Grid) -> NDArray[np.float64]:
    """Bits per token ``[N]`` of the generated frames under token frequencies of ``reference`` (add-one smoothed)."""
    counts = np.bincount(reference.tokens.ravel(), minlength=int(reference.facts["vocabulary"])) + 1.0
    bits = -np.log2(counts / counts.sum())
    span = slice(grid.prompt_frames, grid.prompt_frames + grid.frames)
    means: NDArray[np.float64] = bits[clips.tokens[:, span].astype(np.int64)].mean((1, 2, 3))
    return means


def copy_accuracy(clips: TokenClips, grid: Grid) -> NDArray[np.float64]:
    """Share of tokens ``[N]`` of the generated frames that equal the token at the same place one frame before."""
    now = clips.tokens[:, grid.prompt_frames : grid.prompt_frames + grid.frames]
    before = clips.tokens[:, grid.prompt_frames - 1 : grid.prompt_frames + grid.frames - 1]
    means: NDArray[np.float64] = (now == before).mean((1, 2, 3))
    return means


def card_grid(card: VideoModel, rows: int, columns: int) -> Grid:
    """The grid that a card was trained on."""
    return Grid(
        frames=card.frames,
        rows=rows,
        columns=columns,
        actions=card.actions_per_frame,
        prompt_frames=card.prompt_frames,
    )


def evaluate_model(name: str, split: Split = "test", count: int = 64, *, processes: int = 1) -> dict[str, Any]:
    """Score a registered, trained model on ``count`` clips of a split; each clip is a cluster of its own.

    Args:
        name: Registered model.
        split: ``"validation"`` or ``"test"``.
        count: Clips, at least 2.
        processes: Processes that make clips which the cache lacks.

    Returns:
        Estimates by name: ``bits_per_token`` (teacher-forced), ``unigram_bits_per_token`` and their paired difference,
        ``token_accuracy``, ``copy_last_frame_accuracy`` and their paired difference, and ``reconstruction_psnr`` in dB.
    """
    card: VideoModel = REGISTRY.get("model", name)
    model, sha256 = load_transformer(card)
    tokenizer = load_tokenizer(card.tokenizer)
    clips = tokenise(card.world, split, count, card.tokenizer, processes=processes)
    reference = tokenise(card.world, "train", max(count, 240), card.tokenizer, processes=processes)
    grid = card_grid(card, *clips.tokens.shape[2:])
    bits, hits = score_clips(model, clips, grid, "cpu")
    unigram, copied = unigram_bits(clips, reference, grid), copy_accuracy(clips, grid)
    real: Sequence[Clip] = REGISTRY.get("world", card.world)().clips(split, count)
    reconstruction = np.array([frame_psnr(tokenizer, clip.frames).mean() for clip in real])
    return {
        "model": name,
        "split": split,
        "weights_sha256": sha256,
        "tokenizer_sha256": clips.facts["tokenizer_sha256"],
        "bits_per_token": interval(bits),
        "unigram_bits_per_token": interval(unigram),
        "bits_below_unigram": interval(unigram - bits),
        "token_accuracy": interval(hits),
        "copy_last_frame_accuracy": interval(copied),
        "accuracy_above_copy": interval(hits - copied),
        "reconstruction_psnr": interval(reconstruction),
    }


def evaluate_free_running(
    name: str, split: Split = "test", count: int = 64, seed: int = 0, *, processes: int = 1
) -> dict[str, Any]:
    """Compare sampled continuations with repeating the last prompt frame, both against the true continuation.

    Args:
        name: Registered model.
        split: ``"validation"`` or ``"test"``.
        count: Clips, at least 2, each sampled once.
        seed: Clip i is sampled with ``seed + i``.
        processes: Processes that make clips which the cache lacks.

    Returns:
        For ``ssim`` and ``psnr`` (dB): of the ``generated`` continuation, of the ``repeated`` last true prompt frame,
        of the ``reconstructed`` truth (what the tokenizer leaves possible) and of the prompt frame's reconstruction
        repeated (``repeated_tokens``: what a model that copies tokens would get, and as blurred as what it makes),
        estimates over clips; the paired differences ``above_repeated`` and ``above_repeated_tokens``; and per frame of
        the continuation ``generated_by_frame`` and ``repeated_by_frame``, means over clips.
    """
    card: VideoModel = REGISTRY.get("model", name)
    model, sha256 = load_transformer(card)
    tokenizer = load_tokenizer(card.tokenizer)
    clips = tokenise(card.world, split, count, card.tokenizer, processes=processes)
    grid = card_grid(card, *clips.tokens.shape[2:])
    real: Sequence[Clip] = REGISTRY.get("world", card.world)().clips(split, count)
    drawn = generate(model, clips, grid, seed)
    first, total = grid.prompt_frames, grid.prompt_frames + grid.frames
    values: dict[str, list[NDArray[np.float64]]] = {}
    for index, clip in enumerate(real):
        tokens = clips.tokens[index].astype(np.int64)
        still = np.repeat(first - 1, grid.frames)
        videos = {
            "generated": tokenizer.decode(drawn[index]),
            "repeated": clip.frames[still],
            "repeated_tokens": tokenizer.decode(tokens[still]),
            "reconstructed": tokenizer.decode(tokens[first:total]),
        }
        for label, video in videos.items():
            values.setdefault(label, []).append(frame_scores(video, clip.frames[first:total]))
    found: dict[str, Any] = {"model": name, "split": split, "weights_sha256": sha256, "seed": seed}
    scores = {label: np.stack(rows) for label, rows in values.items()}  # [clips, metrics, frames]
    for metric, kind in enumerate(FREE_RUNNING):
        means = {label: rows[:, metric].mean(1) for label, rows in scores.items()}
        found[kind] = {label: interval(mean) for label, mean in means.items()}
        for label in ("repeated", "repeated_tokens"):
            found[kind][f"above_{label}"] = interval(means["generated"] - means[label])
        for label in ("generated", "repeated"):
            found[kind][f"{label}_by_frame"] = scores[label][:, metric].mean(0).round(4).tolist()
    return found


def frame_scores(video: NDArray[np.uint8], reference: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The registered metrics of :data:`FREE_RUNNING` on each frame, ``[metrics, T]``."""
    metrics: list[Metric] = [REGISTRY.get("metric", name) for name in FREE_RUNNING]
    frames = [_unmeasured(video[t : t + 1], reference[t : t + 1]) for t in range(len(video))]
    return np.array([[metric.compute(frame) for frame in frames] for metric in metrics], np.float64)


def _unmeasured(video: NDArray[np.uint8], reference: NDArray[np.uint8]) -> Made:
    return Made(
        video=video,
        reference=reference,
        prompt=None,
        seconds=[],
        first_call_seconds=None,
        prefill_seconds=None,
        peak_memory_bytes=None,
        counts={},
        values={},
        hashes={},
    )


def generate(model: VideoTransformer, clips: TokenClips, grid: Grid, seed: int) -> NDArray[np.int64]:
    """Sequentially sampled continuations, ``[N, frames, rows, columns]``, at the suites' sampling parameters."""
    engine = Engine(model, compile_schedule(grid, get_schedule("sequential")), SHEET_SAMPLER)
    total = grid.prompt_frames + grid.frames
    given = sequences(clips.tokens[:, :total], clips.actions[:, :total], grid, model.shape.image_vocabulary)
    with torch.inference_mode():
        drawn = [engine.generate(row[None], [seed + i]).tokens[0].cpu().numpy() for i, row in enumerate(given)]
    return np.stack(drawn).reshape(len(given), grid.frames, grid.rows, grid.columns)


def samples_sheet(path: Path, name: str, split: Split = "test", count: int = 4, seed: int = 0) -> None:
    """Draw truth, reconstruction and generation of ``count`` clips, three rows of frames each, as a PNG.

    The generated rows begin with the prompt's reconstruction; a white bar separates it from what was generated.
    """
    import io

    from PIL import Image

    card: VideoModel = REGISTRY.get("model", name)
    model, _ = load_transformer(card)
    tokenizer = load_tokenizer(card.tokenizer)
    tokens = tokenise(card.world, split, count, card.tokenizer)
    real: Sequence[Clip] = REGISTRY.get("world", card.world)().clips(split, count)
    grid = card_grid(card, *tokens.tokens.shape[2:])
    drawn = generate(model, tokens, grid, seed)
    total, rows = grid.prompt_frames + grid.frames, []
    for index, clip in enumerate(real):
        truth = tokens.tokens[index, :total].astype(np.int64)
        made = np.concatenate([truth[: grid.prompt_frames], drawn[index]])
        for frames in (clip.frames[:total], _decode(tokenizer, truth), _decode(tokenizer, made)):
            rows.append(_strip(frames, grid.prompt_frames))
        rows.append(np.full((6, rows[-1].shape[1], 3), 255, np.uint8))
    buffer = io.BytesIO()
    Image.fromarray(np.concatenate(rows[:-1])).quantize(128).save(buffer, "PNG", optimize=True)
    write_atomically(path, buffer.getvalue())


def _decode(tokenizer: FSQTokenizer, tokens: NDArray[np.int64]) -> NDArray[np.uint8]:
    return tokenizer.decode(tokens)


def _strip(frames: NDArray[np.uint8], prompt_frames: int) -> NDArray[np.uint8]:
    """Frames side by side, with a gap of 2 white pixels, of 8 after the prompt."""
    height = frames.shape[1]
    parts: list[NDArray[np.uint8]] = []
    for index, frame in enumerate(frames):
        parts += [frame, np.full((height, 8 if index + 1 == prompt_frames else 2, 3), 255, np.uint8)]
    return np.concatenate(parts[:-1], axis=1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the scores of a registered model as JSON; with ``--out``, write them and the sheet."""
    from harness.errors import DiptychError

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("model")
    parser.add_argument("--split", default="test", choices=("validation", "test"))
    parser.add_argument("--clips", type=int, default=64)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--free-running", action="store_true", help="also sample continuations: minutes")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    for kind, package in (
        ("model", "models.zoo"),
        ("world", "models.worlds.catalogue"),
        ("schedule", "models.decoding.schedules"),
        ("metric", "harness.metrics"),
    ):
        REGISTRY.add_package(kind, package)
    try:
        scores = evaluate_model(options.model, options.split, options.clips, processes=options.processes)
        if options.free_running:
            processes = options.processes
            scores["free_running"] = evaluate_free_running(
                options.model, options.split, options.clips, processes=processes
            )
        text = json.dumps(scores, indent=1)
        print(text)
        if options.out:
            stem = options.model.replace("-", "_")
            write_atomically(options.out / f"{stem}.json", text.encode())
            samples_sheet(options.out / f"{stem}.png", options.model, options.split)
    except DiptychError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
