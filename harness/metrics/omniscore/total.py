"""OmniScore's total: one metric per preset, put together from metrics that are recorded beside it.

Formula: that of :mod:`harness.metrics.omniscore.presets`, with the preset's parts, weights and scales.
Shapes: those of the parts; one value per video.
Range: 0 to 1 where the preset clips.
Unit: omniscore.
Direction: higher is better.
Minimum n: 6 blocks for a verdict.
Preprocessing: the parts'.
Errors: a part without a value leaves the total without one, with the names of all that lack it
(:class:`harness.errors.NoValueError`); a part whose weights are not on this machine makes the total absent.
Reference: Liu et al., VideoDPO, CVPR 2025 (arXiv 2412.14167). Scores of different presets or versions never meet in one
comparison: the preset is in the metric's name, and its version in the context of a run.

Example:
    >>> all(metric.name == f"omniscore[{preset.name}]" for preset, metric in zip(PRESETS.values(), TOTALS))
    True
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from harness.errors import unknown
from harness.metrics import text_alignment as _text_alignment  # noqa: F401 - parts are registered before totals
from harness.metrics.omniscore.presets import Preset
from harness.metrics.omniscore.reference import REFERENCE
from harness.registry import REGISTRY, register
from harness.types import Made, Metric

FILE = "presets.json"


@cache
def declared() -> dict[str, Any]:
    """What the file of presets holds: ``calibration``, ``presets``, ``candidates`` and ``admissions``."""
    import json

    text = files("harness.metrics.omniscore").joinpath(FILE).read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


@cache
def presets() -> dict[str, Preset]:
    """The presets that ship with Diptych, by name: the calibrated ones, and those of VBench's models."""
    light = [Preset.model_validate(facts) for facts in declared()["presets"]]
    return {preset.name: preset for preset in (*light, *REFERENCE)}


@cache
def candidates() -> dict[str, Preset]:
    """The light presets before the admission test, by name: every part that was wished for, with its scale."""
    return {facts["name"]: Preset.model_validate(facts) for facts in declared()["candidates"]}


def preset(name: str) -> Preset:
    """The preset called ``name``, with or without ``omniscore[...]`` around it.

    Raises:
        UsageError: There is none.
    """
    inner = name.removeprefix("omniscore[").removesuffix("]")
    if inner not in presets():
        raise unknown("OmniScore preset", inner, presets(), "diptych omniscore presets")
    return presets()[inner]


def combiner(chosen: Preset) -> Callable[[Mapping[str, float | None]], float]:
    """Return a function from the values of a video to the preset's total."""

    def combine(values: Mapping[str, float | None]) -> float:
        return chosen.total(values).score

    return combine


def _from_video(chosen: Preset) -> Callable[[Made], float | None]:
    """Return a function that computes every part anew: for whoever has a video and none of its values."""

    def compute(made: Made) -> float | None:
        parts = {name: REGISTRY.get("metric", name).compute(made) for name in chosen.metrics}
        return chosen.total(parts).score

    return compute


def declare(chosen: Preset) -> Metric:
    """The metric of a preset."""
    parts = [REGISTRY.get("metric", name) for name in chosen.metrics]
    return Metric(
        name=f"omniscore[{chosen.name}]",
        summary=f"OmniScore, {chosen.summary} (version {chosen.version})",
        unit="omniscore",
        direction="higher",
        scale="difference",
        compute=_from_video(chosen),
        combine=combiner(chosen),
        parts=chosen.metrics,
        quality=True,
        packages=tuple(sorted({name for part in parts for name in part.packages})),
        assets=tuple(dict.fromkeys(name for part in parts for name in part.assets)),
        worlds=chosen.worlds,
        needs=("caption",),
    )


PRESETS = {
    name: chosen
    for name, chosen in presets().items()
    if all(("metric", part) in REGISTRY.entries for part in chosen.metrics)
}
"""Those whose parts are metrics of Diptych; the others are for values that other tools measured."""
TOTALS = tuple(declare(chosen) for chosen in PRESETS.values())
for _total in TOTALS:
    register("metric", _total.name)(_total)
