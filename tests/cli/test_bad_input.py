"""A user's mistake gets one line on stderr that names the thing, and the right exit code; never a traceback."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCHEDULE = ("schedule", "diagonal", "--frames", "1", "--rows", "2", "--columns", "2")

MISTAKES = {
    "unknown command": (("runn",), 2, ["'runn'", "did you mean 'run'"]),
    "unknown option": (("run", "tiny", "--sclae", "smoke"), 2, ["--sclae"]),
    "missing argument": (("run",), 2, ["SUITE", "diptych run --help"]),
    "unknown kind": (("list", "suite"), 2, ["'suite'", "did you mean 'suites'"]),
    "unknown suite": (("run", "decodng"), 2, ["'decodng'", "did you mean 'decoding'", "diptych list suites"]),
    "unknown suite, planned": (("plan", "tinny"), 2, ["did you mean 'tiny'"]),
    "unknown scale": (("run", "tiny", "--scale", "smok"), 2, ["did you mean 'smoke'"]),
    "unknown arm": (("run", "tiny", "--arms", "slow,quik"), 2, ["did you mean 'quick'"]),
    "no baseline": (("run", "tiny", "--arms", "quick,sloppy"), 2, ["baseline 'slow'"]),
    "negative seed": (("run", "tiny", "--seed", "-1"), 2, ["seed", "-1"]),
    "no number": (("run", "tiny", "--seed", "x"), 2, ["'x'"]),
    "no threads": (("run", "tiny", "--threads", "0"), 2, ["threads", "0"]),
    "unknown device": (("run", "tiny", "--device", "gpu"), 2, ["'gpu'", "cpu"]),
    "unknown schedule": (("schedule", "diagnal", *SCHEDULE[2:]), 2, ["did you mean 'diagonal'"]),
    "k = 0": ((*SCHEDULE, "--k", "0"), 2, ["k must be at least 1"]),
    "no frames": (("schedule", "diagonal", "--frames", "0", "--rows", "2", "--columns", "2"), 2, ["frames"]),
    "negative actions": ((*SCHEDULE, "--actions", "-1"), 2, ["actions"]),
    "unknown run": (("show", "nonsense"), 2, ["'nonsense'"]),
    "unknown run, resumed": (("resume", "nonsense"), 2, ["'nonsense'"]),
    "unknown run, reported": (("report", "nonsense"), 2, ["'nonsense'"]),
    "unknown run, compared": (("compare", "nonsense", "nonsense"), 2, ["'nonsense'"]),
    "unknown task": (("train", "tokeniser"), 2, ["tokeniser"]),
    "unknown preset": (("train", "tokenizer", "--out", "o", "--preset", "cpuu"), 2, ["did you mean 'cpu'"]),
    "unknown training option": (("train", "tokenizer", "--out", "o", "--set", "stepz=1"), 2, ["'stepz'", "steps"]),
    "no value": (("train", "tokenizer", "--out", "o", "--set", "steps"), 2, ["KEY=VALUE"]),
    "wrong type": (("train", "tokenizer", "--out", "o", "--set", "threads=many"), 2, ["threads", "'many'"]),
    "impossible steps": (("train", "tokenizer", "--out", "o", "--preset", "test", "--steps", "0"), 2, ["steps"]),
    "negative training seed": (("train", "tokenizer", "--out", "o", "--seed", "-2"), 2, ["-2"]),
    "impossible skip": (("train", "state-reader", "--out", "o", "--skip", "-1", "--preset", "test"), 2, ["skip", "-1"]),
    "impossible reach": (("train", "idm", "--out", "o", "--reach", "-1"), 2, ["--reach", "-1"]),
    "no tile": (("train", "idm", "--out", "o", "--tile-pixels", "0"), 2, ["--tile-pixels", "0"]),
    "tiles that do not fit": (("train", "idm", "--out", "o", "--tile-pixels", "7"), 2, ["7 pixels", "--tile-pixels 8"]),
    "unknown world": (("train", "idm", "--out", "o", "--world", "crafter-9x8"), 2, ["did you mean 'crafter-9x9'"]),
    "unknown encoder": (("train", "video-text", "--out", "o", "--video", "tile"), 2, ["did you mean 'tiles'"]),
    "unknown text encoder": (("train", "video-text", "--out", "o", "--text", "gru"), 2, ["attention, recurrent"]),
    "no captions": (("train", "video-text", "--out", "o", "--world", "crafter-9x8"), 2, ["did you mean 'crafter-9x9'"]),
    "negative skip": (("train", "video-text", "--out", "o", "--skip", "-1"), 2, ["skip", "-1"]),
    "impossible results": (("run", "tiny", "--results", "/dev/null/x"), 1, ["/dev/null/x"]),
    "a file for results": (("run", "tiny", "--results", "a-file"), 1, ["a-file"]),
}


def one_line(said, code: int, parts: list[str]) -> None:
    lines = said.err.strip().splitlines()
    assert said.code == code, said.err
    assert said.out == ""
    assert len(lines) == 1, said.err
    assert lines[0].startswith("error: ")
    for part in parts:
        assert part in lines[0]


@pytest.mark.parametrize(("arguments", "code", "parts"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_in_one_line(diptych, tmp_path, arguments, code, parts):
    (tmp_path / "a-file").touch()
    one_line(diptych(*arguments, "--json"), code, parts)


@pytest.mark.parametrize("arguments", [(), ("train",)])
def test_asking_nothing_shows_the_help_and_is_a_mistake(diptych, arguments):
    said = diptych(*arguments)
    assert said.code == 2
    assert said.err.startswith("Usage: diptych")
    assert "Commands:" in said.err


@pytest.mark.parametrize("device", ["cuda", "cuda:7"])
def test_cuda_that_is_not_there(diptych, device):
    one_line(diptych("run", "tiny", "--device", device, CUDA_VISIBLE_DEVICES=""), 2, [device, "--device cpu"])


@pytest.mark.parametrize(
    ("suite", "parts"),
    [
        ("tiny-lost", ["absent.safetensors", "tiny-lost"]),
        ("tiny-misshaped", ["tokenizer_crafter.safetensors", "embed"]),
    ],
)
def test_weights_that_cannot_be_used_are_told_before_any_trial(diptych, tmp_path, suite, parts):
    one_line(diptych("run", suite), 1, parts)
    assert not list((tmp_path / "results").glob("*/*"))


@pytest.fixture
def copied(tiny_results, tmp_path) -> Path:
    """A run of suite ``tiny`` to spoil."""
    path = Path(tiny_results[1].document["path"])
    return Path(shutil.copytree(path, tmp_path / "spoilt"))


@pytest.mark.parametrize("command", ["show", "report", "resume"])
def test_a_damaged_record(diptych, copied, command):
    lines = (copied / "trials.jsonl").read_text().splitlines()
    lines[3] = lines[3][: len(lines[3]) // 2]
    (copied / "trials.jsonl").write_text("\n".join(lines) + "\n")
    one_line(diptych(command, str(copied)), 1, ["trials.jsonl:4", "damaged"])


def test_a_torn_last_line_is_left_out_and_said(diptych, copied):
    with (copied / "trials.jsonl").open("a") as file:
        file.write('{"schema_ver')
    said = diptych("show", str(copied), "--json")
    assert said.code == 0
    assert said.document["trials"]["finished"] == 24
    assert "torn" in said.err


def test_a_newer_format_is_refused(diptych, copied):
    manifest = json.loads((copied / "manifest.json").read_text())
    manifest["schema_version"] += 1
    (copied / "manifest.json").write_text(json.dumps(manifest))
    one_line(diptych("show", str(copied)), 1, ["schema_version", "newer"])


def test_debug_shows_the_traceback(diptych):
    for arguments in (("--debug", "run", "decodng"), ("run", "decodng", "--debug")):
        said = diptych(*arguments)
        assert said.code == 2
        assert "Traceback" in said.err
        assert said.err.splitlines()[-1].startswith("error: ")


def test_an_interrupted_run_says_how_to_resume_and_can_be_resumed(diptych):
    said = diptych("run", "tiny", "--json", TINY_INTERRUPT="tiny/003")
    assert said.code == 130
    assert said.out == ""
    assert "Traceback" not in said.err
    last = said.err.splitlines()[-1]
    assert "15 of 24 trials are left" in last
    run = last.split("diptych resume ")[1].split()[0]
    resumed = diptych("resume", run, "--json")
    assert resumed.code == 0, resumed.err
    assert resumed.document["trials"]["finished"] == 24


def test_a_reader_that_leaves_early_is_no_error(plugin, tmp_path):
    said = subprocess.run(
        f"{sys.executable} -P -m harness.cli.main list metrics | head -n 1",
        shell=True,
        env={**os.environ, "PYTHONPATH": plugin},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert said.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("schedule", "diagonal", "--frames", "100000000", "--rows", "400", "--columns", "900"), "at most 1000000"),
        (("schedule", "diagonal", "--frames=1", "--rows=2", "--columns=2", "--prompt-frames=0"), "prompt_frames"),
        (("run", "tiny", "--threads", "9999"), "must be from 1 to"),
        (("run", "tiny", "--trial-timeout", "0"), "positive number of seconds"),
        (("run", "tiny", "--trial-timeout", "nan"), "positive number of seconds"),
        (("run", "tiny", "--trial-timeout", "1e300"), "up to 1e+07"),
        (("export", "asv", "-o", ""), "empty string"),
        (("report", "x", "-o", " "), "empty string"),
    ],
)
def test_numbers_that_no_machine_can_follow_are_refused(diptych, arguments, part):
    said = diptych(*arguments)
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert part in said.err


def test_a_cache_that_cannot_be_written_is_found_before_any_trial(diptych, tmp_path):
    (tmp_path / "file").write_text("")
    said = diptych("run", "decoding", "--arms", "sequential,diagonal-k1", DIPTYCH_CACHE=str(tmp_path / "file"))
    assert said.code == 1
    assert "cache folder" in said.err
    assert "DIPTYCH_CACHE" in said.err
    assert not list(tmp_path.glob("results/*/*"))
