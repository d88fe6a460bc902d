"""Llama-style checkpoints in Hugging Face's layout: ``config.json`` beside safetensors, in one file or many."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from harness.device import parse_device
from harness.errors import DiptychError, UsageError
from harness.files import write_atomically
from models.ar.shapes import TransformerShape
from models.ar.transformer import VideoTransformer
from models.checkpoints.files import CONFIG, INDEX, WEIGHTS, read_json, read_tensors
from models.checkpoints.keys import HUGGING_FACE, Table, check_dtype, fill, original

SUPPORTED: dict[str, Any] = {
    "attention_bias": False,
    "mlp_bias": False,
    "hidden_act": "silu",
    "rope_type": "default",
    "partial_rotary_factor": 1.0,
    "sliding_window": None,
    "quantization_config": None,
}
"""The one value that the block has of each; None for nothing at all. A field that is absent or null has it."""


def load_llama(
    folder: str | Path,
    image_vocabulary: int | None = None,
    *,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> VideoTransformer:
    """Load a Llama-style checkpoint.

    Args:
        folder: With ``config.json`` and safetensors; nothing is downloaded, and nothing else is loaded.
        image_vocabulary: Image token ids are ``0 .. image_vocabulary - 1``, the only ones that are drawn; all if None.
        device: Torch device.
        dtype: Of the weights, whatever the file has.

    Returns:
        The transformer, in evaluation mode.

    Raises:
        UsageError: No such device, a vocabulary that does not fit, or half precision where the device has none.
        DiptychError: No such files, a configuration that the block cannot do, or tensors that do not fit it.
    """
    where = str(parse_device(device))
    check_dtype(dtype, where)
    folder = Path(folder)
    shape = read_config(folder, image_vocabulary)
    return build(read_tensors(folder), shape, HUGGING_FACE, str(folder), where, dtype)


def build(
    tensors: dict[str, Tensor], shape: TransformerShape, table: Table, where: str, device: str, dtype: torch.dtype
) -> VideoTransformer:
    """A transformer of a shape with these tensors; see :func:`models.checkpoints.keys.fill`."""
    return fill(blank(shape), tensors, table, where, device, dtype, unneeded=unneeded(shape), described=where)


def blank(shape: TransformerShape) -> VideoTransformer:
    """A transformer whose tensors are nowhere."""
    with torch.device("meta"):
        return VideoTransformer(shape)


def unneeded(shape: TransformerShape) -> tuple[str, ...]:
    """What some files repeat: the embedding, as the output layer of a tied model."""
    return ("lm_head.weight",) if shape.tied else ()


def read_config(folder: Path, image_vocabulary: int | None) -> TransformerShape:
    """Hyper-parameters from a folder's ``config.json``.

    Raises:
        UsageError: ``image_vocabulary`` is larger than the vocabulary, or below 1.
        DiptychError: No such folder or file, not a Llama's, or a Llama with what the block has not: each is named.
    """
    config = read_json(folder, WEIGHTS, INDEX)
    kind = config.get("model_type", "llama")
    if kind != "llama":
        raise DiptychError(
            f"{folder / CONFIG} is of a {kind!r} model. Valid: 'llama' and what has its blocks, tensor for tensor."
        )
    return transformer_shape(config, str(folder / CONFIG), image_vocabulary)


def transformer_shape(config: Mapping[str, Any], where: str, image_vocabulary: int | None) -> TransformerShape:
    """The shape that ``transformers.LlamaConfig`` fields give, with its defaults where these are safe.

    Args:
        config: Fields by name; those that change nothing here are passed over.
        where: The file, for the message.
        image_vocabulary: See :func:`load_llama`.

    Raises:
        UsageError: ``image_vocabulary`` does not fit.
        DiptychError: A field is missing or has no value that can be, or the block cannot do what it asks for.
    """
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if not isinstance(rope, Mapping):
        raise DiptychError(f"{where}: rope_parameters must be an object, not {rope!r}.")
    asked = {name: config.get(name) for name in SUPPORTED}
    asked["rope_type"] = rope.get("rope_type", rope.get("type"))
    asked["partial_rotary_factor"] = asked["partial_rotary_factor"] or rope.get("partial_rotary_factor")
    unsupported = [
        f"{name} = {value!r} (valid: {'none' if SUPPORTED[name] is None else repr(SUPPORTED[name])})"
        for name, value in asked.items()
        if value is not None and value is not False and value != SUPPORTED[name]
    ]
    if unsupported:
        raise DiptychError(f"{where} asks for what the block has not: {'; '.join(unsupported)}.")

    def whole(name: str, otherwise: int | None = None) -> int:
        value = config.get(name)
        if value is None and otherwise is not None:
            return otherwise
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise DiptychError(f"{where} {_has(name, config)}; it must be a whole number from 1.")
        return value

    def number(name: str, value: Any) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < math.inf:
            raise DiptychError(f"{where} has {name} = {value!r}; it must be a number above 0.")
        return float(value)

    hidden, heads, vocabulary = whole("hidden_size"), whole("num_attention_heads"), whole("vocab_size")
    kv_heads = whole("num_key_value_heads", heads)
    if heads % kv_heads:
        raise DiptychError(f"{where} has {heads} heads and {kv_heads} key/value heads, which must divide them.")
    head_dim = whole("head_dim", hidden // heads)
    if head_dim % 2 or head_dim < 2:
        raise DiptychError(f"{where} has heads of width {head_dim}; rotary positions turn pairs: it must be even.")
    images = vocabulary if image_vocabulary is None else image_vocabulary
    if not 1 <= images <= vocabulary:
        raise UsageError(f"image_vocabulary must be from 1 to {vocabulary}, the checkpoint's own, not {images}.")
    return TransformerShape(
        image_vocabulary=images,
        vocabulary=vocabulary,
        hidden=hidden,
        mlp=whole("intermediate_size"),
        layers=whole("num_hidden_layers"),
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        rope_theta=number("rope_theta", config.get("rope_theta") or rope.get("rope_theta") or 10000.0),
        norm_eps=number("rms_norm_eps", config.get("rms_norm_eps", 1e-6)),
        tied=bool(config.get("tie_word_embeddings", False)),
    )


def _has(name: str, config: Mapping[str, Any]) -> str:
    return f"has {name} = {config[name]!r}" if name in config else f"lacks {name}"


def llama_config(shape: TransformerShape) -> dict[str, Any]:
    """The ``transformers.LlamaConfig`` fields of a shape: what :func:`transformer_shape` reads."""
    return {
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.hidden,
        "intermediate_size": shape.mlp,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_dim,
        "rope_theta": shape.rope_theta,
        "rms_norm_eps": shape.norm_eps,
        "tie_word_embeddings": shape.tied,
        "hidden_act": "silu",
    }


def save_llama(folder: str | Path, model: VideoTransformer) -> None:
    """Write a transformer in Hugging Face's layout, in its own type.

    Raises:
        DiptychError: Its positions are not 1-d: no Llama reads them.
    """
    shape, folder = model.shape, Path(folder)
    if shape.position != "1d":
        raise DiptychError(f"a model with {shape.position} rotary positions is no Llama's: nothing else could read it.")
    folder.mkdir(parents=True, exist_ok=True)
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", **llama_config(shape)}
    tensors = {original(n, HUGGING_FACE): v.detach().cpu().contiguous() for n, v in model.state_dict().items()}
    write_atomically(folder / WEIGHTS, save(tensors, {"format": "pt"}))
    write_atomically(folder / CONFIG, (json.dumps(config, indent=2) + "\n").encode())
