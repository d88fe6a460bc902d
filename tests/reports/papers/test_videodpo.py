"""Figures of the paper on preference alignment: what is counted, what is published, and the same bytes twice."""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.cli.figures import published_file
from harness.histogram import score_bins
from reports.papers.published import Published, read_published
from reports.papers.reproduction import reproduction_figure
from reports.papers.score_analysis import correlations, differences, expected_range, pearson, ranges, usual_count
from reports.papers.score_figure import ALL_EQUAL, NO_DIMENSIONS, NO_PROMPTS, score_figure
from reports.papers.score_file import ScoreFile, VideoRow, read_scores
from reports.papers.tabular import Layout, draw_table, latex_table
from reports.papers.vbench_subscores import vbench_totals
from reports.papers.videodpo import draw_videodpo
from reports.papers.writing import PUBLISHED_ONLY

PUBLISHED = ("main_table", "ablation_table", "reproduction_gap", "vbench_dimensions")
SCORES = st.lists(st.floats(-1, 2), min_size=2, max_size=7)


@pytest.fixture(scope="module")
def published() -> Published:
    return read_published(published_file("videodpo"))


def some_scores(prompts: int = 8, videos: int = 4) -> dict:
    """Scores by a fixed seed: dynamic degree is binary, one dimension is constant, one video has no composite."""
    generator = np.random.default_rng(3)
    found = []
    for prompt in range(prompts):
        for i in range(videos):
            motion = generator.normal()
            scores = {
                "imaging_quality[musiq]": round(float(0.6 + 0.1 * generator.normal()), 4),
                "dynamic_degree[raft]": float(motion > 0),
                "temporal_flickering": round(float(0.9 - 0.02 * motion), 4),
                "color": 0.5,
                "omniscore[vbench]": round(float(0.7 + 0.05 * generator.normal()), 4),
            }
            found.append({"path": f"{prompt}-{i}.mp4", "prompt": f"prompt {prompt}", "scores": scores})
    found[0]["scores"]["omniscore[vbench]"] = None
    return {"videos": found}


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("scores") / "scores.json"
    path.write_text(json.dumps(some_scores()))
    return path


@pytest.fixture(scope="module")
def drawn(file) -> dict[str, bytes]:
    return draw_videodpo(published_file("videodpo"), scores=file)


def rows(files: dict[str, bytes], name: str, **wanted: str) -> list[dict[str, str]]:
    found = csv.DictReader(io.StringIO(files[f"{name}.csv"].decode()))
    return [row for row in found if all(row[key] == value for key, value in wanted.items())]


def made_of(groups: dict[str, list[float]], **dimensions: list[float]) -> ScoreFile:
    """A file of scores by prompt; dimensions in the same order."""
    flat = [(prompt, score) for prompt, scores in groups.items() for score in scores]
    videos = tuple(
        VideoRow(str(i), prompt, {"omniscore": score, **{name: values[i] for name, values in dimensions.items()}})
        for i, (prompt, score) in enumerate(flat)
    )
    return ScoreFile("scores.csv", "0" * 64, "omniscore", tuple(dimensions), (), videos)


# --- What is counted --------------------------------------------------------------------------------------------------


@given(SCORES, st.data())
def test_the_range_of_subsets_is_that_of_all_subsets(scores, data):
    n = data.draw(st.integers(1, len(scores)))
    each = [max(part) - min(part) for part in itertools.combinations(scores, n)]
    assert expected_range(scores, n) == pytest.approx(sum(each) / len(each), rel=1e-9, abs=1e-12)


@given(SCORES)
def test_the_range_grows_with_the_videos_and_ends_at_the_whole(scores):
    found = [expected_range(scores, n) for n in range(1, len(scores) + 1)]
    assert found[0] == pytest.approx(0, abs=1e-12)
    assert all(b >= a - 1e-12 for a, b in itertools.pairwise(found))
    assert found[-1] == pytest.approx(max(scores) - min(scores), rel=1e-12, abs=1e-12)


def test_the_range_of_many_videos_is_exact():
    assert expected_range(list(range(2000)), 2000) == 1999
    # The expected range of n of N equally spaced numbers is (n − 1)(N + 1)/(n + 1).
    assert expected_range(list(range(2000)), 3) == pytest.approx(2 * 2001 / 4, rel=1e-12)


