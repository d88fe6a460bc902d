"""``diptych bench metrics``: how fast set metrics are, how much memory they take, and whether their intervals cover.

The pipeline is what ``diptych score`` and the suites run: clips stream through an extractor, moments are merged, the
distance avoids matrix roots of d × d. It is held against the straightforward way on the same extractor: one clip at a
time, all rows kept, ``scipy.linalg.sqrtm``. Coverage is that of the paired difference of two arms, simulated at the
numbers of clips and dimensions of the suites, where the truth is known in closed form.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.assets.locate import AbsentError
from harness.benches.rows import BenchRow, row
from harness.features import extract_rows
from harness.memory import PeakMemory
from harness.registry import REGISTRY, register
from harness.stats.frechet import Moments, frechet_distance
from harness.stats.jackknife import Distance, jackknife_estimate, leave_groups_out, rank_problem
from harness.stats.kvd import kernel_distance

SPACES = ("idm-crafter", "x3d-xs-k400-int8dq")
CLIP_SHAPE = (10, 72, 72, 3)
PIPELINE_CLIPS, ROUNDS = 64, 3
SPEED_UP = 1.3
FEW, MANY, QUICK_MANY = 64, 2048, 256
FLAT = 1.05
JACKKNIFE_CLIPS, JACKKNIFE_DIMENSIONS, JACKKNIFE_GROUPS, JACKKNIFE_SECONDS = 512, 400, 32, 2.0
EXPERIMENTS, QUICK_EXPERIMENTS = 400, 60
COVERAGE_LOW, COVERAGE_HIGH = 0.92, 0.99
CELLS = ((64, 6), (128, 48), (256, 48), (64, 48))
"""Clips and dimensions: a small space, scale ``full`` on two worlds, and scale ``small``."""
ARMS = ((1.0, 1.15), (1.3, 1.25))
"""Shift and scale of the two arms' features against the reference's: both are away from it, as real arms are."""

Rows = NDArray[np.float64]


@register("bench", "metrics", summary="set metrics: speed against scipy, memory by number of clips, coverage")
def metrics(*, quick: bool, seed: int, tell: Callable[[str], None]) -> Iterator[BenchRow]:
    """Measure set metrics; see :class:`harness.benches.rows.Bench`."""
    for space in SPACES:
        tell(f"Fréchet pipeline in {space}, {PIPELINE_CLIPS} clips, interleaved with a loop and scipy")
        yield from _pipeline(space, seed, 1 if quick else ROUNDS)
    tell("memory of the pipeline")
    yield from _memory(QUICK_MANY if quick else MANY, seed)
    tell("jackknife")
    yield _jackknife(seed)
    for name, distance in (("frechet", frechet_distance), ("kvd", kernel_distance)):
        for clips, dimensions in CELLS:
            tell(f"coverage of a difference, {name}, {clips} clips in {dimensions} dimensions")
            yield _coverage(name, distance, clips, dimensions, QUICK_EXPERIMENTS if quick else EXPERIMENTS, seed)


def synthetic_clips(count: int, seed: int) -> Iterator[NDArray[np.uint8]]:
    """Clips of moving gradients, one at a time and each another: only their number and size matter here."""
    frames, height, width, _ = CLIP_SHAPE
    grid = np.add.outer(np.arange(height), np.arange(width))
    for index in range(count):
        speed, colour = np.random.default_rng([seed, index]).integers(1, 9, size=(2, 3))
        moved = grid[None, :, :, None] * colour + np.arange(frames)[:, None, None, None] * speed * 8
        yield (moved % 256).astype(np.uint8)


def streamed(extractor: Any, count: int, seed: int) -> Moments:
    """Moments of the features of clips that are made, read and forgotten."""
    moments: Moments | None = None
    for features in extract_rows(extractor, synthetic_clips(count, seed)):
        moments = moments or Moments.empty(len(features))
        moments.update(features[None])
    assert moments is not None
    return moments


def with_scipy(first: Rows, second: Rows) -> float:
    """The textbook's Fréchet distance."""
    from scipy import linalg

    step = first.mean(axis=0) - second.mean(axis=0)
    one, two = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    root = linalg.sqrtm(one @ two)
    return float(step @ step + np.trace(one) + np.trace(two) - 2 * np.trace(np.real(root)))


def _pipeline(space: str, seed: int, rounds: int) -> Iterator[BenchRow]:
    name = f"loop and scipy.linalg.sqrtm over pipeline, {space}"
    try:
        extractor: Any = REGISTRY.get("extractor", space)("cpu")
    except AbsentError as error:
        yield row(name, None, "s", target=SPEED_UP, reason=str(error)).model_copy(update={"met": None})
        return
    clips = [list(synthetic_clips(PIPELINE_CLIPS, seed + half)) for half in (0, 1)]
    reference = np.stack(list(extract_rows(extractor, clips[1])))
    extractor(clips[0][0])
    ours, theirs, values = [], [], []
    for _ in range(rounds):
        begin = time.perf_counter()
        generated = np.stack(list(extract_rows(extractor, clips[0])))
        values.append(frechet_distance(generated, reference))
        ours.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        one_by_one = np.stack([extractor(clip) for clip in clips[0]])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # fewer clips than dimensions: the product is singular, as it must be
            values.append(with_scipy(one_by_one, reference))
        theirs.append(time.perf_counter() - begin)
    apart = abs(values[0] - values[1]) / max(abs(values[0]), 1e-12)
    said = f"{PIPELINE_CLIPS} clips, {reference.shape[1]} dimensions, medians of {rounds}; values differ by {apart:.1e}"
    if np.median(theirs) < SPEED_UP * np.median(ours):
        said += f"; the root takes {_root_seconds(generated, reference):.2g} s of it, the network the rest"
    yield row(name, float(np.median(theirs)), "s", reference=float(np.median(ours)), target=SPEED_UP, reason=said)


