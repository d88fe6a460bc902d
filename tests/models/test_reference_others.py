"""MUSIQ, ViCLIP and AMT-S: the released layouts, what they see against other computations, and small instances."""

from __future__ import annotations

import gzip
import re
from itertools import pairwise, product

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import torchvision_cpu
from harness.assets.locate import AbsentError, asset_path, cached_path, find_asset
from harness.cli.builtin import load_builtin
from harness.cli.checking import held
from harness.conformance.laws import Component
from harness.errors import DiptychError, NoValueError, UsageError
from models.scorers.reference import amt, amt_flow, clip_words, musiq, musiq_network, viclip, viclip_network
from models.scorers.reference.amt_network import AmtSmall
from models.scorers.reference.stored import load_released, released_tensors

REGISTRY = load_builtin()
TINY_MUSIQ = musiq_network.Shape(stem=32, width=24, hidden=32, heads=2, layers=2)
TINY_VICLIP = viclip_network.Shape(
    frames=4, side=28, width=16, layers=2, heads=2, text_width=12, text_layers=1, text_heads=2, embedding=8
)
VECTORS = ("weight", "bias")


def shapes(network: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}


def on_meta(make):
    with torch.device("meta"):
        return make()


def random_weights(make, seed=0, scale=0.2):
    """A network's tensors, drawn."""
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(shape, generator=generator) * scale for name, shape in shapes(on_meta(make)).items()}


def layer(name, outputs, *inputs):
    return {f"{name}.weight": (outputs, *inputs), f"{name}.bias": (outputs,)}


def norm(name, width):
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


# ---- released layouts -----------------------------------------------------------------------------------------------


def musiq_layout():
    """Of musiq_spaq_ckpt-358bb6af.pth, as pyiqa's network with one class loads it strictly."""
    found = {"conv_root.weight": (64, 3, 7, 7), **norm("gn_root", 64)}
    for number, (outputs, kernel) in enumerate(((64, 1), (64, 3), (256, 1)), 1):
        found |= {f"block1.conv{number}.weight": (outputs, 64, kernel, kernel), **norm(f"block1.gn{number}", outputs)}
    found |= {"block1.conv_proj.weight": (256, 64, 1, 1), **norm("block1.gn_proj", 256)}
    found |= layer("embedding", 384, 256 * 8 * 8)
    encoder = "transformer_encoder"
    found |= {
        f"{encoder}.cls": (1, 1, 384),
        f"{encoder}.posembed_input.position_emb": (1, 100, 384),
        f"{encoder}.scaleembed_input.scale_emb": (3, 384),
        **norm(f"{encoder}.encoder_norm", 384),
    }
    for i in range(14):
        block = f"{encoder}.transformer.encoderblock_{i}"
        found |= norm(f"{block}.norm1", 384) | norm(f"{block}.norm2", 384)
        for part in ("query", "key", "value", "out"):
            found |= layer(f"{block}.attention.{part}", 384, 384)
        found |= layer(f"{block}.mlp.fc1", 1152, 384) | layer(f"{block}.mlp.fc2", 384, 1152)
    return found | layer("head", 1, 384)


def viclip_layout():
    """Of ViClip-InternVid-10M-FLT.pth under ``model``, as VBench's network loads it strictly."""
    video, text = "vision_encoder", "text_encoder"
    found = {
        "temp": (),
        f"{video}.class_embedding": (1024,),
        f"{video}.positional_embedding": (257, 1024),
        f"{video}.temporal_positional_embedding": (1, 8, 1024),
        f"{video}.proj": (1024, 768),
        f"{video}.conv1.weight": (1024, 3, 1, 14, 14),
        **norm(f"{video}.ln_pre", 1024),
        **norm(f"{video}.ln_post", 1024),
        f"{text}.positional_embedding": (32, 768),
        f"{text}.text_projection": (768, 768),
        f"{text}.token_embedding.weight": (49408, 768),
        **norm(f"{text}.ln_final", 768),
    }
    for tower, width, layers in ((video, 1024, 24), (text, 768, 12)):
        for i in range(layers):
            block = f"{tower}.transformer.resblocks.{i}"
            found |= {f"{block}.attn.in_proj_weight": (3 * width, width), f"{block}.attn.in_proj_bias": (3 * width,)}
            found |= layer(f"{block}.attn.out_proj", width, width)
            found |= layer(f"{block}.mlp.c_fc", 4 * width, width) | layer(f"{block}.mlp.c_proj", width, 4 * width)
            found |= norm(f"{block}.ln_1", width) | norm(f"{block}.ln_2", width)
    return found


