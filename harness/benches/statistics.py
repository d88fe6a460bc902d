"""``diptych bench statistics``: do intervals cover, does an arm against itself stay unjudged, is a slow-down seen."""

from __future__ import annotations

import math
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from harness.benches.experiments import detected_rate, judged_rate, simulate_experiments
from harness.benches.rows import BenchRow, row
from harness.benches.simulated import Machine, trimmed
from harness.registry import REGISTRY, register
from harness.stats.coverage import SHAPES, Coverage, measure
from harness.stats.family import joint_confidence
from harness.stats.findings import threshold
from harness.stats.noise import NOISES
from harness.stats.verdict import bound
from harness.types import Metric, Suite

CLUSTERS = (8, 16, 32, 64)
FAMILIES = (1, 6)
COVERAGE_LOW, COVERAGE_HIGH = 0.93, 0.97
HEAVY_TAIL_COVERAGE = 0.90
FALSE_POSITIVES = 0.05
POWER = 0.9
SLOW_DOWN = 1.03
PAIRS = 40
TAUS = (0.0, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05)
SUITES = (("null", "same-seed"), ("decoding", "diagonal-k1"))
"""Suites whose order of arms, family and thresholds are simulated, each with the arm that is slowed down."""

RESAMPLES, CASES, METRICS, SECONDS = 10_000, 1_000, 20, 2.0


@dataclass(frozen=True)
class Size:
    """How much is simulated: experiments of a plain interval, of a family, of whole runs; resamples of a family."""

    plain: int
    family: int
    runs: int
    resamples: int


FULL = Size(plain=40_000, family=4_000, runs=2_000, resamples=999)
QUICK = Size(plain=10_000, family=1_000, runs=25, resamples=299)


@register(
    "bench",
    "statistics",
    summary="coverage, false positives of an arm against itself, power, and the speed of the resampling",
)
def statistics(*, quick: bool, seed: int, tell: Callable[[str], None]) -> Iterator[BenchRow]:
    """Measure the estimates; see :class:`harness.benches.rows.Bench`."""
    size = QUICK if quick else FULL
    metrics = {name: REGISTRY.get("metric", name) for name in ("frames_per_second", "ssim")}
    yield from _coverage(size, seed, tell)
    for name, arm in SUITES:
        suite = trimmed(REGISTRY.get("suite", name), PAIRS)
        yield from _false_positives(suite, metrics, size.runs, seed, tell)
        yield from _power(suite, metrics, arm, size.runs, seed, tell)
    yield from _speed(seed, tell)


def _coverage(size: Size, seed: int, tell: Callable[[str], None]) -> Iterator[BenchRow]:
    for members in FAMILIES:
        for shape in SHAPES:
            tell(f"coverage of {_family(members)}, {shape} effects")
            for clusters in CLUSTERS:
                count = size.plain if members == 1 else size.family
                cell = measure(shape, clusters, members=members, experiments=count, resamples=size.resamples, seed=seed)
                yield _coverage_row(cell)


def _coverage_row(cell: Coverage) -> BenchRow:
    name = f"coverage, {_family(cell.members)}, {cell.shape}, {cell.clusters} cases"
    said = f"n = {cell.experiments}, ± {cell.error:.4f}"
    if cell.shape != "log-normal":
        return row(name, cell.covered, "fraction", target=COVERAGE_LOW, ceiling=COVERAGE_HIGH, reason=said)
    promised = cell.members == 1 and cell.clusters == max(CLUSTERS)
    target = HEAVY_TAIL_COVERAGE if promised else None
    return row(name, cell.covered, "fraction", target=target, reason=f"{said}; {HEAVY_TAIL}")


HEAVY_TAIL = "a heavy tail: analyse logarithms"


def _family(members: int) -> str:
    return "one interval" if members == 1 else f"family of {members}"


