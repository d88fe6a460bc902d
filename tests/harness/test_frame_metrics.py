"""Metrics that compare frame with frame: values of frames, bad input, learned distances, a second opinion."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import conv2d

import harness.metrics.lpips as learned
from harness.assets.locate import AbsentError, asset_path
from harness.cli.builtin import load_builtin
from harness.conformance.laws import Component
from harness.conformance.metric import LAWS
from harness.errors import DiptychError
from harness.metrics.by_frame import check_pair
from harness.trial import metric_frame_values, metric_values
from harness.types import Case, Made, Metric
from models.perceptual.loading import (
    ALEXNET_NAMES,
    CONVOLUTIONS,
    HEAD_NAMES,
    LearnedDistance,
    fill,
    lpips_alex,
    read_tensors,
    st_lpips_alex,
)
from models.perceptual.network import CHANNELS, BlurPool, PerceptualDistance, alexnet_stages, shift_tolerant_stages

REGISTRY = load_builtin()
NAMES = ("psnr", "ssim")
CASE = Case(name="c", group="g", model="m")


def metric(name: str) -> Metric:
    found: Metric = REGISTRY.get("metric", name)
    return found


def made(video, reference) -> Made:
    return Made(video, reference, None, [1.0], None, None, None, {}, {}, {})


def clip(seed=0, frames=3, height=24, width=24):
    return np.random.default_rng(seed).integers(0, 256, (frames, height, width, 3), dtype=np.uint8)


def noisy(true, scale=20.0, seed=1):
    error = np.random.default_rng(seed).normal(0, scale, true.shape)
    return np.clip(true + error, 0, 255).astype(np.uint8)


def absent(name: str) -> str:
    """Why an asset's tests cannot run; empty if they can."""
    try:
        asset_path(name)
    except AbsentError as error:
        return str(error)
    return ""


# ---- values of frames -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@given(seed=st.integers(0, 10**6), frames=st.integers(1, 4), at=st.integers(0, 3))
@settings(max_examples=15)
def test_each_frame_has_its_own_value_and_the_trial_their_mean(name, seed, frames, at):
    true = clip(seed, frames)
    video = noisy(true, seed=seed)
    values = metric(name).per_frame(made(video, true))
    alone = [metric(name).compute(made(video[t : t + 1], true[t : t + 1])) for t in range(frames)]
    assert values == alone
    assert metric(name).compute(made(video, true)) == np.mean(values)
    at %= frames
    mended = video.copy()
    mended[at] = true[at]
    after = metric(name).per_frame(made(mended, true))
    assert after[at] == {"psnr": 100.0, "ssim": 1.0}[name]
    assert after[:at] + after[at + 1 :] == values[:at] + values[at + 1 :]


def test_a_trial_computes_the_values_of_frames_once():
    calls = []

    def per_frame(thing):
        calls.append("frames")
        return [1.0, 4.0]

    def compute(thing):
        calls.append("whole")
        return 2.5

    counted = replace(metric("psnr"), name="counted", per_frame=per_frame, compute=compute)
    metrics = {"counted": counted}
    frames = metric_frame_values(made(clip(), clip()), CASE, metrics, {})
    assert metric_values(made(clip(), clip()), CASE, metrics, frames, {}) == {"counted": 2.5}
    assert (frames, calls) == ({"counted": [1.0, 4.0]}, ["frames"])


def test_a_trial_without_a_reference_has_no_value_of_any_frame():
    metrics = {name: metric(name) for name in NAMES}
    thing = made(clip(), None)
    assert metric_frame_values(thing, CASE, metrics, {}) == {}
    assert metric_values(thing, CASE, metrics, {}, {}) == dict.fromkeys(NAMES)
    random = CASE.model_copy(update={"speed_only": True})
    assert metric_frame_values(made(clip(), clip()), random, metrics, {}) == {}


def law(name: str):
    return next(law for law in LAWS if law.name.startswith(name))


def test_frames_out_of_order_break_a_law():
    def backwards(thing):
        values = metric("psnr").per_frame(thing)
        return None if values is None else values[::-1]

    psnr = replace(metric("psnr"), per_frame=backwards)
    with pytest.raises(Exception, match="order of the frames"):
        law("values of frames").check(Component(REGISTRY.entry("metric", "psnr"), psnr, REGISTRY))


