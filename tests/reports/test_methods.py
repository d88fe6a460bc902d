"""The report of a suite that compares methods of training: seeds one by one, what it cost, prompts above samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.types import Estimate
from reports.cards import UNJUDGED, method_leaves
from reports.diptychs import REAL, diptychs, leading
from reports.method_plots import in_thresholds, method_plot
from reports.method_tables import (
    change_decimals,
    change_text,
    dimension_table,
    judged_metrics,
    method_conclusions,
    method_table,
    taus,
    win_table,
)
from reports.reading import Reading, arm_styles, read_run
from reports.report import write_report
from reports.tables import Table
from tests.reports.aligned import GAINS, JUDGE, METRICS, MOTION, REPORTED, TRAINING, Aligned, write_aligned

GROUP = "crafter epsilon"
PROMPT = "a <player> walks & sleeps"


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    recipe = Aligned(prompts=6, sample_cases=1, prompt=PROMPT, gains={m: GAINS[m] for m in ("dpo", "videodpo")})
    return write_aligned(tmp_path_factory.mktemp("runs"), recipe)


@pytest.fixture(scope="module")
def reading(run) -> Reading:
    return read_run(run, METRICS)


@pytest.fixture(scope="module")
def page(run, tmp_path_factory) -> str:
    file = tmp_path_factory.mktemp("page") / "report.html"
    write_report([run], file, metrics=METRICS)
    return file.read_text()


def heads(table: Table | None) -> list[str]:
    assert table is not None
    return [column.title for column in table.columns]


def test_every_seed_stands_alone_and_beside_the_mean(reading):
    table = method_table(reading, GROUP)
    assert heads(table) == ["Metric", "Method", "Seed 0", "Seed 1", "Seed 2", "Mean of seeds", "Verdict"]
    found = {(m.metric, m.method): m for m in reading.analysis.methods}
    row = next(row for row in table.rows if row[1].arm == "dpo")
    assert row[0].note == "training score: it chose the pairs"
    shown = [cell.text for cell in row[2:6]]
    exact = [seed.estimate.value for seed in found[TRAINING, "dpo"].seeds]
    assert [float(text) for text in shown] == pytest.approx([*exact, np.mean(exact)], abs=5e-5)
    assert {cell.note for cell in row[2:5]} == {"improved"}
    assert "3 training seeds: an interval over seeds needs at least 6." in table.caption
    parts = judged_metrics(reading.manifest.suite)
    assert next(iter(parts)) == TRAINING
    assert (parts[JUDGE], parts[REPORTED]) == ("held out: it never chose a pair", "reported")
    assert len(table.rows) == 2 * len(parts)


def test_motion_stands_first_among_the_dimensions(reading):
    table = dimension_table(reading, GROUP, METRICS)
    assert heads(table) == ["Dimension", "Before", "After dpo", "After videodpo"]
    first, second = table.rows[:2]
    assert [first[0].text, second[0].text] == ["Motion magnitude [raft-small]", "Dynamic degree [raft-small]"]
    assert "▼ regressed" in first[2].note
    before, after = float(first[1].text), float(first[2].text)
    assert after - before == pytest.approx(-0.77, abs=0.08)
    assert "within noise" in first[3].note


def test_win_rates_count_blocks(reading):
    table = win_table(reading, GROUP)
    row = next(row for row in table.rows if row[0].arm == "dpo-s1")
    motion = heads(table).index("Motion magnitude [raft-small]")
    assert row[motion].text.startswith("0 % [0, ")
    assert row[motion].note == "0 won, 0 even, 6 lost"
    assert len(table.rows) == 6


def test_the_card_says_what_was_bought_and_what_it_cost_in_motion(reading):
    by_method = {c.method: c for c in method_conclusions(reading, GROUP)}
    bought, cost = method_leaves(reading, by_method["dpo"])
    assert (bought.label, cost.label) == ("what it bought", "what it cost")
    assert (bought.verdict, cost.verdict) == ("improved", "regressed")
    assert cost.metric == "Motion magnitude [raft-small], against baseline"
    assert cost.interval.startswith("seeds −0.7")
    assert cost.interval.count("−0.") == 3
    assert method_leaves(reading, by_method["videodpo"])[1].verdict == "within noise"


def test_what_has_no_value_is_not_judged(tmp_path):
    recipe = Aligned(prompts=6, seeds=(0,), sample_cases=0, gains={"dpo": GAINS["dpo"]}, lacking=(MOTION,))
    bare = read_run(write_aligned(tmp_path, recipe), METRICS)
    (conclusion,) = method_conclusions(bare, GROUP)
    assert conclusion.of == "this checkpoint"
    assert method_leaves(bare, conclusion)[1].value == UNJUDGED
    assert "Motion magnitude [raft-small]" not in [row[0].text for row in dimension_table(bare, GROUP, METRICS).rows]
    plot = method_plot(bare, GROUP, METRICS, "x")
    assert MOTION not in plot.sources
    assert TRAINING in plot.sources


def test_changes_are_drawn_in_thresholds_and_right_is_better(reading):
    found = {(m.metric, m.method): m for m in reading.analysis.methods}
    units = taus(reading.manifest.suite)
    assert units[TRAINING] == reading.manifest.suite.margin
    mean, seeds = in_thresholds(found[MOTION, "dpo"], METRICS[MOTION], units[MOTION])
    assert mean == pytest.approx(np.mean(seeds))
    assert mean == pytest.approx(found[MOTION, "dpo"].estimate.value / 0.1)
    kvd = found["kvd[toy]", "dpo"]
    assert in_thresholds(kvd, METRICS["kvd[toy]"], 0.5)[0] == pytest.approx(-kvd.estimate.value / 0.5)
    plot = method_plot(reading, GROUP, METRICS, "x")
    assert plot.wide
    assert plot.sources.startswith(f"{MOTION}, ")


def test_seeds_of_a_method_share_its_colour(reading):
    styles = arm_styles(["base", "a-s0", "b-s0", "a-s1", "c"], "base", None, ["a", "b"])
    assert {name: style.index for name, style in styles.items() if name != "base"} == {
        "a-s0": 0, "b-s0": 1, "a-s1": 0, "c": 2,
    }  # fmt: skip
    assert reading.looks["dpo"].css == reading.looks["dpo-s2"].css != reading.looks["videodpo"].css


def test_samples_stand_beside_the_baseline_under_their_prompt(reading):
    (shown,), notes = diptychs(reading, METRICS, 3)
    assert notes == []
    assert shown.left == "baseline"
    assert shown.right == leading(reading, GROUP)[0] == f"{method_conclusions(reading, GROUP)[0].method}-s0"
    (row,) = shown.rows
    assert row.told == f"{PROMPT}, 0"
    assert row.prompt_frames == 0
    assert row.truth.title == REAL
    assert "Motion magnitude" in row.panels[0].facts


def test_the_page_shows_all_of_it_escaped(page, run, tmp_path):
    for words in (
        "Methods, training seed by training seed",
        "Dimensions before and after",
        "Win rates against the baseline",
        "Scores before and after, in thresholds",
        "6 arms, one by one",
        "said of the method",
        '<q class="told">a &lt;player&gt; walks &amp; sleeps, 0</q>',
        "no held-out score regressed",
    ):
        assert words in page, words
    assert "<player>" not in page
    assert "Every metric's response" not in page  # methods have tables of their own
    write_report([run], tmp_path / "again.html", metrics=METRICS)
    assert (tmp_path / "again.html").read_text() == page


def test_a_suite_without_methods_has_none_of_it(make_run, recipe, metrics):
    plain = read_run(make_run(recipe), metrics)
    group = plain.groups[0]
    assert method_table(plain, group) is None
    assert win_table(plain, group) is None
    assert dimension_table(plain, group, metrics) is None
    assert method_plot(plain, group, metrics, "x") is None
    assert method_conclusions(plain, group) == ()


@pytest.mark.parametrize(
    ("values", "tau", "decimals"),
    [
        ([0.01234, -0.5], None, 3),
        ([0.01234], 0.005, 4),
        ([0.77], 0.1, 2),
        ([0.0], None, 3),
        ([12.3], None, 1),
        ([], 3, 1),
    ],
)
def test_decimals_follow_the_threshold(values, tau, decimals):
    assert change_decimals(values, tau) == decimals


def test_changes_are_written_with_their_sign():
    estimate = Estimate(value=-0.0123, level=0.95, n=8, clusters=8, unit="", direction="higher")
    assert change_text(estimate) == "−0.0123"
    assert change_text(estimate, decimals=2) == "−0.01"
    assert change_text(estimate.model_copy(update={"unit": "ratio", "value": 1.5})) == "×1.50"
    assert change_text(estimate.model_copy(update={"value": None})) == "–"
