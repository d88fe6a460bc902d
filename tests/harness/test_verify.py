"""Runs that were gutted by a careful hand, checksums mended and summary derived anew: what is wrong is still found."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.provenance import declaration_sha256
from harness.result import analysed, summary_facts
from harness.run import run_suite
from harness.store.run_store import RunStore
from harness.verify import records as checks
from harness.verify import summary as of_summary
from harness.verify.facts import Verification
from harness.verify.verify import verify
from tests.forge import read_lines, write_lines
from tests.harness.launch_fakes import a_suite, filled

REGISTRY = filled()
METRICS = {name: REGISTRY.get("metric", name) for name in ("rate", "distance")}
Facts = dict[str, Any]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_suite(a_suite(8), results=tmp_path_factory.mktemp("whole"), registry=filled(), keep_samples=2).path


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "results" / "faulty-suite" / whole.name))


def verified(run: Path) -> Verification:
    return verify(run, METRICS, REGISTRY, lambda manifest, notes: None)


def rebuild(run: Path) -> None:
    facts = summary_facts(analysed(RunStore.open(run), METRICS))
    (run / "summary.json").write_text(json.dumps(facts))


def change_json(file: Path, change: Callable[[Facts], object]) -> None:
    facts = json.loads(file.read_text())
    change(facts)
    file.write_text(json.dumps(facts))


def change_lines(run: Path, change: Callable[[Facts], object], arm: str = "fast") -> None:
    lines = read_lines(run)
    for line in lines:
        if line["arm"] == arm:
            change(line)
    write_lines(run, lines)
    rebuild(run)


def told(run: Path, what: str) -> list[str]:
    """Return why the run is no longer what it was, all of it being of one kind."""
    found = verified(run)
    assert not found.ok
    assert {problem.what for problem in found.problems} == {what}, found.problems
    return [f"{problem.where}: {problem.why}" for problem in found.problems]


def test_a_whole_run_is_what_it_was(run: Path) -> None:
    found = verified(run)
    assert (found.ok, found.problems) == (True, ())
    assert found.checked.items() >= {"records": 24, "declarations": 1, "summaries": 1, "videos": 8}.items()
    assert found.checked["values from videos"] == 6  # two blocks of three arms


# ---- the summary ----------------------------------------------------------------------------------------------------


def gut_findings(facts: Facts) -> None:
    facts["findings"] = [{"metric": finding["metric"], "arm": finding["arm"]} for finding in facts["findings"]]


GUTTED: dict[str, tuple[Callable[[Facts], object], str]] = {
    "all": (lambda facts: facts.clear(), "findings: absent →"),
    "findings": (lambda facts: facts.pop("findings"), "findings: absent → [{"),
    "conclusions": (lambda facts: facts.pop("conclusions"), "conclusions: absent → [{"),
    "counts": (lambda facts: facts.pop("trials"), "trials: absent → {"),
    "estimates and verdicts": (gut_findings, "findings[0].estimate: absent → {"),
    "interval": (lambda facts: facts["findings"][0]["estimate"].pop("low"), "findings[0].estimate.low: absent →"),
}


@pytest.mark.parametrize("same_code", [True, False])
@pytest.mark.parametrize("what", GUTTED)
def test_a_summary_without_its_findings_is_a_problem_in_every_version(
    run: Path, what: str, same_code: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_summary, "same_code", lambda manifest: same_code)
    monkeypatch.setattr(of_summary, "SHOWN", 100)
    change, why = GUTTED[what]
    change_json(run / "summary.json", change)
    (problem,) = told(run, "summary")
    assert why in problem


@pytest.mark.parametrize("change", [{"later": 1}, {"expected": None}], ids=["new", "lost"])
def test_a_key_of_another_version_is_a_note_and_of_this_one_a_problem(
    run: Path, change: Facts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed(facts: Facts) -> None:
        facts.update(change)
        facts.update({key: value for key, value in facts.items() if value is not None})
        for key in [key for key, value in change.items() if value is None]:
            del facts[key]

    change_json(run / "summary.json", changed)
    monkeypatch.setattr(of_summary, "same_code", lambda manifest: False)
    found = verified(run)
    assert found.ok
    assert any("another version" in skipped.why for skipped in found.skipped if skipped.what == "summary")
    monkeypatch.setattr(of_summary, "same_code", lambda manifest: True)
    (problem,) = told(run, "summary")
    assert next(iter(change)) in problem


# ---- the records ----------------------------------------------------------------------------------------------------


def test_finished_trials_without_values_are_a_problem(run: Path) -> None:
    change_lines(run, lambda line: line["values"].clear())
    problems = told(run, "value")
    assert len(problems) == 8
    assert all("fast): it is finished and has no rate and no distance" in problem for problem in problems)


def test_a_rate_that_became_null_is_a_problem(run: Path) -> None:
    change_lines(run, lambda line: line["values"].update(rate=None))
    assert len(told(run, "value")) == 8


def test_quality_that_became_null_in_one_half_is_a_problem(run: Path) -> None:
    shutil.rmtree(run / "samples")
    change_lines(run, lambda line: line.update(sample=None), "base")
    change_lines(run, lambda line: line.update(sample=None), "faster")
    change_lines(run, lambda line: (line.update(sample=None), line["values"].update(distance=None)))
    problems = told(run, "value")
    assert len(problems) == 8
    assert all("distance is null, but " in problem and "of the same block and maker" in problem for problem in problems)


def test_quality_that_another_maker_does_not_give_is_no_problem(run: Path) -> None:
    """The plan and the declaration are then others, but no value is missing."""
    change_json(run / "manifest.json", lambda facts: facts["suite"]["arms"][1].update(maker="other"))
    change_lines(run, lambda line: (line.update(sample=None), line["values"].update(distance=None)))
    assert "value" not in {problem.what for problem in verified(run).problems}


# ---- the declaration ------------------------------------------------------------------------------------------------


def set_tau(suite: Facts) -> None:
    suite["thresholds"][0]["tau"] = 0.5


DECLARED: dict[str, Callable[[Facts], object]] = {
    "tau": set_tau,
    "margin": lambda suite: suite.update(margin=1e9),
    "metrics": lambda suite: suite.update(metrics=["rate"]),
    "placebo": lambda suite: suite.update(placebo=True),
    "negative control": lambda suite: suite.update(negative_control="fast"),
    "question": lambda suite: suite.update(question="Another one?"),
}


@pytest.mark.parametrize("what", DECLARED)
def test_a_declaration_that_was_changed_after_measuring_is_a_problem(run: Path, what: str) -> None:
    change_json(run / "manifest.json", lambda facts: DECLARED[what](facts["suite"]))
    rebuild(run)
    (problem,) = told(run, "declaration")
    assert "declared before measuring" in problem


def test_a_manifest_without_the_hash_of_its_declaration_is_a_problem(run: Path) -> None:
    change_json(run / "manifest.json", lambda facts: facts.pop("declaration_sha256"))
    (problem,) = told(run, "declaration")
    assert "no declaration_sha256" in problem


def test_a_run_begins_with_the_hash_of_its_declaration(run: Path) -> None:
    assert RunStore.open(run).manifest.declaration_sha256 == declaration_sha256(a_suite(8))


@pytest.mark.parametrize(("key", "value", "why"), [("threads", 7, "threads 7"), ("device", "cuda:3", "device 'cuda'")])
def test_device_and_threads_are_those_of_the_context(run: Path, key: str, value: object, why: str) -> None:
    change_json(run / "manifest.json", lambda facts: facts.update({key: value}))
    (problem,) = told(run, "context")
    assert f"the manifest says {why}, its context" in problem


def test_a_context_that_tells_no_threads_is_said(run: Path) -> None:
    change_json(run / "manifest.json", lambda facts: facts["context"].pop("threads"))
    found = verified(run)
    assert {problem.what for problem in found.problems} == {"key"}  # the context is part of it
    assert "it does not tell the threads" in [skipped.why for skipped in found.skipped]


# ---- the videos -----------------------------------------------------------------------------------------------------


def first_of(run: Path, arm: str) -> int:
    return next(n for n, line in enumerate(read_lines(run)) if line["arm"] == arm and line["sample"])


def test_videos_that_two_arms_have_exchanged_are_a_problem(run: Path) -> None:
    lines = read_lines(run)
    one, other = (lines[first_of(run, arm)]["sample"] for arm in ("base", "faster"))
    one["generated"], other["generated"] = other["generated"], one["generated"]
    write_lines(run, lines)
    problems = told(run, "value")
    assert len(problems) == 2
    assert all("its kept video and true continuation give" in problem for problem in problems)


@pytest.mark.parametrize(("elsewhere", "factor", "ok"), [(False, 1e-9, False), (True, 1e-9, True), (True, 1e-4, False)])
def test_a_score_is_exact_where_it_was_made_and_close_elsewhere(
    run: Path, elsewhere: bool, factor: float, ok: bool
) -> None:
    if elsewhere:
        change_json(run / "manifest.json", lambda facts: facts["context"].update(numpy="1.0"))
    lines = read_lines(run)
    lines[first_of(run, "fast")]["values"]["distance"] *= 1 + factor
    write_lines(run, lines)
    rebuild(run)
    found = verified(run)
    assert ("value" not in {problem.what for problem in found.problems}) == ok, found.problems
    assert any(skipped.what == "value" and "rounds another way" in skipped.why for skipped in found.skipped) == ok


def test_a_metric_that_needs_more_than_frames_is_not_computed_from_them(run: Path) -> None:
    record = RunStore.open(run).records()[0]
    remembered = checks.Remembered(record, video=np.zeros(3))
    assert remembered.video.shape == (3,)
    assert remembered.counts == record.counts
    with pytest.raises(checks.NeedsMoreError):
        _ = remembered.values
