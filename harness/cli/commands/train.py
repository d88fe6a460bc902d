"""``diptych train tokenizer``, ``diptych train video-transformer`` and ``diptych train idm``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from harness.cli.options import common
from harness.cli.output import Output
from harness.cli.training import (
    TrainFacts,
    parse_settings,
    parse_shape,
    parse_sizes,
    train_diagonal_finetune,
    train_idm,
    train_state_reader,
    train_text_to_video,
    train_text_video_transformer,
    train_tokenizer,
    train_video_text,
    train_video_transformer,
)

F = TypeVar("F", bound=Callable[..., Any])
FILE = click.Path(path_type=Path)


def training_options(function: F) -> F:
    """Add what both trainings share."""
    decorators = (
        click.option(
            "--out", type=FILE, required=True, help="Folder of the training run: checkpoints, curves, weights."
        ),
        click.option("--preset", default="cpu", show_default=True, help="cpu, gpu or test."),
        click.option("--seed", type=int, default=0, show_default=True, help="Seed of weights and batches, at least 0."),
        click.option("--device", metavar="D", help="Torch device, in place of the preset's."),
        click.option("--steps", type=int, metavar="N", help="Optimiser steps, in place of the preset's."),
        click.option("--batch", type=int, metavar="N", help="Sequences, frames or pairs a step, not the preset's."),
        click.option("--learning-rate", type=float, metavar="X", help="Peak learning rate, in place of the preset's."),
        click.option(
            "--set", "pairs", metavar="KEY=VALUE", multiple=True, help="Another option of the preset; may be repeated."
        ),
        click.option("--resume", is_flag=True, help="Go on from the checkpoint in the folder."),
        click.option("--stop-after", type=int, metavar="STEP", help="Stop early at this step, with a checkpoint."),
    )
    for decorate in reversed(decorators):
        function = decorate(function)
    return function


@click.group("train")
def command() -> None:
    """Train a tokenizer, a video transformer (or finetune one for an order), or a network that judges."""


@command.command("tokenizer")
@click.option("--world", "worlds", multiple=True, help="World to learn from; may be repeated [default: the zoo's].")
@click.option(
    "--shape",
    "shapes",
    metavar="KEY=VALUE",
    multiple=True,
    help="Hyper-parameter, such as levels=[8,8,8,8] or encoder_kernel=3; may be repeated [default: the zoo's].",
)
@training_options
@common
@click.pass_obj
def tokenizer_command(
    output: Output,
    /,
    worlds: tuple[str, ...],
    shapes: tuple[str, ...],
    out: Path,
    preset: str,
    seed: int,
    **others: Any,
) -> None:
    """Train a tokenizer: one token per tile of a frame."""
    chosen: dict[str, Any] = {"worlds": worlds} if worlds else {}
    if shapes:
        chosen["shape"] = parse_shape("models.tokenizers.shapes:TokenizerShape", shapes)
    _tell(output, train_tokenizer(out, preset, seed=seed, **chosen, **_settings(**others)))


@command.command("video-transformer")
@click.option("--world", default="crafter-9x9", show_default=True, help="World to learn from.")
@click.option("--tokenizer", metavar="FILE", help="Its weights: a name in the zoo, or a path [default: the world's].")
@click.option("--prompt-frames", type=int, default=2, show_default=True, help="Frames given when decoding.")
@click.option("--frames", type=int, default=6, show_default=True, help="Frames after them.")
@click.option("--init", type=FILE, help="Weights to start from.")
@click.option("--clips", type=FILE, help="Tokenised training clips in place of the world.")
@click.option("--validation-clips", "held_out", type=FILE, help="Tokenised validation clips.")
@training_options
@common
@click.pass_obj
def video_transformer_command(
    output: Output,
    /,
    world: str,
    tokenizer: str | None,
    prompt_frames: int,
    frames: int,
    init: Path | None,
    clips: Path | None,
    held_out: Path | None,
    out: Path,
    preset: str,
    seed: int,
    **others: Any,
) -> None:
    """Train a video transformer on tokenised clips."""
    settings = _settings(**others)
    if clips is None:
        settings["world"] = world
    if tokenizer is not None:
        settings["tokenizer"] = tokenizer
    settings |= {"clips": clips, "validation_clips": held_out, "init": init}
    settings |= {"prompt_frames": prompt_frames, "frames": frames}
    _tell(output, train_video_transformer(out, preset, seed=seed, **settings))


@command.command("text-video-transformer")
@click.option("--world", default="crafter-9x9", show_default=True, help="World to learn from; it must have captions.")
@click.option("--tokenizer", metavar="FILE", help="Its weights: a name in the zoo, or a path [default: the world's].")
@click.option("--frames", type=int, default=8, show_default=True, help="Frames of a sequence, the first included.")
@training_options
@common
@click.pass_obj
def text_video_transformer_command(
    output: Output,
    /,
    world: str,
    tokenizer: str | None,
    frames: int,
    out: Path,
    preset: str,
    seed: int,
    **others: Any,
) -> None:
    """Train a video transformer that is told a caption, with or without a prompt frame when it decodes."""
    settings = _settings(**others) | {"world": world, "tokenizer": tokenizer, "frames": frames}
    _tell(output, train_text_video_transformer(out, preset, seed=seed, **settings))


@command.command("diagonal-finetune")
@click.option("--init", required=True, metavar="FILE", help="Weights to start from: a name in the zoo, or a path.")
@click.option("--schedule", default="diagonal", show_default=True, help="Decoding order to train for.")
@click.option("-k", "--k", type=int, default=1, show_default=True, help="Row delay in tokens.")
@click.option("--placeholder", metavar="POLICY", help="Stand-in policy [default: the schedule's].")
@click.option("--causal", is_flag=True, help="Train the control: the same steps and data under the causal mask.")
@click.option("--rank", type=int, default=0, show_default=True, help="Rank of adapters; 0 trains all weights.")
@click.option("--world", default="crafter-9x9", show_default=True, help="World to learn from.")
@click.option("--tokenizer", metavar="FILE", help="Its weights: a name in the zoo, or a path [default: the world's].")
@click.option("--prompt-frames", type=int, default=2, show_default=True, help="Frames given when decoding.")
@click.option("--frames", type=int, default=6, show_default=True, help="Frames after them.")
@click.option("--clips", type=FILE, help="Tokenised training clips in place of the world.")
@click.option("--validation-clips", "held_out", type=FILE, help="Tokenised validation clips.")
@training_options
@common
@click.pass_obj
def diagonal_finetune_command(
    output: Output,
    /,
    init: str,
    schedule: str,
    k: int,
    placeholder: str | None,
    causal: bool,
    rank: int,
    world: str,
    tokenizer: str | None,
    prompt_frames: int,
    frames: int,
    clips: Path | None,
    held_out: Path | None,
    out: Path,
    preset: str,
    seed: int,
    **others: Any,
) -> None:
    """Finetune a video transformer for a decoding order, or its control.

    Every token is predicted from what the engine feeds and lets it see in that order.
    """
    settings = _settings(**others)
    settings |= {"schedule": schedule, "placeholder": placeholder, "causal": causal, "world": world}
    settings |= {"tokenizer": tokenizer, "clips": clips, "validation_clips": held_out}
    settings |= {"prompt_frames": prompt_frames, "frames": frames}
    _tell(output, train_diagonal_finetune(out, preset, init=init, seed=seed, rank=rank, k=k, **settings))


@command.command("idm")
@click.option("--world", "worlds", multiple=True, help="World to learn from; may be repeated [default: the zoo's].")
@click.option("--tile-pixels", type=int, metavar="N", help="Side of a tile, in place of the zoo's 8.")
@click.option("--reach", type=int, metavar="N", help="Tiles that the picture may shift in a step, in place of 1.")
@training_options
@common
@click.pass_obj
def idm_command(
    output: Output,
    /,
    worlds: tuple[str, ...],
    tile_pixels: int | None,
    reach: int | None,
    out: Path,
    preset: str,
    seed: int,
    **others: Any,
) -> None:
    """Train an inverse-dynamics network: the action from a frame and the next one.

    Worlds of one game share a network, whatever the size of their frames.
    """
    settings = _settings(**others)
    if worlds:
        settings["worlds"] = worlds
    _tell(output, train_idm(out, preset, seed=seed, tile_pixels=tile_pixels, reach=reach, **settings))


@command.command("text-to-video")
@click.option("--world", default="crafter-9x9", show_default=True, help="World to learn from; it must have captions.")
@click.option("--prediction", default="epsilon", show_default=True, help="What is predicted: epsilon, v or flow.")
@click.option("--frames", type=int, default=8, show_default=True, help="Frames of a video.")
@click.option(
    "--shape", "shapes", metavar="KEY=INTEGER", multiple=True, help="A size, such as width=96; may be repeated."
)
@training_options
@common
@click.pass_obj
def text_to_video_command(
    output: Output,
    /,
    world: str,
    prediction: str,
    frames: int,
    shapes: tuple[str, ...],
    out: Path,
    preset: str,
    seed: int,
    **others: Any,
) -> None:
    """Train a text-to-video diffusion model on a world's captioned clips."""
    settings = _settings(**others) | {"world": world, "frames": frames}
    sizes = parse_sizes(shapes)
    _tell(output, train_text_to_video(out, preset, seed=seed, prediction=prediction, shape=sizes or None, **settings))


