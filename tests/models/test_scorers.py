"""Scorers: arithmetic against slow references, networks by what they must do, bad videos without a crash."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.signal import convolve2d
from scipy.special import gamma

import models.scorers.smoothness as smoothness
from harness.assets.locate import AbsentError
from harness.cli.builtin import load_builtin
from harness.errors import DiptychError, NoValueError, UsageError
from harness.shared import LastClip
from models.scorers import brisque, consistency, flow, nima
from models.scorers.efficientnet_lite import EfficientNetLite
from models.scorers.pixels import batches, check_clip, scaled, working_size
from models.scorers.rife_network import Rife, warp

REGISTRY = load_builtin()
NAMES = [entry.name for entry in REGISTRY.list("scorer")]


def textured(frames: int = 6, height: int = 48, width: int = 64, seed: int = 0) -> np.ndarray:
    """A smooth random picture that moves two pixels to the right per frame, uint8 ``[frames, height, width, 3]``."""
    from scipy.ndimage import gaussian_filter

    wide = gaussian_filter(np.random.default_rng(seed).normal(size=(height, width + 2 * frames, 3)), (2, 2, 0))
    wide = np.clip(128 + 300 * wide, 0, 255).astype(np.uint8)
    return np.stack([wide[:, 2 * (frames - t) : 2 * (frames - t) + width] for t in range(frames)])


# ---- BRISQUE --------------------------------------------------------------------------------------------------------


def slow_features(grey: np.ndarray) -> list[float]:
    """The 18 numbers by two-dimensional convolution and a root finder, from the paper's formulas."""
    y, x = np.mgrid[-3:4, -3:4]
    kernel = np.exp(-(x**2 + y**2) / (2 * (7 / 6) ** 2))
    kernel /= kernel.sum()
    mean = convolve2d(grey, kernel, "same")
    deviation = np.sqrt(np.abs(convolve2d(grey**2, kernel, "same") - mean**2))
    found = (grey - mean) / (deviation + 1 / 255)

    def shape(values: np.ndarray) -> tuple[float, float, float, float]:
        left, right = values[values < 0], values[values >= 0]
        left_var, right_var = (left**2).mean(), (right**2).mean()
        g = math.sqrt(left_var / right_var)
        ratio = np.abs(values).mean() ** 2 / (values**2).mean() * (g**3 + 1) * (g + 1) / (g**2 + 1) ** 2
        alpha = brentq(lambda a: gamma(2 / a) ** 2 / (gamma(1 / a) * gamma(3 / a)) - ratio, 0.2, 10)
        scale = math.sqrt(gamma(1 / alpha) / gamma(3 / alpha))
        middle = (math.sqrt(right_var) - math.sqrt(left_var)) * scale * gamma(2 / alpha) / gamma(1 / alpha)
        return alpha, middle, left_var, right_var

    alpha, _, left, right = shape(found)
    row = [alpha, (left + right) / 2]
    for one, other in (
        (found[:, :-1], found[:, 1:]),
        (found[:-1], found[1:]),
        (found[:-1, :-1], found[1:, 1:]),
        (found[:-1, 1:], found[1:, :-1]),
    ):
        row += shape(one * other)
    return row


@pytest.mark.parametrize("seed", range(3))
def test_brisques_numbers_are_those_of_the_formulas(seed):
    grey = textured(1, 40, 52, seed)[0] @ brisque.LUMA / 255
    np.testing.assert_allclose(brisque.features(grey), slow_features(grey), atol=2e-3)  # the table's step is 0.001


def test_half_the_size_is_a_cubic_between_the_middle_pixels():
    picture = np.random.default_rng(0).normal(size=(10, 12))
    wide = np.pad(picture, 2, mode="edge")
    taps = np.outer(*2 * [[-0.09375, 0.59375, 0.59375, -0.09375]])
    expected = [[(wide[2 * i + 1 : 2 * i + 5, 2 * j + 1 : 2 * j + 5] * taps).sum() for j in range(6)] for i in range(5)]
    np.testing.assert_allclose(brisque.halved(picture), expected, atol=1e-12)


def test_a_regression_is_read_from_libsvms_text(tmp_path):
    path = tmp_path / "svm.txt"
    path.write_text(
        "svm_type epsilon_svr\nkernel_type rbf\ngamma 0.5\nnr_class 2\ntotal_sv 2\nrho -3\nSV\n2 1:1 36:1\n-1 2:0.5\n"
    )
    row = np.zeros(36)
    row[0] = 1.0
    found = brisque.read_regression(path)(row)
    assert found == pytest.approx(2 * math.exp(-0.5 * 1) - math.exp(-0.5 * 1.25) + 3)


@pytest.mark.parametrize("text", ["", "svm_type c_svc\nkernel_type rbf\nSV\n", "a pickle \x80"])
def test_another_file_is_no_regression(text, tmp_path):
    path = tmp_path / "svm.txt"
    path.write_text(text, "latin-1")
    with pytest.raises(DiptychError, match="is no support vector regression"):
        brisque.read_regression(path)


