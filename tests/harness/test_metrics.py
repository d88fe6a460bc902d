"""Metrics against independent formulas; registration without torch."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import correlate1d

from harness.errors import DiptychError
from harness.registry import REGISTRY
from harness.stats.frechet import frechet_distance
from harness.stats.kvd import kernel_distance
from harness.types import Made, Metric

FACTS = {
    "frames_per_second": ("frames/s", "higher", "ratio", False),
    "tokens_per_second": ("tokens/s", "higher", "ratio", False),
    "frame_latency_seconds": ("s", "lower", "ratio", False),
    "passes": ("passes", "lower", "ratio", False),
    "peak_memory_bytes": ("bytes", "lower", "ratio", False),
    "energy_joules_per_frame": ("J", "lower", "ratio", False),
    "bound_fraction": ("fraction", "higher", "ratio", False),
    "time_to_first_frame_seconds": ("s", "lower", "ratio", False),
    "inter_frame_latency_seconds": ("s", "lower", "ratio", False),
    "psnr": ("dB", "higher", "difference", True),
    "ssim": ("ssim", "higher", "difference", True),
    "lpips": ("lpips", "lower", "difference", True),
    "st-lpips-alex": ("st-lpips", "lower", "difference", True),
    "token_accuracy": ("fraction", "higher", "difference", True),
    "model_bits_per_token": ("bits", "lower", "difference", True),
    "frechet[tokenizer-crafter]": ("frechet", "lower", "set", True),
    "kvd[tokenizer-crafter]": ("mmd2", "lower", "set", True),
}


def metric(name) -> Metric:
    speed = ("throughput", "passes", "memory", "energy", "bound", "latency")
    for module in (*speed, "psnr", "ssim", "lpips", "tokens", "tokenizer_crafter"):
        __import__(f"harness.metrics.{module}")
    return REGISTRY.entries["metric", name].load()


def made(video=None, reference=None, **facts) -> Made:
    base = {
        "prompt": None,
        "seconds": [4.0, 1.0, 2.0],
        "first_call_seconds": None,
        "prefill_seconds": None,
        "peak_memory_bytes": 12345,
        "counts": {"frames": 3, "tokens": 243, "passes": 60},
        "values": {"token_accuracy": 0.75, "model_bits_per_token": 2.5},
        "hashes": {},
    }
    return Made(video=video, reference=reference, **(base | facts))


def clip(seed=0, frames=3, side=24):
    return np.random.default_rng(seed).integers(0, 256, (frames, side, side, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", FACTS)
def test_declared_facts(name):
    found = metric(name)
    assert found.name == name
    assert (found.unit, found.direction, found.scale, found.quality) == FACTS[name]
    assert found.summary


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("frames_per_second", 1.5),
        ("tokens_per_second", 121.5),
        ("frame_latency_seconds", 2 / 3),
        ("passes", 60.0),
        ("peak_memory_bytes", 12345.0),
        ("token_accuracy", 0.75),
        ("model_bits_per_token", 2.5),
    ],
)
def test_values_by_hand_from_the_median_of_the_repeats(name, value):
    assert metric(name).compute(made()) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize("name", FACTS)
def test_what_was_not_measured_is_none_and_never_zero(name):
    nothing = made(seconds=[], peak_memory_bytes=None, counts={}, values={})
    assert metric(name).compute(nothing) is None


@pytest.mark.parametrize("name", ["frames_per_second", "frame_latency_seconds"])
def test_a_duration_of_zero_is_no_speed(name):
    assert metric(name).compute(made(seconds=[0.0])) is None


@pytest.mark.parametrize(
    ("frames", "first", "between"),
    [([2.0], 2.0, None), ([2.0, 2.0], 2.0, None), ([0.0, 3.0], None, 3.0), ([1.0, 2.0, 2.0, 5.0], 1.0, 1.0)],
)
def test_latencies_by_hand(frames, first, between):
    told = made(frame_seconds=frames)
    assert metric("time_to_first_frame_seconds").compute(told) == first
    assert metric("inter_frame_latency_seconds").compute(told) == between


def test_an_accuracy_of_zero_is_a_value():
    assert metric("token_accuracy").compute(made(values={"token_accuracy": 0.0})) == 0.0


@given(st.integers(0, 10**6), st.integers(1, 60))
def test_psnr_is_its_formula_averaged_over_frames(seed, noise):
    true = clip(seed)
    drawn = np.random.default_rng(seed + 1).integers(-noise, noise + 1, true.shape)
    video = np.clip(true.astype(int) + drawn, 0, 255).astype(np.uint8)
    errors = ((video.astype(float) - true) ** 2).mean(axis=(1, 2, 3))
    if errors.all():
        assert metric("psnr").compute(made(video, true)) == pytest.approx((10 * np.log10(255**2 / errors)).mean())


def test_psnr_of_identical_frames_is_the_cap_and_finite_in_the_mean():
    true = clip()
    assert metric("psnr").compute(made(true, true)) == 100.0
    video = true.copy()
    video[0] = 255 - video[0]
    error = ((video[0].astype(float) - true[0]) ** 2).mean()
    assert metric("psnr").compute(made(video, true)) == pytest.approx((10 * np.log10(255**2 / error) + 200) / 3)


def test_one_grey_level_in_one_value_stays_below_the_cap():
    true = np.full((1, 64, 64, 3), 100, dtype=np.uint8)
    video = true.copy()
    video[0, 5, 5, 1] += 1
    assert metric("psnr").compute(made(video, true)) == pytest.approx(10 * np.log10(255**2 * 64 * 64 * 3))


def plain_ssim(made_frame, true_frame):
    """Wang et al. 2004 with numpy and a separable 11-tap Gaussian, borders of 5 left out."""
    taps = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    taps /= taps.sum()

    def smooth(image):
        return correlate1d(correlate1d(image, taps, axis=0, mode="reflect"), taps, axis=1, mode="reflect")

    x, y = made_frame.astype(float), true_frame.astype(float)
    mx, my = smooth(x), smooth(y)
    vx, vy, vxy = smooth(x * x) - mx**2, smooth(y * y) - my**2, smooth(x * y) - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    values = (2 * mx * my + c1) * (2 * vxy + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    return values[5:-5, 5:-5].mean()


def test_ssim_is_wangs_formula():
    true, noise = clip(1), clip(2)
    video = (0.7 * true + 0.3 * noise).astype(np.uint8)
    expected = np.mean([plain_ssim(a, b) for a, b in zip(video, true, strict=True)])
    assert metric("ssim").compute(made(video, true)) == pytest.approx(expected, rel=1e-9)
    assert metric("ssim").compute(made(true, true)) == pytest.approx(1.0, rel=1e-12)
    assert metric("ssim").compute(made(noise, true)) < 0.2


def test_ssim_of_frames_below_its_window_is_none():
    small, enough = clip(side=10), clip(side=11)
    assert metric("ssim").compute(made(small, small)) is None
    assert metric("ssim").compute(made(enough, enough)) == pytest.approx(1.0)


@pytest.mark.parametrize("name", ["psnr", "ssim"])
def test_videos_that_do_not_fit_are_refused(name):
    good = clip()
    for bad in (good[:2], good[:, :12], good.astype(float), good[..., 0], good[:0]):
        with pytest.raises(DiptychError, match=r"differ in shape|expected uint8"):
            metric(name).compute(made(bad, good))


def test_set_metrics_name_their_space_and_arithmetic():
    frechet, kvd = metric("frechet[tokenizer-crafter]"), metric("kvd[tokenizer-crafter]")
    assert frechet.feature_space == kvd.feature_space == "tokenizer-crafter"
    assert (frechet.distance, kvd.distance) == (frechet_distance, kernel_distance)
    assert (frechet.minimum_n, frechet.needs_full_rank) == (64, True)
    assert (kvd.minimum_n, kvd.needs_full_rank) == (32, False)
    assert frechet.compute(made(clip(), clip())) is None


def test_registering_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from harness.registry import Registry, REGISTRY\n"
        "REGISTRY.add_package('metric', 'harness.metrics')\n"
        "names = [entry.load().name for entry in REGISTRY.list('metric')]\n"
        "assert not REGISTRY.broken['metric'], REGISTRY.broken\n"
        "import harness.analyse\n"
        "heavy = {'torch', 'scipy', 'pandas', 'skimage', 'av'}\n"
        "print(sorted(set(sys.argv[1:]) - set(names)), sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *FACTS], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] []"