@command.command("video-text")
@click.option("--world", default="crafter-9x9", show_default=True, help="World to learn from; it must have captions.")
@click.option("--video", default="tiles", show_default=True, help="Video encoder: tiles or volume.")
@click.option("--text", default="attention", show_default=True, help="Text encoder: attention or recurrent.")
@click.option("--skip", type=int, default=0, show_default=True, help="Training clips left to another network.")
@training_options
@common
@click.pass_obj
def video_text_command(
    output: Output,
    /,
    world: str,
    video: str,
    text: str,
    skip: int,
    out: Path,
    preset: str,
    seed: int,
    **others: Any,
) -> None:
    """Train a contrastive video-text network: how well a caption fits a clip."""
    settings = _settings(**others) | {"world": world, "skip": skip}
    _tell(output, train_video_text(out, preset, seed=seed, video=video, text=text, **settings))


@command.command("state-reader")
@click.option("--world", default="crafter-9x9", show_default=True, help="World to learn from; it must tell its tiles.")
@click.option("--skip", type=int, default=0, show_default=True, help="Training clips left to other networks.")
@training_options
@common
@click.pass_obj
def state_reader_command(
    output: Output, /, world: str, skip: int, out: Path, preset: str, seed: int, **others: Any
) -> None:
    """Train a state reader: what stands on every tile of a frame."""
    settings = _settings(**others) | {"world": world, "skip": skip}
    _tell(output, train_state_reader(out, preset, seed=seed, **settings))


def _settings(pairs: tuple[str, ...], resume: bool, stop_after: int | None, **changes: Any) -> dict[str, Any]:
    given = {name: value for name, value in changes.items() if value is not None}
    return {**parse_settings(pairs), **given, "resume": resume, "stop_after": stop_after}


def _tell(output: Output, facts: TrainFacts) -> None:
    numbers = ", ".join(f"{name} {value:.4g}" for name, value in facts.validation.items())
    output.emit(facts, lambda: f"{facts.path}\n{numbers}".rstrip())
