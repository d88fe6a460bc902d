"""``diptych align demo``: from collection to verdict, nothing done twice, and what it says of mistakes."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from harness.cli import demonstrating
from harness.cli.builtin import load_builtin
from harness.cli.main import run
from harness.suite_file import read_suite
from tests.models.alignment.collecting import skip_without_the_reward

load_builtin()
TINY = ["--prompts", "3", "--videos", "2", "--steps", "4", "--tested", "2", "--json"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--method", "ppo"], "sft, dpo, videodpo"),
        (["--videos", "1"], "--videos must be at least 2"),
        (["--tested", "1"], "--tested must be at least 2"),
        (["--steps", "0"], "--steps must be at least 1"),
        (["--prompts", "0"], "--prompts must be at least 1"),
    ],
)
def test_mistakes_are_said_before_anything_is_made(
    tmp_path: Path, more: list[str], said: str, capfd: pytest.CaptureFixture
) -> None:
    assert run(["align", "demo", "--out", str(tmp_path / "demo"), *more]) == 2
    assert said in " ".join(capfd.readouterr().err.split())
    assert not (tmp_path / "demo").exists()


@pytest.mark.parametrize("folder", ["plain", 'a "quoted" one', "back\\slash"])
def test_its_suite_is_alignment_with_one_arm_changed(tmp_path: Path, folder: str) -> None:
    weights = tmp_path / folder / "aligned.safetensors"
    file = tmp_path / "demo.toml"
    file.write_text(demonstrating._suite("dpo", weights, 5), encoding="utf-8")
    assert tomllib.loads(file.read_text(encoding="utf-8"))["arms"][1]["params"] == {"weights": str(weights)}
    suite, whole = read_suite(file), load_builtin().get("suite", "alignment")
    assert [arm.name for arm in suite.arms] == ["baseline", "dpo-s0"]
    assert {arm.maker for arm in suite.arms} == {"text-to-video"}
    assert suite.metrics == whole.metrics
    assert suite.held_out == whole.held_out
    assert suite.methods == ("dpo",)
    assert len(suite.scales["demo"].cases) == 5
    assert all(case.params["split"] == "test" for case in suite.scales["demo"].cases)


@pytest.mark.full
def test_it_goes_from_collection_to_verdict_and_makes_nothing_twice(
    tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    skip_without_the_reward()
    out = tmp_path / "demo"
    assert run(["align", "demo", "--out", str(out), *TINY]) == 0
    first = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert Path(first["report"]).stat().st_size > 10_000
    assert "this checkpoint of videodpo" in first["conclusion"]
    assert first["pairs"] == 3
    kept = {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")}
    records = Path(first["run"], "trials.jsonl").read_bytes()
    assert run(["align", "demo", "--out", str(out), *TINY]) == 0
    again = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert again["run"] == first["run"]
    assert again["conclusion"] == first["conclusion"]
    assert Path(first["run"], "trials.jsonl").read_bytes() == records
    assert {
        path: path.stat().st_mtime_ns for path in (out / "collection").rglob("*.safetensors")
    }.items() <= kept.items()
