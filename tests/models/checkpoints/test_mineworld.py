"""MineWorld's layout, written here: its weights were taken down. What a pickle may not hold, and configurations."""

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from harness.errors import DiptychError, UsageError
from models.ar.transformer import VideoTransformer
from models.checkpoints import load_mineworld, read_mineworld_config
from models.zoo.mineworld import mineworld_shape
from tests.models.checkpoints.helpers import made, shape

CONFIG = """\
model:
  target: lvm.LlamaLVM
  params:
    model_class: lvm.LlamaForCausalLM
    tokenizer_config:
      target: vae.VAE
      params:
        config_path: checkpoints/vae/config.json
        ckpt_path: checkpoints/vae/vae.ckpt
    transformer_config:
      target: transformers.LlamaConfig
      params:
        max_position_embeddings: 5552  # 16 frames
        hidden_size: 1024
        intermediate_size: 4096
        num_attention_heads: 16
        num_key_value_heads: 4
        num_hidden_layers: 20
        initializer_range: 0.02
        rope_theta: 10000.0
        torch_dtype: bfloat16
        rms_norm_eps: 1.0e-05
        vocab_size: 8262
        attention_bias: false
        mlp_bias: false
"""
TINY = {
    "vocab_size: 8262": "vocab_size: 26", "hidden_size: 1024": "hidden_size: 32", "size: 4096": "size: 48",
    "heads: 16": "heads: 4", "value_heads: 4": "value_heads: 2", "layers: 20": "layers: 2", "10000.0": "5000.0",
}  # fmt: skip


def layout(model: VideoTransformer) -> dict[str, torch.Tensor]:
    """A state_dict of ``lvm.LlamaLVM``, with a tensor of its tokenizer."""
    names = {name: name if name.startswith("lm_head") else f"model.{name}" for name in model.state_dict()}
    state = {f"transformer.{names[name]}": value for name, value in model.state_dict().items()}
    return state | {"tokenizer.model.encoder.conv_in.weight": torch.ones(3)}


def equal(one: VideoTransformer, other: VideoTransformer) -> bool:
    return all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())


@pytest.mark.parametrize("name", ["tiny.ckpt", "tiny.pt", "tiny.safetensors"])
def test_a_checkpoint_in_the_release_s_layout_is_read(tmp_path: Path, name: str) -> None:
    text = CONFIG
    for published, small in TINY.items():
        assert published in text
        text = text.replace(published, small)
    (tmp_path / "tiny.yaml").write_text(text)
    model, path = made(), tmp_path / name
    if path.suffix == ".safetensors":
        save_file(layout(model), path)
    else:
        torch.save({"state_dict": layout(model), "epoch": 3, "global_step": 9}, path)
    found = read_mineworld_config(tmp_path / "tiny.yaml", image_vocabulary=23)
    assert found == shape()
    assert equal(model, load_mineworld(path, shape=found))
    with pytest.raises(DiptychError, match=r"has widths 32 and 48. Published: 300m: 1024 and 4096"):
        load_mineworld(path)
    with pytest.raises(DiptychError, match=r"9 missing: transformer.model.layers.2.input_layernorm.weight"):
        load_mineworld(path, shape=shape(layers=3))


def test_the_published_configuration_gives_the_published_shape(tmp_path: Path) -> None:
    (tmp_path / "300M_16f.yaml").write_text(CONFIG)
    assert read_mineworld_config(tmp_path / "300M_16f.yaml") == mineworld_shape("300m")
    with pytest.raises(UsageError, match="image_vocabulary must be from 1 to 8262"):
        read_mineworld_config(tmp_path / "300M_16f.yaml", image_vocabulary=9000)
    (tmp_path / "bias.yaml").write_text(CONFIG.replace("mlp_bias: false", "mlp_bias: true"))
    with pytest.raises(DiptychError, match=r"mlp_bias = True \(valid: False\)"):
        read_mineworld_config(tmp_path / "bias.yaml")
    (tmp_path / "other.yaml").write_text("model: lvm.LlamaLVM\n")
    with pytest.raises(DiptychError, match=r"no model.params.transformer_config.params"):
        read_mineworld_config(tmp_path / "other.yaml")
    with pytest.raises(DiptychError, match="there is no file"):
        read_mineworld_config(tmp_path / "none.yaml")
    for text in ("model: [", "a: !!python/object/apply:os.getcwd []", "\x00"):
        (tmp_path / "broken.yaml").write_text(text)
        with pytest.raises(DiptychError, match=r"broken\.yaml cannot be read as YAML: "):
            read_mineworld_config(tmp_path / "broken.yaml")
    for text in ("", "- 1", "model", CONFIG.replace("vocab_size: 8262", "vocab_size: many")):
        (tmp_path / "odd.yaml").write_text(text)
        with pytest.raises(DiptychError, match=r"is no MineWorld configuration|vocab_size = 'many'"):
            read_mineworld_config(tmp_path / "odd.yaml")


class Code:
    """What a malicious file would have run."""

    ran = False

    def __reduce__(self) -> tuple:
        return (setattr, (Code, "ran", True))


def test_code_in_a_file_is_not_run_and_other_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.ckpt"
    torch.save({"state_dict": {"a": Code()}}, path)
    with pytest.raises(DiptychError, match=r"holds more than tensors.* it asks for [\w.]*setattr. Where you") as told:
        load_mineworld(path)
    assert "weights_only" not in str(told.value), "torch's advice to let it in is not passed on"
    path.write_bytes(pickle.dumps({"state_dict": Code()}))
    with pytest.raises(DiptychError, match="is not a torch checkpoint"):
        load_mineworld(path)
    assert not Code.ran
    torch.save({"state_dict": layout(made())}, path)
    whole = path.read_bytes()
    for damaged in (whole[:-200], b"text", b"", b"PK\x03\x04" + whole[4:300]):
        path.write_bytes(damaged)
        with pytest.raises(DiptychError, match="is not a torch checkpoint, or is cut off"):
            load_mineworld(path)
    with pytest.raises(DiptychError, match="there is no file"):
        load_mineworld(tmp_path / "none.ckpt")
    with pytest.raises(DiptychError, match="there is no file"):
        load_mineworld(tmp_path)
    for other in ({"state_dict": [1]}, [torch.ones(1)], {"state_dict": {1: torch.ones(1)}}):
        torch.save(other, path)
        with pytest.raises(DiptychError, match="holds no state_dict of tensors"):
            load_mineworld(path)
    torch.save({"state_dict": {"transformer.model.embed_tokens.weight": torch.ones(1)}}, path)
    with pytest.raises(DiptychError, match="is no MineWorld checkpoint"):
        load_mineworld(path)
