"""``diptych results``: listing, aggregating, exporting, rebuilding, removing, cleaning; and results as pandas."""

from __future__ import annotations

import csv
import importlib.util
import json
import math
import os
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import harness
from harness.cli.commands.results import size
from harness.export.table import harmless
from harness.files import file_sha256
from harness.store import index
from harness.store.index import INDEX, indexed_runs
from harness.store.lock import WriterLock, writer_of
from harness.store.records import SCHEMA_VERSION
from harness.store.run_store import RunStore
from harness.store.video import save_video
from tests.forge import forged, read_lines, write_lines


@pytest.fixture
def root(tiny_results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A results folder with a run, an unfinished one, an unreadable one, and a baseline."""
    monkeypatch.chdir(tmp_path)
    path = Path(tiny_results[1].document["path"])
    root = tmp_path / "results"
    for number, name in enumerate(("tiny/whole", "tiny/half", "other/broken", "baselines/tiny/kept"), 1):
        copy = root / name
        shutil.copytree(path, copy)
        facts = json.loads((copy / "manifest.json").read_text())
        facts.update(run_id=copy.name, created_at=f"2026-01-0{number}T00:00:00+00:00")
        (copy / "manifest.json").write_text(json.dumps(facts))
    (root / "tiny" / "half" / "summary.json").unlink()
    half = root / "tiny" / "half" / "trials.jsonl"
    half.write_text("".join(half.read_text().splitlines(keepends=True)[:9]))
    (root / "other" / "broken" / "manifest.json").write_text("{")
    return root


def listed(diptych, *more: str) -> dict[str, dict[str, object]]:
    said = diptych("results", "ls", "--json", *more)
    assert said.code == 0, said.err
    return {run["run_id"]: run for run in said.document["runs"]}


def test_ls_tells_every_run_newest_first(diptych, root):
    said = diptych("results", "ls", "--json", blocked=True)
    assert said.code == 0, said.err
    assert [run["run_id"] for run in said.document["runs"]] == ["kept", "half", "whole", "broken"]
    runs = {run["run_id"]: run for run in said.document["runs"]}
    whole = runs["whole"]
    assert (
        whole.items()
        >= {
            "suite": "tiny",
            "scale": "smoke",
            "created_at": "2026-01-01T00:00:00+00:00",
            "planned": 24,
            "finished": 24,
            "failed": 0,
            "state": "complete",
            "why": None,
            "baseline": False,
        }.items()
    )
    assert whole["bytes"] == sum(p.stat().st_size for p in (root / "tiny" / "whole").rglob("*") if p.is_file())
    assert runs["half"].items() >= {"state": "unfinished", "finished": 9, "planned": 24}.items()
    assert runs["kept"]["baseline"] is True
    assert runs["broken"]["state"] == "unreadable"
    assert "manifest.json is damaged" in runs["broken"]["why"]
    assert said.document["bytes"] == sum(run["bytes"] for run in runs.values())


def test_ls_says_who_writes(diptych, root):
    with RunStore.open(root / "tiny" / "half") as store:
        store.lock()
        run = listed(diptych)["half"]
        assert (run["state"], run["why"]) == ("being written", f"by process {os.getpid()}")
        assert f"being written by process {os.getpid()}" in diptych("results", "ls").out
    assert listed(diptych)["half"]["state"] == "unfinished"


def test_a_lock_file_that_nobody_holds_is_no_writer(diptych, root):
    (root / "tiny" / "half" / ".lock").write_text("1\n")
    assert listed(diptych)["half"]["state"] == "unfinished"
    assert writer_of(root / "nothing") is None


def test_asking_who_writes_does_not_refuse_a_writer(tmp_path):
    """A reader holds the lock for a moment; whoever wants to write meanwhile waits for that moment."""
    import fcntl
    import threading

    path = tmp_path / ".lock"
    handle = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(handle, fcntl.LOCK_SH)
    threading.Timer(0.02, os.close, [handle]).start()
    lock = WriterLock(path)
    assert lock.acquire() is None
    lock.release()


def test_ls_by_suite(diptych, root):
    assert set(listed(diptych, "--suite", "other")) == {"broken"}
    said = diptych("results", "ls", "--suite", "tinny")
    assert said.code == 2
    assert "did you mean 'tiny'" in said.err


def test_ls_of_nothing_says_how_to_begin(diptych, tmp_path):
    said = diptych("results", "ls", "--results", str(tmp_path / "none"))
    assert (said.code, said.out) == (0, f"no runs in {tmp_path / 'none'}. To make one: diptych run null\n")
    assert not (tmp_path / "none").exists()


def test_ls_in_words(diptych, root):
    out = diptych("results", "ls").out
    assert "  24/24  " in out
    assert "  9/24  " in out
    assert out.splitlines()[-1].startswith("4 runs, ")


# ---- the index ------------------------------------------------------------------------------------------------------


def scans(root: Path) -> dict[str, object]:
    return {run.path.name: (run.bytes, run.scan, run.why) for run in indexed_runs(root)}


def plain(value: object) -> object:
    return json.loads(json.dumps(value))


def test_deleting_or_spoiling_the_index_changes_nothing(root):
    first = plain(scans(root))
    file = root / INDEX
    whole = file.read_bytes()
    for text in (
        None,
        b"",
        b"{",
        b"[]",
        b'{"version": 1}',
        whole[:-20],
        whole.replace(b'"version": "1.', b'"version": "99.', 1),
    ):
        if text is None:
            file.unlink()
        else:
            file.write_bytes(text)
        assert plain(scans(root)) == first
        assert file.read_bytes() == whole


def test_the_index_is_believed_until_a_file_changes(root, monkeypatch):
    first = plain(scans(root))
    read: list[str] = []
    honest = index.scan
    monkeypatch.setattr("harness.store.index.scan", lambda folder: read.append(folder.name) or honest(folder))
    assert plain(scans(root)) == first
    assert read == ["broken"]  # what cannot be read is tried again
    half = root / "tiny" / "half"
    source = (root / "tiny" / "whole" / "trials.jsonl").read_text().splitlines(keepends=True)
    with (half / "trials.jsonl").open("a") as file:
        file.write(source[9])
    assert scans(root)["half"][1]["finished"] == 10
    assert sorted(read[1:]) == ["broken", "half"]


def test_a_run_that_could_not_be_read_for_a_moment_is_read_again(root):
    whole = plain(scans(root))
    (root / INDEX).unlink()
    honest = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == "manifest.json":
            raise PermissionError(13, "Permission denied")
        return honest(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "read_bytes", refuse)
        assert all(scan is None and why for _, scan, why in scans(root).values())
    assert plain(scans(root)) == whole


def test_a_newer_schema_scans_everything_anew(root, monkeypatch):
    scans(root)
    assert json.loads((root / INDEX).read_bytes())["version"].endswith(f".{SCHEMA_VERSION}")
    read: list[str] = []
    honest = index.scan
    monkeypatch.setattr("harness.store.index.scan", lambda folder: read.append(folder.name) or honest(folder))
    old = (root / INDEX).read_text().replace(f'.{SCHEMA_VERSION}"', f'.{SCHEMA_VERSION - 1}"', 1)
    (root / INDEX).write_text(old)
    scans(root)
    assert sorted(read) == ["broken", "half", "kept", "whole"]


def test_many_at_once_all_see_everything(root):
    """Whoever deletes or replaces the index meanwhile: each listing is whole, and the last one can be read."""
    first = plain(scans(root))

    def look(number: int) -> list[object]:
        found = []
        for turn in range(6):
            if (number + turn) % 3 == 0:
                (root / INDEX).unlink(missing_ok=True)
            found.append(plain(scans(root)))
        return found

    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(look, range(8)):
            assert all(one == first for one in found)
    assert [path.name for path in root.iterdir() if path.name.endswith(".partial")] == []


def test_a_removed_run_leaves_the_index(root):
    scans(root)
    shutil.rmtree(root / "other")
    assert "broken" not in scans(root)
    assert b"broken" not in (root / INDEX).read_bytes()


def test_bytes_follow_what_is_added_to_samples(root):
    before = scans(root)["whole"][0]
    (root / "tiny" / "whole" / "samples" / "more.mkv").write_bytes(b"x" * 1000)
    assert scans(root)["whole"][0] == before + 1000


def test_an_index_moves_with_its_folder(root, tmp_path, monkeypatch):
    scans(root)
    moved = tmp_path / "moved"
    root.rename(moved)
    read: list[str] = []
    monkeypatch.setattr("harness.store.index.scan", lambda folder: read.append(folder.name))
    assert set(scans(moved)) == {"whole", "half", "broken", "kept"}
    assert read == ["broken"]  # what cannot be read is tried again


def test_a_folder_that_may_only_be_read_is_listed(root, monkeypatch):
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("harness.store.index.write_atomically", refuse)  # root may write anywhere
    assert set(scans(root)) == {"whole", "half", "broken", "kept"}
    assert not (root / INDEX).exists()


def test_hidden_folders_are_no_runs(root):
    (root / "tiny" / "whole").rename(root / "tiny" / ".removed.whole.abc")
    assert "whole" not in {run.path.name.split(".")[-1] for run in indexed_runs(root)}


def test_the_scan_admits_what_the_store_admits(root):
    run = root / "tiny" / "whole"
    lines = read_lines(run)
    lines[1]["seed"] += 1  # not planned
    failed = {**lines[2], "status": "failed", "error": {"type": "E", "message": "m"}}
    quick = next(line for line in lines[4:] if line["arm"] == "quick")
    text = "".join(forged(line) for line in [failed, *lines, {**quick, "values": {"psnr": 1.0}}])
    (run / "trials.jsonl").write_text(text + '{"torn')
    records = RunStore.open(run).records()
    found = scans(root)["whole"][1]
    assert (found["finished"], found["failed"]) == (23, 0)
    assert len(records) == 23
    values = [r.values["psnr"] for r in records if r.arm == "quick"]
    (row,) = [row for row in found["aggregates"] if row[1:3] == ("quick", "psnr")]
    assert row[3] == len(values)
    assert row[4:] == pytest.approx((np.mean(values), np.std(values, ddof=1), math.exp(np.mean(np.log(values)))))


def test_a_line_without_its_newline_does_not_count(root):
    run = root / "tiny" / "whole"
    data = (run / "trials.jsonl").read_bytes()
    (run / "trials.jsonl").write_bytes(data[:-1])
    assert scans(root)["whole"][1]["finished"] == len(RunStore.open(run).records()) == 23
    (run / "trials.jsonl").write_bytes(b"")
    assert scans(root)["whole"][1]["finished"] == len(RunStore.open(run).records()) == 0


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda line: line.update(schema_version=99), "trials.jsonl:3 has schema_version 99"),
        (lambda line: line.pop("schema_version"), "trials.jsonl:3 is damaged: it has no schema_version"),
        (lambda line: line.pop("values"), "trials.jsonl:3 is damaged: values: Field required"),
    ],
)
def test_a_run_with_a_bad_line_is_unreadable_and_says_why(diptych, root, change, why):
    file = root / "tiny" / "whole" / "trials.jsonl"
    lines = read_lines(file.parent)
    change(lines[2])
    write_lines(file.parent, lines)
    run = listed(diptych)["whole"]
    assert run["state"] == "unreadable"
    assert why in run["why"]


def test_old_runs_are_scanned_too(tmp_path):
    golden = Path(__file__).parents[1] / "golden" / "schema-1" / "20261124T231045Z-smoke-1adb5d"
    shutil.copytree(golden, tmp_path / "results" / "null" / golden.name)
    (found,) = [run.scan for run in indexed_runs(tmp_path / "results") if run.path.name == golden.name]
    assert (found["planned"], found["finished"]) == (18, 18)
    assert {row[1] for row in found["aggregates"]} == {"sequential", "same-seed", "shifted-seed"}


# ---- aggregate, export, pandas --------------------------------------------------------------------------------------


def test_aggregates_are_those_of_the_records(diptych, root):
    frame = harness.aggregate_runs("tiny", ["psnr"])
    assert set(frame["run_id"]) == {"whole", "half", "kept"}
    trials = harness.trials_frame("whole")
    for arm, group in trials.groupby("arm"):
        row = frame[(frame["run_id"] == "whole") & (frame["arm"] == arm)].iloc[0]
        assert (row["n"], row["mean"], row["sd"]) == pytest.approx(
            (8, group["value.psnr"].mean(), group["value.psnr"].std())
        )
    said = diptych("results", "aggregate", "--suite", "tiny", "--metrics", "psnr", "--json")
    assert said.code == 0, said.err
    assert [row["run_id"] for row in said.document["rows"]] == list(frame["run_id"])
    assert "quick" in diptych("results", "aggregate").out


def test_export_writes_one_row_per_trial(diptych, root, tmp_path):
    said = diptych("results", "export", "whole", "half", "-o", "all.csv", "--json")
    assert said.code == 0, said.err
    assert said.document.items() >= {"path": str(tmp_path / "all.csv"), "rows": 33, "runs": ["whole", "half"]}.items()
    with (tmp_path / "all.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 33
    records = RunStore.open(root / "tiny" / "whole").records()
    for row, record in zip(rows, records, strict=False):
        assert (row["run_id"], row["suite"], row["group"]) == ("whole", "tiny", "tiny")
        assert (row["case"], row["arm"], int(row["index"])) == (record.block.case, record.arm, record.index)
        assert (int(row["seed"]), int(row["session"]), row["status"]) == (record.seed, 0, "finished")
        assert float(row["value.psnr"]) == record.values["psnr"]
        assert float(row["seconds_median"]) == sorted(record.seconds)[1]
        assert (row["count.frames"], row["hash.noise"]) == ("4", record.hashes["noise"])
        assert (row["flags"], row["error"]) == (";".join(record.flags), "")


def test_export_names_its_file_after_the_run(diptych, root, tmp_path):
    assert diptych("results", "export", "whole", "--json").document["path"] == str(tmp_path / "whole.csv")
    assert diptych("results", "export", "whole", "half", "--json").document["path"] == str(tmp_path / "trials.csv")


def test_texts_that_a_spreadsheet_would_run_are_defused(diptych, root, tmp_path):
    file = root / "tiny" / "whole" / "trials.jsonl"
    lines = read_lines(file.parent)
    evil = ['=HYPERLINK("x")', "+1", "-1", "@SUM(A1)", "\tx", "\rx"]
    for line, text in zip(lines, evil, strict=False):
        line.update(status="failed", error={"type": text, "message": text, "traceback": None})
    lines[6]["values"]["psnr"] = -1.5
    lines[7]["values"]["=evil"] = 1.0
    write_lines(file.parent, lines)
    assert diptych("results", "export", "whole").code == 0
    with (tmp_path / "whole.csv").open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert [row["error"] for row in rows[:6]] == [f"'{text}" for text in evil]
    assert rows[6]["value.psnr"] == "-1.5"  # a number is no formula
    frame = harness.trials_frame("whole")
    assert list(frame["error"][:6]) == evil  # and whoever uses no spreadsheet gets what was written
    assert list(harmless(frame)["seed"]) == list(frame["seed"])


def test_parquet_without_pyarrow_says_what_to_install(diptych, root, tmp_path, monkeypatch):
    honest = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "pyarrow" else honest(name, *a))
    said = diptych("results", "export", "whole", "-o", "x.parquet")
    assert said.code == 1
    assert "pip install 'diptych[parquet]'" in said.err
    assert not (tmp_path / "x.parquet").exists()


def test_parquet_holds_what_the_frame_holds(diptych, root, tmp_path):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    import pandas as pd

    assert diptych("results", "export", "whole", "-o", "x.parquet").code == 0
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "x.parquet"), harness.trials_frame("whole"))


def test_another_ending_or_place_is_one_message(diptych, root):
    said = diptych("results", "export", "whole", "-o", "x.xlsx")
    assert (said.code, "must end in .csv or .parquet" in said.err) == (2, True)
    said = diptych("results", "export", "whole", "-o", "/proc/x.csv")
    assert said.code == 1
    assert len(said.err.splitlines()) == 1


def test_a_loaded_run_has_its_trials_and_findings_as_frames(root):
    run = harness.load_run("whole")
    assert (run.run_id, len(run.records), run.problems) == ("whole", 24, ())
    assert run.trials.shape[0] == 24
    assert run.trials["value.psnr"].dtype == "float64"
    assert run.trials["warmup_seconds"].sum() == 0
    findings = run.findings
    facts = harness.show_run(str(run.path)).findings
    assert list(findings["metric"]) == [finding.metric for finding in facts]
    assert list(findings["value"]) == [finding.estimate.value for finding in facts]
    assert list(findings["verdict"]) == [finding.verdict for finding in facts]
    assert {"low", "high", "n", "unit", "arm_value", "arm_unit", "primary", "reason"} <= set(findings.columns)
    both = harness.findings_frame([run, "half"])
    assert list(both["run_id"].unique()) == ["whole", "half"]


# ---- rebuild --------------------------------------------------------------------------------------------------------


def test_rebuild_writes_what_the_run_wrote(diptych, tiny_results, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(tiny_results[1].document["path"], run)
    before = (run / "summary.json").read_bytes()
    assert diptych("results", "rebuild", str(run)).out == f"{run / 'summary.json'}: unchanged\n"
    assert (run / "summary.json").read_bytes() == before
    for spoil in (lambda: (run / "summary.json").unlink(), lambda: (run / "summary.json").write_text("{")):
        spoil()
        said = diptych("results", "rebuild", str(run), "--json", blocked=True)
        assert said.code == 0, said.err
        assert (run / "summary.json").read_bytes() == before
    assert {path.name for path in run.iterdir()} == {"manifest.json", "trials.jsonl", "summary.json", "samples"}


def test_rebuild_is_refused_while_the_run_is_written(diptych, root):
    with RunStore.open(root / "tiny" / "whole") as store:
        store.lock()
        said = diptych("results", "rebuild", "whole")
        assert said.code == 1
        assert f"being written by another process (pid {os.getpid()})" in said.err


# ---- rm -------------------------------------------------------------------------------------------------------------


def test_rm_deletes_what_it_says(diptych, root):
    said = diptych("results", "rm", "whole", "half", "--yes", "--json")
    assert said.code == 0, said.err
    assert [Path(item["path"]).name for item in said.document["items"]] == ["whole", "half"]
    assert said.document["bytes"] == sum(item["bytes"] for item in said.document["items"]) > 0
    assert not (root / "tiny").exists()
    assert (root / "baselines" / "tiny" / "kept").exists()


def test_rm_asks_and_takes_no_for_an_answer(diptych, root, monkeypatch):
    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("harness.cli.commands.results.sys", type("S", (), {"stdin": Terminal()}))
    for answer, gone in (("n\n", False), ("y\n", True)):
        monkeypatch.setattr("click.termui.visible_prompt_func", lambda *_, answer=answer: answer)
        said = diptych("results", "rm", "whole")
        assert (root / "tiny" / "whole").exists() is not gone
        assert f"{root / 'tiny' / 'whole'}: " in said.err
        assert said.code == (0 if gone else 130)


def test_rm_without_a_terminal_needs_yes(diptych, root, monkeypatch):
    monkeypatch.setattr(sys, "stdin", open(os.devnull))  # noqa: SIM115 - closed by the fixture's end
    said = diptych("results", "rm", "whole")
    sys.stdin.close()
    assert said.code == 2
    assert "--yes" in said.err
    assert (root / "tiny" / "whole").exists()


def test_rm_spares_baselines_and_what_is_written_and_then_all_of_them(diptych, root):
    said = diptych("results", "rm", "whole", "kept", "--yes")
    assert (said.code, "--baselines" in said.err) == (2, True)
    assert (root / "tiny" / "whole").exists()
    with RunStore.open(root / "tiny" / "half") as store:
        store.lock()
        said = diptych("results", "rm", "whole", "half", "--yes")
        assert (said.code, "being written" in said.err) == (1, True)
        assert (root / "tiny" / "whole").exists()
    assert diptych("results", "rm", "kept", "--yes", "--baselines").code == 0
    assert not (root / "baselines" / "tiny").exists()


def test_a_removal_that_is_interrupted_leaves_no_half_run(diptych, root, monkeypatch):
    def fail(path: Path) -> None:
        (path / "manifest.json").unlink()
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("harness.store.cleaning.shutil.rmtree", fail)
    said = diptych("results", "rm", "whole", "--yes")
    assert said.code == 1
    assert "diptych results gc" in said.err
    monkeypatch.undo()
    assert "whole" not in listed(diptych, "--results", str(root))
    diptych("results", "gc", "--results", str(root))
    assert [path.name for path in (root / "tiny").iterdir()] == ["half"]


def test_removing_a_run_that_does_not_exist_names_the_nearest(diptych, root):
    said = diptych("results", "rm", "whale", "--yes")
    assert (said.code, "did you mean 'whole'" in said.err) == (2, True)


# ---- gc -------------------------------------------------------------------------------------------------------------


def litter(root: Path) -> list[Path]:
    """Leave in a results folder what crashes leave, and return it."""
    run = root / "tiny" / "whole"
    orphan = save_video(run / "samples", np.zeros((1, 8, 8, 3), np.uint8))
    found = [run / "samples" / f"{orphan}.mkv"]
    for place in (run / "samples" / ".abc.partial", run / ".summary.json.x.partial", run / ".lock"):
        place.write_bytes(b"12345")
        found.append(place)
    aside = root / "tiny" / ".removed.gone.123"
    aside.mkdir()
    (aside / "trials.jsonl").write_bytes(b"x" * 100)
    for place in (root / "..index.json.y.partial", root / ".probe.z", root / "baselines" / ".probe.z"):
        place.write_bytes(b"1234567")
        os.utime(place, (time.time() - 7200,) * 2)
        found.append(place)
    return [*found, aside]


def snapshot(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): file_sha256(p) for p in folder.rglob("*") if p.is_file()}


def test_gc_deletes_litter_and_nothing_else(diptych, root):
    diptych("results", "gc")  # the unfinished run's folder holds the videos of the whole one
    clean = snapshot(root)
    left = litter(root)
    fresh = root / ".probe.fresh"
    fresh.write_bytes(b"")
    dirty = snapshot(root)
    said = diptych("results", "gc", "--dry-run", "--json")
    assert said.code == 0, said.err
    assert said.document["dry_run"] is True
    assert snapshot(root) == dirty
    assert {item["path"] for item in said.document["items"]} == {str(path) for path in left}
    promised = said.document["bytes"]
    assert promised == 3 * 5 + 3 * 7 + 100 + left[0].stat().st_size
    said = diptych("results", "gc", "--json")
    assert said.document["bytes"] == promised
    assert {item["path"] for item in said.document["items"]} == {str(path) for path in left}
    fresh.unlink()  # it may be another process's, right now
    assert snapshot(root) == clean
    assert said.document["skipped"] == []
    assert diptych("results", "gc", "--json").document["items"] == []


def test_gc_leaves_what_is_being_written_alone(diptych, root):
    litter(root)
    with RunStore.open(root / "tiny" / "whole") as store:
        store.lock()
        before = snapshot(root / "tiny" / "whole")
        for more in (["--dry-run"], []):
            said = diptych("results", "gc", "--json", *more)
            assert not any("whole" in item["path"] for item in said.document["items"])
            assert [item for item in said.document["skipped"] if f"pid {os.getpid()}" in item["why"]]
            assert snapshot(root / "tiny" / "whole") == before


def test_gc_keeps_the_videos_of_records_that_were_lost(diptych, root):
    (root / "tiny" / "whole" / "trials.jsonl").unlink()
    before = snapshot(root / "tiny" / "whole" / "samples")
    said = diptych("results", "gc", "--json")
    assert "0 records and summary.json tells of 24" in " ".join(item["why"] for item in said.document["skipped"])
    assert snapshot(root / "tiny" / "whole" / "samples") == before
    verified = diptych("verify", str(root / "tiny" / "whole"), "--json")
    assert verified.code == 1
    assert [p["what"] for p in verified.document["problems"]] == ["records"]
    assert "rebuild" not in verified.document["problems"][0]["why"]


def test_two_folders_of_one_run_are_told_apart_by_their_paths(diptych, root):
    shutil.copytree(root / "tiny" / "whole", root / "copy" / "whole")
    said = diptych("show", "whole", "--results", str(root))
    assert said.code == 2
    assert str(root / "copy" / "whole") in said.err
    assert diptych("show", str(root / "copy" / "whole")).code == 0


def test_gc_skips_a_run_whose_records_cannot_be_read(diptych, root):
    litter(root)
    file = root / "tiny" / "whole" / "trials.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    lines[2] = '{"sample"\n'
    file.write_text("".join(lines))
    before = snapshot(root / "tiny" / "whole" / "samples")
    said = diptych("results", "gc", "--json")
    assert "trials.jsonl:3 is damaged" in " ".join(item["why"] for item in said.document["skipped"])
    assert snapshot(root / "tiny" / "whole" / "samples") == before


def test_videos_of_replaced_failures_are_kept(diptych, root):
    run = root / "tiny" / "whole"
    kept = save_video(run / "samples", np.ones((1, 8, 8, 3), np.uint8))
    lines = read_lines(run)
    first = {**lines[0], "status": "failed", "error": None, "sample": {"generated": kept}}
    write_lines(run, [first, *lines])
    diptych("results", "gc")
    assert (run / "samples" / f"{kept}.mkv").exists()


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (1_554_979, "1.55 MB"), (2.5e12, "2.5 TB")]
)
def test_sizes_in_words(count, text):
    assert size(int(count)) == text
