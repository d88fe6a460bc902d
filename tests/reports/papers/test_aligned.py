"""What VideoDPO's figures take from runs: seeds one by one, their means, and never a light score among VBench's."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from harness.cli.figures import published_file
from reports.methods import dimensions, judge, method_rows, motion, reported_score
from reports.papers.aligned_dimensions import signed
from reports.papers.tabular import Block, Layout, draw_blocks, latex_blocks
from reports.papers.videodpo import draw_videodpo
from reports.papers.writing import PUBLISHED_ONLY
from reports.reading import Reading, read_run
from tests.reports.aligned import GAINS, JUDGE, METRICS, MOTION, PARTS, REPORTED, TRAINING, Aligned, write_aligned

VBENCH = ("total", "quality", "semantic", "hps", "pickscore")


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return write_aligned(tmp_path_factory.mktemp("runs"), Aligned(prompts=6, sample_cases=0))


@pytest.fixture(scope="module")
def ablated(tmp_path_factory) -> Path:
    gains = {"videodpo": GAINS["videodpo"], "alpha-0": GAINS["dpo"]}
    recipe = Aligned(suite_name="alignment-ablation", prompts=6, gains=gains, sample_cases=0, declares_methods=False)
    return write_aligned(tmp_path_factory.mktemp("runs"), recipe, "run-ablated")


@pytest.fixture(scope="module")
def reading(run) -> Reading:
    return read_run(run, METRICS)


@pytest.fixture(scope="module")
def drawn(run, ablated) -> dict[str, bytes]:
    return draw_videodpo(published_file("videodpo"), [run, ablated], metrics=METRICS)


def rows(files: dict[str, bytes], name: str, **wanted: str) -> list[dict[str, str]]:
    found = csv.DictReader(io.StringIO(files[f"{name}.csv"].decode()))
    return [row for row in found if all(row[key] == value for key, value in wanted.items())]


def mean(reading: Reading, arm: str, metric: str) -> float:
    """The mean of an arm's trials, straight from the records."""
    return float(np.mean([r.values[metric] for r in reading.records if r.arm == arm]))


def test_a_method_is_the_mean_of_its_seeds(reading):
    base, *methods = method_rows(reading)
    assert base.baseline
    assert base.value(REPORTED) == pytest.approx(mean(reading, "baseline", REPORTED), rel=1e-12)
    assert [row.method for row in methods] == list(GAINS)
    for row in methods:
        means = [mean(reading, f"{row.method}-s{seed}", REPORTED) for seed in (0, 1, 2)]
        assert [seed.seed for seed in row.seeds[REPORTED]] == [0, 1, 2]
        assert row.value(REPORTED) == pytest.approx(np.mean(means), rel=1e-12)
        assert row.changes(REPORTED) == pytest.approx([m - base.value(REPORTED) for m in means], abs=1e-12)
        assert row.change(REPORTED) == pytest.approx(np.mean(means) - base.value(REPORTED), abs=1e-12)
        assert row.change("peak_memory_bytes") is None  # a ratio is no difference


def test_what_is_reported_did_not_choose_the_pairs(reading):
    suite = reading.manifest.suite
    assert (reported_score(suite), judge(suite), motion(suite)) == (REPORTED, JUDGE, MOTION)
    found = dimensions(suite, METRICS)
    assert set(found) == {*PARTS, MOTION, JUDGE}
    assert [name.partition("[")[0] for name in found[:2]] == ["motion_magnitude", "dynamic_degree"]


def test_the_arms_of_a_suite_without_methods_stand_alone(tmp_path):
    recipe = Aligned(prompts=6, sample_cases=0, gains={"dpo": GAINS["dpo"]}, declares_methods=False)
    found = method_rows(read_run(write_aligned(tmp_path, recipe), METRICS))
    assert [(row.method, [s.seed for s in row.seeds.get(TRAINING, ())]) for row in found] == [
        ("baseline", []),
        ("dpo", [None]),
    ]


