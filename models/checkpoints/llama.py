"""Llama-style checkpoints in Hugging Face's layout: ``config.json`` beside safetensors, in one file or many."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from harness.device import parse_device
from harness.errors import DiptychError, UsageError
from harness.files import write_atomically
from models.ar.shapes import TransformerShape
from models.ar.transformer import VideoTransformer
from models.checkpoints.keys import HUGGING_FACE, build, original

CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"


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
    shape = read_config(folder / CONFIG, image_vocabulary)
    return build(read_tensors(folder), shape, HUGGING_FACE, str(folder), where, dtype)


def check_dtype(dtype: torch.dtype, device: str) -> None:
    """Refuse what is no floating-point type, and bfloat16 on a card without it.

    Raises:
        UsageError: Names the valid types.
    """
    if dtype not in (torch.float64, torch.float32, torch.bfloat16, torch.float16):
        raise UsageError(f"weights cannot be {dtype}. Valid: float64, float32, bfloat16, float16.")
    if dtype == torch.bfloat16 and device.startswith("cuda") and not torch.cuda.is_bf16_supported():
        raise UsageError(f"{device} has no bfloat16. Valid there: float32, float16.")


def read_config(path: Path, image_vocabulary: int | None) -> TransformerShape:
    """Hyper-parameters from ``config.json``.

    Raises:
        UsageError: ``image_vocabulary`` is larger than the vocabulary, or below 1.
        DiptychError: No such file, not a Llama's, or a Llama with what the block has not: each is named.
    """
    try:
        config: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise DiptychError(
            f"{path.parent} is no checkpoint: it has no {CONFIG}. Expected beside it: {WEIGHTS} or {INDEX}."
        ) from None
    except (OSError, ValueError) as error:
        raise DiptychError(f"{path} cannot be read as JSON: {error}.") from error
    kind = config.get("model_type", "llama")
    if kind != "llama":
        raise DiptychError(f"{path} is a {kind!r} model. Valid: 'llama' and what has its blocks, tensor for tensor.")
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    unsupported = [
        f"{name} = {config[name]!r} (valid: {valid!r})"
        for name, valid in (("attention_bias", False), ("mlp_bias", False), ("hidden_act", "silu"))
        if config.get(name, valid) != valid
    ]
    if rope.get("rope_type", rope.get("type", "default")) != "default":
        unsupported.append(f"rope_type = {rope.get('rope_type', rope.get('type'))!r} (valid: 'default')")
    if config.get("sliding_window"):
        unsupported.append(f"sliding_window = {config['sliding_window']!r} (valid: none)")
    if unsupported:
        raise DiptychError(f"{path} asks for what the block has not: {'; '.join(unsupported)}.")
    try:
        hidden, heads = int(config["hidden_size"]), int(config["num_attention_heads"])
        vocabulary = int(config["vocab_size"])
        images = vocabulary if image_vocabulary is None else image_vocabulary
        if not 1 <= images <= vocabulary:
            raise UsageError(f"image_vocabulary must be from 1 to {vocabulary}, the checkpoint's own, not {images}.")
        return TransformerShape(
            image_vocabulary=images,
            vocabulary=vocabulary,
            hidden=hidden,
            mlp=int(config["intermediate_size"]),
            layers=int(config["num_hidden_layers"]),
            heads=heads,
            kv_heads=int(config.get("num_key_value_heads") or heads),
            head_dim=int(config.get("head_dim") or hidden // heads),
            rope_theta=float(config.get("rope_theta") or rope.get("rope_theta") or 10000.0),
            norm_eps=float(config.get("rms_norm_eps", 1e-6)),
            tied=bool(config.get("tie_word_embeddings", False)),
        )
    except KeyError as error:
        raise DiptychError(f"{path} lacks {error}.") from error


def read_tensors(folder: Path) -> dict[str, Tensor]:
    """All tensors of a checkpoint, whatever its files.

    Raises:
        DiptychError: No weights, a missing part, or a file that is no safetensors.
    """
    if (folder / INDEX).exists():
        try:
            parts = sorted(set(json.loads((folder / INDEX).read_bytes())["weight_map"].values()))
        except (OSError, ValueError, KeyError, AttributeError) as error:
            raise DiptychError(f"{folder / INDEX} cannot be read: {error}.") from error
    elif (folder / WEIGHTS).exists():
        parts = [WEIGHTS]
    else:
        raise DiptychError(f"{folder} has no weights: neither {WEIGHTS} nor {INDEX}. Only safetensors are loaded.")
    tensors: dict[str, Tensor] = {}
    for part in parts:
        path = folder / Path(part).name  # an index names files beside it, and nothing elsewhere
        try:
            with safe_open(path, framework="pt") as file:
                tensors |= {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        except FileNotFoundError:
            raise DiptychError(f"{folder} lacks {part}, which its {INDEX} names.") from None
        except (SafetensorError, OSError) as error:
            raise DiptychError(f"{path} is not a safetensors file ({error}); only safetensors are loaded.") from error
    return tensors


def save_llama(folder: str | Path, model: VideoTransformer) -> None:
    """Write a transformer in Hugging Face's layout, in its own type.

    Raises:
        DiptychError: Its positions are not 1-d: no Llama reads them.
    """
    shape, folder = model.shape, Path(folder)
    if shape.position != "1d":
        raise DiptychError(f"a model with {shape.position} rotary positions is no Llama's: nothing else could read it.")
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
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
    tensors = {original(n, HUGGING_FACE): v.detach().cpu().contiguous() for n, v in model.state_dict().items()}
    write_atomically(folder / WEIGHTS, save(tensors, {"format": "pt"}))
    write_atomically(folder / CONFIG, (json.dumps(config, indent=2) + "\n").encode())
