"""asv itself over a history of stored runs: what was planted is flagged where it was planted, and nothing else is."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli.exporting import export_asv
from harness.cli.verbs import load_metrics
from suites.asv.regressions import main, read_regressions

pytestmark = pytest.mark.full
HERE = Path(__file__).resolve().parent
SPEC = importlib.util.spec_from_file_location("history_fakes", HERE / "history_fakes.py")
assert SPEC is not None
assert SPEC.loader is not None
fakes = importlib.util.module_from_spec(SPEC)
sys.modules["history_fakes"] = fakes  # dataclasses look their module up
SPEC.loader.exec_module(fakes)

COMMITS = 13
SLOWER_FROM, WORSE_FROM = 7, 9  # indices: the 8th and the 10th commit


def asv(home: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "asv", *arguments],
        env={**os.environ, "HOME": str(home)},
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Commits, what the export said, and the published pages."""
    folder = tmp_path_factory.mktemp("history")
    repository, results = folder / "repository", folder / "results"
    hashes = fakes.make_repository(repository, COMMITS)
    for number, commit in enumerate(hashes):
        speed = dict(fakes.SPEED)
        if number >= SLOWER_FROM:
            speed["diagonal-k4"] /= 1.2
        plan = fakes.make_plan(fakes.Recipe().suite(), "small", 0)
        broken = frozenset(t.index for t in plan.trials if t.arm == "diagonal-k2") if number == 3 else frozenset()
        common = {"commit": commit, "created_at": f"2026-02-{number + 1:02d}T00:00:00+00:00"}
        fakes.write_run(
            results, fakes.Recipe(run_id=f"speed{number}", speed=speed, noise=2 * number, failed=broken, **common)
        )
        worse = number >= WORSE_FROM
        # beyond the margin of 0.02, better, and inside the margin
        ssim = {"diagonal-k2": -0.03, "diagonal-k4": 0.03, "sequential": -0.01} if worse else {}
        fakes.write_run(
            results,
            fakes.Recipe(run_id=f"quality{number}", suite_name="quality", ssim=ssim, noise=2 * number + 1, **common),
        )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        runs = [str(path.parent) for path in sorted(results.glob("*/*/manifest.json"))]
        facts = export_asv(runs, folder / "exported", repository=repository)
    said = asv(folder, "publish", "--no-pull", "--config", str(facts.config), "--html-dir", str(folder / "html"))
    return hashes, facts, folder, said


def test_what_was_planted_is_flagged_and_nothing_else(published):
    hashes, facts, folder, _ = published
    found = {regression.entry: regression for regression in read_regressions(folder / "html")}
    assert set(found) == {
        "decoding.crafter.small.seconds_per_frame('diagonal-k4')",
        "decoding.crafter.small.time_relative_to_sequential('diagonal-k4')",
        "quality.crafter.small.1_minus_ssim('diagonal-k2')",
    }
    for entry, regression in found.items():
        quality = entry.startswith("quality")
        assert regression.commit == hashes[WORSE_FROM if quality else SLOWER_FROM]
        assert regression.after is None  # the very commit, not a range
        if quality:
            assert regression.new - regression.old == pytest.approx(0.03, abs=1e-9)
        else:
            assert regression.new / regression.old == pytest.approx(1.2, rel=0.02)
    assert len(facts.commits) == COMMITS


def test_every_series_was_looked_at(published):
    hashes, facts, folder, said = published
    assert "Couldn't find" not in said
    assert "Skipping" not in said
    index = json.loads((folder / "html" / "index.json").read_text())
    assert set(index["benchmarks"]) == set(facts.benchmarks)
    assert sorted(index["revision_to_hash"].values()) == sorted(hashes)
    graphs = list((folder / "html" / "graphs").rglob("quality.crafter.small.1_minus_ssim.json"))
    points = json.loads(next(path for path in graphs if "summary" not in path.parts).read_text())
    assert [None not in values for _, values in points] == [True] * COMMITS
    (graph,) = [
        path
        for path in (folder / "html" / "graphs").rglob("decoding.crafter.small.seconds_per_frame.json")
        if "summary" not in path.parts
    ]
    arms = index["benchmarks"]["decoding.crafter.small.seconds_per_frame"]["params"][0]
    values = json.loads(graph.read_text())[3][1]
    assert [value is None for value in values] == [arm == "'diagonal-k2'" for arm in arms]


def test_asv_shows_and_compares_what_was_exported(published):
    hashes, facts, folder, _ = published
    shown = asv(folder, "show", "--details", "--config", str(facts.config), hashes[0])
    assert "decoding.crafter.small.time_relative_to_sequential" in shown
    compared = asv(folder, "compare", "--config", str(facts.config), hashes[0], hashes[-1])
    lines = {line.split("|")[-2].strip(): line for line in compared.splitlines() if line.startswith("|")}
    # the cases differ more than the commits do: only the matched quantity is sure of what changed
    assert "~1.20" in lines["decoding.crafter.small.seconds_per_frame('diagonal-k4')"]
    assert lines["decoding.crafter.small.time_relative_to_sequential('diagonal-k4')"].startswith("| + ")


def test_regressions_are_printed(published, capsys):
    hashes, _, folder, _ = published
    main([str(folder / "html")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{folder / 'html' / 'index.html'}: 3 regressions"
    assert len(lines) == 4
    (quality,) = [line for line in lines if "1_minus_ssim('diagonal-k2'): 0.0" in line]
    assert quality.startswith("  quality.crafter.small.")
    assert quality.endswith(f"%), commit {hashes[WORSE_FROM][:8]}")


def test_the_planted_metrics_are_real_ones():
    real = load_metrics()
    for name in ("frames_per_second", "ssim"):
        planted = fakes.METRICS[name]
        assert (real[name].unit, real[name].direction, real[name].scale) == (
            planted.unit,
            planted.direction,
            planted.scale,
        )