def _root_seconds(first: Rows, second: Rows) -> float:
    """Seconds of the textbook's distance alone: what there is to gain beside the network."""
    begin = time.perf_counter()
    with_scipy(first, second)
    return time.perf_counter() - begin


def _memory(many: int, seed: int) -> Iterator[BenchRow]:
    extractor: Any = REGISTRY.get("extractor", SPACES[0])("cpu")
    streamed(extractor, FEW, seed)  # what is allocated once belongs to neither
    peaks = []
    for count in (FEW, many):
        with PeakMemory() as peak:
            streamed(extractor, count, seed)
        peaks.append(peak)
    few, lots = (peak.bytes for peak in peaks)
    name = f"peak memory of {many} clips over that of {FEW}, streamed"
    if few is None or lots is None:
        yield row(name, None, "bytes", reason=peaks[0].method)
    else:
        yield row(name, float(lots), "bytes", reference=float(few), target=FLAT, better="lower", reason=SPACES[0])


def _jackknife(seed: int) -> BenchRow:
    rng = np.random.default_rng(seed)
    rows = [rng.standard_normal((JACKKNIFE_CLIPS, JACKKNIFE_DIMENSIONS)) + shift for shift in (0.0, 0.1)]
    cases = [str(index) for index in range(JACKKNIFE_CLIPS)]
    begin = time.perf_counter()
    result = leave_groups_out(frechet_distance, rows[0], cases, rows[1], cases)
    spent = time.perf_counter() - begin
    groups = len(result.left_out)
    name = f"Fréchet jackknife, {JACKKNIFE_CLIPS} clips, {JACKKNIFE_DIMENSIONS} dimensions, {groups} groups"
    return row(name, spent, "s", target=JACKKNIFE_SECONDS, better="lower")


def _coverage(name: str, distance: Distance, clips: int, dimensions: int, count: int, seed: int) -> BenchRow:
    """Two arms at known distances of one reference: how often the interval of their difference holds the truth."""
    rng = np.random.default_rng([seed, clips, dimensions])
    cases = [str(index) for index in range(clips)]
    truth = _truth(name, *ARMS[1], dimensions) - _truth(name, *ARMS[0], dimensions)
    held = 0
    for _ in range(count):
        shared = rng.standard_normal((clips, dimensions))  # the arms of a block share their prompt
        reference = 0.5 * shared + np.sqrt(0.75) * rng.standard_normal((clips, dimensions))
        arms = []
        for shift, scale in ARMS:
            rows = scale * (0.5 * shared + np.sqrt(0.75) * rng.standard_normal((clips, dimensions)))
            rows[:, 0] += shift
            arms.append(rows)
        left = [leave_groups_out(distance, rows, cases, reference, cases) for rows in arms]
        found = jackknife_estimate(
            left[1] - left[0], clips=clips, cases=clips, unit="", direction="lower", reason=None, paired=True
        )
        assert found.low is not None
        assert found.high is not None
        held += found.low <= truth <= found.high
    covered = held / count
    error = float(np.sqrt(covered * (1 - covered) / count))
    said = f"n = {count}, ± {error:.3f}"
    unfit = rank_problem(clips, dimensions) if name == "frechet" else None
    tight = clips < 2 * dimensions and name == "frechet"
    label = f"coverage of a difference, {name}, {clips} clips in {dimensions} dimensions"
    if unfit is not None or tight:
        return row(label, covered, "fraction", reason=f"{said}; {unfit or 'few more clips than dimensions: no target'}")
    return row(label, covered, "fraction", target=COVERAGE_LOW, ceiling=COVERAGE_HIGH, reason=said)


def _truth(name: str, shift: float, scale: float, dimensions: int) -> float:
    """Distance of N(m, s² I) from N(0, I), |m| = shift, s = scale, in closed form."""
    square = shift**2
    if name == "frechet":
        return square + dimensions * (scale - 1) ** 2

    def cubic(mean: float, variance: float, third: float) -> float:
        """E (z / d + 1)³ from mean, variance and third central moment of z = x·y."""
        a, v, t = mean / dimensions + 1, variance / dimensions**2, third / dimensions**3
        return a**3 + 3 * a * v + t

    # of two clips of the arm, of one and the reference, of two of the reference
    own = cubic(square, dimensions * scale**4 + 2 * scale**2 * square, 6 * scale**4 * square)
    across = cubic(0.0, dimensions * scale**2 + square, 0.0)
    return own + cubic(0.0, dimensions, 0.0) - 2 * across


__all__ = ["metrics", "streamed", "synthetic_clips", "with_scipy"]
