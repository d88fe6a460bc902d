"""``diptych bench omniscore``: videos a second of every dimension alone, and of a preset's in one pass.

Alone, a dimension reads each file and computes what it needs, as if nothing else were asked. In one pass every file is
read once, and what several dimensions need (optical flow, feature maps) is computed once. Both are what ``diptych
score`` does, without what it keeps on disk; they are measured in turn, round by round.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.absent import missing_assets, missing_packages
from harness.benches.rows import BenchRow, row
from harness.errors import NoValueError
from harness.metrics.omniscore.total import preset
from harness.registry import REGISTRY, register
from harness.scoring.values import made_of
from harness.types import Metric
from harness.videos.read import Reading, read_video

SHAPES = {"64 x 64": (10, 64, 64), "256 x 256": (16, 256, 256)}
VIDEOS, ROUNDS = 4, 3
SPEED_UP = 1.5
PRESET = "light"
"""Its parts but for the text's: no two of them are one measurement under two names."""


@register("bench", "omniscore", summary="OmniScore: videos a second of every dimension, and of a preset in one pass")
def omniscore(*, quick: bool, seed: int, tell: Callable[[str], None]) -> Iterator[BenchRow]:
    """Measure dimensions; see :class:`harness.benches.rows.Bench`."""
    metrics, absent = dimensions()
    for name, why in absent.items():
        yield row(name, None, "videos/s", reason=why)
    for size, (frames, height, width) in list(SHAPES.items())[: 1 if quick else None]:
        with tempfile.TemporaryDirectory() as folder:
            paths = write_clips(Path(folder), VIDEOS, frames, height, width, seed)
            tell(f"{len(metrics)} dimensions alone, a preset in one pass, {VIDEOS} videos of {frames} frames, {size}")
            yield from _measured(metrics, paths, size, 1 if quick else ROUNDS)


def dimensions() -> tuple[dict[str, Metric], dict[str, str]]:
    """The metrics that judge a video alone, and those of them that cannot be computed here, with the reason."""
    found: dict[str, Metric] = {}
    absent: dict[str, str] = {}
    for entry in REGISTRY.list("metric"):
        metric: Metric = entry.load()
        if not metric.quality or metric.needs or metric.scale == "set" or metric.within or metric.told:
            continue
        lacking = missing_packages(metric) or missing_assets(metric)
        if lacking:
            absent[metric.name] = lacking
        else:
            found[metric.name] = metric
    return found, absent


def write_clips(folder: Path, count: int, frames: int, height: int, width: int, seed: int) -> list[Path]:
    """Videos of drawn textures that drift: every dimension has something to look at."""
    from scipy.ndimage import gaussian_filter

    from harness.store.video import encode

    paths = []
    for number in range(count):
        draw = np.random.default_rng([seed, number])
        picture = gaussian_filter(draw.normal(size=(height, width, 3)), (2, 2, 0), mode="wrap")
        picture = np.clip(128 + 300 * picture, 0, 255).astype(np.uint8)
        clip = np.stack([np.roll(picture, (t, 2 * t), (0, 1)) for t in range(frames)])
        paths.append(folder / f"{number}.mkv")
        encode(clip.astype(np.uint8), paths[-1])
    return paths


def _measured(metrics: dict[str, Metric], paths: Sequence[Path], size: str, rounds: int) -> Iterator[BenchRow]:
    parts = {name: metrics[name] for name in preset(PRESET).metrics if name in metrics}
    alone: dict[str, list[float]] = {name: [] for name in metrics}
    whole: list[float] = []
    _seconds(metrics.values(), paths[:1])  # networks are built and kernels chosen before anything is timed
    for _ in range(rounds):
        for name, metric in metrics.items():
            alone[name].append(_seconds([metric], paths))
        whole.append(_seconds(parts.values(), paths))
    count = len(paths)
    medians = {name: float(np.median(times)) for name, times in alone.items()}
    for name, seconds in medians.items():
        yield row(f"{name}, alone, {size}", count / seconds, "videos/s")
    together = float(np.median(whole))
    yield row(f"the {len(parts)} of preset {PRESET} in one pass, {size}", count / together, "videos/s")
    yield row(
        f"the same one after another over one pass, {size}",
        sum(medians[name] for name in parts),
        "s",
        reference=together,
        target=SPEED_UP,
        reason=f"{count} videos, medians of {rounds}",
    )


def _seconds(metrics: Any, paths: Sequence[Path]) -> float:
    begin = time.perf_counter()
    for path in paths:
        made = made_of(read_video(path, Reading()).frames)
        for metric in metrics:
            try:
                metric.compute(made)
            except NoValueError:
                continue
    return time.perf_counter() - begin
