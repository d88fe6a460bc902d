"""Other people's checkpoints: equal logits, round trips, and one message for everything that does not fit."""

import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from harness.errors import DiptychError, UsageError
from models.ar.shapes import TransformerShape
from models.ar.transformer import VideoTransformer, causal_attention, rotary_table
from models.checkpoints import load_llama, load_mineworld, save_llama

SNIPPET = Path(__file__).with_name("snippet.py")


def shape(**changes: object) -> TransformerShape:
    facts = {
        "image_vocabulary": 23, "vocabulary": 26, "hidden": 32, "mlp": 48, "layers": 2, "heads": 4, "kv_heads": 2,
        "head_dim": 8, "rope_theta": 5000.0, "norm_eps": 1e-5,
    }  # fmt: skip
    return TransformerShape(**{**facts, **changes})


def made(**changes: object) -> VideoTransformer:
    model = VideoTransformer(shape(**changes)).reset(torch.Generator().manual_seed(1)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(6)
    return model


def logits(model: VideoTransformer, tokens: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model(tokens, rotary_table(model.shape, torch.arange(tokens.shape[1])[:, None]), causal_attention)


@pytest.mark.parametrize("changes", [{}, {"tied": True}, {"kv_heads": 4}, {"head_dim": 16}])
@pytest.mark.parametrize("sharded", [False, True])
def test_logits_are_those_of_transformers(tmp_path: Path, changes: dict, sharded: bool) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    facts = shape(**changes)
    torch.manual_seed(0)
    theirs = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=26, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=facts.kv_heads, head_dim=facts.head_dim, rope_theta=5000.0, rms_norm_eps=1e-5,
            tie_word_embeddings=facts.tied, initializer_range=0.2,
        )
    ).eval()  # fmt: skip
    theirs.save_pretrained(tmp_path, max_shard_size="8KB" if sharded else "1GB")
    assert (tmp_path / "model.safetensors.index.json").exists() == sharded
    model = load_llama(tmp_path, image_vocabulary=23)
    assert model.shape == facts
    tokens = torch.arange(20)[None] % 26
    with torch.no_grad():
        wanted = theirs(tokens).logits[..., :23]
    assert torch.allclose(logits(model, tokens), wanted, rtol=1e-4, atol=1e-5 * float(wanted.abs().max()))
    assert float(wanted.std()) > 0.05


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_round_trip_keeps_every_bit_and_transformers_reads_it(tmp_path: Path, dtype: torch.dtype) -> None:
    from transformers import LlamaForCausalLM

    model = made().to(dtype)
    save_llama(tmp_path, model)
    again = load_llama(tmp_path, image_vocabulary=23, dtype=dtype)
    assert again.shape == model.shape
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in model.state_dict().items())
    theirs = LlamaForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval()
    tokens = torch.arange(20)[None] % 26
    with torch.no_grad():
        wanted = theirs(tokens).logits[..., :23]
    assert torch.allclose(logits(again.float(), tokens), wanted, rtol=1e-4, atol=1e-4 * float(wanted.abs().max()))
    with pytest.raises(DiptychError, match="3d rotary positions"):
        save_llama(tmp_path, made(position="3d"))


def test_what_is_missing_unexpected_or_mis_shaped_is_listed(tmp_path: Path) -> None:
    save_llama(tmp_path, made())
    tensors = load_file(tmp_path / "model.safetensors")
    del tensors["model.norm.weight"]
    tensors["model.layers.0.self_attn.q_norm.weight"] = torch.ones(8)
    tensors["score.weight"] = torch.ones(3)
    tensors["lm_head.weight"] = torch.ones(27, 32)
    tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(4)
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(DiptychError) as told:
        load_llama(tmp_path)
    assert "1 missing: model.norm.weight" in str(told.value)
    assert "2 unexpected: model.layers.0.self_attn.q_norm.weight, score.weight" in str(told.value)
    assert "1 mis-shaped: lm_head.weight is [27, 32], expected [26, 32]" in str(told.value)


def test_bad_folders_and_configurations_are_one_message(tmp_path: Path) -> None:
    with pytest.raises(DiptychError, match=r"is no checkpoint: it has no config.json"):
        load_llama(tmp_path)
    save_llama(tmp_path, made())
    config = json.loads((tmp_path / "config.json").read_text())

    def configured(**changes: object) -> None:
        (tmp_path / "config.json").write_text(json.dumps({**config, **changes}))

    for changes, told in (
        ({"model_type": "gpt2"}, "is a 'gpt2' model"),
        ({"attention_bias": True, "hidden_act": "gelu"}, r"attention_bias = True .*; hidden_act = 'gelu'"),
        ({"rope_scaling": {"rope_type": "llama3", "factor": 8}}, "rope_type = 'llama3'"),
        ({"num_hidden_layers": 3}, r"9 missing: .* and 1 more"),
    ):
        configured(**changes)
        with pytest.raises(DiptychError, match=told):
            load_llama(tmp_path)
    configured()
    with pytest.raises(UsageError, match="image_vocabulary must be from 1 to 26"):
        load_llama(tmp_path, image_vocabulary=27)
    with pytest.raises(UsageError, match=r"weights cannot be torch.int8"):
        load_llama(tmp_path, dtype=torch.int8)
    (tmp_path / "model.safetensors").write_bytes((tmp_path / "model.safetensors").read_bytes()[:-100])
    with pytest.raises(DiptychError, match="is not a safetensors file"):
        load_llama(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(DiptychError, match="has no weights"):
        load_llama(tmp_path)
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "model-00001.safetensors"}}))
    with pytest.raises(DiptychError, match=r"lacks model-00001.safetensors"):
        load_llama(tmp_path)


def test_mineworld_s_layout_is_read_and_code_in_it_is_not(tmp_path: Path) -> None:
    model = made()
    state = {
        (f"transformer.model.{name}" if not name.startswith("lm_head") else f"transformer.{name}"): value
        for name, value in model.state_dict().items()
    }
    state["tokenizer.model.encoder.conv_in.weight"] = torch.ones(3)
    path = tmp_path / "300M_16f.ckpt"
    torch.save({"state_dict": state, "epoch": 3}, path)
    loaded = load_mineworld(path, shape=shape())
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in model.state_dict().items())
    with pytest.raises(DiptychError, match=r"has widths 32 and 48. Published: 300m: 1024 and 4096"):
        load_mineworld(path)
    (tmp_path / "code.ckpt").write_bytes(pickle.dumps({"state_dict": Path("anything")}))
    with pytest.raises(DiptychError, match="holds more than tensors"):
        load_mineworld(tmp_path / "code.ckpt")
    with pytest.raises(DiptychError, match="there is no file"):
        load_mineworld(tmp_path / "none.ckpt")
    torch.save({"state_dict": {"a": torch.ones(1)}}, tmp_path / "other.ckpt")
    with pytest.raises(DiptychError, match="is no MineWorld checkpoint"):
        load_mineworld(tmp_path / "other.ckpt")


def test_the_readme_s_lines_decode_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = SNIPPET.read_text()
    assert len([line for line in code.splitlines() if line.strip()]) <= 15
    readme = Path(__file__).resolve().parents[3] / "README.md"
    assert code in readme.read_text()
    save_llama(tmp_path / "my-checkpoint", made(vocabulary=8262, image_vocabulary=8192))
    monkeypatch.chdir(tmp_path)
    exec(compile(code.replace("frames=15", "frames=2"), "snippet", "exec"), {})
    assert capsys.readouterr().out.splitlines() == [f"{i} torch.Size([1, 14, 24])" for i in range(2)]