def _false_positives(
    suite: Suite, metrics: Mapping[str, Metric], count: int, seed: int, tell: Callable[[str], None]
) -> Iterator[BenchRow]:
    """Arms that do not differ: how often a primary finding reads improved or regressed all the same."""
    error = math.sqrt(FALSE_POSITIVES * (1 - FALSE_POSITIVES) / count)
    for noise in NOISES:
        tell(f"arms that do not differ, as {suite.name} plans and judges them, {noise} noise, {count} runs")
        found = simulate_experiments(suite, metrics, Machine(noise=noise), count, seed)
        # without a threshold 5 % is what is asked for, and half of all simulations would exceed it by chance
        for said, tau, target in (("shipped τ", None, FALSE_POSITIVES), ("τ = 0", 0.0, FALSE_POSITIVES + 2 * error)):
            rate = judged_rate(found, metrics, tau)
            remark = _counted(rate, count)
            yield row(
                f"A/A judged, {suite.name}, {noise} noise, {said}",
                rate,
                "fraction",
                target=target,
                better="lower",
                reason=remark if rate <= target else f"{remark}; {LIMITS[noise]}",
            )


LIMITS = {
    "independent": "the intervals are too narrow",
    # a row of the order is followed by its mirror image: that cancels a trend, but what the last trials of one block
    # share with the first of the next has the same sign in both differences. With 6 arms and a correlation of 0.9 the
    # mean's variance is 1.066 times what the interval takes it for (1.009 if the blocks were shuffled); 3 arms: 1.035
    "ar1": "a block and its mirror image share noise and count as two",
    "drift": "a block and its mirror image share the walk and count as two",
}


def _counted(rate: float, count: int) -> str:
    """Say a rate's 95 % interval (Clopper and Pearson), which has a width at 0 and at 1 too."""
    from scipy.special import betaincinv

    hits = round(rate * count)
    low = betaincinv(hits, count - hits + 1, 0.025) if hits else 0.0
    high = betaincinv(hits + 1, count - hits, 0.975) if hits < count else 1.0
    return f"n = {count}, [{low:.3f}, {high:.3f}]"


def _power(
    suite: Suite, metrics: Mapping[str, Metric], arm: str, count: int, seed: int, tell: Callable[[str], None]
) -> Iterator[BenchRow]:
    """One arm slower by 3 %, each trial's noise 2 %, 40 pairs: how often it reads regressed, by threshold."""
    speed = suite.primary_speed
    assert speed is not None
    shipped = threshold(suite, speed)
    assert shipped is not None  # a suite without one is refused
    machine = Machine(slower={arm: SLOW_DOWN})
    tell(f"an arm {SLOW_DOWN - 1:.0%} slower, as {suite.name} plans and judges it, {count} runs")
    found = simulate_experiments(suite, metrics, machine, count, seed)
    for tau in dict.fromkeys((shipped, *TAUS)):
        rate = detected_rate(found, metrics, arm, speed, tau)
        said = _counted(rate, count)
        if bound(tau, "ratio") > math.log(SLOW_DOWN) - 1e-9:
            said += "; the change does not exceed τ"
        elif tau == shipped and rate < POWER:
            said += f"; the family of {len(found[0])}, quality's members among them, widens every interval"
        yield row(
            f"{SLOW_DOWN - 1:.0%} slower is regressed, {suite.name}, {'shipped ' * (tau == shipped)}τ = {tau:g}",
            rate,
            "fraction",
            target=POWER if tau == shipped else None,
            reason=said,
        )


def _speed(seed: int, tell: Callable[[str], None]) -> Iterator[BenchRow]:
    """Resampling of a large family, in time and in memory."""
    tell(f"{RESAMPLES} resamples of {CASES} pairs and {METRICS} metrics")
    table = np.random.default_rng(seed).normal(size=(CASES, METRICS))

    def resample() -> None:
        joint_confidence(table, level=0.95, generator=np.random.default_rng(seed), resamples=RESAMPLES)

    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        resample()
        seconds.append(time.perf_counter() - begin)
    name = f"{RESAMPLES} resamples × {CASES} × {METRICS}"
    yield row(f"{name}: time", sorted(seconds)[1], "s", target=SECONDS, better="lower", reason="median of 3")
    tracemalloc.start()
    resample()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    yield row(f"{name}: memory", peak / 2**20, "MiB", reason="all weights at once: 76 MiB")
