"""Finetuning for an order: it learns, resumes bit for bit, and has a control; adapters are a difference of weights."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.cli.builtin import load_builtin
from harness.errors import DiptychError, UsageError
from models.ar.adapters import merge_adapters
from models.ar.loading import hash_tensors, load_weights, save_transformer
from models.ar.shapes import TransformerShape
from models.ar.transformer import VideoTransformer
from models.training.clips import TokenClips, write_tokens
from models.training.diagonal_finetune import train_diagonal_finetune
from models.weights import file_sha256, read_weights

load_builtin()
SHAPE = TransformerShape(
    image_vocabulary=11, vocabulary=14, hidden=32, mlp=48, layers=2, heads=4, kv_heads=2, head_dim=8, position="3d"
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finetune")
    rng = np.random.default_rng(0)
    for name in ("train", "validation"):
        tokens = np.repeat(rng.integers(3, size=(24, 1, 3, 4)), 5, axis=1).astype(np.uint16)
        facts = {"vocabulary": 11, "actions": 3}
        actions = rng.integers(3, size=(24, 5)).astype(np.uint8)
        write_tokens(folder / f"{name}.npz", TokenClips(tokens, actions, np.arange(24), facts))
    model = VideoTransformer(SHAPE).reset(torch.Generator().manual_seed(0))
    save_transformer(folder / "base.safetensors", model, {}, torch.float32)
    return folder


def finetune(home: Path, out: Path, **settings: Any) -> dict[str, float]:
    given = {"preset_name": "test", "prompt_frames": 1, "frames": 3, "clips": home / "train.npz", **settings}
    return train_diagonal_finetune(
        out, str(home / "base.safetensors"), validation_clips=home / "validation.npz", **given
    )


def test_it_learns_the_order_that_it_is_trained_for(home: Path, tmp_path: Path) -> None:
    before = finetune(home, tmp_path / "before", steps=1, learning_rate=1e-12)
    after = finetune(home, tmp_path / "after", steps=60, learning_rate=1e-2)
    assert after["bits_per_token"] < before["bits_per_token"] - 0.2


@pytest.mark.parametrize("rank", [0, 2])
def test_a_run_that_was_stopped_goes_on_bit_for_bit(home: Path, tmp_path: Path, rank: int) -> None:
    finetune(home, tmp_path / "whole", rank=rank)
    finetune(home, tmp_path / "parts", rank=rank, stop_after=2)
    finetune(home, tmp_path / "parts", rank=rank, resume=True)
    files = [tmp_path / name / "diagonal_finetune.safetensors" for name in ("whole", "parts")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_the_control_takes_the_same_steps_under_the_causal_mask(home: Path, tmp_path: Path) -> None:
    finetune(home, tmp_path / "diagonal")
    finetune(home, tmp_path / "control", causal=True)
    finetune(home, tmp_path / "full-delay", k=4)
    weights = {
        name: read_weights(tmp_path / name / "diagonal_finetune.safetensors")[0]["layers.0.mlp.up_proj.weight"]
        for name in ("diagonal", "control", "full-delay")
    }
    assert not torch.equal(weights["diagonal"], weights["control"])
    assert torch.equal(weights["control"], weights["full-delay"]), "k ≥ columns is the causal mask"


def test_adapters_are_a_small_difference_and_belong_to_their_weights(home: Path, tmp_path: Path) -> None:
    finetune(home, tmp_path, rank=2, steps=10, learning_rate=1e-2)
    file, base = tmp_path / "diagonal_finetune.safetensors", home / "base.safetensors"
    model = VideoTransformer(SHAPE)
    load_weights(model, base)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    merge_adapters(model, file, file_sha256(base))
    changes = {name: value - before[name] for name, value in model.state_dict().items()}
    changed = {name for name, change in changes.items() if bool(change.any())}
    assert changed == {name for name in before if ".self_attn." in name or ".mlp." in name}
    assert all(torch.linalg.matrix_rank(changes[name], rtol=1e-4) == 2 for name in changed)
    untouched = hash_tensors(model.state_dict())
    with pytest.raises(DiptychError, match=r"adapters of the weights .* and the model has ffff"):
        merge_adapters(model, file, "f" * 64)
    with pytest.raises(DiptychError, match="holds no adapters"):
        merge_adapters(model, base, file_sha256(base))
    other = VideoTransformer(SHAPE.model_copy(update={"mlp": 40}))
    with pytest.raises(DiptychError, match="does not fit the model"):
        merge_adapters(other, file, file_sha256(base))
    assert hash_tensors(model.state_dict()) == untouched


def test_adapters_begin_as_no_change(home: Path, tmp_path: Path) -> None:
    from models.ar.attention import causal_attention
    from models.ar.transformer import rotary_table
    from models.training.lora import add_adapters

    model = VideoTransformer(SHAPE)
    load_weights(model, home / "base.safetensors")
    tokens, positions = torch.arange(10)[None], torch.arange(30).view(10, 3)
    rotary = rotary_table(SHAPE, positions)
    before = model(tokens, rotary, causal_attention)
    add_adapters(model, 2, 0)
    assert torch.equal(model(tokens, rotary, causal_attention), before)
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert trained
    assert all(".lora_" in name for name in trained)


def test_what_cannot_be_is_one_message(home: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown schedule 'diagonl'.*diagonal"):
        finetune(home, tmp_path / "a", schedule="diagonl")
    with pytest.raises(UsageError, match=r"unknown placeholder policy 'abov'.*above"):
        finetune(home, tmp_path / "b", placeholder="abov")
    with pytest.raises(UsageError, match="rank must be at least 0"):
        finetune(home, tmp_path / "c", rank=-1)
    with pytest.raises(UsageError, match="too long"):
        finetune(home, tmp_path / "d", frames=9)
    with pytest.raises(DiptychError, match=r"there are no weights 'none.safetensors'"):
        train_diagonal_finetune(tmp_path / "e", "none.safetensors", preset_name="test")
