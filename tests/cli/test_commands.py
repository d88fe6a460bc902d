"""Every command from end to end, in a process of its own, on a suite that a plug-in brings."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import harness
from harness.cli.findings import change
from harness.cli.main import COMMANDS
from harness.files import file_sha256
from harness.types import Finding
from tests.cli.plugs import distribution
from tests.forge import read_lines, write_lines

FINDING_KEYS = {"metric", "arm", "baseline", "estimate", "verdict"}
ESTIMATE_KEYS = {"value", "low", "high", "level", "method", "n", "unit", "direction", "reason"}


@pytest.fixture
def run(tiny_results) -> str:
    """Path of the run of suite ``tiny``."""
    path: str = tiny_results[1].document["path"]
    return path


def check_findings(findings):
    assert findings
    for finding in findings:
        assert finding.keys() >= FINDING_KEYS
        assert finding["estimate"].keys() >= ESTIMATE_KEYS
        assert finding["verdict"] in ("improved", "regressed", "within noise", "inconclusive")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_its_own_help(diptych, command):
    said = diptych(command, "--help")
    assert said.code == 0, said.err
    assert f"diptych {command}" in said.out


def test_help_needs_no_torch(diptych):
    said = diptych("--help", blocked=True)
    assert said.code == 0, said.err
    assert all(command in said.out for command in COMMANDS)


def test_version(diptych):
    said = diptych("--version")
    assert (said.code, said.out.split()[0]) == (0, "diptych")


def test_list_shows_the_plugin_beside_our_own(diptych):
    said = diptych("list", "suites", "--json", blocked=True)
    assert said.code == 0, said.err
    items = {item["name"]: item for item in said.document["items"]}
    assert {"tiny", "decoding", "null"} <= items.keys()
    assert said.document["kind"] == "suites"
    assert items["tiny"]["summary"] == "a slow, a quick and a sloppy arm"
    assert "diptych_tiny" in items["tiny"]["origin"]


def test_list_arms_names_their_suite(diptych):
    items = diptych("list", "arms", "--json").document["items"]
    assert {"slow", "quick", "sloppy"} == {item["name"] for item in items if item["suite"] == "tiny"}


def test_list_assets_has_hashes(diptych):
    items = diptych("list", "assets", "--json").document["items"]
    shipped = [item for item in items if item["name"].endswith(".safetensors")]
    assert len(shipped) >= 3
    for item in shipped:
        path = harness.asset_path(item["name"])
        assert item["sha256"] == file_sha256(path)
        assert item["bytes"] == path.stat().st_size
    assert all(item["sha256"] is None or len(item["sha256"]) == 64 for item in items)
    assert all(item["licence"] for item in items)


def test_list_tells_of_a_broken_plugin_on_stderr(diptych, plugin, tmp_path):
    distribution(tmp_path, "diptych-broken", {"suites": {"broken": "no_such_module"}})
    said = diptych("list", "suites", "--json", PYTHONPATH=f"{tmp_path}:{plugin}")
    assert said.code == 0
    assert "diptych-broken 1.0 (no_such_module) could not be imported: ModuleNotFoundError" in said.err
    assert "tiny" in {item["name"] for item in said.document["items"]}


def test_schedule(diptych):
    said = diptych("schedule", "sequential", "--frames", "2", "--rows", "2", "--columns", "3", "--json", blocked=True)
    assert said.code == 0, said.err
    facts = said.document
    assert facts["passes"] == facts["tokens"] == 12
    assert facts["steps"][7] == [[1, 0, 1]]
    keys = "name frames rows columns k k_effective tokens passes max_width max_inputs action_lookahead_passes steps"
    assert set(keys.split()) <= facts.keys()


def test_schedule_draws_the_passes(diptych):
    said = diptych("schedule", "diagonal", "--frames", "1", "--rows", "2", "--columns", "3", "--k", "2")
    assert said.code == 0, said.err
    assert [line.strip() for line in said.out.splitlines()[-2:]] == ["0  1  2", "2  3  4"]


def test_plan(diptych):
    said = diptych("plan", "tiny", "--json", blocked=True)
    assert said.code == 0, said.err
    plan = said.document
    assert plan["arms"] == ["slow", "quick", "sloppy"]
    assert (plan["suite"], plan["version"]) == ("tiny", 1)
    assert (plan["blocks"], plan["trials"], plan["reuse"], plan["run"]) == (8, 24, 0, 24)
    assert isinstance(plan["order_seed"], int)


def test_plan_counts_what_a_run_has_done(diptych, run):
    plan = diptych("plan", "tiny", "--resume", run, "--json").document
    assert (plan["trials"], plan["reuse"], plan["run"]) == (24, 24, 0)


def test_run_keeps_its_trials_and_says_what_it_found(tiny_results):
    facts = tiny_results[1].document
    assert {"run_id", "path", "trials", "findings", "conclusion"} <= facts.keys()
    assert facts["trials"].items() >= {"finished": 24, "failed": 0, "unpaired": 0}.items()
    check_findings(facts["findings"])
    speed = {f["arm"]: f for f in facts["findings"] if f["metric"] == "frames_per_second"}
    assert speed["quick"]["estimate"]["value"] == pytest.approx(2, rel=0.05)
    assert speed["quick"]["verdict"] == "improved"
    words = {c["arm"]: c["word"] for c in facts["conclusions"]}
    assert words == {"quick": "faster at comparable quality", "sloppy": "faster but worse"}
    assert len((Path(facts["path"]) / "trials.jsonl").read_text().splitlines()) == 24


def test_run_tells_its_progress_on_stderr_in_plain_lines(tiny_results):
    err = tiny_results[1].err
    assert "24/24" in err
    assert "\x1b" not in err
    assert len(tiny_results[1].out.splitlines()) == 1


def test_run_without_json_prints_a_table_and_the_conclusion(diptych):
    said = diptych("run", "tiny", "--arms", "slow,quick")
    assert said.code == 0, said.err
    assert "faster" in said.out
    assert "sloppy" not in said.out


@pytest.mark.parametrize(("asked", "environment", "pinned"), [((), "2", 2), (("--threads", "1"), "2", 1)])
def test_threads_are_those_asked_for_else_those_of_the_environment(diptych, asked, environment, pinned):
    facts = diptych("run", "tiny", "--arms", "slow,quick", *asked, "--json", OMP_NUM_THREADS=environment).document
    manifest = json.loads((Path(facts["path"]) / "manifest.json").read_text())
    assert manifest["threads"] == pinned


def test_run_with_no_complete_pair_is_an_error(diptych):
    said = diptych("run", "tiny-unpaired", "--json")
    assert said.code == 1
    assert said.document["trials"].items() >= {"finished": 8, "failed": 8, "unpaired": 8, "complete_pairs": 0}.items()
    assert "no complete pair" in said.err
    assert "this arm always fails" in said.err
    assert "Traceback" not in said.err


def test_resume_finishes_what_is_missing_and_nothing_else(diptych, run, tmp_path):
    copy = tmp_path / "results" / "tiny" / Path(run).name
    shutil.copytree(run, copy)
    lines = (copy / "trials.jsonl").read_text().splitlines(keepends=True)
    (copy / "trials.jsonl").write_text("".join(lines[:10]) + lines[10][:40])  # killed while writing a line
    said = diptych("resume", str(copy), "--json")
    assert said.code == 0, said.err
    assert said.document["trials"]["finished"] == 24
    after = [json.loads(line) for line in (copy / "trials.jsonl").read_text().splitlines()]
    assert [line["index"] for line in after] == list(range(24))
    assert after[:10] == [json.loads(line) for line in lines[:10]]
    before = [json.loads(line) for line in lines]
    assert [line["hashes"] for line in after] == [line["hashes"] for line in before]
    assert [line["values"]["psnr"] for line in after] == [line["values"]["psnr"] for line in before]


def test_show_says_what_the_run_said(diptych, run, tiny_results):
    said = diptych("show", run, "--json", blocked=True)
    assert said.code == 0, said.err
    facts = said.document
    keys = "run_id suite version schema_version context comparability_key trials findings"
    assert set(keys.split()) <= facts.keys()
    assert facts["findings"] == tiny_results[1].document["findings"]
    assert facts["context"]
    assert len(facts["comparability_key"]) == 64


def test_show_finds_a_run_by_the_beginning_of_its_id(diptych, tiny_results):
    results, said = tiny_results
    run_id = said.document["run_id"]
    shown = diptych("show", run_id[:-1], "--json", "--results", str(results))
    assert shown.document["run_id"] == run_id


def test_show_prints_change_interval_and_verdict(diptych, run, tiny_results):
    said = diptych("show", run, "--all")
    for finding in tiny_results[1].document["findings"]:
        value, interval = change(Finding.model_validate(finding).estimate)
        assert value in said.out
        assert interval in said.out


def test_compare_a_run_with_itself_finds_no_difference(diptych, run):
    said = diptych("compare", run, run, "--gate", "--json", blocked=True)
    assert said.code == 0, said.err
    assert said.document.keys() >= {"findings", "unmatched", "context_differences"}
    check_findings(said.document["findings"])
    assert {f["estimate"]["value"] for f in said.document["findings"] if f["metric"] == "psnr"} == {0.0}
    assert said.document["context_differences"] == []


def altered(run: str, folder: Path, change_record, change_manifest=lambda manifest: None) -> str:
    """Copy a run under another id, its records changed one by one."""
    copy = folder / "altered"
    shutil.copytree(run, copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["run_id"] = "altered"
    change_manifest(manifest)
    (copy / "manifest.json").write_text(json.dumps(manifest))
    records = read_lines(copy)
    for record in records:
        change_record(record)
    write_lines(copy, records)
    return str(copy)


def test_the_gate_closes_on_a_regression(diptych, run, tmp_path):
    def worse(record):
        record["values"]["psnr"] -= 3 + 0.01 * record["index"]

    other = altered(run, tmp_path, worse)
    assert diptych("compare", run, other, "--gate", "--json").code == 3
    assert diptych("compare", run, other, "--json").code == 0  # no gate was asked for
    assert diptych("compare", other, run, "--gate", "--json").code == 0  # the other way round it is an improvement


def test_the_gate_says_inconclusive_where_the_interval_says_nothing(diptych, run, tmp_path):
    def noisy(record):
        record["values"]["psnr"] += 12 * (-1) ** int(record["block"]["case"][-1])

    assert diptych("compare", run, altered(run, tmp_path, noisy), "--gate", "--json").code == 4


def test_runs_of_different_contexts_are_compared_only_on_request(diptych, run, tmp_path):
    def elsewhere(manifest):
        manifest["context"]["torch"] = "0.0.1"

    other = altered(run, tmp_path, lambda record: None, elsewhere)
    refused = diptych("compare", run, other, "--json")
    assert refused.code == 1
    assert "0.0.1" in refused.err
    assert "--across-contexts" in refused.err
    said = diptych("compare", run, other, "--across-contexts", "--json")
    assert said.code == 0
    assert [d["key"] for d in said.document["context_differences"]] == ["torch"]
    assert all("across contexts" in finding["estimate"]["method"] for finding in said.document["findings"])
    assert "ACROSS CONTEXTS: torch" in diptych("compare", run, other, "--across-contexts").out.splitlines()[0]
    assert "across contexts" not in diptych("compare", run, run, "--json").out


def test_compare_can_look_at_one_metric(diptych, run):
    findings = diptych("compare", run, run, "--metric", "psnr", "--json").document["findings"]
    assert {finding["metric"] for finding in findings} == {"psnr"}


def test_report(diptych, run, tmp_path):
    said = diptych("report", run, "-o", "page.html", "--json", blocked=True)
    assert said.code == 0, said.err
    assert said.document["path"] == str(tmp_path / "page.html")
    assert said.document["bytes"] == (tmp_path / "page.html").stat().st_size > 10_000
    assert said.document["runs"] == [Path(run).name]


def test_doctor_looks_at_everything_and_never_crashes(diptych):
    for blocked in (False, True):
        said = diptych("doctor", "--json", blocked=blocked)
        checks = {check["name"]: check for check in said.document["checks"]}
        assert {
            "python",
            "torch",
            "processors",
            "memory",
            "disk",
            "av",
            "results folder",
            "cache folder",
        } <= checks.keys()
        assert all(check.keys() >= {"name", "ok", "detail", "remedy"} for check in checks.values())
        assert said.code == (1 if blocked else 0), said.out
        assert checks["torch"]["ok"] is not blocked
        assert bool(checks["torch"]["remedy"]) is blocked


def test_doctor_fails_where_results_cannot_be_written(diptych, tmp_path):
    (tmp_path / "file").touch()
    said = diptych("doctor", "--json", DIPTYCH_RESULTS=str(tmp_path / "file" / "results"))
    failed = [check["name"] for check in said.document["checks"] if not check["ok"]]
    assert said.code == 1
    assert "results folder" in failed