@pytest.mark.parametrize("n", [0, 4])
def test_a_subset_larger_than_the_whole(n):
    with pytest.raises(ValueError, match="among 3 scores"):
        expected_range([1.0, 2.0, 3.0], n)


def test_the_same_prompts_are_behind_every_n_and_the_interval_is_students():
    generator = np.random.default_rng(0)
    groups = {str(i): generator.random(4).tolist() for i in range(9)}
    groups |= {"few": [0.0, 100.0], "one": [0.5], "many": generator.random(6).tolist()}
    assert usual_count(groups) == 4
    found = ranges(groups)
    assert [(row.n, row.prompts) for row in found] == [(2, 10), (3, 10), (4, 10)]
    values = [max(groups[name]) - min(groups[name]) for name in map(str, range(9))]
    values.append(expected_range(groups["many"], 4))
    mean, error = np.mean(values), stats.sem(values)
    low, high = stats.t.interval(0.95, 9, loc=mean, scale=error)
    assert (found[-1].mean, found[-1].low, found[-1].high) == pytest.approx((mean, low, high), rel=1e-10)


def test_few_prompts_have_no_interval():
    (row,) = ranges({str(i): [0.0, i / 10] for i in range(1, 6)})
    assert (row.mean, row.low, row.high) == (pytest.approx(0.3), None, None)
    assert ranges({"a": [0.5], "b": [0.1]}) == []
    assert usual_count({}) == 0


def test_differences_leave_out_prompts_without_a_pair():
    assert differences({"a": [0.5, 0.2, 0.9], "b": [0.4, 0.4], "c": [0.3]}) == [0.9 - 0.2]


@given(st.lists(st.tuples(st.floats(-10, 10), st.floats(-10, 10)), min_size=3, max_size=20))
@settings(max_examples=60)
def test_correlations_are_scipys(points):
    first, second = np.array(points).T
    r = pearson(first, second)
    if np.ptp(first) < 1e-3 or np.ptp(second) < 1e-3:
        return
    assert r == pytest.approx(stats.pearsonr(first, second).statistic, rel=1e-6, abs=1e-9)
    assert pearson(first, 3 * first + 1) == pytest.approx(1.0)
    assert pearson(second, first) == pytest.approx(r)


def test_correlations_over_the_videos_that_have_both():
    file = made_of({"p": [0.1, 0.2, 0.3, 0.4]}, a=[1, 2, 3, 4], b=[2, 1, None, 5], c=[7, 7, 7, 7], d=[None, None, 1, 2])
    found = correlations(file)
    assert (found.names, found.constants) == (("a", "b", "d"), {"c": 7.0})
    by_names = {(pair.first, pair.second): pair for pair in found.pairs}
    assert by_names.keys() == {("a", "b"), ("a", "d"), ("b", "d")}
    assert by_names["a", "b"].r == pytest.approx(np.corrcoef([1, 2, 4], [2, 1, 5])[0, 1])
    assert (by_names["a", "b"].videos, by_names["b", "d"].videos) == (3, 1)
    assert by_names["b", "d"].r is None
    matrix = found.matrix()
    assert math.isnan(matrix[1, 2])
    assert matrix[0, 1] == matrix[1, 0] == by_names["a", "b"].r


# --- What is drawn of scores ------------------------------------------------------------------------------------------


def test_every_figure_has_every_form(drawn):
    forms = {f"{name}.{form}" for name in (*PUBLISHED, "score_analysis") for form in ("pdf", "svg", "csv", "txt")}
    assert drawn.keys() == forms | {"main_table.tex", "ablation_table.tex"}
    for name, data in drawn.items():
        assert data.startswith({"pdf": b"%PDF", "svg": b"<?xml"}.get(name[-3:], data[:1])), name
        assert len(data) > 200, name
    assert "score_analysis.pdf" not in draw_videodpo(published_file("videodpo"))


def test_the_same_bytes_twice_whatever_the_clock_and_the_users_settings(drawn, file, monkeypatch):
    import matplotlib

    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    monkeypatch.setitem(matplotlib.rcParams, "font.size", 30.0)
    monkeypatch.setitem(matplotlib.rcParams, "svg.hashsalt", None)
    again = draw_videodpo(published_file("videodpo"), scores=file)
    assert [name for name in drawn if drawn[name] != again[name]] == []
    for name, data in again.items():
        assert b"CreationDate" not in data, name
        assert str(file.parent).encode() not in data, name


