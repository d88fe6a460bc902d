"""From a frozen set of clean and faulty clips to the scales of a light preset, and to the parts that it admits.

Formula: a part's worst and best values are the 1st and the 99th percentile over every clip of the set, clean and
faulty, the other way round where lower is better; dynamic degree, which is 0 or 1, keeps these. A dimension that fails
the admission test (:mod:`harness.metrics.omniscore.validity`) is dropped, and the preset says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from harness.metrics.omniscore.presets import Part, Preset, Side
from harness.metrics.omniscore.validity import Admission, Auc, admit, saturated_share, variance_shares
from harness.types import Data, Direction

PERCENTILES = (1.0, 99.0)
BINARY = ("dynamic_degree",)
WEIGHTS = {"dynamic_degree": 0.5, "motion_magnitude": 0.5}
"""VBench's; every other dimension weighs 1."""

Values = Mapping[str, Mapping[str, Mapping[str, float | None]]]
"""Metric → arm → case → value, of one world."""
Videos = Sequence[tuple[str, Mapping[str, float | None]]]
"""Prompt, and metric → value, of videos of a model."""


class Draft(Data):
    """What a preset is to be.

    Attributes:
        name: Such as ``"light-crafter"``.
        summary: One line.
        group: Group of the clips that calibrate it.
        worlds: Worlds whose clips it is for; any if empty.
        metrics: Side → its metrics.
    """

    name: str
    summary: str
    group: str
    worlds: tuple[str, ...] = ()
    metrics: dict[Side, tuple[str, ...]]


def dimension_of(metric: str) -> str:
    """The dimension in a metric's name.

    Example:
        >>> dimension_of("imaging_quality[brisque]")
        'imaging_quality'
    """
    return metric.partition("[")[0]


def scale_of(metric: str, values: Values, direction: Direction) -> tuple[float, float]:
    """The worst and the best value of a metric, by the calibration set.

    Raises:
        ValueError: It has no value there, or does not vary.
    """
    if dimension_of(metric) in BINARY:
        return (0.0, 1.0) if direction == "higher" else (1.0, 0.0)
    every = [value for cases in values[metric].values() for value in cases.values() if value is not None]
    if not every:
        raise ValueError(f"{metric} has no value in the calibration set")
    low, high = (float(v) for v in np.percentile(every, PERCENTILES))
    if low == high:
        raise ValueError(f"{metric} is {low:g} throughout the calibration set")
    # six digits are more than the percentiles of a few thousand clips know
    low, high = float(f"{low:.6g}"), float(f"{high:.6g}")
    return (low, high) if direction == "higher" else (high, low)


def candidate(
    draft: Draft,
    values: Values,
    directions: Mapping[str, Direction],
    *,
    version: str,
    source: str,
    left_open: Sequence[str] = (),
) -> Preset:
    """Give a draft its scales: a preset of all parts that are wished for.

    Args:
        draft: The parts.
        values: Of the calibration set's videos in the draft's world.
        directions: Metric → which way it is better.
        version: Of the preset.
        source: Where its scales come from.
        left_open: What the sources do not say.

    Raises:
        ValueError: A metric has no value in the set, or does not vary.
    """
    parts = []
    for side, metrics in draft.metrics.items():
        for metric in metrics:
            worst, best = scale_of(metric, values, directions[metric])
            dimension = dimension_of(metric)
            weight = WEIGHTS.get(dimension, 1.0)
            parts.append(Part(dimension=dimension, metric=metric, side=side, weight=weight, worst=worst, best=best))
    return Preset(
        name=draft.name,
        version=version,
        summary=draft.summary,
        parts=tuple(parts),
        source=source,
        left_open=tuple(left_open),
        worlds=draft.worlds,
        group=draft.group,
    )


def admissions(
    whole: Preset, matrix: Mapping[str, Mapping[str, Auc]], samples: Videos, own_faults: Mapping[str, Sequence[str]]
) -> tuple[Admission, ...]:
    """Hold every part of a candidate to the admission test.

    Args:
        whole: The candidate.
        matrix: Metric → faulty arm → area, of the candidate's world.
        samples: Videos of a model there, several a prompt; empty leaves saturation and variance unlooked at.
        own_faults: Dimension → arms that spoil what it measures.
    """
    saturation, shares = _within(whole, samples)
    found = []
    for part in whole.parts:
        row = matrix.get(part.metric, {})
        own = {arm: row[arm] for arm in own_faults.get(part.dimension, ()) if arm in row}
        found.append(admit(part.metric, own, saturation.get(part.metric), shares.get(part.metric)))
    return tuple(found)


def admitted(whole: Preset, tests: Sequence[Admission], *, reward: bool) -> Preset | None:
    """The candidate without the parts that do not pass, which it names; None where a side has no part left.

    Args:
        whole: The candidate.
        tests: Of each of its parts.
        reward: True for a preset that pairs are chosen by: nothing enters it that does not pass. One for reports keeps
            its semantics, without which there is no total, and says that it may be no reward.
    """
    why = {test.metric: "; ".join(test.why_not) for test in tests if test.why_not}
    stays = {part.metric for part in whole.parts if part.side == "semantics" and not reward}
    kept = tuple(part for part in whole.parts if part.metric not in why or part.metric in stays)
    if {part.side for part in kept} != {"quality", "semantics"}:
        return None
    dropped = {part.dimension: why[part.metric] for part in whole.parts if part not in kept}
    said = tuple(
        f"{part.metric} is kept for reports and may be no reward: it {why[part.metric]}"
        for part in kept
        if part.metric in why
    )
    return whole.model_copy(update={"parts": kept, "dropped": dropped, "left_open": (*whole.left_open, *said)})


def contributions(preset: Preset, values: Mapping[str, float | None]) -> dict[str, float]:
    """What each part of a video adds to its total, after scale, weight and the side's share.

    Raises:
        NoValueError: A part has no value.
    """
    scaled = preset.total(values).scaled
    shares = {"quality": preset.quality_share, "semantics": preset.semantics_share}
    whole = sum(shares.values())
    of_side = {side: sum(part.weight for part in preset.parts if part.side == side) for side in shares}
    return {
        part.metric: shares[part.side] / whole * part.weight / of_side[part.side] * scaled[part.metric]
        for part in preset.parts
    }


def _within(preset: Preset, samples: Videos) -> tuple[dict[str, float], dict[str, float]]:
    """Share of saturated videos, and of the variance inside prompts, by metric."""
    if not samples:
        return {}, {}
    whole = [(prompt, values) for prompt, values in samples if all(values.get(m) is not None for m in preset.metrics)]
    scaled = [preset.total(values).scaled for _, values in whole]
    saturation = {metric: saturated_share([s[metric] for s in scaled]) for metric in preset.metrics} if scaled else {}
    return saturation, variance_shares([(prompt, contributions(preset, values)) for prompt, values in whole])
