"""Dynamic degree: whether a video moves at all, by VBench's rule. For reports; pairs are chosen by motion magnitude.

Formula: 1 if at least ``round(4 n / 16)`` of the steps of a clip of n frames have a motion magnitude of more than
``6 / 256`` of the shorter side, else 0; over videos, the share that moves.
Shapes: video uint8 ``[frames >= 2, height, width, 3]``, sides of at least 16 pixels; one value per video.
Range: 0 or 1.
Unit: moves.
Direction: higher is better.
Minimum n: 6 blocks for a verdict.
Preprocessing: that of motion magnitude; ``[raft-things]`` is VBench's network. VBench takes 8 frames a second; here the
frames are taken as they are (``diptych score --fps 8`` resamples files).
Errors: a single frame, or smaller ones, have no value (:class:`harness.errors.NoValueError`); weights that are not on
this machine make the metric absent; ``[dis]`` needs OpenCV.
Reference: Huang et al., VBench, CVPR 2024 (arXiv 2311.17982), ``dynamic_degree.py``. It is binary, worth as much as six
bins of OmniScore's histogram, and first-person cameras saturate it.

Example:
    >>> moves([3.0] * 4 + [0.0] * 11), moves([3.0] * 3 + [0.0] * 12)
    (True, False)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.metrics.by_frame import PerFrame
from harness.metrics.omniscore.motion_magnitude import MOTION_MAGNITUDE
from harness.registry import register
from harness.types import Made, Metric

LEAST_PER_CENT = 100 * 6 / 256
SHARE_OF_FRAMES = 4 / 16


def moves(steps: Sequence[float]) -> bool:
    """Say whether a clip with these motion magnitudes (% of the shorter side, one a step) moves."""
    fast = sum(step > LEAST_PER_CENT for step in steps)
    return fast >= round(SHARE_OF_FRAMES * (len(steps) + 1))


def by_magnitude(per_step: PerFrame) -> Callable[[Made], float | None]:
    """Return a function from what was made to 1.0 where it moves, else 0.0."""

    def compute(made: Made) -> float | None:
        steps = per_step(made)
        return None if steps is None else float(moves(steps))

    return compute


for _motion in MOTION_MAGNITUDE:
    assert _motion.per_frame is not None
    _backend = _motion.name.partition("[")[2].rstrip("]")
    register("metric", f"dynamic_degree[{_backend}]")(
        Metric(
            name=f"dynamic_degree[{_backend}]",
            summary=f"dynamic degree: whether a video moves by VBench's rule, flow of {_backend}",
            unit="moves",
            direction="higher",
            scale="difference",
            compute=by_magnitude(_motion.per_frame),
            quality=True,
            packages=_motion.packages,
            assets=_motion.assets,
            needs=(),
        )
    )