def test_panels_hold_what_is_in_the_file(drawn, file):
    scores = read_scores(file)
    composites = scores.composites
    assert len(composites) == 31
    histogram = {row["bin_low"]: int(row["count"]) for row in rows(drawn, "score_analysis", panel="b")}
    assert histogram == {
        str(low / 100): count for low, count in zip(*np.unique(score_bins(composites), return_counts=True), strict=True)
    }
    assert sum(float(row["value"]) for row in rows(drawn, "score_analysis", panel="b")) == pytest.approx(1)
    gaps = [max(group) - min(group) for group in scores.by_prompt().values()]
    pairs = {float(row["bin_low"]): int(row["count"]) for row in rows(drawn, "score_analysis", panel="c")}
    assert pairs == {low / 100: score_bins(gaps).tolist().count(low) for low in score_bins(gaps).tolist()}
    curve = rows(drawn, "score_analysis", panel="a")
    assert [(row["videos_of_a_prompt"], row["count"]) for row in curve] == [("2", "7"), ("3", "7"), ("4", "7")]
    assert float(curve[-1]["value"]) == pytest.approx(np.mean(gaps[1:]), rel=1e-12)  # the first has three scores
    assert all(float(row["low"]) < float(row["value"]) < float(row["high"]) for row in curve)
    names = ("imaging_quality[musiq]", "dynamic_degree[raft]", "temporal_flickering")
    columns = {name: [row.scores[name] for row in scores.videos] for name in names}
    found = {(row["first"], row["second"]): row for row in rows(drawn, "score_analysis", panel="d", kind="measured")}
    assert found.keys() == set(itertools.combinations(names, 2))
    for (a, b), row in found.items():
        assert float(row["value"]) == pytest.approx(np.corrcoef(columns[a], columns[b])[0, 1], rel=1e-9)
    assert float(found["dynamic_degree[raft]", "temporal_flickering"]["value"]) < -0.5
    (told,) = rows(drawn, "score_analysis", panel="d", kind="published")
    assert (told["value"], told["source_quality"]) == ("-0.65", "S")


def test_the_caption_says_what_was_left_out(drawn):
    caption = drawn["score_analysis.txt"].decode()
    assert caption.startswith("Analysis of omniscore[vbench] over 31 videos of 8 prompts\n")
    for words in (
        "the same 7 prompts with 4 scored videos or more at every N, 1 prompt with fewer left out",
        "95% Student t interval over prompts",
        "8 pairs",
        "Constant, and therefore not in the map: color (always 0.5)",
        "−0.65; [S] VideoDPO",
        "1 video without omniscore[vbench]",
        "Scores: scores.json, SHA-256 ",
    ):
        assert words in caption, words
    assert PUBLISHED_ONLY not in caption


def test_what_cannot_be_drawn_is_said(published):
    bare = made_of({"p": [0.1, 0.2]})
    lonely = score_figure(ScoreFile("s", "0" * 64, "omniscore", (), ("x",), bare.videos[:1]), published)
    for words in (
        f"(a) Not available: {NO_PROMPTS}",
        f"(c) Not available: {NO_PROMPTS}",
        f"(d) Not available: {NO_DIMENSIONS}",
    ):
        assert words in lonely.caption
    assert "No video has x." in lonely.caption
    assert {row[0] for row in lonely.rows if row[1] == "measured"} == {"b"}
    few = score_figure(bare, published)
    assert "No interval: 1 case: an interval needs at least 6." in few.caption
    equal = score_figure(made_of({"p": [0.5, 0.5], "q": [0.1, 0.1]}), published)
    assert f"(c) Not available: {ALL_EQUAL}" in equal.caption
    assert "(a) Mean over prompts" in equal.caption


def test_many_dimensions_and_odd_names_are_drawn(published):
    generator = np.random.default_rng(1)
    odd = {f"$x_{i}$ <b>&" + "long" * (i % 3): generator.random(12).tolist() for i in range(16)}
    figure = score_figure(made_of({str(i): generator.random(2).tolist() for i in range(6)}, **odd), published)
    assert len([row for row in figure.rows if row[0] == "d"]) == 16 * 15 // 2 + 1
    assert figure.drawing["svg"].startswith(b"<?xml")