def amt_layout():
    """Of amt-s.pth under ``state_dict``, as the authors' network loads it strictly."""

    def active(name, outputs, inputs):
        return {**layer(f"{name}.0", outputs, inputs, 3, 3), f"{name}.1.weight": (outputs,)}

    found = layer("feat_encoder.conv1", 32, 3, 7, 7) | layer("feat_encoder.conv2", 84, 96, 1, 1)
    inputs = 32
    for number, outputs in enumerate((32, 64, 96), 1):
        for i in range(2):
            place, inner = f"feat_encoder.layer{number}.{i}", outputs // 4
            found |= layer(f"{place}.conv1", inner, inputs, 1, 1) | layer(f"{place}.conv2", inner, inner, 3, 3)
            found |= layer(f"{place}.conv3", outputs, inner, 1, 1)
            if inputs != outputs:
                found |= layer(f"{place}.downsample.0", outputs, inputs, 1, 1)
            inputs = outputs
    inputs = 3
    for number, outputs in enumerate((20, 32, 44, 56), 1):
        found |= active(f"encoder.pyramid{number}.0", outputs, inputs)
        found |= active(f"encoder.pyramid{number}.1", outputs, outputs)
        inputs = outputs
    for number, inputs, width, outputs in ((4, 113, 112, 48), (3, 136, 132, 36), (2, 100, 96, 24), (1, 64, 60, 24)):
        block = f"decoder{number}.convblock"
        found |= active(f"{block}.0", width, inputs)
        for i, channels in ((1, width), (2, 20), (3, width), (4, 20)):
            found |= active(f"{block}.1.conv{i}", channels, channels)
        found |= layer(f"{block}.1.conv5", width, width, 3, 3) | {f"{block}.1.prelu.weight": (width,)}
        found |= {f"{block}.2.weight": (width, outputs, 4, 4), f"{block}.2.bias": (outputs,)}
    for number, features in ((4, 44), (3, 32), (2, 20)):
        block = f"update{number}"
        found |= layer(f"{block}.convc1", 64, 2 * 4 * 49, 1, 1) | layer(f"{block}.convf1", 40, 4, 7, 7)
        found |= layer(f"{block}.convf2", 20, 40, 3, 3) | layer(f"{block}.conv", 68, 84, 3, 3)
        for part, first, last in (("gru", 72 + features, 76), ("feat_head", 76, features), ("flow_head", 76, 4)):
            found |= layer(f"{block}.{part}.0", 76, first, 3, 3) | layer(f"{block}.{part}.2", last, 76, 3, 3)
    found |= layer("comb_block.0", 18, 9, 3, 3) | {"comb_block.1.weight": (18,)} | layer("comb_block.2", 3, 18, 3, 3)
    return found


@pytest.mark.parametrize(
    ("make", "layout", "parameters"),
    [
        (musiq_network.Musiq, musiq_layout, 27_125_825),
        (viclip_network.ViClip, viclip_layout, 427_590_145),
        (AmtSmall, amt_layout, 2_990_543),
    ],
    ids=["musiq", "viclip", "amt-s"],
)
def test_names_and_shapes_are_those_of_the_released_files(make, layout, parameters):
    network = on_meta(make)
    assert shapes(network) == layout()
    assert sum(value.numel() for value in network.parameters()) == parameters


@pytest.fixture
def tiny_file(tmp_path):
    path = tmp_path / "tiny.pth"
    weights = random_weights(lambda: musiq_network.Musiq(TINY_MUSIQ))
    torch.save({"epoch": 3, "params": {f"module.{name}": value for name, value in weights.items()}}, path)
    return path, weights


def test_a_released_file_fills_a_network_and_draws_nothing(tiny_file):
    path, weights = tiny_file
    state = torch.get_rng_state()
    network = load_released(lambda: musiq_network.Musiq(TINY_MUSIQ), path, "params")
    assert torch.equal(torch.get_rng_state(), state)
    assert not network.training
    assert all(torch.equal(value, weights[name]) for name, value in network.state_dict().items())


