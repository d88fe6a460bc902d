"""``diptych import vbench`` as a user types it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import import_vbench, load_run
from harness.errors import UsageError
from tests.harness.vbench_cases import NAMES, VC2_PERCENT, official, write

KEYS = {"quality", "semantic", "total", "dimensions", "missing", "reason"}


@pytest.fixture
def files(tmp_path):
    """Two models' official files, the second one the baseline, and the leaderboard's row."""
    write(tmp_path / "tuned_eval_results.json", official(shift=0.02, seed=1))
    write(tmp_path / "base_eval_results.json", official(seed=2))
    write(tmp_path / "vc2.json", {name.replace("_", " "): value for name, value in VC2_PERCENT.items()})
    return tmp_path


def test_the_document_of_the_leaderboard_s_row_without_torch(diptych, files):
    said = diptych("import", "vbench", "vc2.json", "--json", blocked=True)
    assert said.code == 0, said.err
    assert len(said.out.splitlines()) == 1
    found = said.document
    assert found.keys() >= KEYS
    totals = (found["quality"], found["semantic"], found["total"])
    assert [round(value, 2) for value in totals] == [82.20, 73.42, 80.44]
    assert list(found["dimensions"]) == list(NAMES)
    assert found["dimensions"]["dynamic_degree"]["weight"] == 0.5
    assert found["dimensions"]["scene"]["normalised"] == pytest.approx(0.5529 / 0.8222)
    assert (found["missing"], found["reason"], found["unit"]) == ([], None, "percent")
    assert found["against"] is found["run"] is None


def test_help_needs_no_torch_and_names_the_tool(diptych):
    assert "vbench" in diptych("import", "--help", blocked=True).out
    assert "--against" in diptych("import", "vbench", "--help", blocked=True).out


def test_what_is_missing_is_null_with_a_reason(diptych, files):
    found = diptych("import", "vbench", "base_eval_results.json", "--json").document
    assert found["quality"] is not None
    assert found["semantic"] is found["total"] is None
    assert found["missing"] == list(NAMES[7:])
    assert "semantic and total cannot be said: object_class" in found["reason"]
    assert (
        found["dimensions"]["color"] | {"value": None, "reason": "no file gives a value of it"}
        == (found["dimensions"]["color"])
    )


def test_a_table_is_printed_with_the_totals_and_the_unit(diptych, files):
    said = diptych("import", "vbench", "vc2.json")
    assert said.code == 0, said.err
    assert "vc2 (vc2.json, read as percent)" in said.out
    assert "vc2: quality 82.20 %, semantic 73.42 %, total 80.44 %" in said.out
    (row,) = [line.split() for line in said.out.splitlines() if line.startswith("motion_smoothness")]
    assert row == ["motion_smoothness", "quality", "0.9773", "0.706", "0.9975", "93.07", "%", "1", "-"]


def test_two_models_make_a_run_that_every_command_reads(diptych, files):
    said = diptych("import", "vbench", "tuned_eval_results.json", "--against", "base_eval_results.json", "--json")
    assert said.code == 0, said.err
    found = said.document
    assert found["differences"]["quality"] == pytest.approx(found["quality"] - found["against"]["quality"])
    assert found["differences"]["total"] is None
    run = found["run"]
    path = Path(run["path"])
    assert path.parent == files / "results" / "vbench-import"
    shown = diptych("show", run["run_id"], "--json").document
    assert shown["findings"] == run["findings"]
    assert shown["trials"]["finished"] == 120
    assert any("not measured here" in note for note in shown["notes"])
    assert diptych("show", run["run_id"], blocked=True).code == 0
    report = diptych("report", run["run_id"], "-o", "page.html", "--json")
    assert report.code == 0, report.err
    page = (files / "page.html").read_text()
    for part in ("imported, not measured here", "Thresholds, chosen at the import", "VBench subject consistency"):
        assert part in page
    for part in ("same sampling noise", "fixed before measuring"):
        assert part not in page
    verified = diptych("verify", run["run_id"], "--rerun", "1", "--json")
    assert (verified.code, verified.document["problems"]) == (0, [])
    assert "nothing of it can be run here" in str(verified.document["skipped"])
    again = diptych("import", "vbench", "tuned_eval_results.json", "--against", "base_eval_results.json", "--json")
    other = again.document["run"]["run_id"]
    compared = diptych("compare", run["run_id"], other, "--gate", "--json")
    assert compared.code == 0, compared.err
    assert {f["verdict"] for f in compared.document["findings"] if f["primary"]} == {"within noise"}
    aggregated = diptych("results", "aggregate", "--json")
    assert aggregated.code == 0, aggregated.err
    exported = diptych("export", "asv", run["run_id"])
    assert exported.code == 1
    assert "read from another tool's files" in exported.err


def test_the_text_of_two_models(diptych, files):
    said = diptych("import", "vbench", "tuned_eval_results.json", "--against", "base_eval_results.json", "-o", "kept")
    assert said.code == 0, said.err
    assert "tuned minus base, in points: quality +" in said.out
    assert "better quality" in said.out
    assert said.out.splitlines()[-1].startswith("next: diptych report ")
    assert [path.name for path in (files / "kept").iterdir()] == ["vbench-import"]
    assert not (files / "results").exists()


def test_aggregates_alone_are_compared_and_make_no_run(diptych, files):
    said = diptych("import", "vbench", "vc2.json", "--against", "base_eval_results.json", "--json")
    assert said.code == 0, said.err
    assert said.document["run"] is None
    assert "no dimension has values of single videos in both" in said.document["run_reason"]
    assert said.document["differences"]["quality"] is not None
    assert not (files / "results").exists()
    asked = diptych("import", "vbench", "vc2.json", "--against", "base_eval_results.json", "-o", "kept")
    assert asked.code == 1
    assert "no run can be made of 'vc2' and 'base'" in asked.err


def test_models_of_one_file_name_are_told_apart_by_their_folders(diptych, files):
    for name, shift in (("sft", 0.01), ("dpo", 0.02)):
        write(files / name / "x_eval_results.json", official(("color",), shift=shift))
    one, other = "dpo/x_eval_results.json", "sft/x_eval_results.json"
    run = diptych("import", "vbench", one, "--against", other, "--json").document["run"]
    assert run["arms"] == ["sft-x", "dpo-x"]
    same = diptych("import", "vbench", one, "--against", one)
    assert same.code == 2
    assert "--label NAME --against-label OTHER" in same.err
    named = diptych("import", "vbench", one, "--against", one, "--label", "a", "--against-label", "b", "--json")
    assert named.document["run"]["arms"] == ["b", "a"]


def test_prompts_that_no_terminal_or_page_should_obey(diptych, files):
    rows = [
        {"video_path": f"<script>alert({n})</script>\x1b[2J \ud800-{n}.mp4", "video_results": 0.5} for n in range(2)
    ]
    write(files / "odd.json", {"color": [0.5, rows]})
    write(files / "even.json", {"color": [0.5, rows]})
    said = diptych("import", "vbench", "odd.json", "--against", "even.json", "--json")
    assert said.code == 0, said.err
    run = said.document["run"]["path"]
    assert diptych("report", run, "-o", "page.html").code == 0
    assert "<script>alert" not in (files / "page.html").read_text()
    assert diptych("verify", run).code == 0


def test_videos_that_are_numbered_through_have_a_prompt_each(diptych, files):
    rows = [{"video_path": f"sample-{n:03}.mp4", "video_results": n / 20} for n in range(12)]
    for name in ("one.json", "two.json"):
        write(files / name, {"color": [0.275, rows]})
    taken = diptych("import", "vbench", "one.json", "--against", "two.json", "--json").document["run"]
    apart = diptych("import", "vbench", "one.json", "--against", "two.json", "--unnumbered", "--json").document["run"]
    assert [run["pairs"]["color"]["prompts"] for run in (taken, apart)] == [1, 12]
    assert taken["findings"][0]["estimate"]["reason"]
    assert apart["findings"][0]["estimate"]["low"] == 0


def test_from_python(files):
    found = import_vbench(
        files / "tuned_eval_results.json", against=files / "base_eval_results.json", results=files / "kept"
    )
    frame = load_run(found.run.path).trials
    assert len(frame) == 120
    assert frame["value.vbench/dynamic_degree"].notna().all()
    with pytest.raises(UsageError, match="--against FILE"):
        import_vbench(files / "vc2.json", results=files / "kept")


MISTAKES = {
    "no tool": (("import", "vbnch", "x.json"), 2, ["vbnch"]),
    "no file": (("import", "vbench"), 2, ["FILE"]),
    "a missing file": (("import", "vbench", "nothing.json"), 2, ["'nothing.json'", "_eval_results.json"]),
    "a missing baseline": (("import", "vbench", "vc2.json", "--against", "nothing"), 2, ["'nothing'"]),
    "no JSON": (("import", "vbench", "text.json"), 1, ["text.json is not JSON"]),
    "an unknown dimension": (("import", "vbench", "typo.json"), 2, ["did you mean 'scene'", "typo.json"]),
    "NaN": (("import", "vbench", "nan.json"), 1, ["motion_smoothness", "NaN", "no video"]),
    "an empty list": (("import", "vbench", "empty.json"), 1, ["color in empty.json is an empty list"]),
    "two values": (("import", "vbench", "one.json", "two.json"), 1, ["color is 0.5 in one.json and 0.6 in two.json"]),
    "an unknown unit": (("import", "vbench", "vc2.json", "--unit", "percents"), 2, ["did you mean 'percent'"]),
    "both units": (("import", "vbench", "mixed.json"), 1, ["--unit percent"]),
    "results without a pair": (("import", "vbench", "vc2.json", "-o", "kept"), 2, ["--against FILE"]),
    "a primary without a pair": (("import", "vbench", "vc2.json", "--primary", "color"), 2, ["--against FILE"]),
    "no results": (("import", "vbench", "vc2.json", "-o", ""), 2, ["-o/--results is an empty string"]),
    "no label": (("import", "vbench", "vc2.json", "--label", " "), 2, ["--label is an empty string"]),
    "no threshold": (
        ("import", "vbench", "tuned_eval_results.json", "--against", "base_eval_results.json", "--threshold", "0"),
        2,
        ["above 0"],
    ),
    "scored instead": (("score", ".", "--metrics", "vbench/color"), 2, ["'vbench/color'", "diptych import"]),
}


@pytest.mark.parametrize(("arguments", "code", "parts"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_in_one_line_and_writes_nothing(diptych, files, arguments, code, parts):
    write(files / "text.json", "subject_consistency: 0.9")
    write(files / "typo.json", {"scnee": 0.5})
    write(files / "nan.json", '{"motion_smoothness": [NaN, []]}')
    write(files / "empty.json", {"color": []})
    write(files / "one.json", {"color": 0.5})
    write(files / "two.json", {"color": 0.6})
    write(files / "mixed.json", {"color": 0.6, "scene": 55.0})
    said = diptych(*arguments, "--json")
    assert (said.code, said.out) == (code, ""), said.err
    lines = said.err.strip().splitlines()
    assert len(lines) == 1, said.err
    assert lines[0].startswith("error: ")
    assert all(part in lines[0] for part in parts), said.err
    assert not (files / "results").exists()
    assert not (files / "kept").exists()