def test_a_value_that_is_not_the_mean_breaks_a_law():
    psnr = replace(metric("psnr"), compute=lambda thing: None if thing.reference is None else 1.0)
    with pytest.raises(Exception, match="the mean over frames is"):
        law("values of frames").check(Component(REGISTRY.entry("metric", "psnr"), psnr, REGISTRY))


# ---- bad input ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda v: v / 255.0, r"from 0\S* to \S+; if 1 is white, use np.rint\(255 \* frames\)"),
        (lambda v: v.astype(np.float32), r"if 255 is white, use np.rint\(frames\)"),
        (lambda v: v / 127.5 - 1, r"if -1 is black and 1 white"),
        (lambda v: v.astype(float) * 257, r"which no uint8 holds"),
        (lambda v: v.astype(np.uint16) * 257, r"which no uint8 holds"),
        (lambda v: np.where(v > 9, v, np.nan), r"NaN or infinity, which no pixel is"),
        (lambda v: v > 128, r"these are no pixels"),
        (lambda v: v[..., :1], r"expected uint8 \[frames, height, width, 3\]"),
        (lambda v: v[0], r"expected uint8"),
        (lambda v: v[:0], r"expected uint8"),
        (lambda v: v.transpose(0, 3, 1, 2), r"uint8 \[3, 3, 24, 24\]; expected"),
        (lambda v: v[:, :-1], r"differ in shape"),
        (lambda v: v[:-1], r"differ in shape"),
        (lambda v: v.tolist(), r"is a list; expected uint8"),
    ],
)
@pytest.mark.parametrize("name", [*NAMES, "st-lpips-alex"])
def test_what_is_no_video_is_refused_with_its_remedy(name, spoil, said, monkeypatch):
    monkeypatch.setattr(learned, "comparer", lambda name: Mean())
    good = clip()
    for pair in ((spoil(good), good), (good, spoil(good))):
        with pytest.raises(DiptychError, match=said):
            metric(name).compute(made(*pair))


@given(st.sampled_from([np.float16, np.float32, np.float64, np.int64, np.uint16]), st.integers(0, 10**6))
def test_the_remedy_for_a_range_gives_the_video_back(dtype, seed):
    true = clip(seed, 1, 4, 4)
    true[0, 0, 0], true[0, 0, 1] = 0, 255
    with pytest.raises(DiptychError, match="if 255 is white"):
        check_pair(true.astype(dtype), true)
    assert (np.rint(true.astype(dtype)).astype(np.uint8) == true).all()
    scaled = true / 255.0
    with pytest.raises(DiptychError, match="if 1 is white"):
        check_pair(scaled, true)
    assert (np.rint(255 * scaled).astype(np.uint8) == true).all()


@given(st.integers(0, 255), st.integers(0, 255))
@settings(max_examples=30)
def test_constant_videos_have_the_value_of_their_formula(level, other):
    true, video = (np.full((2, 16, 16, 3), grey, np.uint8) for grey in (level, other))
    psnr, ssim = (metric(name).compute(made(video, true)) for name in NAMES)
    expected = 100.0 if level == other else 20 * np.log10(255 / abs(level - other))
    assert psnr == pytest.approx(expected, abs=1e-9)
    c1 = (0.01 * 255) ** 2
    assert ssim == pytest.approx((2 * level * other + c1) / (level**2 + other**2 + c1), abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_identical_videos_reach_the_best_value_and_no_more(name):
    for true in (clip(), np.zeros((1, 16, 16, 3), np.uint8), np.full((1, 16, 16, 3), 255, np.uint8)):
        assert metric(name).per_frame(made(true.copy(), true)) == [{"psnr": 100.0, "ssim": 1.0}[name]] * len(true)


# ---- learned distances ----------------------------------------------------------------------------------------------


class Mean:
    """A comparer without weights."""

    least_side = 20

    def __call__(self, video, reference):
        return np.abs(video.mean((1, 2, 3)) - reference.mean((1, 2, 3)))


def test_a_learned_distance_is_its_comparers(monkeypatch):
    monkeypatch.setattr(learned, "comparer", lambda name: Mean())
    true = clip()
    video = np.minimum(true, 200)
    expected = np.abs(video.mean((1, 2, 3)) - true.mean((1, 2, 3)))
    for name in ("lpips", "st-lpips-alex"):
        assert metric(name).per_frame(made(video, true)) == expected.tolist()
        assert metric(name).compute(made(video, true)) == np.mean(expected)
        assert metric(name).compute(made(video, None)) is None
        assert metric(name).compute(made(video[:, :19], true[:, :19])) is None


def test_learned_distances_name_their_files_and_their_scales():
    assert metric("lpips").assets == ("alexnet-imagenet", "lpips-alex-heads")
    assert metric("st-lpips-alex").assets == ("st-lpips-alex",)
    units = {metric(name).unit for name in ("lpips", "st-lpips-alex")}
    assert units == {"lpips", "st-lpips"}


@pytest.mark.parametrize(("make", "asset"), [(st_lpips_alex, "st-lpips-alex"), (lpips_alex, "alexnet-imagenet")])
def test_without_its_weights_a_comparer_says_how_to_get_them(make, asset, monkeypatch, tmp_path):
    monkeypatch.setenv("DIPTYCH_ASSETS", str(tmp_path))
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path))
    with pytest.raises(AbsentError, match=f"diptych assets fetch {asset}"):
        make("cpu")


