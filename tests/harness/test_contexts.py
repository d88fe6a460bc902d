"""Runs that went on in another context: what is no pair, and what two runs may not be compared in."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.analyse import analyse, compare_runs
from harness.cli.facts import complete_pairs
from harness.cli.verbs import compare_runs as compare
from harness.errors import DiptychError
from harness.power import power_rows
from harness.result import counted
from harness.run import resume_run, run_suite
from harness.stats.compare import ACROSS
from harness.store.run_store import RunStore
from harness.store.sessions import Session, contexts
from harness.verify.facts import Notes
from harness.verify.summary import check_summary
from tests.harness import launch_fakes
from tests.harness.analyse_toy import BASE, FAST, GOOD, METRICS, finding, make_records, make_suite, manifest, runs

HERE, THERE = (), ("torch: 2.4 → 2.5",)


def moved(records, arms=(FAST,), first=0, context=THERE):
    """The halves of ``arms`` from the case ``first`` on, made by a session in another context."""
    names = sorted({r.block.case for r in records})[first:]
    update = {"session": 1, "context_differences": context}
    return [r.model_copy(update=update) if r.arm in arms and r.block.case in names else r for r in records]


def test_halves_of_different_contexts_enter_nothing_and_are_counted():
    suite = make_suite(cases=40)
    records = make_records(suite, {BASE: (1.0, 0.0), FAST: (2.0, -0.3)})
    split = moved(records, first=30)
    kept = [r for r in records if r.block.case < "g/030"]
    found, expected = analyse(suite, split, METRICS), analyse(suite, kept, METRICS)
    assert found.findings == expected.findings
    assert found.conclusions == expected.conclusions
    assert found.unpaired == 20
    assert "g: pairs of diagonal whose halves were made in different contexts: 10; they are left out of everything" in (
        found.notes
    )
    assert complete_pairs(split, BASE) == 30


def test_nothing_is_concluded_where_every_pair_spans_two_contexts():
    suite = make_suite()
    found = analyse(suite, moved(make_records(suite, {BASE: (1.0, 0.0), FAST: (2.0, -0.3)})), METRICS)
    assert {f.verdict for f in found.findings} == {"inconclusive"}
    assert finding(found, "accuracy").estimate.n == 0
    assert found.conclusion.startswith("No complete pair")


def test_whole_blocks_of_another_context_are_pairs():
    suite = make_suite()
    records = make_records(suite, GOOD)
    found = analyse(suite, moved(records, (BASE, FAST), first=16), METRICS)
    assert finding(found, "accuracy").estimate.n == 32
    assert found.unpaired == 0
    halves = moved(moved(records, (BASE,), first=16), (FAST,), first=16, context=("torch: 2.4 → 2.6",))
    assert finding(analyse(suite, halves, METRICS), "accuracy").estimate.n == 16


def test_set_metrics_and_power_leave_them_out_too():
    suite = make_suite(cases=100, metrics=("fps", "accuracy", "kvd[f]"))
    records = moved(make_records(suite, GOOD, dimensions=3), first=60)
    assert finding(analyse(suite, records, METRICS), "kvd[f]").estimate.n == 60
    rows = power_rows(manifest(suite, "A"), records, METRICS, suite, power=0.9)
    assert {row.blocks_recorded for row in rows} == {60}


def test_a_candidate_with_a_session_in_another_context_differs_and_its_findings_say_so():
    _, a, (m, new) = runs(-0.1)
    found = compare_runs(a, (m, moved(new, first=31)), METRICS)
    (difference,) = found.context_differences
    assert (difference.key, difference.reference, difference.candidate) == ("session", "as the run began", *THERE)
    assert all(ACROSS in f.estimate.method for f in found.findings)
    (back,) = compare_runs((m, moved(new)), a, METRICS).context_differences
    assert (back.reference, back.candidate) == (*THERE, "as the run began")
    one = (m, moved(new))
    assert compare_runs(one, one, METRICS).context_differences == []


def test_sessions_of_equal_facts_share_a_context():
    facts = [["b: 1 → 2", "a: 1 → 2"], [], ["a: 1 → 2", "b: 1 → 2"]]
    sessions = [Session(session=n, started_at="", context_differences=f) for n, f in enumerate(facts, 1)]
    known = contexts(sessions)
    assert known[0] == known[2] == ()
    assert known[1] == known[3] != ()


@pytest.fixture
def resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A run whose baseline was made in one context and whose other arms in another; and one all in the first."""
    suite, registry = launch_fakes.a_suite(8), launch_fakes.filled()
    whole, part = (run_suite(suite, results=tmp_path, registry=registry, keep_samples=0).path for _ in range(2))
    lines = (part / "trials.jsonl").read_text().splitlines(keepends=True)
    (part / "trials.jsonl").write_text("".join(line for line in lines if '"arm":"base"' in line))
    (part / "summary.json").unlink()
    monkeypatch.setattr(launch_fakes.FaultyMaker, "context", lambda self: {"weights": "w1"})
    resume_run(part, registry=registry, across_contexts=True)
    return whole, part, {name: registry.get("metric", name) for name in ("rate", "distance")}


