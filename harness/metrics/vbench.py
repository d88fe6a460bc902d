"""VBench's dimensions, as its own tool measured them: read from its result files, never computed here.

Formula: VBench's own, per dimension (:data:`harness.vbench.dimensions.TABLE` says by which model), of one video.

Shapes: one number per video.
Range: 0 to 1; -1 to 1 for the three that are cosines.
Unit: none (a fraction), before VBench's normalisation.
Direction: higher is better.
Minimum n: 6 blocks for a verdict; analysed as differences of pairs, clustered by prompt.
Preprocessing: imaging quality, 0 to 100 per video in VBench's files, is divided by 100.
Errors: none; None where the file has no value of the video. ``diptych score`` refuses these names with the reason.
Reference: Huang et al., VBench: comprehensive benchmark suite for video generative models, CVPR 2024, arXiv 2311.17982.

Example:
    >>> from harness.types import Made
    >>> told = {"vbench/dynamic_degree": 1.0}
    >>> made = Made(None, None, None, [1.0], None, None, None, {}, told, {})
    >>> METRICS["dynamic_degree"].compute(made), METRICS["color"].compute(made)
    (1.0, None)
"""

from __future__ import annotations

from collections.abc import Callable

from harness.registry import register
from harness.types import Made, Metric
from harness.vbench.dimensions import DIMENSIONS, Dimension


def metric_name(dimension: str) -> str:
    """Return the metric of a dimension: ``"vbench/dynamic_degree"``."""
    return f"vbench/{dimension}"


def _told(name: str) -> Callable[[Made], float | None]:
    def compute(made: Made) -> float | None:
        return made.values.get(name)

    return compute


def _metric(dimension: Dimension) -> Metric:
    name = metric_name(dimension.name)
    return Metric(
        name=name,
        summary=f"VBench's {dimension.spoken}, as its own tool measured it ({dimension.measured_by})",
        unit="fraction",
        direction="higher",
        scale="difference",
        compute=_told(name),
        quality=True,
        told=True,
        needs=(),
    )


METRICS = {name: _metric(dimension) for name, dimension in DIMENSIONS.items()}
for _one in METRICS.values():
    register("metric", _one.name)(_one)
