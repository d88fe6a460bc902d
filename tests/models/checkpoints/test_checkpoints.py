"""Other people's checkpoints: equal logits, round trips, and one message for everything that does not fit."""

import json
import weakref
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from harness.errors import DiptychError, UsageError
from models.ar.attention import causal_attention
from models.ar.transformer import VideoTransformer, rotary_table
from models.checkpoints import load_llama, save_llama
from models.checkpoints.keys import HUGGING_FACE, check_dtype, original
from models.checkpoints.llama import SUPPORTED, build, transformer_shape
from tests.models.checkpoints.helpers import made, shape

FIELDS = {
    "vocab_size": 26, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 8, "rope_theta": 5000.0, "rms_norm_eps": 1e-5, "tie_word_embeddings": False,
}  # fmt: skip
SNIPPET = Path(__file__).with_name("snippet.py")


def logits(model: VideoTransformer, tokens: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model(tokens, rotary_table(model.shape, torch.arange(tokens.shape[1])[:, None]), causal_attention)


@pytest.mark.parametrize("changes", [{}, {"tied": True}, {"kv_heads": 4}, {"head_dim": 16}])
@pytest.mark.parametrize("sharded", [False, True])
@pytest.mark.parametrize("stored", [torch.float32, torch.bfloat16])
def test_logits_are_those_of_transformers(tmp_path: Path, changes: dict, sharded: bool, stored: torch.dtype) -> None:
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
    theirs.to(stored).save_pretrained(tmp_path, max_shard_size="8KB" if sharded else "1GB")
    # read again: .to() rounds its rotary frequencies too, which no file has
    theirs = LlamaForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval()
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
    assert f"All of it: python -m models.checkpoints {tmp_path}" in str(told.value)


def test_bad_folders_and_configurations_are_one_message(tmp_path: Path) -> None:
    with pytest.raises(DiptychError, match=r"is no checkpoint: it has no config.json"):
        load_llama(tmp_path)
    with pytest.raises(DiptychError, match=r"is no checkpoint: there is nothing"):
        load_llama(tmp_path / "none")
    (tmp_path / "file").write_text("x")
    with pytest.raises(DiptychError, match=r"is no checkpoint: no folder. Expected: a folder with config.json and"):
        load_llama(tmp_path / "file")
    for text, told in (("{", "cannot be read as JSON"), ("[]", "holds no JSON object")):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(DiptychError, match=told):
            load_llama(tmp_path)
    save_llama(tmp_path, made())
    config = json.loads((tmp_path / "config.json").read_text())

    def configured(**changes: object) -> None:
        (tmp_path / "config.json").write_text(json.dumps({**config, **changes}))

    for changes, told in (
        ({"model_type": "gpt2"}, "is of a 'gpt2' model"),
        ({"attention_bias": True, "hidden_act": "gelu"}, r"attention_bias = True .*; hidden_act = 'gelu'"),
        ({"rope_scaling": {"rope_type": "llama3", "factor": 8}}, "rope_type = 'llama3'"),
        ({"partial_rotary_factor": 0.5}, r"partial_rotary_factor = 0.5 \(valid: 1.0\)"),
        ({"sliding_window": 4096}, r"sliding_window = 4096 \(valid: none\)"),
        ({"quantization_config": {"bits": 4}}, r"quantization_config = .* \(valid: none\)"),
        ({"mlp_bias": True}, r"mlp_bias = True \(valid: False\)"),
        ({"rope_parameters": "default"}, "rope_parameters must be an object"),
        ({"num_key_value_heads": 3}, "4 heads and 3 key/value heads"),
        ({"head_dim": 7}, "heads of width 7"),
        ({"vocab_size": None}, "has vocab_size = None; it must be a whole number from 1"),
        ({"rms_norm_eps": "small"}, "has rms_norm_eps = 'small'"),
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
    for index in ({}, [], {"weight_map": {"a": 1}}):
        (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
        with pytest.raises(DiptychError, match="has no weight_map of file names"):
            load_llama(tmp_path)


SIMPLE = st.none() | st.booleans() | st.integers(-3, 9) | st.floats() | st.text(max_size=3)
VALUES = SIMPLE | st.lists(SIMPLE, max_size=2) | st.dictionaries(st.sampled_from(["rope_type", "type", "x"]), SIMPLE)


@given(st.dictionaries(st.sampled_from([*FIELDS, *SUPPORTED, "rope_scaling", "rope_parameters"]), VALUES, max_size=4))
def test_whatever_a_configuration_has_is_a_shape_or_one_message(changes: dict) -> None:
    config = {**FIELDS, **changes}
    try:
        found = transformer_shape(config, "config.json", None)
    except DiptychError as error:
        told = str(error)
    else:
        told = f"config.json: {found}"
        assert found.heads % found.kv_heads == 0
        assert found.head_dim % 2 == 0
        assert found.vocabulary == config["vocab_size"]
    assert told.startswith("config.json")


def test_an_index_names_files_beside_it_and_nothing_elsewhere(tmp_path: Path) -> None:
    save_llama(tmp_path / "other", made())
    save_llama(tmp_path / "mine", made())
    (tmp_path / "mine" / "model.safetensors").unlink()
    index = {"weight_map": {"model.norm.weight": "../other/model.safetensors"}}
    (tmp_path / "mine" / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(DiptychError, match=r"mine lacks model.safetensors"):
        load_llama(tmp_path / "mine")


def test_an_output_layer_beside_a_tied_embedding_is_passed_over(tmp_path: Path) -> None:
    model = made(tied=True)
    save_llama(tmp_path, model)
    tensors = load_file(tmp_path / "model.safetensors")
    save_file(tensors | {"lm_head.weight": torch.ones(26, 32)}, tmp_path / "model.safetensors")
    again = load_llama(tmp_path, image_vocabulary=23)
    assert torch.equal(logits(again, torch.arange(9)[None]), logits(model, torch.arange(9)[None]))


def test_half_precision_on_a_card_without_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    with pytest.raises(UsageError, match=r"cuda:1 has no units for bfloat16. Valid there: float32, float16"):
        check_dtype(torch.bfloat16, "cuda:1")
    check_dtype(torch.float16, "cuda:1")
    check_dtype(torch.bfloat16, "cpu")


class Watched(torch.Tensor):
    """Notes how many of its like are there whenever one is converted."""

    alive: ClassVar["weakref.WeakSet[Watched]"] = weakref.WeakSet()
    counted: ClassVar[list[int]] = []

    def to(self, *args: object, **kwargs: object) -> torch.Tensor:
        self.counted.append(sum(1 for _ in self.alive))
        return self.as_subclass(torch.Tensor).to(*args, **kwargs)


def test_tensors_are_let_go_one_by_one_so_that_nothing_is_held_twice() -> None:
    tensors: dict[str, torch.Tensor] = {}
    for name, value in made().state_dict().items():
        tensors[original(name, HUGGING_FACE)] = value.clone().as_subclass(Watched)
        Watched.alive.add(tensors[original(name, HUGGING_FACE)])
    count = len(tensors)
    model = build(tensors, shape(), HUGGING_FACE, "memory", "cpu", torch.float64)
    assert tensors == {}
    assert model.norm.weight.dtype == torch.float64
    assert Watched.counted == list(range(count, 0, -1))


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
