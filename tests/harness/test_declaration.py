"""What a suite must declare before anything is run."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from harness.declaration import check_suite
from harness.errors import DiptychError
from harness.types import Arm, Case, Metric, Scale, Suite, Threshold

METRICS = {
    name: Metric(name=name, summary="", unit="", direction="higher", scale=scale, compute=lambda made: None)
    for name, scale in (("rate", "ratio"), ("ssim", "difference"))
}
METRICS["both"] = replace(METRICS["ssim"], name="both", parts=("ssim", "other", "third"), combine=lambda values: 0.0)


def suite(**changes) -> Suite:
    facts = {
        "name": "toy",
        "version": 1,
        "question": "?",
        "arms": tuple(Arm(name=name, maker="m") for name in ("base", "fast", "broken")),
        "baseline": "base",
        "scales": {"smoke": Scale(name="smoke", cases=(Case(name="c", group="g", model="m"),))},
        "metrics": ("rate", "ssim"),
        "primary_speed": "rate",
        "primary_quality": "ssim",
        "margin": 0.1,
        "margin_why": "",
        "thresholds": (Threshold(metric="rate", tau=0.05),),
        "negative_control": "broken",
    }
    return Suite(**(facts | changes))


def test_a_sound_declaration_passes():
    check_suite(suite(), METRICS)
    check_suite(suite(negative_control=None), METRICS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"margin": 0.0}, "margin: a non-inferiority margin is positive, not 0.0"),
        ({"margin": math.nan}, "positive, not nan"),
        ({"thresholds": (Threshold(metric="rate", tau=-0.05),)}, "thresholds: that of rate is at least 0, not -0.05"),
        ({"thresholds": (Threshold(metric="rat", tau=0.05),)}, "did you mean 'rate'"),
        ({"primary_speed": "ssim"}, "not analysed as a ratio"),
        ({"thresholds": (Threshold(metric="ssim", tau=0.05),)}, "none for the primary speed metric 'rate'"),
        ({"metrics": ("rate", "psnr")}, "unknown metric 'psnr'"),
        ({"metrics": ("rate", "ssim", "both")}, "composite 'both' is put together .* add its parts other, third"),
        ({"negative_control": "brokn"}, "did you mean 'broken'"),
        ({"negative_control": "base"}, "unknown negative control"),
    ],
)
def test_what_could_not_be_judged_is_refused_before_a_trial(changes, message):
    with pytest.raises(DiptychError, match=message):
        check_suite(suite(**changes), METRICS)
