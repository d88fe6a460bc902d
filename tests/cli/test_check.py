"""``diptych check`` and ``diptych schema``, and suites that are files."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

import harness
from harness.types import Arm

EXAMPLE = Path(__file__).parents[2] / "suites" / "examples" / "two-orders.toml"
TINY = """
name = "mine"
extends = "tiny"
[[arms]]
name = "slow"
[[arms]]
name = "swift"
maker = "tiny"
params = { seconds = 0.05, damage = 0.0 }
"""


@pytest.fixture
def mine(tmp_path) -> Path:
    """A suite of the tiny maker, in a file."""
    path = tmp_path / "mine.toml"
    path.write_text(TINY)
    return path


def test_check_says_which_laws_are_kept(diptych):
    said = diptych("check", "passes", "--json")
    assert said.code == 0, said.err
    facts = said.document
    assert (facts["name"], facts["kind"], facts["ok"]) == ("passes", "metric", True)
    assert len(facts["checks"]) > 5
    assert all(check.keys() >= {"name", "ok", "detail"} for check in facts["checks"])
    text = diptych("check", "passes").out
    assert "all 9 laws kept" in text
    assert all(check["name"] in text for check in facts["checks"])


def test_check_needs_torch_only_where_the_laws_do(diptych):
    assert diptych("check", "psnr", "--json", blocked=True).code == 0
    assert diptych("check", "tiny", "--kind", "suites", "--json", blocked=True).code == 0


@pytest.mark.parametrize("kind", ["suite", "maker", "model"])
def test_check_holds_a_plug_in_to_the_same_laws(diptych, kind):
    said = diptych("check", "tiny", "--kind", kind, "--json")
    assert [check for check in said.document["checks"] if not check["ok"]] == []
    assert (said.code, said.document["kind"]) == (0, kind)


def test_check_fails_where_a_law_is_broken(diptych):
    said = diptych("check", "tiny-lost", "--kind", "model", "--json")
    assert said.code == 1
    assert not said.document["ok"]
    assert any("absent.safetensors" in check["detail"] for check in said.document["checks"] if not check["ok"])
    text = diptych("check", "tiny-lost", "--kind", "model")
    assert "FAILED" in text.out
    assert "laws broken" in text.out


def test_check_takes_a_suite_file(diptych, mine):
    said = diptych("check", str(mine), "--json")
    assert said.code == 0, said.out
    assert (said.document["name"], said.document["kind"]) == ("mine", "suite")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("psnrr",), ["'psnrr'", "did you mean the metric 'psnr'?", "diptych list metrics"]),
        (("qqqqqq",), ["'qqqqqq'", "suite, model, schedule"]),
        (("tiny",), ["'tiny' is a suite and a model and a maker", "--kind suite"]),
        (("psnr", "--kind", "metrik"), ["unknown kind 'metrik'; did you mean 'metric'?"]),
        (("psnr", "--kind", "schedule"), ["unknown schedule 'psnr'"]),
        (("no/such.toml",), ["there is no file 'no/such.toml'"]),
    ],
)
def test_a_wrong_name_is_told_in_one_line(diptych, arguments, parts):
    said = diptych("check", *arguments, "--json")
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    for part in parts:
        assert part in said.err


def test_schema_is_printed_without_torch(diptych):
    said = diptych("schema", "suite", blocked=True)
    assert said.code == 0, said.err
    assert json.loads(said.out)["title"] == "SuiteFile"
    assert diptych("schema", "suite", "--json").document == json.loads(said.out)
    wrong = diptych("schema", "suit")
    assert (wrong.code, wrong.err.count("\n")) == (2, 1)
    assert "did you mean 'suite'" in wrong.err


def test_a_suite_file_is_planned_without_torch(diptych, mine):
    said = diptych("plan", str(mine), "--json", blocked=True)
    assert said.code == 0, said.err
    assert (said.document["suite"], said.document["arms"], said.document["trials"]) == ("mine", ["slow", "swift"], 16)


def test_a_suite_file_is_run_and_resumed_without_it(diptych, mine, tmp_path):
    said = diptych("run", str(mine), "--json")
    assert said.code == 0, said.err
    path = Path(said.document["path"])
    manifest = json.loads((path / "manifest.json").read_text())
    assert manifest["info"]["suite_file"] == {
        "name": "mine.toml",
        "sha256": hashlib.sha256(mine.read_bytes()).hexdigest(),
    }
    mine.unlink()
    lines = (path / "trials.jsonl").read_text().splitlines(keepends=True)
    (path / "trials.jsonl").write_text("".join(lines[:10]))
    resumed = diptych("resume", str(path), "--json")
    assert resumed.code == 0, resumed.err
    assert resumed.document["trials"]["finished"] == 16
    assert diptych("show", str(path), "--json").document["suite"] == "mine"


def test_all_problems_of_a_file_are_printed_each_on_its_line(diptych, mine):
    mine.write_text(TINY.replace("0.05", '"x"').replace('"slow"', '"slow"\nsumary = ""') + "k = 1\n")
    said = diptych("run", str(mine), "--json")
    lines = said.err.splitlines()
    assert said.code == 2
    assert lines[0].endswith("mine.toml has 2 problems:")
    assert lines[1:] == [
        "  arms[0].sumary: unknown key; did you mean 'summary'? Valid: maker, name, params, seed_shift, summary.",
        "  arms[1].k: unknown key. Valid: maker, name, params, seed_shift, summary.",
    ]


def test_the_same_verbs_work_from_python(diptych, mine, tmp_path):
    del diptych  # the plug-in is registered
    suite = harness.get_suite(mine)
    changed = suite.model_copy(update={"name": "changed", "arms": (*suite.arms, Arm(name="odd", maker="tiny"))})
    assert harness.plan_suite(changed).trials == 24
    facts = [harness.run_suite(asked, results=tmp_path / "runs") for asked in (mine, str(mine), suite)]
    assert {fact.suite for fact in facts} == {"mine"}
    first, second, third = (Path(fact.path) for fact in facts)
    assert harness.show_run(first).findings == facts[0].findings
    assert harness.resume_run(first).trials.finished == 16
    comparison = harness.compare_runs(second, third)
    assert {f.estimate.value for f in comparison.findings if f.metric == "psnr"} == {0.0}
    assert harness.write_report([first, second], tmp_path / "page.html").runs == (first.name, second.name)
    assert harness.check_component(mine).ok
    assert harness.describe_schema("suite")["title"] == "SuiteFile"


@pytest.mark.full
def test_the_example_runs_as_it_stands(diptych, tmp_path):
    shutil.copy(EXAMPLE, tmp_path)
    said = diptych("run", EXAMPLE.name, "--json")
    assert said.code == 0, said.err
    assert said.document["trials"]["finished"] == 36
    words = {conclusion["arm"]: conclusion["word"] for conclusion in said.document["conclusions"]}
    assert words.keys() == {"diagonal-k5", "frame-at-once"}
    assert diptych("check", EXAMPLE.name).code == 0