def test_a_picture_without_contrast_has_nothing_to_fit():
    with pytest.raises(NoValueError, match="no contrast"):
        brisque.features(np.zeros((32, 32)))


# ---- networks -------------------------------------------------------------------------------------------------------


def test_names_of_raft_cover_torchvisions_network():
    parts = [f"layer{i}.{j}.conv{k}" for i in (1, 2, 3) for j in (0, 1) for k in (1, 2, 3)]
    parts += ["conv1", "conv2", "layer2.0.downsample.0", "layer3.0.downsample.0"]
    stored = [f"module.{net}.{part}" for net in ("fnet", "cnet") for part in parts]
    stored += [
        f"module.update_block.{p}" for p in ("encoder.convc1", "encoder.convf1", "encoder.convf2", "encoder.conv")
    ]
    stored += [f"module.update_block.{p}" for p in ("gru.convz", "gru.convr", "gru.convq")]
    stored += ["module.update_block.flow_head.conv1", "module.update_block.flow_head.conv2"]
    from torchvision.models.optical_flow import raft_small

    with torch.random.fork_rng(devices=[]):
        wanted = set(raft_small(weights=None).state_dict())
    renamed = {flow.torchvision_name(f"{name}.{kind}") for name in stored for kind in ("weight", "bias")}
    assert renamed == wanted


def test_the_classifier_halves_five_times_and_pads_as_tensorflow():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = EfficientNetLite().eval()
    with torch.inference_mode():
        assert network.features(torch.zeros(1, 3, 224, 224)).shape == (1, 1280, 7, 7)
        assert network(torch.zeros(2, 3, 65, 96)).shape == (2, 1000)
    assert len(network.state_dict()) == 296


def test_kerass_names_fill_the_aesthetic_network():
    tensors = {"dense_1.kernel": torch.zeros(1024, 10), "dense_1.bias": torch.arange(10.0)}
    channels = [32, *(out for out, _ in nima.BLOCKS)]

    def norm(name, count):
        for part in ("gamma", "beta", "moving_mean", "moving_variance"):
            tensors[f"{name}.{part}"] = torch.ones(count)

    tensors["conv1.kernel"] = torch.zeros(3, 3, 3, 32)
    norm("conv1_bn", 32)
    for number in range(1, 14):
        inputs, outputs = channels[number - 1], channels[number]
        tensors[f"conv_dw_{number}.depthwise_kernel"] = torch.zeros(3, 3, inputs, 1)
        tensors[f"conv_pw_{number}.kernel"] = torch.zeros(1, 1, inputs, outputs)
        norm(f"conv_dw_{number}_bn", inputs)
        norm(f"conv_pw_{number}_bn", outputs)
    with torch.random.fork_rng(devices=[]):
        network = nima.Nima()
    missing, spare = network.load_state_dict(nima.from_keras(tensors), strict=False)
    assert not spare
    assert all(name.endswith("num_batches_tracked") for name in missing)
    with torch.inference_mode():
        histogram = network.eval()(torch.zeros(1, 3, 224, 224))[0]
    np.testing.assert_allclose(histogram, torch.arange(10.0).softmax(0), atol=1e-6)


def test_a_warp_takes_pixels_from_where_the_flow_points():
    image = torch.arange(48.0).reshape(1, 1, 6, 8)
    moved = warp(image, torch.tensor([2.0, 1.0])[None, :, None, None].expand(1, 2, 6, 8))
    assert torch.allclose(moved[0, 0, :5, :6], image[0, 0, 1:, 2:], atol=1e-4)


def test_an_interpolator_gives_one_frame_whatever_it_was_trained_for():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = Rife().eval()
    with torch.inference_mode():
        between = network(torch.rand(1, 3, 128, 128), torch.rand(1, 3, 128, 128))
    assert between.shape == (1, 3, 128, 128)
    assert 0 <= between.min() <= between.max() <= 1.0001


def test_a_ramp_is_smooth_and_a_jump_is_not(monkeypatch):
    made = smoothness.Smoothness.__new__(smoothness.Smoothness)
    made._device, made._network = torch.device("cpu"), lambda before, after: (before + after) / 2
    ramp = np.stack([np.full((20, 20, 3), 10 * t, np.uint8) for t in range(7)])
    assert made(ramp) == pytest.approx([1.0, 1.0, 1.0])
    ramp[3] += 51
    assert made(ramp) == pytest.approx([1.0, 0.8, 1.0])
    with pytest.raises(NoValueError, match="at least 3 frames"):
        made(ramp[:2])


