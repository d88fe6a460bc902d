"""``diptych bench actions``: what action scores read of real video, of damaged video, and whether intervals cover.

The score of real video is the ceiling of every model's. Damage that hides or garbles what was done must cost most of
it: one that does not was never seen. Coverage is measured by drawing sets of clips, with replacement, out of the
measured ones, whose own score is then the truth.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.benches.rows import BenchRow, row
from harness.protocols import ActionExtractor
from harness.registry import REGISTRY, register
from harness.stats.actions import SCORES, group_scores, macro, macro_estimate, macro_of
from harness.stats.jackknife import jackknife_estimate, leave_groups_out
from harness.types import Estimate, Metric

CLIPS, QUICK_CLIPS = 256, 64
SET_CLIPS = 64
COVERAGE_LOW, COVERAGE_HIGH = 0.90, 0.99
DAMAGE = 0.6
"""Share of the real video's score that damage may leave."""

Rows = NDArray[np.float64]
Clips = list[tuple[NDArray[np.uint8], NDArray[np.int64]]]
"""Frames ``[T, H, W, 3]`` with the actions ``[T - 1]`` between them."""


@register("bench", "actions", summary="action following: the ceiling on real video by group, damage, coverage")
def actions(*, quick: bool, seed: int, tell: Callable[[str], None]) -> Iterator[BenchRow]:
    """Measure every action score on the test clips of its worlds; see :class:`harness.benches.rows.Bench`."""
    for entry in REGISTRY.list("metric"):
        metric: Metric = entry.load()
        if metric.counts and metric.name.startswith("action_f1["):
            for world in metric.worlds:
                yield from _world(metric, world, QUICK_CLIPS if quick else CLIPS, quick, seed, tell)


def _world(
    metric: Metric, world: str, count: int, quick: bool, seed: int, tell: Callable[[str], None]
) -> Iterator[BenchRow]:
    extract: Any = REGISTRY.get("extractor", str(metric.feature_space))("cpu")
    tell(f"{count} test clips of {world}")
    clips = REGISTRY.get("world", world)().clips("test", count)
    told = [(clip.frames, np.asarray(clip.actions)[:-1]) for clip in clips]
    begin = time.perf_counter()
    real = judged(extract, told)
    spent = (time.perf_counter() - begin) / count
    cases, names = [str(index) for index in range(count)], [group["name"] for group in extract.context()["groups"]]
    of = f"of {world}, {count} test clips"
    for score in SCORES:
        yield _row(f"{score} {of}, mean over groups", macro_estimate(real, cases, score))
    for group in group_scores(real, cases, names):
        for score in SCORES:
            said = f"{score} {of}, {group.group} ({group.support} commanded)"
            yield _row(said, getattr(group, score))
    ceiling = macro(real, "f1")
    for name, spoil in DAMAGES.items():
        rng = np.random.default_rng([seed, len(name)])
        value = macro(judged(extract, spoil(rng, told)), "f1")
        yield row(f"f1 {of}, {name}", value, "fraction", reference=ceiling, target=DAMAGE, better="lower")
    tell(f"coverage in {world}")
    yield from _coverage(world, real, 200 if quick else 2000, seed)
    yield row(f"seconds to judge a clip of {world}", spent, "s", reason=f"{len(told[0][1])} transitions, one device")


def judged(extract: ActionExtractor, clips: Clips) -> Rows:
    """Rows of counts of whole clips, the first frame as the prompt."""
    return np.stack([extract(frames[1:], prompt=frames[:1], actions=done) for frames, done in clips])


def _frozen(rng: np.random.Generator, clips: Clips) -> Clips:
    del rng
    return [(np.repeat(frames[:1], len(frames), 0), done) for frames, done in clips]


def _shuffled(rng: np.random.Generator, clips: Clips) -> Clips:
    return [(frames[rng.permutation(len(frames))], done) for frames, done in clips]


def _reversed(rng: np.random.Generator, clips: Clips) -> Clips:
    del rng
    return [(frames[::-1].copy(), done[::-1].copy()) for frames, done in clips]


def _of_the_next(rng: np.random.Generator, clips: Clips) -> Clips:
    del rng
    return [(frames, clips[(place + 1) % len(clips)][1]) for place, (frames, _) in enumerate(clips)]


DAMAGES: dict[str, Callable[[np.random.Generator, Clips], Clips]] = {
    "frozen at the first frame": _frozen,
    "frames in random order": _shuffled,
    "time reversed": _reversed,
    "commands of another clip": _of_the_next,
}
"""Each keeps the groups that are commanded, so that the mean is over the same groups."""


def _coverage(world: str, rows: Rows, experiments: int, seed: int) -> Iterator[BenchRow]:
    """Cover the score, and the difference of a spoilt arm's from it, in sets of :data:`SET_CLIPS` clips."""
    rng = np.random.default_rng([seed, 1])
    worse = _with_misses(rows, rng)
    distance, truth = macro_of("f1"), (macro(rows, "f1"), macro(worse, "f1"))
    inside, inside_paired = [], []
    for _ in range(experiments):
        drawn = rng.integers(len(rows), size=SET_CLIPS)
        cases = [str(place) for place in range(SET_CLIPS)]
        try:
            ours, theirs = (leave_groups_out(distance, r[drawn], cases, r[drawn], cases) for r in (rows, worse))
        except ValueError:  # a set without any command
            continue
        value, change = (_interval(result) for result in (ours, theirs - ours))
        inside.append(covers(value, truth[0]))
        inside_paired.append(covers(change, truth[1] - truth[0]))
    for what, hits in (("f1", inside), ("difference of two arms' f1", inside_paired)):
        yield row(
            f"coverage of the 95 % interval of the {what}, {SET_CLIPS} clips of {world}",
            float(np.mean(hits)),
            "fraction",
            target=COVERAGE_LOW,
            ceiling=COVERAGE_HIGH,
            reason=f"{len(hits)} sets drawn out of {len(rows)} clips",
        )


def _with_misses(rows: Rows, rng: np.random.Generator) -> Rows:
    """Rows of an arm that follows a fifth fewer of the commands: hits become misses and false alarms of their group."""
    counts = rows.reshape(len(rows), -1, 3)
    lost = rng.binomial(counts[..., 0].astype(np.int64), 0.2)
    worse: Rows = (counts + np.stack((-lost, lost, lost), -1)).reshape(rows.shape)
    return worse


def _interval(result: Any) -> Estimate:
    return jackknife_estimate(result, clips=SET_CLIPS, cases=SET_CLIPS, unit="fraction", direction="higher")


def covers(estimate: Estimate, truth: float) -> bool:
    """Tell whether an interval holds the truth."""
    return estimate.low is not None and estimate.high is not None and estimate.low <= truth <= estimate.high


def _row(name: str, estimate: Estimate) -> BenchRow:
    interval = None if estimate.low is None else f"95 % interval [{estimate.low:.3f}, {estimate.high:.3f}]"
    return row(name, estimate.value, "fraction", reason=estimate.reason or interval)