def test_a_file_of_something_else_is_one_clear_error(tiny_file, tmp_path):
    path, weights = tiny_file
    with pytest.raises(DiptychError, match=r"no weights under 'model'; it holds epoch, params\."):
        released_tensors(path, "model")
    with pytest.raises(DiptychError, match="holds no tensors by name"):
        released_tensors(path)
    with pytest.raises(DiptychError, match=r"does not fit the network: missing .* and \d+ more"):
        load_released(AmtSmall, path, "params")
    other = dict(weights, head=torch.zeros(1))
    other["cut"] = other.pop("head.bias")
    torch.save(other, path)
    with pytest.raises(DiptychError, match=r"missing head.bias \[1\]; unknown head \[1\]; unknown cut \[1\]\."):
        load_released(lambda: musiq_network.Musiq(TINY_MUSIQ), path)
    (tmp_path / "page.pth").write_text("<html>")
    with pytest.raises(DiptychError, match=r"page\.pth is no file of weights"):
        released_tensors(tmp_path / "page.pth")


class Config(dict):
    """As training scripts save it."""

    def __init__(self, **named):
        super().__init__(named)
        self.lines = [1, 2]


class Plain:
    def __init__(self):
        self.size = 3


class Trap:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return exec, (f"open({str(self.path)!r}, 'w').close()",)


def test_what_training_left_in_a_file_is_neither_needed_nor_run(tmp_path):
    weights = {"a": torch.arange(3.0), "b": torch.ones(2)}
    left = {
        "optim": {"lr": np.float64(0.1), "rows": np.zeros(2)},
        "config": Config(size=3),
        "plain": Plain(),
        "path": tmp_path,
        "trap": Trap(tmp_path / "sprung"),
    }
    path = tmp_path / "left.pth"
    torch.save({**left, "model": weights}, path)
    found = released_tensors(path, "model")
    assert list(found) == ["a", "b"]
    assert all(torch.equal(found[name], weights[name]) for name in weights)
    assert not (tmp_path / "sprung").exists()
    torch.load(path, weights_only=False)
    assert (tmp_path / "sprung").exists()  # the trap works