@given(st.integers(3, 9), st.integers(3, 9))
@settings(max_examples=20)
def test_blur_pool_is_a_binomial_blur_and_every_second_place(height, width):
    picture = np.random.default_rng(height * 10 + width).normal(size=(2, 2, height, width))
    padded = np.pad(picture, ((0, 0), (0, 0), (2, 2), (2, 2)), mode="reflect")
    taps = np.outer([1, 2, 1], [1, 2, 1]) / 16
    rows, columns = (height + 1) // 2 + 1, (width + 1) // 2 + 1
    expected = np.zeros((2, 2, rows, columns))
    for i in range(rows):
        for j in range(columns):
            expected[:, :, i, j] = (padded[:, :, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3] * taps).sum((2, 3))
    found = BlurPool().double()(torch.from_numpy(picture)).numpy()
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-14)


def random_weights(seed: int) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """AlexNet's convolutions, drawn at random under torchvision's names, and channel weights under LPIPS's."""
    draw = torch.Generator().manual_seed(seed)
    shapes = ((64, 3, 11), (192, 64, 5), (384, 192, 3), (256, 384, 3), (256, 256, 3))
    convolutions = {}
    for name, (out, into, side) in zip(ALEXNET_NAMES, shapes, strict=True):
        convolutions[f"{name}.weight"] = torch.randn(out, into, side, side, generator=draw) * (into * side**2) ** -0.5
        convolutions[f"{name}.bias"] = torch.randn(out, generator=draw) * 0.1
    heads = {
        name: torch.rand(1, channels, 1, 1, generator=draw) for name, channels in zip(HEAD_NAMES, CHANNELS, strict=True)
    }
    return convolutions, heads


def plain_lpips(video, reference, convolutions, heads) -> np.ndarray:
    """LPIPS written down once more, in float64, with the layers in a row as torchvision lists AlexNet's."""

    def features(frames):
        x = torch.from_numpy(frames).double().permute(0, 3, 1, 2) / 255  # torchvision's range and normalisation
        mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        x = (x - mean[:, None, None]) / deviation[:, None, None]
        found = []
        for i, (stride, padding) in enumerate(((4, 2), (1, 2), (1, 1), (1, 1), (1, 1))):
            if i in (1, 2):
                x = torch.nn.functional.max_pool2d(x, 3, 2)
            weight, bias = (convolutions[f"{ALEXNET_NAMES[i]}.{part}"].double() for part in ("weight", "bias"))
            x = conv2d(x, weight, bias, stride=stride, padding=padding).clamp(min=0)
            found.append(x / torch.linalg.vector_norm(x, dim=1, keepdim=True))
        return found

    total = 0
    for name, one, other in zip(HEAD_NAMES, features(video), features(reference), strict=True):
        total = total + conv2d((one - other) ** 2, heads[name].double()).mean((1, 2, 3))
    return total.numpy()


@pytest.mark.parametrize("size", [(31, 31), (40, 57)])
def test_lpips_is_its_formula_on_random_weights(size):
    convolutions, heads = random_weights(0)
    network = fill(PerceptualDistance(alexnet_stages()), CONVOLUTIONS, convolutions, ALEXNET_NAMES, heads)
    compare = LearnedDistance(network, 31, "cpu", {})
    true = clip(3, 3, *size)
    found = compare(noisy(true), true)
    # LPIPS rounds ImageNet's mean and deviation to three digits in [-1, 1]: 0.485 is (1 - 0.030) / 2, and so on.
    np.testing.assert_allclose(found, plain_lpips(noisy(true), true, convolutions, heads), rtol=2e-5)
    assert (compare(true.copy(), true) == 0).all()
    with pytest.raises(DiptychError, match="too small: this network takes 31 × 31"):
        compare(true[:, :30], true[:, :30])


