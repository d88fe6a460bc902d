"""Plug-ins that are sound, broken, or claim a name that another has: each is told of, and none hides another."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.cli.plugs import distribution

ORDER = """
import numpy as np
from models.decoding.schedule import Schedule
print("a_order was imported")
ORDER = Schedule("zigzag", "one after the other", lambda grid, k: np.arange(grid.tokens), takes_k=False)
"""
METRIC = """
from harness.registry import register
from harness.types import Metric
for name in {names}:
    register("metric", name)(
        Metric(name=name, summary="one", unit="u", direction="higher", scale="ratio", compute=lambda made: 1.0)
    )
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four distributions, of which two are sound but for a name."""
    folder = tmp_path_factory.mktemp("plug-ins")
    (folder / "a_order.py").write_text(ORDER)
    (folder / "a_metrics.py").write_text(METRIC.format(names=("shared", "only-a")))
    (folder / "b_metrics.py").write_text(METRIC.format(names=("shared", "psnr", "only-b")))
    (folder / "c_suite.py").write_text('"""Broken."""\n\nimport no_such_dependency\n')
    (folder / "c_syntax.py").write_text("def broken(:\n")
    (folder / "c_exit.py").write_text("raise SystemExit(3)\n")
    points = {"schedules": {"zigzag": "a_order:ORDER", "diagonal": "a_order:ORDER"}, "metrics": {"a": "a_metrics"}}
    distribution(folder, "diptych-a", points, summary="orders of A")
    distribution(folder, "diptych-b", {"metrics": {"b": "b_metrics"}})
    broken = {"suites": {"c": "c_suite", "syntax": "c_syntax", "exit": "c_exit"}, "schedules": {"lost": "a_order:LOST"}}
    distribution(folder, "diptych-c", broken)
    return folder


@pytest.fixture
def plugged(diptych, plugin, site):
    """``diptych(*arguments)`` in a process that has the four distributions."""

    def call(*arguments: str, **options):
        return diptych(*arguments, PYTHONPATH=os.pathsep.join((str(site), plugin)), **options)

    return call


def test_what_an_entry_point_names_by_attribute_is_listed_without_an_import(plugged):
    said = plugged("list", "schedules", "--json", blocked=True)
    assert said.code == 0, said.err
    items = {item["name"]: item for item in said.document["items"]}
    assert items["zigzag"] == {
        "name": "zigzag",
        "summary": "orders of A",
        "origin": "diptych-a 1.0 (a_order:ORDER)",
        "distribution": "diptych-a",
    }
    assert "a_order was imported" not in said.out + said.err


def test_what_an_entry_point_names_by_attribute_is_used_by_its_name(plugged):
    said = plugged("schedule", "zigzag", "--frames", "1", "--rows", "2", "--columns", "2", "--json")
    assert said.code == 0, said.err
    assert said.document["passes"] == 4


def test_our_own_name_keeps_its_meaning_and_the_plug_in_is_told_of(plugged):
    listed = plugged("list", "schedules", "--json")
    (diagonal,) = [item for item in listed.document["items"] if item["name"] == "diagonal"]
    assert "models/decoding/schedules/diagonal.py" in diagonal["origin"]
    used = plugged("schedule", "diagonal", "--frames", "1", "--rows", "2", "--columns", "3", "--json")
    assert used.code == 0
    assert used.document["passes"] == 4
    for said in (listed, used):
        (warning,) = [line for line in said.err.splitlines() if line.startswith("warning: schedule 'diagonal'")]
        assert "schedules/diagonal.py" in warning
        assert "diptych-a 1.0 (a_order:ORDER)" in warning
        assert "Traceback" not in said.err


def test_a_name_of_two_plug_ins_means_nothing_and_hides_nothing_else(plugged):
    listed = plugged("list", "metrics", "--json")
    assert listed.code == 0
    names = {item["name"]: item["distribution"] for item in listed.document["items"]}
    wanted = {"only-a": "diptych-a", "only-b": "diptych-b", "psnr": None, "ssim": None}
    assert {name: names.get(name, "absent") for name in wanted} == wanted
    assert "shared" not in names
    assert len(listed.document["collisions"]) == 2  # psnr is ours
    said = plugged("check", "shared", "--json")
    assert said.code == 1
    assert said.out == ""
    assert "a_metrics.py:5 of diptych-a" in said.err
    assert "b_metrics.py:5 of diptych-b" in said.err
    assert "Traceback" not in said.err
    assert plugged("check", "only-b", "--json").document["name"] == "only-b"


def test_a_broken_plug_in_says_at_which_line_and_the_rest_goes_on(plugged, site):
    said = plugged("list", "suites", "--json")
    assert said.code == 0, said.err
    assert {"decoding", "tiny"} <= {item["name"] for item in said.document["items"]}
    why = said.document["broken"]
    assert f"No module named 'no_such_dependency' ({site / 'c_suite.py'}, line 3)" in why["diptych-c 1.0 (c_suite)"]
    assert "c_syntax.py, line 1" in why["diptych-c 1.0 (c_syntax)"]
    assert why["diptych-c 1.0 (c_exit)"].startswith("SystemExit: 3")
    for reason in why.values():
        assert reason in said.err
    assert plugged("plan", "tiny", "--json").code == 0


def test_asking_for_a_thing_of_a_broken_plug_in_shows_its_error(plugged):
    for arguments in (("plan", "of-c"), ("check", "of-c")):
        said = plugged(*arguments)
        assert said.code == 2
        assert "No module named 'no_such_dependency'" in said.err
        assert said.err.count("\n") == 1
    lost = plugged("schedule", "lost", "--frames", "1", "--rows", "1", "--columns", "1")
    assert lost.code == 1
    assert "schedule 'lost' (diptych-c 1.0 (a_order:LOST)) cannot be loaded: AttributeError" in lost.err
    assert "Traceback" not in lost.err


def test_doctor_names_all_that_is_amiss(plugged):
    said = plugged("doctor", "--json")
    (check,) = [check for check in said.document["checks"] if check["name"] == "components"]
    assert not check["ok"]
    for word in ("no_such_dependency", "c_syntax", "shared", "schedule 'diagonal'", "a_order:LOST"):
        assert word in check["detail"]


def test_a_run_names_the_plug_ins_that_take_part(tiny_results):
    manifest = json.loads((Path(tiny_results[1].document["path"]) / "manifest.json").read_text())
    assert manifest["context"]["plugins"] == {"diptych-tiny": "1.0"}
