"""Scalar quantisation against its definition; tiles keep to themselves; broken weight files are named."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from harness.errors import DiptychError, UsageError
from models.extractors.tokenizer_crafter import tokenizer_crafter
from models.tokenizers.fsq import FSQ, FSQTokenizer
from models.tokenizers.loading import load_tokenizer, save_tokenizer
from models.tokenizers.shapes import TokenizerShape
from models.weights import ZOO, read_weights

SMALL = TokenizerShape(width=16, encoder_blocks=1, decoder_blocks=1, levels=(4, 3), feature_width=4)
LEVELS = st.lists(st.integers(2, 9), min_size=1, max_size=4).map(tuple)


@pytest.fixture(scope="module")
def small() -> FSQTokenizer:
    generator = torch.Generator().manual_seed(0)
    model = FSQTokenizer(SMALL).reset(generator)
    with torch.no_grad():
        for parameter in model.parameters():  # residual outputs start at zero: shake everything
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.3)
        model.feature_projection.normal_(generator=generator)
    return model.eval()


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (3, 24, 32, 3), dtype=np.uint8)


@given(LEVELS)
def test_every_index_survives_the_round_trip(levels: tuple[int, ...]) -> None:
    fsq = FSQ(levels)
    index = torch.arange(fsq.size)
    codes = fsq.codes(index)
    assert torch.equal(fsq.index(codes), index)
    assert len(torch.unique(codes, dim=0)) == fsq.size
    assert codes.abs().max() <= 1


@given(LEVELS, st.integers(0, 2**31))
def test_quantised_numbers_are_codes_and_every_level_is_reached(levels: tuple[int, ...], seed: int) -> None:
    fsq = FSQ(levels)
    z = torch.randn(200, len(levels), generator=torch.Generator().manual_seed(seed)) * 3
    codes = fsq.quantise(z)
    index = fsq.index(codes)
    assert index.min() >= 0
    assert index.max() < fsq.size
    assert torch.allclose(fsq.codes(index), codes, atol=1e-6)
    line = torch.linspace(-9, 9, 4001)[:, None].expand(-1, len(levels))
    for axis, level in enumerate(levels):
        assert len(torch.unique(fsq.quantise(line)[:, axis])) == level


def test_rounding_lets_the_gradient_through() -> None:
    z = torch.zeros(5, 2, requires_grad=True)
    FSQ((5, 4)).quantise(z).sum().backward()
    assert (z.grad > 0).all()


def test_a_token_depends_on_its_tile_alone(small: FSQTokenizer, frames: np.ndarray) -> None:
    before = small.encode(frames)
    assert before.shape == (3, 3, 4)
    changed = frames.copy()
    changed[:, 8:16, 16:24] = 255 - changed[:, 8:16, 16:24]
    differs = small.encode(changed) != before
    others = torch.ones_like(differs)
    others[:, 1, 2] = False
    assert not (differs & others).any()
    moved = np.roll(frames, (8, 16), axis=(1, 2))
    assert torch.equal(small.encode(moved), torch.roll(before, (1, 2), dims=(1, 2)))


def test_an_encoder_with_a_wider_kernel_sees_neighbours_and_no_further(frames: np.ndarray) -> None:
    shape = SMALL.model_copy(update={"encoder_kernel": 3, "encoder_blocks": 1})
    model = FSQTokenizer(shape)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    changed = frames.copy()
    changed[:, 8:16, 24:32] = 255 - changed[:, 8:16, 24:32]
    moved = (model.latents(model.to_float(changed)) != model.latents(model.to_float(frames))).any(-1)
    assert moved[:, :, 2:].all()
    assert not moved[:, :, :2].any()


def test_a_file_from_before_the_kernel_was_a_choice_still_loads(small: FSQTokenizer, tmp_path: Path) -> None:
    shape = {k: v for k, v in SMALL.model_dump(mode="json").items() if k != "encoder_kernel"}
    header = {"diptych": json.dumps({"shape": shape, "facts": {}})}
    save_file(dict(small.state_dict()), tmp_path / "old.safetensors", header)
    assert load_tokenizer(str(tmp_path / "old.safetensors")).shape == SMALL


def test_decoding_gives_frames_of_the_same_size_whatever_the_batch(small: FSQTokenizer, frames: np.ndarray) -> None:
    tokens = small.encode(frames)
    assert torch.equal(tokens, small.encode(frames, batch=1))
    pixels = small.decode(tokens)
    assert pixels.dtype == np.uint8
    assert pixels.shape == frames.shape
    assert np.abs(pixels.astype(int) - small.decode(tokens.numpy(), batch=2)).max() <= 1


def test_wrong_frames_and_tokens_are_refused(small: FSQTokenizer, frames: np.ndarray) -> None:
    for wrong in (frames[:, :23], frames.astype(np.float32), frames[0]):
        with pytest.raises(UsageError, match="uint8 frames"):
            small.encode(wrong)
    with pytest.raises(UsageError, match=r"0 \.\. 11"):
        small.decode(np.full((1, 2, 2), 12))


def test_features_by_hand(small: FSQTokenizer, frames: np.ndarray) -> None:
    tiles = small.projected_tiles(frames).numpy()
    row = small.clip_features(frames).numpy()
    motion = np.abs(np.diff(tiles, axis=0)).mean((0, 1, 2))
    down, right = np.abs(np.diff(tiles, axis=1)).mean((0, 1, 2)), np.abs(np.diff(tiles, axis=2)).mean((0, 1, 2))
    assert np.allclose(row, np.concatenate([tiles.mean((0, 1, 2)), (down + right) / 2, motion]), rtol=1e-4, atol=1e-5)
    still = small.clip_features(np.repeat(frames[:1], 3, axis=0)).numpy()
    assert np.abs(still[8:]).max() < 1e-5, "a still clip does not move"
    with pytest.raises(UsageError, match="2 frames"):
        small.clip_features(frames[:1])


def test_weights_survive_the_file(small: FSQTokenizer, frames: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    save_tokenizer(path, small, {"seed": 1})
    again = load_tokenizer(str(path))
    assert again.shape == SMALL
    assert torch.equal(again.encode(frames), small.encode(frames))
    assert not any(p.requires_grad for p in again.parameters())


def test_broken_weight_files_are_named(small: FSQTokenizer, tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    with pytest.raises(DiptychError, match="tokenizer_crafter"):
        load_tokenizer("absent.safetensors")
    path.write_bytes(b"\x80\x04pickled")
    with pytest.raises(DiptychError, match="not a safetensors file"):
        load_tokenizer(str(path))
    tensors = dict(small.state_dict())
    save_file(tensors, path)
    with pytest.raises(DiptychError, match="no shape"):
        load_tokenizer(str(path))
    tensors.pop("encode_in.weight")
    tensors["decode_in.bias"] = torch.zeros(3)
    tensors["extra"] = torch.zeros(1)
    save_file(tensors, path, {"diptych": json.dumps({"shape": SMALL.model_dump()})})
    with pytest.raises(DiptychError) as error:
        load_tokenizer(str(path))
    for part in ("missing encode_in.weight", "unknown extra", "decode_in.bias is [3], expected [16]"):
        assert part in str(error.value)


def test_another_models_file_is_no_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(DiptychError, match="is not a tokenizer"):
        load_tokenizer("video_transformer_crafter_9x9.safetensors")
    path = tmp_path / "t.safetensors"
    save_file({}, path, {"diptych": "{"})
    with pytest.raises(DiptychError, match="not a safetensors file"):
        load_tokenizer(str(path))


def test_equal_weights_and_facts_are_equal_bytes(small: FSQTokenizer, tmp_path: Path) -> None:
    for name in "abcdefgh":
        save_tokenizer(tmp_path / name, small, {"seed": 1, "worlds": ["x"]})
    assert len({(tmp_path / name).read_bytes() for name in "abcdefgh"}) == 1


def test_the_zoo_file_is_small_and_says_how_it_was_made() -> None:
    path = ZOO / "tokenizer_crafter.safetensors"
    model = load_tokenizer(path.name)
    assert path.stat().st_size < 10_000_000
    assert model.shape.vocabulary == 1000
    _, header = read_weights(path)
    assert header["facts"]["worlds"] == ["crafter-9x9", "crafter-15x24"]


def test_the_extractor_separates_broken_tiles_and_motion_from_real_clips() -> None:
    from models.worlds.crafter import CRAFTER_9X9, play

    settings = CRAFTER_9X9.model_copy(update={"train_clips": 8, "warmup_steps": 0})
    clips = [clip.frames[:8] for clip in play(settings, "train", 4)]
    extract = tokenizer_crafter("cpu")
    rng = np.random.default_rng(0)

    def broken(frames: np.ndarray) -> np.ndarray:
        frames = frames.copy()
        for frame, (row, column) in itertools.product(range(len(frames)), rng.integers(0, 7, (3, 2))):
            frames[frame, row * 8 : row * 8 + 8, column * 8 : column * 8 + 8] = rng.integers(0, 256, (8, 8, 3))
        return frames

    real = np.stack([extract(frames) for frames in clips])
    assert real.shape == (8, 48)
    assert real.dtype == np.float64
    noisy = np.stack([extract(broken(frames)) for frames in clips])
    frozen = np.stack([extract(np.repeat(frames[:1], 8, axis=0)) for frames in clips])
    shuffled = np.stack([extract(frames[rng.permutation(8)]) for frames in clips])
    spread = real.std(0) + 1e-6
    assert (np.abs(noisy - real).mean(0) / spread).max() > 3
    assert (frozen[:, 32:] == 0).all()
    assert (frozen[:, 32:] < real[:, 32:]).mean() > 0.9
    assert shuffled[:, 32:].mean() > real[:, 32:].mean(), "frames out of order move more"
