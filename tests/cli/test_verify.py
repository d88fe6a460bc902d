"""``diptych verify``: a fresh run passes, every kind of tampering is named, and nothing in the run's folder changes."""

from __future__ import annotations

import itertools
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.files import file_sha256
from harness.store import video
from harness.store.run_store import RunStore
from harness.verify.rerun import allowed_deviation, chosen_blocks
from tests.forge import read_lines, write_lines

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "schema-1" / "20261124T231045Z-smoke-1adb5d"


@pytest.fixture
def run(tiny_results, tmp_path: Path) -> Path:
    """A copy of the run of suite ``tiny``."""
    path = Path(tiny_results[1].document["path"])
    copy = tmp_path / "results" / "tiny" / path.name
    shutil.copytree(path, copy)
    return copy


def files_of(folder: Path) -> dict[str, tuple[int, str]]:
    return {str(p): (p.stat().st_mtime_ns, file_sha256(p)) for p in sorted(folder.rglob("*")) if p.is_file()}


def change_line(number: int, change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def tamper(run: Path) -> None:
        lines = read_lines(run)
        change(lines[number])
        write_lines(run, lines)

    return tamper


def change_manifest(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def tamper(run: Path) -> None:
        facts = json.loads((run / "manifest.json").read_text())
        change(facts)
        (run / "manifest.json").write_text(json.dumps(facts))

    return tamper


def change_summary(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def tamper(run: Path) -> None:
        facts = json.loads((run / "summary.json").read_text())
        change(facts)
        (run / "summary.json").write_text(json.dumps(facts))

    return tamper


def a_video(run: Path) -> Path:
    return sorted((run / "samples").glob("*.mkv"))[0]


def swap_videos(run: Path) -> None:
    one, two = sorted((run / "samples").glob("*.mkv"))[:2]
    one.write_bytes(two.read_bytes())


def false_reference(run: Path) -> None:
    """Another true continuation, sound in itself: file and name agree, and only the trial's hash does not."""
    lines = read_lines(run)
    old = lines[0]["sample"]["reference"]
    frames = video.load_video(run / "samples", old) ^ np.uint8(1)
    new = video.save_video(run / "samples", frames)
    for line in lines:
        if line["sample"] and line["sample"]["reference"] == old:
            line["sample"]["reference"] = new
    write_lines(run, lines)


def flip_a_byte(run: Path) -> None:
    data = bytearray(a_video(run).read_bytes())
    data[len(data) // 2] ^= 0xFF
    a_video(run).write_bytes(data)


def append(text: str) -> Callable[[Path], None]:
    def tamper(run: Path) -> None:
        with (run / "trials.jsonl").open("a") as file:
            file.write(text)

    return tamper


def repeat_a_line(run: Path) -> None:
    write_lines(run, [*read_lines(run), read_lines(run)[3]])


def drop_a_line(run: Path) -> None:
    write_lines(run, read_lines(run)[:-1])


def spoil_line_5(run: Path) -> None:
    lines = (run / "trials.jsonl").read_text().splitlines(keepends=True)
    lines[4] = lines[4][:100] + "\n"
    (run / "trials.jsonl").write_text("".join(lines))


def patched(facts: dict[str, Any], text: str, digest: str) -> None:
    facts["info"]["code"].update(patch=text, patch_sha256=digest)


def set_at(*path: Any) -> Callable[[Any], None]:
    """Set the value at a path of keys; the last argument is the value."""
    *keys, last, value = path

    def change(facts: Any) -> None:
        for key in keys:
            facts = facts[key]
        facts[last] = value

    return change


OTHER = "0" * 64
TAMPERINGS: dict[str, tuple[Callable[[Path], None], str, str, str]] = {
    # name: (tampering, what, where, why)
    "seed": (change_line(3, set_at("seed", 7)), "plan", "trials.jsonl:4", "seed 7 is not the planned"),
    "arm": (change_line(3, set_at("arm", "nobody")), "plan", "trials.jsonl:4", "arm 'nobody' is not the planned"),
    "block": (change_line(3, set_at("block", "repetition", 5)), "plan", "trials.jsonl:4", "block"),
    "index": (change_line(3, set_at("index", 99)), "plan", "trials.jsonl:4", "not in the plan, which has 24"),
    "duplicate": (repeat_a_line, "duplicate", "trials.jsonl:25", "finished in line 4 already"),
    "torn line": (append('{"schema_version":2,"ind'), "line", "trials.jsonl:25", "torn"),
    "damaged line": (spoil_line_5, "line", "trials.jsonl:5", "damaged"),
    "unknown key": (change_line(6, set_at("extra", 1)), "line", "trials.jsonl:7", "extra"),
    "no version": (
        change_line(6, lambda line: line.pop("schema_version")),
        "line",
        "trials.jsonl:7",
        "no schema_version",
    ),
    "newer version": (change_line(6, set_at("schema_version", 99)), "line", "trials.jsonl:7", "schema_version 99"),
    "NaN": (change_line(2, set_at("values", "psnr", float("nan"))), "line", "trials.jsonl:3", "values.psnr is NaN"),
    "infinity": (
        change_line(2, set_at("seconds", 0, float("inf"))),
        "line",
        "trials.jsonl:3",
        "seconds.0 is NaN or inf",
    ),
    "session": (change_line(2, set_at("session", 4)), "session", "trials.jsonl:3", "session 4"),
    "noise": (change_line(1, set_at("hashes", "noise", OTHER)), "pair", "trial", "the noise of arm"),
    "prompt": (change_line(1, set_at("hashes", "prompt", OTHER)), "pair", "trial", "the prompt of arm"),
    "reference": (change_line(1, set_at("hashes", "reference", OTHER)), "pair", "trial", "the reference of arm"),
    "weights of a half": (change_line(1, set_at("hashes", "weights", OTHER)), "pair", "trial", "the weights of arm"),
    "no hash": (change_line(1, lambda line: line["hashes"].pop("noise")), "pair", "trial", "no hash of its noise"),
    "rate": (
        change_line(5, set_at("values", "frames_per_second", 99.0)),
        "value",
        "trial 5",
        "frames_per_second is 99",
    ),
    "seconds": (change_line(5, set_at("seconds", [0.5])), "value", "trial 5", "durations and counts give 8.0"),
    "frames": (
        change_line(5, set_at("frame_values", "psnr", [1.0, 2.0])),
        "value",
        "trial 5",
        "the mean of its 2 frames is 1.5",
    ),
    "quality": (change_line(5, set_at("values", "psnr", 60.0)), "summary", "summary.json", "results rebuild"),
    "lost record": (drop_a_line, "records", "trials.jsonl", "1 of 24 records are missing"),
    "summary's verdict": (
        change_summary(set_at("findings", 0, "verdict", "within noise")),
        "summary",
        "summary.json",
        "findings[0].verdict: 'within noise'",
    ),
    "summary's sentence": (
        change_summary(set_at("conclusion", "All is well.")),
        "summary",
        "summary.json",
        "All is well",
    ),
    "summary is no JSON": (
        lambda run: (run / "summary.json").write_text("{"),
        "summary",
        "summary.json",
        "cannot be read",
    ),
    "video deleted": (lambda run: a_video(run).unlink(), "video", "samples/", "it is not there"),
    "video cut": (lambda run: a_video(run).write_bytes(b"rubbish"), "video", "samples/", "cannot be read as a video"),
    "byte of a video": (flip_a_byte, "video", "samples/", ""),
    "videos swapped": (swap_videos, "video", "samples/", "does not hold the frames"),
    "other reference": (false_reference, "video", "samples/", "not the true continuation"),
    "key": (change_manifest(set_at("comparability_key", OTHER)), "key", "manifest.json", "case and context give"),
    "context": (change_manifest(set_at("context", "torch", "9.9")), "key", "manifest.json", "case and context give"),
    "planned seed": (
        change_manifest(set_at("plan", "trials", 4, "seed", 1)),
        "plan",
        "manifest.json",
        "1 planned trials are not those of suite and seed; the first is 4",
    ),
    "plan's seed": (change_manifest(set_at("plan", "seed", 1)), "plan", "manifest.json", "order_seed"),
    "suite": (
        change_manifest(set_at("suite", "scales", "smoke", "cases", 0, "name", "other")),
        "plan",
        "manifest.json",
        "planned trials are not those",
    ),
    "patch": (change_manifest(lambda f: patched(f, "diff", OTHER)), "patch", "manifest.json", "recorded is 000"),
    "manifest": (lambda run: (run / "manifest.json").write_text("{"), "manifest", "manifest.json", "damaged"),
    "manifest's key": (change_manifest(lambda f: f.pop("plan")), "manifest", "manifest.json", "plan: Field required"),
    "manifest's version": (change_manifest(set_at("schema_version", 99)), "manifest", "manifest.json", "version 99"),
    "plan's scale": (change_manifest(set_at("plan", "scale", "huge")), "manifest", "manifest.json", "unknown scale"),
    "baseline": (change_manifest(set_at("suite", "baseline", "x")), "manifest", "manifest.json", "unknown baseline"),
    "sessions": (lambda run: (run / "sessions.jsonl").write_text("{}\n"), "session", "sessions.jsonl", "damaged"),
    "weights": (
        change_manifest(
            set_at("context", "makers", "tiny", "tokenizers_sha256", {"tokenizer_crafter.safetensors": OTHER})
        ),
        "weights",
        "tokenizer_crafter.safetensors",
        f"recorded is SHA-256 {OTHER}, present is ",
    ),
    "finetuned weights": (
        change_manifest(
            set_at("context", "makers", "tiny", "weights_sha256", {"video-transformer-crafter-9x9 control-s0": OTHER})
        ),
        "weights",
        "video_transformer_crafter_9x9.safetensors and crafter_9x9_control_s0.safetensors",
        f"recorded is SHA-256 {OTHER}, present is ",
    ),
    "unknown finetune": (
        change_manifest(
            set_at("context", "makers", "tiny", "weights_sha256", {"video-transformer-crafter-9x9 control-s9": OTHER})
        ),
        "weights",
        "video-transformer-crafter-9x9 control-s9",
        "has no finetune 'control-s9'",
    ),
    "lost weights": (
        change_manifest(set_at("context", "makers", "tiny", "weights_sha256", {"tiny-lost": OTHER})),
        "weights",
        "absent.safetensors",
        "not on this machine",
    ),
    "extractor's weights": (
        change_manifest(set_at("context", "extractors", {"x": {"weights_sha256": OTHER}})),
        "weights",
        "extractor",
        OTHER,
    ),
}


def test_a_fresh_run_is_what_it_was(diptych, run):
    before = files_of(run)
    said = diptych("verify", str(run), "--json", blocked=True)
    assert said.code == 0, said.err
    facts = said.document
    assert (facts["ok"], facts["problems"]) == (True, [])
    assert (
        facts["checked"].items()
        >= {
            "lines": 24,
            "records": 24,
            "planned trials": 24,
            "keys": 1,
            "pairs": 16,
            "values": 24,
            "videos": 16,
            "summaries": 1,
        }.items()
    )
    # a tree with changes keeps its patch, or its hash alone where that is long
    assert {item["what"] for item in facts["skipped"]} - {"patch"} == {"weights"}
    assert facts["rerun"] is None
    assert files_of(run) == before


@pytest.mark.parametrize("name", TAMPERINGS)
def test_tampering_is_found_and_named(diptych, run, name):
    tamper, what, where, why = TAMPERINGS[name]
    tamper(run)
    before = files_of(run)
    said = diptych("verify", str(run), "--json")
    assert said.code == 1, said.out
    assert said.document["ok"] is False
    problems = said.document["problems"]
    assert all(problem.keys() == {"what", "where", "why"} for problem in problems)
    assert any(p["what"] == what and where in p["where"] and why in p["why"] for p in problems), problems
    assert "Traceback" not in said.err
    assert files_of(run) == before


def test_a_retry_that_replaced_a_failure_is_no_problem(diptych, run):
    lines = read_lines(run)
    failed = {**lines[23], "status": "failed", "error": {"type": "E", "message": "m", "traceback": None}, "values": {}}
    write_lines(run, [*lines[:23], failed, lines[23]])
    assert diptych("verify", str(run), "--json").document["problems"] == []


def test_a_golden_run_of_schema_1_verifies_with_its_weights(diptych):
    said = diptych("verify", str(GOLDEN), "--json", blocked=True)
    facts = said.document
    problems = [problem for problem in facts["problems"] if problem["what"] != "weights"]  # the zoo may move on
    assert problems == []
    assert facts["schema_version"] == 1
    assert facts["checked"].items() >= {"lines": 18, "pairs": 12, "videos": 4, "values": 126}.items()


def test_videos_and_samples_that_baselines_lack_are_said_and_no_problem(diptych, run):
    baseline = run.parents[1] / "baselines" / "tiny" / run.name
    shutil.copytree(run, baseline, ignore=shutil.ignore_patterns("samples"))
    shutil.rmtree(run)
    said = diptych("verify", str(baseline), "--json")
    assert said.code == 0, said.err
    assert "a committed baseline keeps no samples: 16 videos" in [item["why"] for item in said.document["skipped"]]


def test_it_says_its_findings_in_words(diptych, run):
    *_, counts, last = diptych("verify", str(run)).out.splitlines()
    assert last == f"{run.name}: ok"
    assert re.fullmatch(
        "checked: 24 lines, 24 records, 24 planned trials, 1 key, 1 declaration, (1 patch, )?16 pairs, 24 values, "
        "16 videos, 12 values from videos, 1 summary",
        counts,
    )
    TAMPERINGS["rate"][0](run)
    said = diptych("verify", str(run))
    assert said.code == 1
    assert "frames_per_second is 99" in said.out
    assert said.out.splitlines()[-1] == f"{run.name}: 2 problems"


# ---- running blocks again -------------------------------------------------------------------------------------------


def test_blocks_run_again_give_the_same_bits(diptych, run):
    before = files_of(run)
    said = diptych("verify", str(run), "--rerun", "3", "--json")
    assert said.code == 0, said.document["problems"]
    again = said.document["rerun"]
    assert again["blocks"] == ["tiny/001, repetition 0", "tiny/004, repetition 0", "tiny/006, repetition 0"]
    assert (again["trials"], again["equal"]) == (9, 9)
    assert {(check["arm"], check["blocks"], check["ok"]) for check in again["speed"]} == {
        ("quick", 3, True),
        ("sloppy", 3, True),
    }
    assert all(check["deviation"] < 1e-12 for check in again["speed"])  # the tiny maker prescribes its durations
    assert files_of(run) == before
    assert [path.name for path in run.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("change", "what", "why"),
    [
        (set_at("hashes", "tokens", OTHER), "rerun", "hashes.tokens: recorded 000"),
        (set_at("values", "psnr", 11.0), "rerun", "values.psnr: recorded 11.0"),
        (set_at("counts", "tokens", 17), "rerun", "counts.tokens: recorded 17"),
        (set_at("features", {"space": {"generated": [1.0], "reference": []}}), "rerun", "features.space"),
        (set_at("frame_values", "psnr", [1.0, 2.0]), "rerun", "frame_values.psnr: it has changed"),
    ],
)
def test_what_a_record_claims_and_a_rerun_denies_is_a_problem(diptych, run, change, what, why):
    lines = read_lines(run)
    place = next(n for n, line in enumerate(lines) if line["block"]["case"] == "tiny/004" and line["arm"] == "quick")
    change(lines[place])
    write_lines(run, lines)
    said = diptych("verify", str(run), "--rerun", "1", "--json")
    assert said.code == 1
    assert any(p["what"] == what and why in p["why"] and "quick" in p["where"] for p in said.document["problems"])
    assert (said.document["rerun"]["trials"], said.document["rerun"]["equal"]) == (3, 2)


BUSY = {  # name: (share of the trials that are flagged now, flags then)
    "never": (0.0, []),
    "in one block": (0.25, []),
    "half the time": (0.5, []),
    "now": (1.0, []),
    "most of the time": (0.75, []),
    "then and now": (1.0, ["load"]),
    "unsteady then": (1.0, ["unsteady"]),
}


@pytest.mark.parametrize("busy", BUSY)
def test_a_speed_up_that_has_moved_is_a_problem_unless_only_the_rerun_was_disturbed(diptych, run, monkeypatch, busy):
    share, then = BUSY[busy]
    trials = itertools.count()  # arms of a block in turn: whole blocks are flagged
    monkeypatch.setattr("harness.trial.foreign_cores", lambda *_: float(next(trials) // 3 < 4 * share))
    lines = read_lines(run)
    for line in lines:
        line["flags"] = then
        if line["arm"] == "quick":  # true to itself: durations and rate agree
            line["seconds"] = [second / 1.5 for second in line["seconds"]]
            line["values"]["frames_per_second"] = line["counts"]["frames"] / sorted(line["seconds"])[1]
    write_lines(run, lines)
    diptych("results", "rebuild", str(run))
    assert diptych("verify", str(run), "--json").code == 0
    said = diptych("verify", str(run), "--rerun", "4", "--json")
    if busy in ("now", "most of the time", "unsteady then"):
        assert said.document["problems"] == []
        (why,) = [item["why"] for item in said.document["skipped"] if item["what"] == "speed"]
        assert why.startswith("the speed-up of quick in tiny was not judged: frames_per_second over")
        assert f"{share:.0%} of the trials are flagged (0% of the recorded ones)" in why
    else:
        (problem,) = said.document["problems"]
        assert (problem["what"], problem["where"]) == ("speed", "tiny, quick")
    assert [check["ok"] for check in said.document["rerun"]["speed"] if check["arm"] == "sloppy"] == [True]


def test_another_context_ends_a_rerun_unless_asked(diptych, run):
    change_manifest(set_at("context", "makers", "tiny", "precision", "double"))(run)
    said = diptych("verify", str(run), "--rerun", "1", "--json")
    found = {p["where"]: p["why"] for p in said.document["problems"] if p["what"] == "context"}
    assert found == {"makers.tiny.precision": "it has changed since the run: makers.tiny.precision: double → none"}
    assert said.document["rerun"] is None
    assert any("--across-contexts" in item["why"] for item in said.document["skipped"])
    said = diptych("verify", str(run), "--rerun", "1", "--across-contexts", "--json")
    assert said.code == 1
    assert said.document["rerun"]["equal"] == 3


def test_weights_that_cannot_be_loaded_are_a_problem_and_no_traceback(diptych, run):
    def lost(facts):
        facts["suite"]["arms"] = [
            {**arm, "maker": "decoding", "params": {"schedule": "sequential"}} for arm in facts["suite"]["arms"]
        ]
        for scale in facts["suite"]["scales"].values():
            for case in scale["cases"]:
                case.update(model="tiny-misshaped", params={"split": "test", "index": 0, "of": 1})

    change_manifest(lost)(run)
    said = diptych("verify", str(run), "--rerun", "1", "--json")
    assert said.code == 1
    assert any(p["what"] == "rerun" and "tokenizer_crafter.safetensors" in p["why"] for p in said.document["problems"])
    assert "Traceback" not in said.err


def test_a_recorded_failure_that_succeeds_is_a_problem(diptych, run):
    lines = read_lines(run)
    place = next(n for n, line in enumerate(lines) if line["block"]["case"] == "tiny/004" and line["arm"] == "sloppy")
    lines[place].update(status="failed", error={"type": "OutOfMemory", "message": "m", "traceback": None})
    write_lines(run, lines)
    problems = diptych("verify", str(run), "--rerun", "1", "--json").document["problems"]
    assert any("recorded as failed (OutOfMemory: m), and run again it is finished" in p["why"] for p in problems)


def test_more_blocks_than_there_are_means_all(diptych, run):
    said = diptych("verify", str(run), "--rerun", "100", "--json")
    assert said.code == 0
    assert said.document["rerun"]["trials"] == 24
    assert any("8 complete blocks" in item["why"] for item in said.document["skipped"])


def test_a_negative_number_of_blocks_is_a_usage_error(diptych, run):
    said = diptych("verify", str(run), "--rerun", "-1")
    assert said.code == 2
    assert "at least 0" in said.err


def test_an_interrupted_rerun_says_so(diptych, run, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    before = files_of(run)
    monkeypatch.setattr("harness.launch.local.run_trial", interrupt)
    said = diptych("verify", str(run), "--rerun", "1", "--json")
    assert said.code == 130
    assert files_of(run) == before
    assert "interrupted" in said.err


def test_blocks_are_spread_evenly(run):
    blocks = RunStore.open(run).manifest.plan.blocks
    assert [blocks.index(block) for block in chosen_blocks(blocks, 2)] == [2, 6]
    assert [blocks.index(block) for block in chosen_blocks(blocks, 1)] == [4]
    assert chosen_blocks(blocks, 8) == chosen_blocks(blocks, 50) == list(blocks)


def test_what_is_allowed_shrinks_with_blocks_and_grows_with_spread():
    assert allowed_deviation(0.05, 0.0, 8, 2, 1) == pytest.approx(np.log(1.05))
    assert allowed_deviation(0.05, 0.1, 8, 8, 1) < allowed_deviation(0.05, 0.1, 8, 2, 1)
    assert allowed_deviation(0.05, 0.1, 8, 2, 4) > allowed_deviation(0.05, 0.1, 8, 2, 1)
    # t(0.99 two-sided, 7 degrees) = 3.4995
    assert allowed_deviation(0.0, 0.1, 8, 2, 1) == pytest.approx(0.34995, abs=1e-4)
