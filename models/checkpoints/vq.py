"""VQ-VAEs in the layout of ``diffusers.VQModel``, and MineWorld's, which is one behind the prefix ``model.``.

MineWorld's release keeps ``checkpoints/vae/config.json`` beside ``vae.ckpt`` (its README). Both were taken down: no
real file was ever read here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from harness.device import parse_device
from harness.errors import DiptychError
from models.checkpoints.files import CONFIG, read_json, read_state
from models.checkpoints.keys import VQ_INSIDE, VQ_PLAIN, VQ_RELEASED, Table, check_dtype, fill
from models.tokenizers.shapes import VQShape
from models.tokenizers.vq import VQTokenizer

FILES = ("diffusion_pytorch_model.safetensors", "vae.safetensors", "vae.ckpt")
SUPPORTED = {"act_fn": "silu", "norm_type": "group", "in_channels": 3, "out_channels": 3}
STAGES = {"down_block_types": "DownEncoderBlock2D", "up_block_types": "UpDecoderBlock2D"}


def load_vq(
    folder: str | Path,
    weights: str | Path | None = None,
    *,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> VQTokenizer:
    """Load a VQ-VAE.

    Args:
        folder: With ``config.json`` and its weights: ``diffusion_pytorch_model.safetensors``, ``vae.safetensors`` or
            ``vae.ckpt``.
        weights: Another file; a whole MineWorld checkpoint with a VQ-VAE in it will do.
        device: Torch device.
        dtype: Of the weights. The release decodes in float32, and encodes in float16 by autocast.

    Raises:
        UsageError: No such device, or a type that it has not.
        DiptychError: No such files, code in them, a network of another kind, or tensors that do not fit.
    """
    where = str(parse_device(device))
    check_dtype(dtype, where)
    folder = Path(folder)
    shape = read_vq_config(folder)
    path = vq_weights(folder) if weights is None else Path(weights)
    tensors = read_state(path)
    described = folder if weights is None else None
    return fill(blank(shape), tensors, vq_table(tensors), str(path), where, dtype, described=described)


def blank(shape: VQShape) -> VQTokenizer:
    """A tokenizer whose tensors are nowhere."""
    with torch.device("meta"):
        return VQTokenizer(shape)


def vq_weights(folder: Path) -> Path:
    """The weights beside a configuration.

    Raises:
        DiptychError: None.
    """
    for name in FILES:
        if (folder / name).exists():
            return folder / name
    raise DiptychError(f"{folder} has no weights. Expected beside {CONFIG}: {' or '.join(FILES)}.")


def vq_table(names: Collection[str]) -> Table:
    """The key table of a file with these names."""
    for prefix, table in (("tokenizer.model.", VQ_INSIDE), ("model.", VQ_RELEASED)):
        if any(name.startswith(prefix) for name in names):
            return table
    return VQ_PLAIN


def read_vq_config(folder: Path) -> VQShape:
    """The shape that a ``diffusers.VQModel``'s ``config.json`` gives, with the defaults of that class.

    Raises:
        DiptychError: No such file, or a network of another kind: all that differs is named.
    """
    config = read_json(folder, *FILES)
    where = folder / CONFIG
    kind = config.get("_class_name", "VQModel")
    if kind != "VQModel":
        raise DiptychError(f"{where} is of a {kind!r}. Valid: 'VQModel'.")
    widths = config.get("block_out_channels", [64])
    count = len(widths) if isinstance(widths, list) else 0
    unsupported = [
        f"{name} = {config[name]!r} (valid: {valid!r})"
        for name, valid in SUPPORTED.items()
        if config.get(name, valid) != valid
    ]
    unsupported += [
        f"{name} = {config.get(name, [valid])!r} (valid: {valid!r} for each of {count} stages)"
        for name, valid in STAGES.items()
        if config.get(name, [valid]) != [valid] * count
    ]
    if unsupported:
        raise DiptychError(f"{where} asks for what the tokenizer has not: {'; '.join(unsupported)}.")
    try:
        shape = VQShape(**_fields(config, widths))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise DiptychError(f"{where} gives no tokenizer: {place}: {first['msg']}.") from error
    numbers = (*shape.widths, shape.blocks, shape.latent, shape.code_width, shape.vocabulary, shape.groups)
    if min(numbers) < 1 or any(width % shape.groups for width in shape.widths):
        raise DiptychError(
            f"{where} gives no tokenizer: every number must be from 1, and norm_num_groups = {shape.groups} must "
            f"divide block_out_channels = {list(shape.widths)}."
        )
    return shape


def _fields(config: Mapping[str, Any], widths: Any) -> dict[str, Any]:
    latent = config.get("latent_channels", 3)
    width = config.get("vq_embed_dim")
    return {
        "widths": widths,
        "blocks": config.get("layers_per_block", 1),
        "latent": latent,
        "code_width": latent if width is None else width,
        "vocabulary": config.get("num_vq_embeddings", 256),
        "groups": config.get("norm_num_groups", 32),
        "attention": config.get("mid_block_add_attention", True),
    }
