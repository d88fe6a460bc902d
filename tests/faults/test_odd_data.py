"""Clocks that step back, values that are no numbers, prompts of ten kilobytes in every script."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harness.analyse import analyse
from harness.cli.main import run as diptych
from harness.errors import DiptychError
from harness.run import resume_run, run_suite
from harness.store.run_store import RunStore
from harness.types import Case
from reports.report import write_report
from tests.harness.launch_fakes import FAULTS, a_suite, fake_analyse, filled

ODD = "’ „“ <script>alert(1)</script> & \"quoted\" \\ \t\n {{7*7}} שלום 视频 🎬 \u202e x̷̛ \u0000 %s "
PROMPT = (ODD * 200)[:10_000]


def test_a_wall_clock_that_steps_back_changes_no_duration_and_no_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = datetime(2026, 3, 29, 2, 59, tzinfo=UTC)

    def step_back() -> str:
        nonlocal moment
        moment -= timedelta(hours=1)
        return moment.isoformat(timespec="milliseconds")

    monkeypatch.setattr("harness.trial.now", step_back)
    monkeypatch.setattr("harness.run.now", step_back)
    monkeypatch.setenv(FAULTS, json.dumps({"fast case1": "memory"}))
    common: dict[str, Any] = {"registry": filled(), "analyse": fake_analyse}
    result = run_suite(a_suite(6), results=tmp_path, threads=1, keep_samples=0, **common)
    monkeypatch.setenv(FAULTS, "{}")
    again = resume_run(result.path, retry_failed=True, **common)
    records = RunStore.open(result.path).records()
    assert (again.finished, again.failed) == (18, 0)
    assert [r.index for r in records] == list(range(18))
    assert all(r.seconds == [0.25] * 3 for r in records)
    starts = [r.started_at for r in records if r.session == 0]
    assert starts == sorted(starts, reverse=True), "the clock did step back"
    metrics = {entry.name: entry.load() for entry in filled().list("metric")}
    found = analyse(a_suite(6), records, metrics)
    assert found.failed == 0, "the retried trial counts, though its clock says that it came first"


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_value_that_is_no_number_is_said_and_never_averaged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], value: str
) -> None:
    common: dict[str, Any] = {"registry": filled(), "analyse": fake_analyse}
    path = run_suite(a_suite(8), results=tmp_path, threads=1, keep_samples=0, **common).path
    metrics = {entry.name: entry.load() for entry in filled().list("metric")}
    lines = [json.loads(line) for line in (path / "trials.jsonl").read_text().splitlines()]
    records = RunStore.open(path).records()
    broken = next(i for i, line in enumerate(lines) if line["arm"] == "fast")
    spoiled = [
        r.model_copy(update={"values": {**r.values, "distance": float(value)}}) if i == broken else r
        for i, r in enumerate(records)
    ]
    found = {f.arm: f for f in analyse(a_suite(8), spoiled, metrics).findings if f.metric == "distance"}
    assert found["fast"].estimate.value is None
    assert "not finite" in str(found["fast"].estimate.reason)
    assert found["faster"].estimate.value is not None, "other arms are judged as before"


def test_no_flipped_bit_of_a_record_goes_unnoticed(tmp_path: Path) -> None:
    common: dict[str, Any] = {"registry": filled(), "analyse": fake_analyse}
    path = run_suite(a_suite(2), results=tmp_path, threads=1, keep_samples=0, **common).path
    file = path / "trials.jsonl"
    sound = file.read_bytes()
    written = RunStore.open(path).records()
    chance = random.Random(0)
    for _ in range(400):
        place, bit = chance.randrange(len(sound)), 1 << chance.randrange(8)
        file.write_bytes(sound[:place] + bytes([sound[place] ^ bit]) + sound[place + 1 :])
        store = RunStore.open(path)
        found, refusal = [], ""
        try:
            found = store.records()
        except DiptychError as error:
            refusal = str(error)
        told = ("trials.jsonl:" in refusal and "is damaged" in refusal) or (not refusal and bool(store.problems))
        assert told, f"byte {place}, bit {bit} of trials.jsonl was flipped and nobody noticed: {refusal}"
        assert all(record in written for record in found), "what is left is what was written"


def test_prompts_of_ten_kilobytes_in_every_script_go_through_run_show_and_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = a_suite(6)
    scale = suite.scales["smoke"]
    cases = tuple(
        Case(name=f"{i} {ODD}"[:60], group="gr<ou>p 视频", model="m", params={"prompt": PROMPT, "frames": 3})
        for i in range(6)
    )
    suite = suite.model_copy(update={"scales": {"smoke": scale.model_copy(update={"cases": cases})}})
    result = run_suite(suite, results=tmp_path, threads=1, keep_samples=1, registry=filled())
    assert (result.finished, result.failed) == (18, 0)
    manifest = RunStore.open(result.path).manifest
    assert manifest.suite.scales["smoke"].cases[0].params["prompt"] == PROMPT
    metrics = {entry.name: entry.load() for entry in filled().list("metric")}
    page = Path(write_report([result.path], tmp_path / "page.html", metrics=metrics).path).read_text()
    assert "<script>alert(1)" not in page
    assert "gr&lt;ou&gt;p" in page
    assert diptych(["show", str(result.path), "--json"]) in (0, 2), "its metrics are not registered here"
    assert "Traceback" not in capsys.readouterr().err
