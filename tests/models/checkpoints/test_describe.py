"""``python -m models.checkpoints``: what is told of each layout, every key that does not fit, and bad input."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from models.checkpoints import save_llama
from models.checkpoints.__main__ import main
from tests.models.checkpoints.helpers import made
from tests.models.checkpoints.test_mineworld import layout
from tests.models.checkpoints.vq_cases import CASES, drawn_weights


def facts(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict:
    main([*map(str, arguments), "--json"])
    return json.loads(capsys.readouterr().out.splitlines()[-1])


@pytest.mark.parametrize("tied", [False, True])
def test_a_llama_that_fits(tmp_path: Path, capsys: pytest.CaptureFixture[str], tied: bool) -> None:
    model = made(tied=tied).to(torch.bfloat16)
    save_llama(tmp_path, model)
    assert main([str(tmp_path), "--image-vocabulary", "23"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"Llama: {model.shape.parameters:,} parameters"
    assert "image_vocabulary 23, vocabulary 26, hidden 32" in lines[1]
    assert lines[2] == f"stored: {len(model.state_dict())} tensors of bfloat16"
    assert lines[3:] == ["0 missing", "0 unexpected", "0 mis-shaped", "it fits"]


def test_every_key_that_does_not_fit_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_llama(tmp_path, made())
    tensors = load_file(tmp_path / "model.safetensors")
    gone = sorted(name for name in tensors if ".layers.0." in name or ".layers.1.mlp" in name)
    tensors = {name: value for name, value in tensors.items() if name not in gone}
    tensors |= {"score.weight": torch.ones(3).half(), "model.norm.weight": torch.ones(5)}
    save_file(tensors, tmp_path / "model.safetensors")
    assert main([str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == f"stored: 1 tensors of float16, {len(tensors) - 1} tensors of float32"
    start = lines.index(f"{len(gone)} missing") + 1
    assert len(gone) == 12
    assert [line.strip() for line in lines[start : start + 12]] == gone
    assert lines[start + 12 : start + 14] == ["1 unexpected", "  score.weight"]
    wrong = ["1 mis-shaped", "  model.norm.weight is [5], expected [32]"]
    assert lines[start + 14 :] == [*wrong, "it does not fit"]
    told = facts(capsys, tmp_path)
    assert (told["missing"], told["unexpected"], told["fits"]) == (gone, ["score.weight"], False)


def test_mineworld_and_a_tokenizer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"state_dict": layout(made())}, tmp_path / "tiny.ckpt")
    fields = {"vocab_size": 26, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
    fields |= {"num_attention_heads": 4, "num_key_value_heads": 2}
    text = "model:\n params:\n  transformer_config:\n   params:\n" + "".join(
        f"    {n}: {v}\n" for n, v in fields.items()
    )
    (tmp_path / "tiny.yaml").write_text(text)
    told = facts(capsys, tmp_path / "tiny.ckpt", "--config", tmp_path / "tiny.yaml", "--image-vocabulary", "23")
    assert (told["layout"], told["fits"], told["parameters"]) == ("MineWorld", True, made().shape.parameters)
    assert told["types"] == {"float32": len(made().state_dict()) + 1}
    assert main([str(tmp_path / "tiny.ckpt")]) == 1
    assert "error: " in capsys.readouterr().err

    folder = tmp_path / "vae"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CASES["plain"]))
    kept = json.loads(Path(__file__).with_name("vq_reference.json").read_text())["plain"]["sizes"]
    weights = drawn_weights({name: tuple(size) for name, size in kept.items()})
    torch.save({f"model.{name}": value for name, value in weights.items()}, folder / "vae.ckpt")
    told = facts(capsys, folder)
    assert (told["layout"], told["fits"], told["shape"]["vocabulary"]) == ("VQ-VAE", True, 32)
    assert told["parameters"] == sum(value.numel() for value in weights.values())


def test_bad_input_is_one_message(tmp_path: Path) -> None:
    save_llama(tmp_path / "llama", made())
    (tmp_path / "text").write_text("text")
    root = Path(__file__).resolve().parents[3]
    for arguments, code, expected in (
        ([tmp_path / "none"], 1, "there is nothing at"),
        ([tmp_path], 1, "is no checkpoint: it has no config.json"),
        ([tmp_path / "text"], 1, "is not a torch checkpoint"),
        ([tmp_path / "llama", "--image-vocabulary", "27"], 2, "image_vocabulary must be from 1 to 26"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "models.checkpoints", *map(str, arguments)],
            capture_output=True, text=True, check=False, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(root)},
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        assert done.stdout == ""
        assert done.stderr.startswith("error: ")
        assert expected in done.stderr
        assert len(done.stderr.splitlines()) == 1