def test_light_scores_and_vbenchs_share_no_column(drawn, reading):
    for name, seeds in (("main_table", "012"), ("ablation_table", "")):
        measured = rows(drawn, name, table="measured")
        assert {row["training_seed"] for row in measured} == {"", *seeds}
        for row in rows(drawn, name):
            light = row["table"] == "measured"
            assert {row[column] == "" for column in VBENCH} == {light}, row
            assert (row["metric"] == "") != light
            assert row["scale"] == ("small" if light else "")
        text = drawn[f"{name}.tex"].decode()
        assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 2
        assert "measured, small" in text.split(r"\begin{tabular}")[2]
        assert "published [S]" not in text.split(r"\begin{tabular}")[2]
        caption = drawn[f"{name}.txt"].decode()
        assert PUBLISHED_ONLY not in caption
        assert f"OmniScore is {REPORTED}" in caption
        assert f"pairs were chosen by {TRAINING}" in caption
    assert "every row is one checkpoint" in drawn["ablation_table.txt"].decode()
    assert "alpha-0, so far" in drawn["ablation_table.tex"].decode()
    (row,) = rows(
        drawn, "main_table", model="text-to-video-crafter-epsilon", metric=REPORTED, training_seed="1", mode="dpo"
    )
    assert float(row["value"]) == pytest.approx(mean(reading, "dpo-s1", REPORTED), rel=1e-12)
    assert float(row["low"]) < float(row["difference"]) < float(row["high"])


def test_dimensions_before_and_after(drawn, reading):
    found = rows(drawn, "dimensions_before_after", training="dpo", metric=MOTION)
    assert [row["training_seed"] for row in found] == ["mean", "0", "1", "2"]
    (base,) = rows(drawn, "dimensions_before_after", training="baseline", metric=MOTION)
    assert float(found[0]["difference"]) == pytest.approx(float(found[0]["value"]) - float(base["value"]), abs=1e-12)
    assert float(found[0]["difference"]) < -0.5
    assert {row["verdict"] for row in found[1:]} == {"regressed"}
    title = drawn["dimensions_before_after.txt"].decode().splitlines()[0]
    assert title == "Dimensions before and after alignment (alignment, scale small, light scores)"
    assert drawn["dimensions_before_after.pdf"].startswith(b"%PDF")


def test_the_same_bytes_twice(drawn, run, ablated):
    again = draw_videodpo(published_file("videodpo"), [run, ablated], metrics=METRICS)
    assert [name for name in drawn if drawn[name] != again[name]] == []
    assert [name for name, data in drawn.items() if str(run.parent).encode() in data] == []


def test_a_metric_without_values_is_not_available(tmp_path):
    recipe = Aligned(prompts=6, seeds=(0,), sample_cases=0, gains={"dpo": GAINS["dpo"]}, lacking=(JUDGE,))
    files = draw_videodpo(published_file("videodpo"), [write_aligned(tmp_path, recipe)], metrics=METRICS)
    measured = files["main_table.tex"].decode().split(r"\begin{tabular}")[2]
    assert "not available" in measured
    assert rows(files, "main_table", metric=JUDGE, training_seed="0") == []
    assert rows(files, "dimensions_before_after", metric=JUDGE) == []


def test_blocks_have_heads_of_their_own():
    first = Layout(heads=("A", "B"), places=(0.0, 0.5), numeric=(False, True))
    second = Layout(heads=("C", "D", "E"), places=(0.0, 0.5, 0.9), numeric=(False, True, True))
    blocks = [Block([("x", "1.0")], first, "one"), Block([("y", "2.0", "3.0*")], second, "50 %")]
    tex = latex_blocks(blocks, "t", ["* note"])
    assert tex.index("A & B") < tex.index(r"\noindent 50 \%") < tex.index("C & D & E") < tex.index("* note")
    assert draw_blocks(blocks, "t", ["* note"])["svg"].startswith(b"<?xml")


@pytest.mark.parametrize(
    ("value", "floor", "text"),
    [
        (0.01234, 0.005, "+0.0123"),
        (-0.771, 0.1, "−0.77"),
        (-9.8e-5, 0.002, "−0.0001"),
        (1e-5, 0.1, "0.00"),
        (12.3, 0, "+12.3"),
    ],
)
def test_differences_are_signed(value, floor, text):
    assert signed(value, floor) == text