def test_building_a_network_draws_from_no_global_generator():
    before = torch.get_rng_state()
    PerceptualDistance(alexnet_stages())
    PerceptualDistance(shift_tolerant_stages())
    assert torch.equal(before, torch.get_rng_state())


def test_wrong_weights_are_refused_by_name():
    convolutions, heads = random_weights(0)
    del convolutions["features.6.bias"]
    with pytest.raises(DiptychError, match=r"features\.6\.bias"):
        fill(PerceptualDistance(alexnet_stages()), CONVOLUTIONS, convolutions, ALEXNET_NAMES, heads)
    convolutions, heads = random_weights(0)
    convolutions["features.0.weight"] = convolutions["features.0.weight"][:32]
    with pytest.raises(DiptychError, match="not the weights of this network"):
        fill(PerceptualDistance(alexnet_stages()), CONVOLUTIONS, convolutions, ALEXNET_NAMES, heads)


def test_a_file_that_runs_code_is_never_loaded(tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"weight": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(DiptychError, match="holds no plain tensors"):
        read_tensors(tmp_path / "trap.pth")
    assert not (tmp_path / "ran").exists()
    torch.save([torch.zeros(1)], tmp_path / "list.pth")
    with pytest.raises(DiptychError, match="no tensors by name"):
        read_tensors(tmp_path / "list.pth")


def blocks(seed: int, height: int, width: int) -> np.ndarray:
    tiles = np.random.default_rng(seed).integers(0, 256, (2, -(-height // 8), -(-width // 8), 3), dtype=np.uint8)
    return np.repeat(np.repeat(tiles, 8, 1), 8, 2)[:, :height, :width]


# What the forward pass of stlpips-pytorch 0.0.2 itself (variant shift_tolerant, net alex) gave for these clips.
GOLDEN = {(21, 21): [0.3532524, 0.3601948], (45, 70): [0.3362109, 0.3440275], (72, 72): [0.3179992, 0.3376921]}


def test_st_lpips_gives_the_published_codes_numbers():
    if reason := absent("st-lpips-alex"):
        pytest.skip(reason)
    compare = st_lpips_alex("cpu")
    for (height, width), expected in GOLDEN.items():
        true, other = blocks(0, height, width), blocks(1, height, width)
        np.testing.assert_allclose(compare(other, true), expected, rtol=1e-5)
        assert (compare(true.copy(), true) == 0).all()
    assert set(compare.context()) == {"st-lpips-alex_sha256"}


def test_st_lpips_hardly_sees_a_shift_by_one_pixel():
    if reason := absent("st-lpips-alex"):
        pytest.skip(reason)
    compare = st_lpips_alex("cpu")
    wide = blocks(2, 64, 65)
    true, shifted = wide[:, :, :-1], wide[:, :, 1:]
    assert compare(shifted, true).max() < 0.1 * compare(blocks(3, 64, 64), true).min()


# ---- a second opinion -----------------------------------------------------------------------------------------------


@pytest.mark.full
def test_torchmetrics_agrees_on_psnr_and_inside_the_border_on_ssim():
    from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

    true = blocks(4, 72, 72)
    video = noisy(true)
    theirs, ours = (torch.from_numpy(v).permute(0, 3, 1, 2).float() for v in (video, true))
    psnr = peak_signal_noise_ratio(theirs, ours, data_range=255.0, reduction="none", dim=(1, 2, 3))
    np.testing.assert_allclose(metric("psnr").per_frame(made(video, true)), psnr.numpy(), atol=1e-4)
    whole, places = structural_similarity_index_measure(
        theirs, ours, sigma=1.5, data_range=255.0, reduction="none", return_full_image=True
    )
    ssim = np.array(metric("ssim").per_frame(made(video, true)))
    np.testing.assert_allclose(ssim, places[..., 5:-5, 5:-5].mean((1, 2, 3)).numpy(), atol=2e-4)
    assert np.abs(ssim - whole.numpy()).max() > 1e-4  # it counts the border too: why it is not what is used
