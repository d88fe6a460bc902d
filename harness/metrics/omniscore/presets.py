"""What OmniScore is made of, as data: parts, weights, the scale of each part, and what the sources leave open.

Formula: a part's value becomes ``(value - worst) / (best - worst)``, clipped to [0, 1] where the preset says so;
quality and semantics are the means of their parts by weight; the total is
``(quality_share · quality + semantics_share · semantics) / (quality_share + semantics_share)``, 4 : 1 in every source.
A part without a value leaves the total without one, and never counts as 0.

Reference: Liu et al., VideoDPO (arXiv 2412.14167): which parts there are and 4 : 1; neither the code nor the weights
inside quality were released. Huang et al., VBench (arXiv 2311.17982), ``scripts/constant.py``: the reference scales and
0.5 for dynamic degree.

Example:
    >>> sharp = Part(dimension="imaging_quality", metric="sharp", side="quality", worst=100.0, best=0.0)
    >>> fits = Part(dimension="text_alignment", metric="fits", side="semantics", worst=0.0, best=0.5)
    >>> preset = Preset(name="two", version="1", summary="two parts", parts=(sharp, fits), source="an example")
    >>> round(preset.total({"sharp": 25.0, "fits": 0.2}).score, 6)
    0.68
    >>> preset.total({"sharp": 25.0, "fits": None})
    Traceback (most recent call last):
    ...
    harness.errors.NoValueError: without fits there is no total of 2 parts
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from harness.errors import NoValueError
from harness.types import Data

Side = Literal["quality", "semantics"]


class Part(Data):
    """One part of the total.

    Attributes:
        dimension: Such as ``"imaging_quality"``.
        metric: The metric that measures it, with its backend: ``"imaging_quality[brisque]"``.
        side: Quality or semantics.
        weight: Among the parts of its side.
        worst: Value that counts 0; above ``best`` where lower is better.
        best: Value that counts 1.
    """

    dimension: str
    metric: str
    side: Side
    weight: float = Field(default=1.0, gt=0)
    worst: float
    best: float

    def scaled(self, value: float) -> float:
        """The value on the part's scale, not clipped."""
        return (value - self.worst) / (self.best - self.worst)


class Total(Data):
    """What a preset makes of a video's values.

    Attributes:
        score: The total.
        quality: Mean of the quality parts by weight.
        semantics: Mean of the semantic parts by weight.
        scaled: Part's metric → its share between 0 and 1.
        clipped: Metrics whose value lay beyond the scale.
    """

    score: float
    quality: float
    semantics: float
    scaled: dict[str, float]
    clipped: tuple[str, ...] = ()


class Preset(Data):
    """One reading of OmniScore.

    Attributes:
        name: Such as ``"light-crafter"``; the metric is ``omniscore[NAME]``.
        version: Of its parts, weights and scales; part of every record's context.
        summary: One line.
        parts: At least one of each side.
        quality_share: Weight of quality in the total.
        semantics_share: Weight of semantics.
        clip: Whether parts are clipped to [0, 1].
        source: Where parts, weights and scales come from.
        left_open: What the sources do not say, and how this preset reads it; printed with every score.
        dropped: Dimension → why it is no part.
        worlds: Worlds whose clips it is for; any if empty.
        group: Group of clips that its scales come from; empty where they come from elsewhere.
    """

    name: str
    version: str
    summary: str
    parts: tuple[Part, ...]
    quality_share: float = 4.0
    semantics_share: float = 1.0
    clip: bool = True
    source: str
    left_open: tuple[str, ...] = ()
    dropped: dict[str, str] = Field(default_factory=dict)
    worlds: tuple[str, ...] = ()
    group: str = ""

    @property
    def metrics(self) -> tuple[str, ...]:
        """The parts' metrics."""
        return tuple(part.metric for part in self.parts)

    def total(self, values: Mapping[str, float | None]) -> Total:
        """Put the values of a video together.

        Args:
            values: Metric → value; metrics that are no parts may be among them.

        Raises:
            NoValueError: A part has no value; names all of these.
        """
        known = {part.metric: values.get(part.metric) for part in self.parts}
        missing = [metric for metric, value in known.items() if value is None]
        if missing:
            raise NoValueError(f"without {', '.join(missing)} there is no total of {len(self.parts)} parts")
        raw = {part.metric: part.scaled(float(known[part.metric] or 0.0)) for part in self.parts}
        scaled = {metric: min(max(value, 0.0), 1.0) if self.clip else value for metric, value in raw.items()}
        clipped = tuple(metric for metric in raw if raw[metric] != scaled[metric])
        quality, semantics = self._mean(scaled, "quality"), self._mean(scaled, "semantics")
        shares = self.quality_share + self.semantics_share
        score = (self.quality_share * quality + self.semantics_share * semantics) / shares
        return Total(score=score, quality=quality, semantics=semantics, scaled=scaled, clipped=clipped)

    def _mean(self, scaled: Mapping[str, float], side: Side) -> float:
        parts = [part for part in self.parts if part.side == side]
        return sum(part.weight * scaled[part.metric] for part in parts) / sum(part.weight for part in parts)

    def without(self, dimension: str) -> Preset:
        """The same preset without one dimension."""
        return self.model_copy(update={"parts": tuple(part for part in self.parts if part.dimension != dimension)})

    def weighing(self, dimension: str, weight: float) -> Preset:
        """The same preset with another weight of one dimension."""
        parts = (p.model_copy(update={"weight": weight}) if p.dimension == dimension else p for p in self.parts)
        return self.model_copy(update={"parts": tuple(parts)})


def readings(preset: Preset) -> dict[str, Preset]:
    """What the sources leave open, each choice as a preset of its own; the first is the preset itself.

    Seven or eight sub-scores (background consistency is named by some notes only); the weights of dimensions (VBench's
    0.5 for dynamic degree, or 1).
    """
    found = {"as declared": preset}
    dimensions = {part.dimension: part for part in preset.parts}
    if "background_consistency" in dimensions:
        found["without background consistency"] = preset.without("background_consistency")
    moving = dimensions.get("dynamic_degree") or dimensions.get("motion_magnitude")
    if moving is not None:
        other = 1.0 if moving.weight != 1.0 else 0.5
        found[f"{moving.dimension} weighs {other:g}"] = preset.weighing(moving.dimension, other)
        if "background_consistency" in dimensions:
            both = preset.without("background_consistency").weighing(moving.dimension, other)
            found[f"without background consistency, {moving.dimension} weighs {other:g}"] = both
        found[f"without {moving.dimension}"] = preset.without(moving.dimension)
    found["quality alone"] = preset.model_copy(update={"semantics_share": 0.0})
    found["semantics alone"] = preset.model_copy(update={"quality_share": 0.0})
    return found
