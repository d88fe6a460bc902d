"""Scores videos that somebody has just made: a composite, its parts, and further metrics, one video at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import DiptychError
from harness.scoring.depends import dependencies
from harness.scoring.values import Values, combine, made_of, values_of
from harness.types import Metric


class MetricScorer:
    """Scores a video and its caption by registered metrics.

    Args:
        score: The composite (or plain metric) that the others accompany.
        metrics: By name, the parts of composites among them; none of sets, none that needs a reference.

    Attributes:
        score: Name of the composite.
        metrics: By name.
        facts: What values depend on (JSON): by metric its packages and weights, its direction; the composite's parts.
        code_sha256: Of the code that computes them.
    """

    def __init__(self, score: str, metrics: Mapping[str, Metric]) -> None:
        self.score, self.metrics = score, dict(metrics)
        behind = dependencies(self.metrics, {}, "cpu")
        codes = sorted(str(facts.pop("code_sha256")) for facts in behind.values())
        self.code_sha256 = hashlib.sha256(" ".join(codes).encode()).hexdigest()
        directions = {name: metric.direction for name, metric in self.metrics.items()}
        self.facts: dict[str, Any] = {"metrics": behind, "directions": directions, **composite_facts(score)}

    def __call__(self, frames: NDArray[np.uint8], caption: str) -> Values:
        """Values of frames uint8 ``[T, height, width, 3]``; what one metric cannot do is its reason.

        Raises:
            DiptychError: Memory or the disk failed a metric: the same video may have a value another time.
        """
        plain = {name: metric for name, metric in self.metrics.items() if metric.combine is None}
        found = values_of(made_of(frames, caption=caption), plain)
        if found.failed:
            name = min(found.failed)
            raise DiptychError(f"metric {name} failed: {found.reasons[name]}. Make room and go on with --resume.")
        scores: dict[str, float | None] = {name: found.scores.get(name) for name in self.metrics}
        composites = {name: metric for name, metric in self.metrics.items() if metric.combine is not None}
        combine(scores, composites, found.reasons)
        return Values(scores, {}, found.reasons)


def with_parts(names: Sequence[str], metrics: Mapping[str, Metric]) -> dict[str, Metric]:
    """Metrics by name, the parts of each composite before it, each once."""
    wanted = dict.fromkeys(part for name in names for part in (*metrics[name].parts, name))
    return {name: metrics[name] for name in wanted}


def composite_facts(name: str) -> dict[str, Any]:
    """Version, shares and parts with their scales of an OmniScore; nothing for another metric."""
    from harness.metrics.omniscore.total import presets

    preset = presets().get(name.removeprefix("omniscore[").removesuffix("]"))
    if preset is None:
        return {}
    return preset.model_dump(mode="json", include={"version", "parts", "quality_share", "semantics_share", "clip"})
