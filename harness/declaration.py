"""Whether a suite's declaration can be judged: looked at before the first trial, so that no run ends in a mistake."""

from __future__ import annotations

import math
from collections.abc import Mapping

from harness.errors import DiptychError, unknown
from harness.types import Metric, Suite


def judged_metrics(suite: Suite) -> tuple[str, ...]:
    """Names of the suite's metrics, in its order, the primary ones among them."""
    return tuple(dict.fromkeys((*suite.metrics, suite.primary_speed, suite.primary_quality)))


def check_suite(suite: Suite, metrics: Mapping[str, Metric]) -> None:
    """Refuse a suite whose findings could not be judged.

    Args:
        suite: The declaration.
        metrics: At least the suite's own metrics, by name.

    Raises:
        UsageError: It names a metric, or a negative control, that does not exist.
        DiptychError: Its margin or a threshold is no size of a change, or its primary speed metric is no ratio.
    """
    where = f"suite {suite.name!r}"
    names = judged_metrics(suite)
    for name in names:
        if name not in metrics:
            raise unknown("metric", name, metrics, "diptych list metrics")
    if not (math.isfinite(suite.margin) and suite.margin > 0):
        raise DiptychError(f"{where} declares margin {suite.margin}; a non-inferiority margin is positive.")
    for threshold in suite.thresholds:
        if threshold.metric not in names:
            raise unknown(f"threshold metric of {where}:", threshold.metric, names)
        if not (math.isfinite(threshold.tau) and threshold.tau >= 0):
            raise DiptychError(
                f"{where} declares threshold {threshold.tau} for {threshold.metric}; a threshold is at least 0."
            )
    if metrics[suite.primary_speed].scale != "ratio":
        raise DiptychError(
            f"{where} declares {suite.primary_speed!r} as its primary speed metric, which is not analysed as a ratio; "
            "name a rate or a time."
        )
    if suite.primary_speed not in {threshold.metric for threshold in suite.thresholds}:
        raise DiptychError(
            f"{where} declares no threshold for its primary speed metric {suite.primary_speed!r}: without one "
            "nothing is faster. Add Threshold(metric=..., tau=0.05, why=...) to its thresholds."
        )
    control = suite.negative_control
    others = [arm.name for arm in suite.arms if arm.name != suite.baseline]
    if control is not None and control not in others:
        raise unknown(f"negative control of {where}:", control, others)
