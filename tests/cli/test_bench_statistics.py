"""``diptych bench statistics``: which rows there are, what they are held to, and that a broken estimate misses it."""

from __future__ import annotations

import pytest

from harness.benches import statistics
from harness.benches.rows import row
from harness.benches.statistics import Size
from harness.cli.verbs import run_bench

TINY = Size(plain=400, family=30, runs=4, resamples=199)


@pytest.fixture
def rows(monkeypatch):
    monkeypatch.setattr(statistics, "QUICK", TINY)
    monkeypatch.setattr(statistics, "RESAMPLES", 500)
    told: list[str] = []
    facts = run_bench("statistics", quick=True, seed=3, tell=told.append)
    assert told
    assert facts.context["cpu"]
    return {found.name: found for found in facts.rows}


def test_every_cell_of_the_grid_every_noise_and_every_threshold_has_a_row(rows):
    coverage = [found for name, found in rows.items() if name.startswith("coverage")]
    assert len(coverage) == 2 * 4 * 4
    bounded = [found for found in coverage if found.ceiling is not None]
    assert {(found.target, found.ceiling) for found in bounded} == {(0.93, 0.97)}
    assert len(bounded) == 2 * 3 * 4
    heavy = [found for found in coverage if "log-normal" in found.name]
    assert {found.name: found.target for found in heavy if found.target} == {
        "coverage, one interval, log-normal, 64 cases": 0.90
    }
    for suite in ("null", "decoding"):
        for noise in ("independent", "ar1", "drift"):
            assert rows[f"A/A judged, {suite}, {noise} noise, shipped τ"].target == 0.05
            assert rows[f"A/A judged, {suite}, {noise} noise, τ = 0"].target == pytest.approx(
                0.05 + 2 * 0.109, abs=1e-3
            )
        power = [found for name, found in rows.items() if name.startswith(f"3% slower is regressed, {suite}")]
        assert [found.target for found in power if "shipped" in found.name] == [0.9]
        assert len(power) == 7
        assert [found.value for found in power if "τ = 0.05" in found.name] == [0.0]
    (time,) = [found for name, found in rows.items() if name.endswith(": time")]
    assert (time.unit, time.target) == ("s", 2.0)
    assert all(found.reason for found in rows.values())


def test_rates_say_the_interval_that_their_count_allows(rows):
    found = rows["A/A judged, null, ar1 noise, shipped τ"]
    assert found.value == 0
    assert found.reason == "n = 4, [0.000, 0.602]"  # 1 - 0.025 ** (1 / 4)


def test_a_ceiling_is_a_target_too():
    assert row("x", 0.95, "fraction", target=0.93, ceiling=0.97).met is True
    assert row("x", 0.97, "fraction", target=0.93, ceiling=0.97).met is True
    assert row("x", 0.98, "fraction", target=0.93, ceiling=0.97).met is False
    assert row("x", 0.92, "fraction", target=0.93, ceiling=0.97).met is False
    assert row("x", None, "fraction", target=0.93, ceiling=0.97).met is False
    assert row("x", 0.98, "fraction").met is None


def test_intervals_that_are_too_narrow_miss_their_targets(monkeypatch):
    monkeypatch.setattr("harness.stats.coverage.t_quantile", lambda confidence, degrees: 1.6)
    monkeypatch.setattr("harness.stats.paired.t_quantile", lambda confidence, degrees: 1.6)
    monkeypatch.setattr("harness.stats.family.t_quantile", lambda confidence, degrees: 1.6)
    monkeypatch.setattr(statistics, "QUICK", Size(plain=400, family=30, runs=40, resamples=99))
    monkeypatch.setattr(statistics, "SUITES", statistics.SUITES[:1])
    monkeypatch.setattr(statistics, "RESAMPLES", 500)
    rows = {found.name: found for found in run_bench("statistics", quick=True).rows}
    assert rows["coverage, one interval, normal, 64 cases"].met is False
    assert rows["coverage, family of 6, normal, 64 cases"].met is False
    judged = rows["A/A judged, null, independent noise, τ = 0"]
    assert judged.met is False
    assert "too narrow" in judged.reason


def test_the_command_prints_rows_and_no_empty_columns(diptych, monkeypatch):
    monkeypatch.setattr(statistics, "QUICK", Size(plain=50, family=3, runs=1, resamples=99))
    monkeypatch.setattr(statistics, "RESAMPLES", 500)
    said = diptych("bench", "statistics", "--quick")
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    assert lines[0].split() == ["name", "value", "unit", "target", "met", "remark"]
    assert any("0.93 to 0.97" in line for line in lines)
    document = diptych("bench", "statistics", "--quick", "--json").document
    assert document.keys() >= {"rows", "context"}
    assert document["rows"][0].keys() >= {"name", "value", "unit", "reference", "ratio", "target", "met"}


@pytest.mark.full
def test_the_quick_version_meets_every_target_but_the_one_that_is_known_to_be_missed():
    facts = run_bench("statistics", quick=True)
    missed = {found.name: found for found in facts.rows if found.met is False}
    known = "3% slower is regressed, decoding, shipped τ = 0.01"  # 0.8945 [0.880, 0.908] of 2000 runs: dev/LOG.md
    assert missed.keys() <= {known}
    assert all(found.value > 0.8 for found in missed.values())
