"""Training as verbs: the registry filled, options checked before torch is imported."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.cli.builtin import load_builtin, reach
from harness.device import parse_device
from harness.errors import UsageError, unknown
from harness.files import file_sha256
from harness.types import Data


class TrainFacts(Data):
    """Weights that were trained.

    Attributes:
        task: ``"tokenizer"``, ``"video-transformer"``, ``"text-video-transformer"``, ``"diagonal-finetune"``,
            ``"idm"``, ``"video-text"``, ``"state-reader"`` or ``"text-to-video"``.
        path: The weights (safetensors), of the step that training stopped at.
        sha256: Of that file.
        validation: Numbers on the validation split, by name.
    """

    task: str
    path: Path
    sha256: str
    validation: dict[str, float]


def train_tokenizer(out: Path, preset: str = "cpu", *, seed: int = 0, **settings: Any) -> TrainFacts:
    """Train a tokenizer and write ``tokenizer.safetensors`` under ``out``.

    Args:
        out: Folder of the training run.
        preset: ``"cpu"``, ``"gpu"`` or ``"test"``.
        seed: Of weights and batches, ≥ 0.
        settings: Arguments of ``models.training.tokenizer.train_tokenizer``, and options to change in the preset.

    Raises:
        UsageError: Unknown preset or option, or a number out of range.
    """
    return _train("tokenizer", out, preset, seed, settings)


def train_video_transformer(out: Path, preset: str = "cpu", *, seed: int = 0, **settings: Any) -> TrainFacts:
    """Train a video transformer and write ``video_transformer.safetensors`` under ``out``.

    Args:
        out: Folder of the training run.
        preset: ``"cpu"``, ``"gpu"`` or ``"test"``.
        seed: Of weights and batches, ≥ 0.
        settings: Arguments of ``models.training.video_transformer.train_video_transformer``, and options to change in
            the preset.

    Raises:
        UsageError: Unknown preset or option, or a number out of range.
    """
    return _train("video-transformer", out, preset, seed, settings)


def train_idm(
    out: Path,
    preset: str = "cpu",
    *,
    seed: int = 0,
    tile_pixels: int | None = None,
    reach: int | None = None,
    **settings: Any,
) -> TrainFacts:
    """Train an inverse-dynamics network and write ``idm.safetensors`` under ``out``.

    Args:
        out: Folder of the training run.
        preset: ``"cpu"``, ``"gpu"`` or ``"test"``.
        seed: Of weights and batches, ≥ 0.
        tile_pixels: Side of a tile, which divides the frame's sides; the zoo's if None.
        reach: Shifts of up to this many tiles are compared between two frames; the zoo's if None.
        settings: Arguments of ``models.training.idm.train_idm``, and options to change in the preset.

    Raises:
        UsageError: Unknown preset, option or world, worlds with different actions, or a number out of range.
    """
    for name, value, least in (("tile-pixels", tile_pixels, 1), ("reach", reach, 0)):
        if value is not None and value < least:
            raise UsageError(f"--{name} must be an integer of at least {least}, not {value}.")
    tiles = {"tile_pixels": tile_pixels, "reach": reach}
    given = {name: value for name, value in tiles.items() if value is not None}
    return _train("idm", out, preset, seed, {**settings, **given})


def train_text_video_transformer(out: Path, preset: str = "cpu", *, seed: int = 0, **settings: Any) -> TrainFacts:
    """Train a video transformer that is told a caption, and write ``text_video_transformer.safetensors`` under ``out``.

    Args:
        out: Folder of the training run.
        preset: ``"cpu"``, ``"gpu"`` or ``"test"``.
        seed: Of weights and batches, ≥ 0.
        settings: Arguments of ``models.training.text_video_transformer.train_text_video_transformer``, and options to
            change in the preset.

    Raises:
        UsageError: Unknown preset or option, a world without captions, or a number out of range.
    """
    return _train("text-video-transformer", out, preset, seed, settings)


def train_diagonal_finetune(
    out: Path, preset: str = "cpu", *, init: str, seed: int = 0, rank: int = 0, k: int = 1, **settings: Any
) -> TrainFacts:
    """Finetune a video transformer for a decoding order, and write ``diagonal_finetune.safetensors`` under ``out``.

    Args:
        out: Folder of the training run.
        preset: ``"cpu"``, ``"gpu"`` or ``"test"``.
        init: Weights to start from: a file name in the zoo, or a path.
        seed: Of batches and adapters, ≥ 0.
        rank: Rank of adapters; 0 trains all weights.
        k: Row delay in tokens, ≥ 1.
        settings: Arguments of ``models.training.diagonal_finetune.train_diagonal_finetune``, and options to change in
            the preset.

    Raises:
        UsageError: Unknown preset, option or schedule, or a number out of range.
        DiptychError: No such weights, or not a video transformer's.
    """
    return _train("diagonal-finetune", out, preset, seed, {**settings, "init": init, "rank": rank, "k": k})


def train_video_text(
    out: Path, preset: str = "cpu", *, seed: int = 0, video: str = "tiles", text: str = "attention", **settings: Any
) -> TrainFacts:
    """Train a contrastive video-text network and write ``video_text.safetensors`` under ``out``.

    Args:
        out: Folder of the training run.
        preset: ``"cpu"``, ``"gpu"`` or ``"test"``.
        seed: Of weights and batches, ≥ 0.
        video: Video encoder: ``"tiles"`` or ``"volume"``.
        text: Text encoder: ``"attention"`` or ``"recurrent"``.
        settings: Arguments of ``models.training.video_text.train_video_text``, and options to change in the preset.

    Raises:
        UsageError: Unknown preset, option or encoder, a world without captions, or a number out of range.
    """
    for what, name, valid in (("video", video, ("tiles", "volume")), ("text", text, ("attention", "recurrent"))):
        if name not in valid:
            raise unknown(f"{what} encoder", name, valid, "diptych train video-text --help")
    return _train("video-text", out, preset, seed, {**settings, "video": video, "text": text})


def train_state_reader(out: Path, preset: str = "cpu", *, seed: int = 0, **settings: Any) -> TrainFacts:
    """Train a state reader and write ``state_reader.safetensors`` under ``out``.

    Args:
        out: Folder of the training run.
        preset: ``"cpu"``, ``"gpu"`` or ``"test"``.
        seed: Of weights and batches, ≥ 0.
        settings: Arguments of ``models.training.state_reader.train_state_reader``, and options to change in the preset.

    Raises:
        UsageError: Unknown preset or option, a world that does not tell what stands on its tiles, or a number out of
            range.
    """
    return _train("state-reader", out, preset, seed, settings)


def train_text_to_video(
    out: Path,
    preset: str = "cpu",
    *,
    seed: int = 0,
    prediction: str = "epsilon",
    shape: Mapping[str, Any] | None = None,
    **settings: Any,
) -> TrainFacts:
    """Train a text-to-video diffusion model and write ``text_to_video.safetensors`` under ``out``.

    Args:
        out: Folder of the training run.
        preset: ``"cpu"``, ``"gpu"`` or ``"test"``.
        seed: Of weights and batches, ≥ 0.
        prediction: ``"epsilon"``, ``"v"`` or ``"flow"``.
        shape: Hyper-parameters to change, such as ``{"width": 96}``; see ``models.diffusion.shapes.DenoiserShape``.
        settings: Arguments of ``models.training.text_to_video.train_text_to_video``, and options to change in the
            preset.

    Raises:
        UsageError: Unknown preset, option, prediction or hyper-parameter, a world without captions, no diffusers, or
            a number out of range.
    """
    if prediction not in ("epsilon", "v", "flow"):
        raise unknown("prediction", prediction, ("epsilon", "v", "flow"), "diptych train text-to-video --help")
    return _train("text-to-video", out, preset, seed, {**settings, "prediction": prediction, "shape": shape})


def _train(task: str, out: Path, preset: str, seed: int, settings: Mapping[str, Any]) -> TrainFacts:
    if seed < 0:
        raise UsageError(f"the seed must be an integer of at least 0, not {seed}. Try: --seed 0")
    load_builtin()
    module = task.replace("-", "_")
    presets: Any = reach(f"models.training.presets:{module.upper()}_PRESETS")
    if preset not in presets:
        raise unknown("preset", preset, presets, "diptych train --help")
    parse_device(settings.get("device") or presets[preset].device)
    train: Any = reach(f"models.training.{module}:train_{module}")
    validation = train(out, preset_name=preset, seed=seed, **settings)
    weights = out / f"{module}.safetensors"
    return TrainFacts(task=task, path=weights.resolve(), sha256=file_sha256(weights), validation=validation)


def parse_settings(pairs: Sequence[str]) -> dict[str, Any]:
    """Read ``KEY=VALUE`` pairs as training options.

    Args:
        pairs: Such as ``["steps=100", "learning_rate=1e-3"]``.

    Returns:
        Values in the types that the options declare.

    Raises:
        UsageError: No ``=``, an unknown option, or a value of the wrong type.
    """
    options: Any = reach("models.training.presets:TrainOptions")
    fields = options.model_fields
    found: dict[str, Any] = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign:
            raise UsageError(f"--set takes KEY=VALUE, not {pair!r}; such as --set steps=100")
        if key not in fields:
            raise unknown("option of a preset", key, fields)
        found[key] = as_list(value) if value.startswith("[") else value
    try:
        checked = options(**{"steps": 1, "batch": 1, "learning_rate": 1e-3, **found})
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"--set {first['loc'][0]}: {first['msg']}, not {first['input']!r}.") from error
    return {key: getattr(checked, key) for key in found}


def parse_sizes(pairs: Sequence[str]) -> dict[str, int]:
    """Read ``KEY=VALUE`` pairs as sizes of a network.

    Raises:
        UsageError: No ``=``, or a value that is no integer above 0.
    """
    found: dict[str, int] = {}
    for pair in pairs:
        key, _, value = pair.partition("=")
        if not value.isdigit() or int(value) < 1:
            raise UsageError(f"--shape takes KEY=INTEGER, not {pair!r}; such as --shape width=96")
        found[key] = int(value)
    return found


def parse_shape(target: str, pairs: Sequence[str]) -> Any:
    """Read ``KEY=VALUE`` pairs as hyper-parameters.

    Args:
        target: ``"module:attribute"`` of their class, whose defaults hold for the rest.
        pairs: Such as ``["levels=[8,8,8,8]", "encoder_kernel=3"]``.

    Raises:
        UsageError: No ``=``, an unknown hyper-parameter, or a value of the wrong type.
    """
    kind: Any = reach(target)
    found: dict[str, Any] = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign:
            raise UsageError(f"--shape takes KEY=VALUE, not {pair!r}; such as --shape levels=[8,8,8,8]")
        if key not in kind.model_fields:
            raise unknown("hyper-parameter", key, kind.model_fields)
        found[key] = as_list(value) if value.startswith("[") else value
    try:
        return kind(**found)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"--shape {first['loc'][0]}: {first['msg']}, not {first['input']!r}.") from error


def as_list(text: str) -> Any:
    """Read a JSON list; text that is none stays text."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text  # the option's own type says what is wrong with it