@pytest.mark.parametrize("name", [name for name in NAMES if name != "motion-dis"])
def test_without_its_weights_a_scorer_says_how_to_get_them(name, monkeypatch, tmp_path):
    monkeypatch.setenv("DIPTYCH_ASSETS", str(tmp_path))
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path))
    for cached in (flow.flow_by, consistency.feature_maps):
        cached.cache_clear()
    with pytest.raises(AbsentError, match="diptych assets fetch"):
        REGISTRY.get("scorer", name)("cpu")


# ---- motion ---------------------------------------------------------------------------------------------------------


def test_dis_measures_a_known_shift_in_per_cent_of_the_shorter_side():
    steps = flow.motion_dis("cpu")(textured(5, 144, 192))
    assert steps.shape == (4,)
    assert steps == pytest.approx([100 * 2 / 144] * 4, rel=0.15)


def test_the_fastest_pixels_say_how_much_moves():
    flows = np.zeros((2, 10, 10, 2), np.float32)
    flows[1, :1, :5] = (3.0, 4.0)
    assert flow.fastest(flows).tolist() == [0.0, 5.0]


def test_the_subject_is_what_moves_against_the_rest():
    flows = np.zeros((3, 56, 56, 2), np.float32)
    flows[...] = (2.0, 0.0)  # the camera moves
    flows[:, 8:24, 8:24] = (2.0, 9.0)  # and something moves by itself
    weights = consistency.subject_weights(flows, 7, 7)
    assert weights.shape == (4, 7, 7)
    assert weights[:, 1:3, 1:3].min() > 0.85
    weights[:, 1:3, 1:3] = 0
    assert weights.max() == 0


@given(st.integers(2, 6), st.integers(0, 99))
@settings(max_examples=25)
def test_consistency_is_the_mean_of_two_cosines(count, seed):
    rows = np.random.default_rng(seed).normal(size=(count, 5))

    def cosine(a, b):
        return max(0.0, float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)))

    expected = [(cosine(rows[t], rows[t - 1]) + cosine(rows[t], rows[0])) / 2 for t in range(1, count)]
    np.testing.assert_allclose(consistency.against_before_and_first(rows), expected, atol=1e-12)


# ---- sizes and bad videos -------------------------------------------------------------------------------------------


@given(st.integers(16, 4000), st.integers(16, 4000))
@settings(max_examples=60)
def test_the_working_size_is_bounded_and_depends_on_the_clip_alone(height, width):
    rows, columns = working_size(height, width, least_side=128, most_pixels=1 << 16)
    assert rows % 8 == columns % 8 == 0
    assert min(rows, columns) >= 128
    assert rows * columns <= 1.2 * (1 << 16) or min(rows, columns) == 128
    if max(height, width) / min(height, width) < 2 and min(rows, columns) > 128:
        assert rows / columns == pytest.approx(height / width, rel=0.1)


def test_batches_cover_every_frame_once():
    parts = list(batches(23, 224, 224))
    assert [t for part in parts for t in range(part.start, part.stop)] == list(range(23))
    assert max(part.stop - part.start for part in parts) == 10
    assert len(list(batches(3, 4000, 4000))) == 3


def test_a_size_that_fits_is_left_as_it_is():
    frames = torch.rand(1, 3, 16, 16)
    assert scaled(frames, 16, 16) is frames


@pytest.mark.parametrize("thing", [np.zeros((2, 8, 8, 3)), np.zeros((8, 8, 3), np.uint8), [[1]]])
def test_what_is_no_clip_is_refused(thing):
    with pytest.raises(UsageError, match="reads uint8 clips"):
        check_clip(thing, "a scorer")


BAD = {
    "one frame": textured(1),
    "black": np.zeros((5, 48, 48, 3), np.uint8),
    "white": np.full((5, 48, 48, 3), 255, np.uint8),
    "constant colour": np.full((5, 48, 48, 3), (10, 200, 30), np.uint8),
    "tiny": textured(5, 8, 8),
    "long and thin": textured(4, 16, 300),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("what", BAD)
def test_a_bad_video_has_a_finite_value_or_a_reason(name, what):
    try:
        score = REGISTRY.get("scorer", name)("cpu")
    except AbsentError as error:
        pytest.skip(str(error))
    try:
        values = score(BAD[what])
    except NoValueError as error:
        values, why = np.ones(1), str(error)
    else:
        why = "it has values, which must be finite"
    assert np.isfinite(values).all()
    assert len(values) >= 1
    assert len(why) > 20


def test_what_is_shared_belongs_to_one_clip():
    kept, calls = LastClip(), []

    def compute(video):
        calls.append(1)
        return video.sum()

    one, other = textured(seed=1), textured(seed=2)
    assert kept(one, "sum", compute) == kept(one.copy(), "sum", compute) == one.sum()
    assert kept(one, "another", compute) == one.sum()
    assert len(calls) == 2
    assert kept(other, "sum", compute) == other.sum()
    changed = other.copy()
    changed[0, 0, 0, 0] ^= 1
    assert kept(changed, "sum", compute) == changed.sum()
    assert len(calls) == 4
