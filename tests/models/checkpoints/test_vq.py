"""The VQ-VAE: what diffusers computes, the nearest code by brute force, every layout, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from harness.errors import DiptychError, UsageError
from models.checkpoints import load_vq
from models.checkpoints.vq import blank, read_vq_config
from models.tokenizers.shapes import VQShape
from models.tokenizers.vq import VQTokenizer
from tests.models.checkpoints.vq_cases import CASES, REFERENCE, drawn_frames, drawn_weights

KEPT = json.loads(REFERENCE.read_text())


@pytest.fixture(params=sorted(CASES))
def case(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    """A checkpoint folder of one case."""
    sizes = {name: tuple(size) for name, size in KEPT[request.param]["sizes"].items()}
    (tmp_path / "config.json").write_text(json.dumps(CASES[request.param]))
    save_file(drawn_weights(sizes), tmp_path / "diffusion_pytorch_model.safetensors")
    return request.param, tmp_path


def tiny() -> VQTokenizer:
    shape = VQShape(widths=(4, 8), blocks=1, latent=6, code_width=5, vocabulary=40, groups=2)
    model = VQTokenizer(shape)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.5, generator=generator)
    return model.eval()


def test_latents_tokens_and_pixels_are_those_of_diffusers(case: tuple[str, Path]) -> None:
    name, folder = case
    model, wanted, frames = load_vq(folder), KEPT[name], drawn_frames()
    with torch.no_grad():
        latents = model.latents(model.to_float(frames))
        tokens = torch.tensor(wanted["tokens"])
        pixels = model.pixels(model.quantize.embedding(tokens[:1]))[0]
    assert torch.allclose(latents.flatten(), torch.tensor(wanted["latents"]), rtol=1e-4, atol=1e-5)
    assert torch.equal(model.encode(frames), tokens)
    assert len(tokens.unique()) > 6
    assert torch.allclose(pixels.flatten(), torch.tensor(wanted["pixels"]), rtol=1e-4, atol=1e-4)
    # cut off, as the release's tensor_to_uint8 does
    shown = ((pixels.clamp(-1, 1) + 1) / 2 * 255).permute(1, 2, 0).numpy().astype(np.uint8)
    assert np.abs(model.decode(tokens)[0].astype(int) - shown).max() <= 1
    assert np.mean(model.decode(tokens)[0] == shown) > 0.99


def test_a_token_is_the_nearest_code_by_brute_force() -> None:
    model = tiny().double()
    frames = np.random.default_rng(0).integers(0, 256, (3, 8, 12, 3), dtype=np.uint8)
    tokens = model.encode(frames, batch=2)
    assert tokens.shape == (3, 4, 6)
    assert len(tokens.unique()) > 5
    with torch.no_grad():
        latents = model.latents(model.to_float(frames)).numpy()
    vectors = model.quantize.embedding.weight.detach().numpy()
    distances = ((latents[..., None, :] - vectors) ** 2).sum(-1)
    assert np.array_equal(tokens.numpy(), distances.argmin(-1))


def test_frames_of_any_size_and_batch_and_wrong_ones() -> None:
    model = tiny()
    frames = np.random.default_rng(0).integers(0, 256, (3, 8, 12, 3), dtype=np.uint8)
    tokens = model.encode(frames)
    pixels = model.decode(tokens.numpy())
    assert (pixels.dtype, pixels.shape) == (np.dtype(np.uint8), frames.shape)
    assert np.abs(pixels.astype(int) - model.decode(tokens, batch=1)).max() <= 1
    half = tiny().bfloat16()
    assert np.abs(half.decode(tokens).astype(int) - pixels).mean() < 8
    assert half.encode(frames).shape == tokens.shape
    assert model.encode(frames[:0]).shape == (0, 4, 6)
    for wrong in (frames[:, :7], frames.astype(np.float32), frames[0]):
        with pytest.raises(UsageError, match=r"uint8 frames .* divisible by 2"):
            model.encode(wrong)
    for wrong_tokens, told in (
        (np.full((1, 2, 2), 40), r"0 \.\. 39"), (np.full((1, 2, 2), -1), r"0 \.\. 39"), (tokens[0], "rows, columns")
    ):  # fmt: skip
        with pytest.raises(UsageError, match=told):
            model.decode(wrong_tokens)


@pytest.mark.parametrize("prefix", ["model.", "tokenizer.model."])
def test_mineworld_s_layouts_give_the_same_tokenizer(case: tuple[str, Path], prefix: str, tmp_path: Path) -> None:
    _, folder = case
    wanted = load_vq(folder)
    state = {prefix + name: value for name, value in wanted.state_dict().items()}
    state |= {"transformer.lm_head.weight": torch.ones(2, 2), "loss.logvar": torch.ones(1)}
    (folder / "diffusion_pytorch_model.safetensors").unlink()
    torch.save({"state_dict": state}, folder / "vae.ckpt")
    again = load_vq(folder)
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in wanted.state_dict().items())
    (folder / "vae.ckpt").rename(tmp_path / "whole.ckpt")
    with pytest.raises(DiptychError, match=r"has no weights. Expected beside config.json"):
        load_vq(folder)
    assert torch.equal(load_vq(folder, tmp_path / "whole.ckpt").encode(drawn_frames()), wanted.encode(drawn_frames()))


def test_what_is_missing_or_of_another_kind_is_named(case: tuple[str, Path]) -> None:
    _, folder = case
    path = folder / "diffusion_pytorch_model.safetensors"
    state = dict(load_vq(folder).state_dict())
    state["decoder.extra"] = state.pop("quant_conv.bias")
    state["encoder.conv_in.bias"] = torch.ones(5)
    save_file(state, path)
    with pytest.raises(DiptychError) as told:
        load_vq(folder)
    for part in (
        "1 missing: quant_conv.bias", "1 unexpected: decoder.extra",
        "1 mis-shaped: encoder.conv_in.bias is [5], expected [4]",
    ):  # fmt: skip
        assert part in str(told.value)
    config = json.loads((folder / "config.json").read_text())
    for changes, expected in (
        ({"_class_name": "AutoencoderKL"}, "is of a 'AutoencoderKL'"),
        ({"norm_type": "spatial", "act_fn": "relu"}, r"act_fn = 'relu' .*; norm_type = 'spatial'"),
        ({"up_block_types": ["AttnUpDecoderBlock2D"] * 3}, r"up_block_types .* for each of 3 stages"),
        ({"block_out_channels": [4, 8]}, r"down_block_types .* for each of 2 stages"),
        ({"block_out_channels": 4}, r"down_block_types"),
        ({"norm_num_groups": 3}, r"norm_num_groups = 3 must divide"),
        ({"latent_channels": "six"}, r"latent: "),
        ({"num_vq_embeddings": 0}, r"must be from 1"),
    ):
        (folder / "config.json").write_text(json.dumps({**config, **changes}))
        with pytest.raises(DiptychError, match=expected):
            read_vq_config(folder)


def test_the_default_shape_is_amused_s() -> None:
    shape = VQShape()
    assert shape.tile_pixels == 16
    # counted by diffusers 0.32.2: VQModel of convert_amused.py's numbers
    assert sum(parameter.numel() for parameter in blank(shape).parameters()) == 146_244_675