def test_a_run_that_went_on_in_another_context_pairs_nothing_across(resumed):
    _, part, metrics = resumed
    store = RunStore.open(part)
    records = store.records()
    assert {r.context_differences == () for r in records if r.arm == "base"} == {True}
    assert {r.context_differences for r in records if r.arm != "base"} == {("makers.faulty.weights: w0 → w1",)}
    assert not any(b'"context_differences"' in line for line in (part / "trials.jsonl").read_bytes().splitlines())
    found, counts = analyse(store.manifest.as_run, records, metrics), counted(store, records)
    assert {f.estimate.n for f in found.findings} == {0}
    assert any("contexts" in note for note in found.notes)
    assert (counts.pairs, counts.unpaired, found.unpaired) == (0, 24, 24)


def test_the_verb_asks_before_it_compares_such_a_run(resumed, monkeypatch):
    whole, part, metrics = resumed
    monkeypatch.setattr("harness.cli.verbs.load_metrics", lambda: metrics)
    with pytest.raises(DiptychError, match=r"different contexts: session .*w0 → w1.*--across-contexts"):
        compare(whole, part)
    found = compare(whole, part, across_contexts=True)
    assert all(ACROSS in f.estimate.method for f in found.findings)


def test_the_summary_that_such_a_run_wrote_is_what_its_records_give(resumed):
    _, part, metrics = resumed
    store, notes = RunStore.open(part), Notes()
    check_summary(store, {r.index: r for r in store.records()}, metrics, notes)
    assert notes.checked["summaries"] == 1
    assert notes.problems == []


def test_a_trial_of_a_session_that_nobody_tells_of_is_in_no_known_context(resumed):
    _, part, _ = resumed
    (part / "sessions.jsonl").unlink()
    facts = {r.context_differences for r in RunStore.open(part).records() if r.arm != "base"}
    assert facts == {("session 1 is not in sessions.jsonl",)}


def test_a_worker_lost_in_another_context_does_not_bring_the_run_back_to_its_first(resumed, monkeypatch):
    """The session that a new worker process begins is in the context of the process that resumed the run."""
    from harness import run

    _, part, _ = resumed
    lines = (part / "trials.jsonl").read_text().splitlines(keepends=True)
    (part / "trials.jsonl").write_text("".join(lines[:-1]))

    class Losing(run.Drive):
        def run(self, retry_failed):
            self._restarted()
            return super().run(retry_failed)

    monkeypatch.setattr(run, "Drive", Losing)
    resume_run(part, registry=launch_fakes.filled(), across_contexts=True)
    (last,) = [r for r in RunStore.open(part).records() if r.session == 3]
    assert last.context_differences == ("makers.faulty.weights: w0 → w1",)
