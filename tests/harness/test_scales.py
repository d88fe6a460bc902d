"""Two scales of a suite may declare a case of one name otherwise: what counts is the scale that was run."""

from __future__ import annotations

import pytest

from harness.analyse import analyse, compare_runs
from harness.errors import UsageError
from harness.result import analysed
from harness.run import run_suite
from harness.store.run_store import RunStore
from tests.harness import launch_fakes
from tests.harness.analyse_toy import FAST, GOOD, METRICS, finding, make_records, make_suite, runs


def with_full(suite, small="small", **changes):
    """Add a scale, declared last, whose cases have the same names."""
    cases = tuple(case.model_copy(update=changes) for case in suite.scales[small].cases)
    full = suite.scales[small].model_copy(update={"name": "full", "cases": cases})
    return suite.model_copy(update={"scales": {**suite.scales, "full": full}})


def test_a_scale_that_was_not_run_changes_nothing(tmp_path):
    registry = launch_fakes.filled()
    metrics = {name: registry.get("metric", name) for name in ("rate", "distance")}
    suite = with_full(launch_fakes.a_suite(8), "smoke", speed_only=True, group="other")
    store = RunStore.open(run_suite(suite, "smoke", results=tmp_path, registry=registry, keep_samples=0).path)
    found = analysed(store, metrics).analysis
    assert found == analyse(launch_fakes.a_suite(8), store.records(), metrics)
    assert {f.estimate.n for f in found.findings} == {8}
    assert not any("random weights" in note for note in found.notes)


def test_without_the_scale_such_a_suite_is_refused_and_an_equal_or_irrelevant_declaration_is_not():
    suite = make_suite()
    records = make_records(suite, GOOD)
    for changes in ({"speed_only": True}, {"group": "other"}):
        with pytest.raises(UsageError, match=r"scales\.full\.cases.*'g/000' has another group or speed_only.*'small'"):
            analyse(with_full(suite, **changes), records, METRICS)
    assert analyse(with_full(suite, params={"frames": 9}), records, METRICS) == analyse(suite, records, METRICS)


def test_two_runs_are_compared_by_the_scales_that_they_ran():
    _, (m, old), (n, new) = runs(-0.1)
    plain = compare_runs((m, old), (n, new), METRICS)
    for changes in ({"speed_only": True}, {"params": {"frames": 9}}, {"model": "other"}):
        wider = n.model_copy(update={"suite": with_full(n.suite, **changes)})
        assert compare_runs((m, old), (wider, new), METRICS) == plain
    ran = with_full(n.suite, speed_only=True)
    full = n.model_copy(update={"suite": ran, "plan": n.plan.model_copy(update={"scale": "full"})})
    found = compare_runs((m, old), (full, new), METRICS)
    assert finding(found, "accuracy", FAST).estimate.low is None
    assert "cases.g/000.speed_only" in {d.key for d in found.context_differences}