# ---- MUSIQ ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width"), [(64, 96), (33, 31), (70, 5), (96, 32)])
def test_patches_are_cut_row_by_row_from_a_centred_padding(height, width):
    side = 32
    picture = torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    rows, columns = -(-height // side), -(-width // side)
    top, left = (rows * side - height) // 2, (columns * side - width) // 2
    wide = torch.zeros(3, rows * side, columns * side)
    wide[:, top : top + height, left : left + width] = picture[0]
    expected = [
        wide[:, r * side : (r + 1) * side, c * side : (c + 1) * side] for r, c in product(range(rows), range(columns))
    ]
    assert torch.equal(musiq_network.patches(picture, side)[0], torch.stack(expected))


@given(st.integers(1, 60), st.integers(1, 60))
def test_a_patch_is_hashed_to_where_it_stands_in_ten_by_ten(rows, columns):
    expected = [10 * (10 * r // rows) + 10 * c // columns for r, c in product(range(rows), range(columns))]
    assert musiq_network.hashed_positions(rows, columns, 10).tolist() == expected


@given(st.integers(1, 700), st.integers(1, 40), st.integers(1, 40))
def test_padding_lets_a_window_go_as_often_as_tensorflow(side, kernel, stride):
    stride = min(stride, kernel)
    left, right, top, bottom = musiq_network.same_padding(side, side, kernel, stride)
    if min(left, right) >= 0:  # a window may also leave pixels out
        assert (side + left + right - kernel) // stride + 1 == -(-side // stride)
        assert right - left in (0, 1)
    assert (left, right) == (top, bottom)


def test_filters_are_standardised():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        convolution = musiq_network.StandardisedConvolution(3, 4, 3, bias=False)
    x = torch.randn(1, 3, 5, 5, generator=torch.Generator().manual_seed(1))
    filters = convolution.weight.detach().double().numpy()
    filters = np.stack([(one - one.mean()) / (one.std(ddof=1) + 1e-5) for one in filters])
    expected = F.conv2d(x.double(), torch.from_numpy(filters), padding=1)
    torch.testing.assert_close(convolution(x).double(), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("height", "width"), [(720, 1280), (600, 333), (513, 17), (512, 400), (64, 64)])
def test_large_frames_are_scaled_down_as_torchvision_does_it(height, width):
    torchvision_cpu.install()
    from torchvision.transforms import Resize

    frames = torch.randint(0, 256, (1, 3, height, width), generator=torch.Generator().manual_seed(0)).float()
    scale = min(1.0, 512 / max(height, width))
    expected = frames if scale == 1 else Resize((int(scale * height), int(scale * width)), antialias=False)(frames)
    torch.testing.assert_close(musiq.bounded(frames), expected)


@pytest.fixture
def tiny_musiq(monkeypatch, tmp_path):
    path = tmp_path / "musiq.pth"
    weights = random_weights(lambda: musiq_network.Musiq(TINY_MUSIQ))
    torch.save({**weights, "head.weight": 20 * weights["head.weight"]}, path)
    monkeypatch.setattr(musiq, "SHAPE", TINY_MUSIQ)
    monkeypatch.setattr(musiq, "asset_path", lambda name: path)


def test_padded_patches_that_are_masked_would_change_nothing(tiny_musiq):
    network = musiq.ImagingQuality()._network
    encoder = network.transformer_encoder
    generator = torch.Generator().manual_seed(3)
    x, zeros = torch.randn(1, 5, 24, generator=generator), torch.zeros(5, dtype=torch.int64)
    block = encoder.transformer["encoderblock_0"]
    alone = block(x)
    attention = block.attention
    padded = torch.cat((block.norm1(x), torch.zeros(1, 3, 24)), 1)
    q, k, v = (
        part(padded).reshape(1, 8, 2, 12).transpose(1, 2) for part in (attention.query, attention.key, attention.value)
    )
    valid = torch.tensor([1] * 5 + [0] * 3)
    logits = (q @ k.transpose(2, 3) * 12**-0.5).masked_fill((valid[:, None] * valid) == 0, -1e3)
    mixed = attention.out((logits.softmax(-1) @ v).transpose(1, 2).reshape(1, 8, 24))[:, :5]
    expected = x + mixed + block.mlp(block.norm2(x + mixed))
    torch.testing.assert_close(alone, expected, atol=1e-5, rtol=1e-5)
    assert encoder(x, zeros, zeros).shape == (1, 24)


def test_a_frames_grade_is_its_own_whatever_its_size(tiny_musiq):
    score = musiq.ImagingQuality()
    generator = np.random.default_rng(0)
    for size in ((5, 64, 64), (2, 300, 700), (3, 16, 300)):
        video = generator.integers(0, 256, (*size, 3), dtype=np.uint8)
        values = score(video)
        assert values.shape == (size[0],)
        assert len(np.unique(values)) == size[0]
        np.testing.assert_allclose(values[1:2], score(video[1:2]), rtol=1e-4)
    with pytest.raises(NoValueError, match="at least 16"):
        score(np.zeros((2, 15, 40, 3), np.uint8))


def test_the_small_musiq_keeps_the_laws_of_scorers(tiny_musiq):
    entry = next(entry for entry in REGISTRY.list("scorer") if entry.name == "musiq-spaq")
    facts = held(Component(entry, entry.load(), REGISTRY))
    assert [f"{fact.name}: {fact.detail}" for fact in facts if not fact.ok] == []
    assert not any("not on this machine" in fact.detail for fact in facts)


# ---- ViCLIP ---------------------------------------------------------------------------------------------------------


@given(st.integers(1, 500), st.integers(1, 16))
def test_the_frames_that_are_seen_are_the_middles_of_equal_stretches(count, wanted):
    found = viclip.middle_frames(count, wanted)
    assert len(found) == wanted
    assert found == sorted(found)
    if count < wanted:
        assert found == [*range(count), *[count - 1] * (wanted - count)]
    else:
        edges = [count * i // wanted for i in range(wanted + 1)]
        expected = [(a + b - 1) // 2 for a, b in pairwise(edges)]
        assert max(abs(one - other) for one, other in zip(found, expected, strict=True)) <= 1  # edges in floats
        assert len(set(found)) == wanted


@pytest.mark.parametrize("size", [(320, 512), (512, 320), (224, 224), (64, 64), (333, 501), (224, 301), (16, 40)])
def test_frames_are_seen_as_torchvisions_transforms_prepare_them(size):
    torchvision_cpu.install()
    from torchvision import transforms
    from torchvision.transforms import InterpolationMode

    frames = torch.randint(0, 256, (2, 3, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    resize = transforms.Resize(224, interpolation=InterpolationMode.BICUBIC, antialias=False)
    square = transforms.CenterCrop(224)(resize(frames)).float().div(255.0)
    expected = transforms.Normalize(viclip.MEAN, viclip.DEVIATION)(square)
    torch.testing.assert_close(viclip.as_seen(frames.float(), 224), expected)


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """A tokenizer with as many merges as CLIP's, and its merges: a few of English, and all pairs of other bytes."""
    path = tmp_path_factory.mktemp("words") / "bpe.txt.gz"
    others = clip_words.byte_letters()[94:]
    pairs = [("t", "h"), ("th", "e</w>"), ("d", "o"), ("do", "g</w>"), ("r", "u"), ("ru", "n"), ("ru", "n</w>")]
    pairs += [(a, b + end) for end in ("</w>", "") for a, b in product(others, others)]
    pairs = pairs[: clip_words.MERGES]
    lines = ["#version: 0.2", *map(" ".join, pairs), "a line after those that are read"]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    return clip_words.read_tokenizer(path), {pair: rank for rank, pair in enumerate(pairs)}


def slow_pieces(caption, order):
    """Byte pairs by hand: again and again the pair that comes first in the list, everywhere in the word."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    letter = {byte: chr(byte) for byte in printable} | {byte: chr(256 + i) for i, byte in enumerate(others)}
    found = []
    for word in re.findall(r"'s|'t|'re|'ve|'m|'ll|'d|[^\W\d_]+|\d|(?:[^\s\w]|_)+", caption.lower()):
        parts = [letter[byte] for byte in word.encode()]
        parts[-1] += "</w>"
        while ranked := sorted((order[pair], pair) for pair in pairwise(parts) if pair in order):
            pair, joined, i = ranked[0][1], [], 0
            while i < len(parts):
                both = tuple(parts[i : i + 2]) == pair
                joined.append("".join(parts[i : i + 2]) if both else parts[i])
                i += 1 + both
            parts = joined
        found += parts
    return found


@given(st.text("thedogrun12' s.é_", max_size=30))
@settings(max_examples=100, deadline=None)
def test_captions_are_merged_as_by_hand(toy, caption):
    tokenizer, order = toy
    assert tokenizer.encode(clip_words.clean(caption)).tokens == slow_pieces(caption, order)


def test_captions_stand_between_start_and_end_and_are_cut_off(toy):
    tokenizer, _ = toy
    short, long = clip_words.tokens(tokenizer, ["The dog", "the " * 40], 8).tolist()
    the, dog = (tokenizer.token_to_id(word) for word in ("the</w>", "dog</w>"))
    assert short == [49406, the, dog, 49407, 0, 0, 0, 0]
    assert long == [49406, *[the] * 6, 49407]
    for empty in ("", "  ", "\n"):
        with pytest.raises(UsageError, match="is empty; it needs words"):
            clip_words.tokens(tokenizer, [empty], 8)


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("Ｔｏｍ\u2019s “dog”", 'tom\'s "dog"'),
        ("e\u0301te\u0301", "été"),
        ("a &lt; b", "a < b"),
        ("of\ufb01ce\x04", "office"),
    ],
)
def test_captions_are_cleaned_as_ftfy_does_it(told, meant):
    assert clip_words.clean(told) == meant


@pytest.mark.parametrize("content", [b"", b"no archive", gzip.compress(b"#version\na b\n")])
def test_another_file_is_no_list_of_byte_pairs(content, tmp_path):
    path = tmp_path / "words.gz"
    path.write_bytes(content)
    with pytest.raises(DiptychError, match="is not CLIP's list of byte pairs"):
        clip_words.read_tokenizer(path)


def test_clips_own_words_have_clips_own_numbers():
    try:
        path = asset_path("clip-bpe-vocabulary")
    except AbsentError as error:
        pytest.skip(str(error))
    found = clip_words.tokens(clip_words.read_tokenizer(path), ["A photo of a cat", "it's 12 dogs!"], 9)
    assert found.tolist() == [
        [49406, 320, 1125, 539, 320, 2368, 49407, 0, 0],
        [49406, 585, 568, 272, 273, 3255, 256, 49407, 0],
    ]


@pytest.fixture
def tiny_viclip(monkeypatch, tmp_path, toy):
    path = tmp_path / "viclip.pth"
    torch.save({"model": random_weights(lambda: viclip_network.ViClip(TINY_VICLIP), scale=0.6), "epoch": 1}, path)
    monkeypatch.setattr(viclip, "SHAPE", TINY_VICLIP)
    monkeypatch.setattr(viclip, "asset_path", lambda name: path)
    monkeypatch.setattr(viclip, "read_tokenizer", lambda path: toy[0])


def test_the_small_viclip_keeps_the_laws_of_text_scorers(tiny_viclip):
    entry = next(entry for entry in REGISTRY.list("text-scorer") if entry.name == "viclip")
    facts = held(Component(entry, entry.load(), REGISTRY))
    assert [f"{fact.name}: {fact.detail}" for fact in facts if not fact.ok] == []
    assert not any("not on this machine" in fact.detail for fact in facts)


def test_a_video_is_seen_with_the_order_of_its_frames(tiny_viclip):
    scorer = viclip.VideoText()
    video = np.random.default_rng(0).integers(0, 256, (4, 28, 28, 3), dtype=np.uint8)
    captions = ["the dog", "the dog runs"]
    forth, back = scorer.similarities([video, video[::-1].copy()], captions)
    assert not np.allclose(forth, back, atol=1e-4)
    assert not np.isclose(forth[0], forth[1], atol=1e-4)
    network = scorer._network
    with torch.no_grad():
        network.vision_encoder.temporal_positional_embedding.zero_()
        network.text_encoder.positional_embedding.zero_()
    other = scorer._clip(video), scorer._clip(video[::-1].copy())
    torch.testing.assert_close(*other, atol=1e-5, rtol=0)  # without places in time, frames are a set


def test_a_token_does_not_see_those_behind_it():
    network = viclip_network.ViClip(TINY_VICLIP)
    network.load_state_dict(random_weights(lambda: viclip_network.ViClip(TINY_VICLIP)))
    tower = network.text_encoder.eval()
    rows = torch.tensor([[49406, 5, 49407, 0], [49406, 5, 49407, 7]])
    rows = F.pad(rows, (0, TINY_VICLIP.words - 4))
    with torch.inference_mode():
        one, other = tower(rows)
    torch.testing.assert_close(one, other)


# ---- AMT-S ----------------------------------------------------------------------------------------------------------


@given(st.integers(16, 3000), st.integers(16, 3000))
def test_motion_is_estimated_at_a_bounded_size_that_depends_on_the_frame_alone(height, width):
    found = amt.sizes(height, width)
    left, right, top, bottom = found.padding
    rows, columns = height + top + bottom, width + left + right
    assert 0 <= right - left <= 1
    assert 0 <= bottom - top <= 1
    assert rows * found.seen[1] == columns * found.seen[0]  # one scale for both sides
    assert all(side % 16 == 0 and side >= 128 for side in found.seen)
    if height * width <= 1024 * 512:
        assert found.seen == (rows, columns)
    if min(found.seen) > 128:
        assert found.seen[0] * found.seen[1] <= 1.35 * 1024 * 512


def test_correlations_are_products_of_features_around_where_a_flow_points():
    generator = torch.Generator().manual_seed(0)
    one, other = torch.randn(2, 1, 5, 16, 16, generator=generator)
    flow = torch.zeros(1, 4, 16, 16)
    flow[:, 2:] = torch.tensor([2.0, 1.0])[:, None, None]  # from the one to the other: x, y
    flow[:, :2] = torch.tensor([-3.0, 0.0])[:, None, None]
    found = amt_flow.Correlations(one, other).around(flow)[0]
    assert found.shape == (2 * 4 * 49, 16, 16)
    for row, column, dx, dy in ((5, 6, 0, 0), (5, 6, 3, -2), (8, 7, -1, 1)):
        place = 7 * (dx + 3) + dy + 3
        there = other[0, :, row + 1 + dy, column + 2 + dx]
        assert found[place, row, column] == pytest.approx(float(one[0, :, row, column] @ there) / 5**0.5, abs=1e-4)
        there = one[0, :, row + dy, column - 3 + dx]
        expected = float(other[0, :, row, column] @ there) / 5**0.5
        assert found[4 * 49 + place, row, column] == pytest.approx(expected, abs=1e-4)
    coarse = F.avg_pool2d(other, 2)[0]
    expected = float(one[0, :, 5, 6] @ coarse[:, 3, 4]) / 5**0.5  # (5 + 1) / 2, (6 + 2) / 2
    assert found[49 + 24, 5, 6] == pytest.approx(expected, abs=1e-4)


def shifting(pixels):
    """A network that takes the frame before from ``pixels`` to the left, and the one after from the right."""
    network = AmtSmall().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.decoder1.convblock[2].bias[:12] = torch.tensor([-pixels, 0.0] * 3 + [pixels, 0.0] * 3)
    return network


def test_a_picture_that_moved_by_three_is_put_halfway_by_flows_of_one_and_a_half():
    wide = torch.rand(1, 3, 128, 200, generator=torch.Generator().manual_seed(0))
    before, after = wide[..., 60:188], wide[..., 57:185]
    with torch.inference_mode():
        made = shifting(1.5)(before, after)
    expected = (wide[..., 58:186] + wide[..., 59:187]) / 2
    torch.testing.assert_close(made[..., 4:-4], expected[..., 4:-4], atol=1e-4, rtol=0)


def test_motion_estimated_at_half_the_size_moves_twice_the_pixels():
    wide = torch.rand(1, 3, 256, 320, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        made = shifting(1.0)(wide[..., 30:286], wide[..., 26:282], (128, 128))
    torch.testing.assert_close(made[..., 4:-4], wide[..., 32:280], atol=1e-4, rtol=0)


@pytest.fixture
def amt_file(monkeypatch, tmp_path):
    """A file as the first fetch would put it, with drawn weights."""
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path))
    path = cached_path(find_asset("amt-s"))
    path.parent.mkdir(parents=True)
    weights = random_weights(AmtSmall, scale=0.05)
    torch.save({"epoch": 299, "state_dict": {f"module.{name}": value for name, value in weights.items()}}, path)
    return path


def test_amt_keeps_the_laws_of_scorers(amt_file):
    entry = next(entry for entry in REGISTRY.list("scorer") if entry.name == "smoothness-amt-s")
    facts = held(Component(entry, entry.load(), REGISTRY))
    assert [f"{fact.name}: {fact.detail}" for fact in facts if not fact.ok] == []
    assert not any("not on this machine" in fact.detail for fact in facts)


def test_interpolated_frames_are_cut_off_to_whole_numbers(monkeypatch):
    score = amt.Smoothness.__new__(amt.Smoothness)
    score._device, score._network = torch.device("cpu"), lambda before, after, seen: (before + after) / 2
    ramp = np.stack([np.full((20, 30, 3), 10 * t, np.uint8) for t in range(6)])
    assert score(ramp) == pytest.approx([1.0, 1.0], abs=1.001 / 255)
    ramp[2] += 1  # 10.5 becomes 10, and 30.5 becomes 30
    assert score(ramp) == pytest.approx([1.0, 1.0], abs=1e-9)
    ramp[3] += 51
    assert score(ramp) == pytest.approx([1.0, 0.8], abs=1e-9)
    with pytest.raises(NoValueError, match="at least 3 frames"):
        score(ramp[:2])


# ---- absent weights -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "name", "asset"),
    [
        ("scorer", "musiq-spaq", "musiq-spaq"),
        ("scorer", "smoothness-amt-s", "amt-s"),
        ("text-scorer", "viclip", "viclip-internvid-10m-flt"),
    ],
)
def test_without_weights_it_says_how_to_get_them(kind, name, asset, monkeypatch, tmp_path):
    monkeypatch.setenv("DIPTYCH_ASSETS", str(tmp_path))
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path))
    with pytest.raises(AbsentError, match=f"diptych assets fetch {asset}"):
        REGISTRY.get(kind, name)("cpu")
    assert find_asset(asset).url.startswith("https://")
    assert find_asset(asset).sha256 or "the first fetch pins it" in find_asset(asset).note


def test_a_file_of_another_musiq_is_refused_by_its_hash(monkeypatch, tmp_path):
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path))
    path = cached_path(find_asset("musiq-spaq"))
    path.parent.mkdir(parents=True)
    torch.save({}, path)
    with pytest.raises(DiptychError, match="358bb6af275e28ea"):
        musiq.ImagingQuality()
