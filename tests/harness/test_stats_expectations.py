"""What a suite knows before measuring: met, not met, or not to be told."""

from __future__ import annotations

from harness.stats.expectations import check_expectations, summary
from harness.types import Estimate, Expectation, Finding, Suite, Verdict
from suites.metrics_sanity import METRICS_SANITY


def finding(arm: str, value: float | None, verdict: Verdict = "regressed", **more: object) -> Finding:
    estimate = Estimate(value=value, low=value, high=value, direction="higher", **more)  # type: ignore[arg-type]
    return Finding(metric="ssim", group="g", arm=arm, baseline="clean", estimate=estimate, verdict=verdict)


def suite(*expectations: Expectation) -> Suite:
    return METRICS_SANITY.model_copy(update={"expectations": expectations})


REGRESSED = Expectation(arm="noise-3", metric="ssim", verdict="regressed", why="it is noise")
WORSE = Expectation(arm="noise-3", metric="ssim", worse_than="noise-1")


def test_a_verdict_is_met_or_not() -> None:
    (met,) = check_expectations(suite(REGRESSED), [finding("noise-3", -0.5)])
    assert met.met is True
    (missed,) = check_expectations(suite(REGRESSED), [finding("noise-3", -0.5, "within noise")])
    assert missed.met is False
    assert str(missed) == (
        "g: expectation not met: noise-3 should read regressed in ssim and reads within noise (it is noise)"
    )


def test_order_follows_the_direction_of_the_metric() -> None:
    both = [finding("noise-1", -0.1), finding("noise-3", -0.5)]
    assert [c.met for c in check_expectations(suite(WORSE), both)] == [True]
    equal = [finding("noise-1", -0.1), finding("noise-3", -0.1)]
    assert [c.met for c in check_expectations(suite(WORSE), equal)] == [False]
    lower = [f.model_copy(update={"estimate": f.estimate.model_copy(update={"direction": "lower"})}) for f in both]
    assert [c.met for c in check_expectations(suite(WORSE), lower)] == [False]


def test_what_has_no_number_or_no_verdict_is_not_told() -> None:
    assert [c.met for c in check_expectations(suite(REGRESSED), [finding("noise-3", None)])] == [None]
    few = finding("noise-3", -0.5, "inconclusive", reason="3 cases: an interval needs at least 6")
    assert [c.met for c in check_expectations(suite(REGRESSED), [few])] == [None]
    assert [c.met for c in check_expectations(suite(WORSE), [finding("noise-3", -0.5)])] == [None]


def test_the_summary_counts() -> None:
    checked = check_expectations(suite(REGRESSED, WORSE), [finding("noise-3", -0.5)])
    assert summary(checked) == "1 of 1 expectations are met; 1 could not be checked."
    assert summary([]) == ""


def test_the_sanity_suite_expects_of_every_metric() -> None:
    told = {e.metric for e in METRICS_SANITY.expectations}
    assert told == set(METRICS_SANITY.metrics)
    for metric in METRICS_SANITY.metrics:
        assert any(e.metric == metric and e.verdict == "regressed" for e in METRICS_SANITY.expectations)
        assert any(e.metric == metric and e.worse_than for e in METRICS_SANITY.expectations)
