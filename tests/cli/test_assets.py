"""``diptych assets``: what is here, what is not and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.cli.main import run

KEYS = {"name", "version", "sha256", "bytes", "licence", "present", "path", "reason"}


@pytest.fixture(autouse=True)
def _nothing_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("DIPTYCH_OFFLINE", "1")
    monkeypatch.delenv("DIPTYCH_ASSETS", raising=False)


def call(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    capfd.readouterr()
    code = run(["assets", *arguments, "--json"])
    out, err = capfd.readouterr()
    return code, json.loads(out.strip().splitlines()[-1]) if out.strip() else None, err


def test_the_list_says_of_each_whether_it_is_here(capfd: pytest.CaptureFixture[str]) -> None:
    code, said, _ = call(capfd, "list")
    assert code == 0
    assets = {asset["name"]: asset for asset in said["assets"]}
    assert all(set(asset) >= KEYS for asset in assets.values())
    shipped = assets["tokenizer_crafter.safetensors"]
    assert shipped["present"] is True
    assert Path(shipped["path"]).stat().st_size == shipped["bytes"]
    absent = assets["x3d-xs-k400-int8dq"]
    assert (absent["present"], absent["path"]) == (False, None)
    assert "diptych assets fetch x3d-xs-k400-int8dq" in absent["reason"]


def test_fetching_offline_says_why_not_and_fails(capfd: pytest.CaptureFixture[str]) -> None:
    code, said, _ = call(capfd, "fetch", "st-lpips-alex")
    assert code == 1
    assert "DIPTYCH_OFFLINE is set" in said["assets"][0]["reason"]
    code, said, _ = call(capfd, "fetch", "x3d-xs-k400-int8dq")
    assert code == 1
    assert "DIPTYCH_ASSETS" in said["assets"][0]["reason"]
    assert "dequantising" in said["assets"][0]["reason"]
    code, said, _ = call(capfd, "fetch", "tokenizer_crafter.safetensors")
    assert (code, said["assets"][0]["present"]) == (0, True)


def test_verify_finds_a_changed_file(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call(capfd, "verify")[0] == 0  # what is not here is not wrong
    assert call(capfd, "verify", "st-lpips-alex")[0] == 1  # but it was asked for
    file = tmp_path / "mirror" / "video_features" / "x3d_xs_k400_fp16.safetensors"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"something else")
    monkeypatch.setenv("DIPTYCH_ASSETS", str(tmp_path / "mirror"))
    code, said, _ = call(capfd, "verify")
    assert code == 1
    wrong = next(asset for asset in said["assets"] if asset["name"] == "x3d-xs-k400-int8dq")
    assert "expected 15b1a315" in wrong["reason"]
    assert wrong["path"] == str(file)


def test_path_prints_the_file_or_says_what_to_do(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["assets", "path", "tokenizer_crafter.safetensors"]) == 0
    assert capfd.readouterr().out.strip().endswith("models/zoo/tokenizer_crafter.safetensors")
    assert run(["assets", "path", "st-lpips-alex"]) == 1
    assert "diptych assets fetch st-lpips-alex" in capfd.readouterr().err


def test_mistakes(capfd: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capfd, "fetch")
    assert code == 2
    assert "--all" in err
    code, _, err = call(capfd, "path", "x3d")
    assert code == 2
    assert "Valid:" in err


@pytest.mark.full
def test_doctor_counts_what_is_here(capfd: pytest.CaptureFixture[str]) -> None:
    run(["doctor", "--json"])
    said = json.loads(capfd.readouterr().out.strip().splitlines()[-1])
    found = next(check for check in said["checks"] if check["name"] == "assets")
    assert found["ok"] is True
    assert "not here: alexnet-imagenet" in found["detail"]
