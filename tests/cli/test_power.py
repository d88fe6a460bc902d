"""``diptych power``: its facts, the run it rests on, what it says of a mistake."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from harness.cli.power import parse_effect
from harness.errors import UsageError

KEYS = {
    *("group", "arm", "metric", "unit", "effect", "threshold", "sd", "blocks_recorded", "blocks_needed", "power"),
    *("detectable_effect", "reason"),
}


@pytest.fixture
def recorded(tiny_results) -> tuple[str, str]:
    """The results folder of the run of suite ``tiny``, and the run's id."""
    results, said = tiny_results
    return str(results), said.document["run_id"]


def test_it_plans_from_the_recorded_run_and_needs_no_torch(diptych, recorded):
    results, run_id = recorded
    said = diptych("power", "tiny", "--results", results, "--json", blocked=True)
    assert said.code == 0, said.err
    facts = said.document
    assert (facts["suite"], facts["run_id"], facts["scale"], facts["power"]) == ("tiny", run_id, "smoke", 0.9)
    assert all(row.keys() >= KEYS for row in facts["rows"])
    kinds = {(row["arm"], row["metric"], row["kind"]) for row in facts["rows"]}
    assert kinds == {
        (arm, *what)
        for arm in ("quick", "sloppy")
        for what in (("frames_per_second", "difference"), ("psnr", "difference"), ("psnr", "comparable"))
    }
    quick = next(r for r in facts["rows"] if (r["arm"], r["metric"]) == ("quick", "frames_per_second"))
    assert (quick["effect"], quick["threshold"], quick["blocks_recorded"]) == (0.1, 0.05, 8)
    assert quick["blocks_needed"] >= 6
    assert 0 < quick["sd"] < 0.02


def test_the_text_says_the_question_and_the_numbers(diptych, recorded):
    results, run_id = recorded
    said = diptych("power", "tiny", "--effect", "8%", "--results", results)
    assert said.code == 0, said.err
    assert said.out.startswith(f"by run {run_id} (scale smoke); power 0.9\n")
    assert "tiny: frames_per_second judged beyond ±5 %, if the true change is 8 %" in said.out
    assert "tiny: psnr comparable within 1 dB, if the true loss is 0 dB" in said.out
    assert "max-t" in said.out


def test_the_newest_run_of_the_scale_is_taken_and_one_that_is_empty_is_not(diptych, recorded, tmp_path):
    results, run_id = recorded
    folder = tmp_path / "mine"
    shutil.copytree(results, folder)
    newer = folder / "tiny" / "99999999T000000Z-smoke-abcdef"
    shutil.copytree(folder / "tiny" / run_id, newer)
    manifest = json.loads((newer / "manifest.json").read_text())
    (newer / "manifest.json").write_text(json.dumps(manifest | {"run_id": newer.name}))
    (folder / "tiny" / "99999999T000001Z-unreadable").mkdir()
    (folder / "tiny" / "99999999T000001Z-unreadable" / "manifest.json").write_text("{")
    ask = ("power", "tiny", "--results", str(folder), "--json")
    facts = diptych(*ask).document
    assert facts["run_id"] == newer.name
    assert any("99999999T000001Z-unreadable" in note for note in facts["notes"])
    assert diptych(*ask, "--run", run_id).document["run_id"] == run_id
    (newer / "trials.jsonl").write_text("")
    assert diptych(*ask).document["run_id"] == run_id
    assert diptych(*ask, "--scale", "small").code == 1


def test_a_threshold_that_has_changed_since_is_said(diptych, recorded, tmp_path):
    results, run_id = recorded
    folder = tmp_path / "mine"
    shutil.copytree(results, folder)
    path = folder / "tiny" / run_id / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["suite"]["thresholds"][0]["tau"] = 0.2
    manifest["suite"]["margin"] = 3.0
    path.write_text(json.dumps(manifest))
    facts = diptych("power", "tiny", "--results", str(folder), "--json").document
    assert facts["rows"][0]["threshold"] == 0.05
    assert any("0.05" in note and "0.2" in note for note in facts["notes"])
    assert any("margin 1.0" in note and "3.0" in note for note in facts["notes"])


@pytest.mark.parametrize(
    ("arguments", "code", "parts"),
    [
        (("tinny",), 2, ["did you mean 'tiny'"]),
        (("tiny", "--scale", "smal"), 2, ["did you mean 'small'"]),
        (("tiny", "--power", "1.5"), 2, ["1.5", "--power 0.9"]),
        (("tiny", "--power", "nan"), 2, ["nan"]),
        (("tiny", "--power", "0.4"), 2, ["at least 0.5"]),
        (("tiny", "--effect", "much"), 2, ["'much'", "3%"]),
        (("tiny", "--effect", "-1"), 2, ["'-1'"]),
        (("tiny", "--metric", "pnsr"), 2, ["did you mean 'psnr'"]),
        (("tiny", "--run", "nonsense"), 2, ["'nonsense'"]),
        (("tiny",), 1, ["no run of suite 'tiny'", "diptych run tiny --scale smoke"]),
        (("tiny", "--scale", "small"), 1, ["at scale 'small'", "diptych run tiny --scale small"]),
    ],
)
def test_mistakes_get_one_line_with_the_next_command(diptych, arguments, code, parts):
    said = diptych("power", *arguments)
    (line,) = said.err.strip().splitlines()
    assert (said.code, said.out) == (code, "")
    assert line.startswith("error: ")
    assert all(part in line for part in parts), line


def test_another_suites_run_is_refused(diptych, recorded):
    results, run_id = recorded
    said = diptych("power", "null", "--run", run_id, "--results", results)
    assert said.code == 1
    assert "suite 'tiny', not 'null'" in said.err


def test_a_committed_baseline_is_enough(diptych, monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2])
    facts = diptych("power", "null", "--effect", "3%", "--json").document
    speed = {row["arm"]: row for row in facts["rows"] if row["metric"] == "frames_per_second"}
    assert speed.keys() == {"same-seed", "shifted-seed"}
    assert all(row["effect"] == 0.03 and row["blocks_needed"] > 6 for row in speed.values())


def test_effects_are_read():
    assert (parse_effect("3%").value, parse_effect("3%").percent) == (3.0, True)
    assert (parse_effect(" 0.02 ").value, parse_effect("0.02").percent) == (0.02, False)
    for text in ("", "%", "nan", "inf", "0", "3 percent"):
        with pytest.raises(UsageError):
            parse_effect(text)