# --- What is published ------------------------------------------------------------------------------------------------


def test_published_figures_say_so_and_name_their_sources(drawn):
    for name in PUBLISHED:
        caption = drawn[f"{name}.txt"].decode()
        assert caption.splitlines()[0].endswith(f"({PUBLISHED_ONLY})"), name
        assert "[S] VideoDPO, arXiv 2412.14167" in caption, name
        for row in rows(drawn, name):
            assert row["source_quality"] in ("P", "code", "sim", "S", "M"), name
            assert len(row["source"]) > 10, name


def test_totals_are_those_of_their_parts(drawn):
    seen = 0
    for name in ("main_table", "ablation_table"):
        for row in rows(drawn, name):
            if row["total_from_parts"] == "not available":
                assert "not available" in (row["quality"], row["semantic"])
                continue
            exact = (4 * float(row["quality"]) + float(row["semantic"])) / 5
            assert float(row["total"]) == pytest.approx(exact, abs=0.0051)  # as it happens, all of them round alike
            assert float(row["total_from_parts"]) == pytest.approx(exact, abs=1e-4)
            seen += 1
    assert seen == 10 + 9


def test_conflicts_are_printed_beside_what_is_chosen(drawn):
    (row,) = rows(drawn, "ablation_table", model="Weight exponent α", mode="0")
    assert (row["total"], row["told_otherwise"], row["source_quality"]) == ("81.36", "81.11", "sim")
    (claimed,) = rows(drawn, "main_table", table="main", model="VideoCrafter2", mode="VideoDPO")
    assert (claimed["total"], claimed["told_otherwise"]) == ("81.93", "80.60")
    for form in ("txt", "tex"):
        text = drawn[f"ablation_table.{form}"].decode()
        assert "81.36 [sim]" in text
        assert "81.11 [S]" in text
        assert "0.72 [S]" in text
    assert r"81.36\rlap{*}" in drawn["ablation_table.tex"].decode()


def test_the_aligned_row_is_the_same_wherever_it_stands(published):
    main = published.table("main").row("VideoCrafter2", "VideoDPO")
    repeated = [row for row in published.table("ablation").rows if row.values["total"] == 81.93]
    assert len(repeated) == 7
    assert main is not None
    for row in repeated:
        assert all(main.values[name] == value for name, value in row.values.items())


def test_vbench_constants_give_the_published_totals(published):
    quality, semantic, total = vbench_totals(published)
    assert (quality, semantic, total) == pytest.approx((82.197, 73.418, 80.441), abs=5e-4)
    base = published.table("main").row("VideoCrafter2", "base")
    assert base is not None
    assert [round(value, 2) for value in (quality, semantic, total)] == [
        base.values[name] for name in ("quality", "semantic", "total")
    ]
    assert {row.model for row in published.table("vbench-change").rows} <= {
        row.model for row in published.table("vbench-constants").rows
    }


def test_the_gap_of_the_reproduction(published):
    figure = reproduction_figure(published)
    found = {(row[0], row[1]): (row[2], row[3]) for row in figure.rows}
    assert found["+ VideoDPO, as claimed", "total"] == (81.93, 1.49)
    assert found["+ VideoDPO, reproduced outside", "total"] == (80.60, 0.16)
    assert found["+ VideoDPO, reproduced outside", "semantic"] == (71.78, -1.64)
    assert "differ by 1.33 points" in figure.caption


def test_footmarks_hang_outside_the_numbers_and_notes_are_escaped():
    layout = Layout(heads=("A", "B"), places=(0.0, 0.5), numeric=(False, True))
    tex = latex_table([("x*", "1.0**"), ("x*", "2.0")], layout, "t", ["* 50 % of a_b, α"])
    assert r"x* & 1.0\rlap{**} \\" in tex
    assert r" & 2.0 \\" in tex
    assert r"\multicolumn{2}{p{0.9\linewidth}}{\footnotesize * 50 \% of a\_b, $\alpha$} \\" in tex
    assert draw_table([], layout, "nothing")["pdf"].startswith(b"%PDF")
