"""A metric whose weights are not here: left out with its reason, and everything else goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli.main import run

SUITE = """
name = "absent"
extends = "metrics-sanity"
metrics = ["ssim", "fvd", "lpips"]
[[arms]]
name = "clean"
[[arms]]
name = "noise-3"
[scales.smoke]
[[scales.smoke.cases]]
name = "crafter-9x9/test/0000"
group = "crafter-9x9"
params = { world = "crafter-9x9", index = 0, of = 6, frames = 10 }
[[scales.smoke.cases]]
name = "crafter-9x9/test/0001"
group = "crafter-9x9"
params = { world = "crafter-9x9", index = 1, of = 6, frames = 10 }
"""


def test_it_is_left_out_with_its_reason(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DIPTYCH_I3D", "DIPTYCH_ASSETS"):
        monkeypatch.delenv(name, raising=False)
    suite = tmp_path / "absent.toml"
    suite.write_text(SUITE)
    assert run(["run", str(suite), "--results", str(tmp_path / "results"), "--json"]) == 0
    out, err = capfd.readouterr()
    said = json.loads(out.strip().splitlines()[-1])
    found = {finding["metric"]: finding["estimate"] for finding in said["findings"]}
    assert found["ssim"]["value"] < 0
    assert found["fvd"]["value"] is None
    assert "DIPTYCH_I3D" in found["fvd"]["reason"]
    assert "diptych assets fetch" in found["lpips"]["reason"]
    assert "metric fvd is left out" in err
    assert set(said["context"]["absent_metrics"]) == {"fvd", "lpips"}
    assert run(["verify", said["path"]]) == 0  # what was left out is not missing
    page = tmp_path / "page.html"
    assert run(["report", said["path"], "-o", str(page)]) == 0
    assert "DIPTYCH_I3D" in page.read_text()


def test_a_suite_that_is_judged_by_it_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DIPTYCH_I3D", raising=False)
    suite = tmp_path / "absent.toml"
    suite.write_text(SUITE.replace('metrics = ["ssim", "fvd", "lpips"]', 'primary_quality = "fvd"\nmetrics = ["fvd"]'))
    assert run(["run", str(suite), "--results", str(tmp_path / "results")]) == 1
    err = capfd.readouterr().err
    assert "is judged by fvd, which cannot be computed here" in err
    assert "Traceback" not in err


@pytest.mark.full
def test_a_rerun_knows_the_features_of_every_arm(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    suite = tmp_path / "two.toml"
    text = SUITE.replace('["ssim", "fvd", "lpips"]', '["ssim", "kvd[idm-crafter]"]').replace('"absent"', '"two"')
    suite.write_text(text)
    assert run(["run", str(suite), "--results", str(tmp_path / "results"), "--json"]) == 0
    path = json.loads(capfd.readouterr().out.strip().splitlines()[-1])["path"]
    lines = (Path(path) / "trials.jsonl").read_text().splitlines()
    kept = [bool(json.loads(line)["features"]["idm-crafter"]["reference"]) for line in lines]
    assert kept.count(True) == 2  # once a block
    assert run(["verify", path, "--rerun", "2"]) == 0


BASELINES = sorted((Path(__file__).resolve().parents[2] / "results" / "baselines").glob("*/*"))


@pytest.mark.full
@pytest.mark.parametrize("baseline", BASELINES, ids=lambda path: path.name)
def test_committed_baselines_verify(baseline: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run(["verify", str(baseline), "--json"])
    said = json.loads(capfd.readouterr().out.strip().splitlines()[-1])
    assert [problem for problem in said["problems"] if problem["what"] != "weights"] == []  # the zoo may move on
