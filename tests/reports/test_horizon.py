"""Metrics along the frames, on the page."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats.horizon import horizon
from harness.types import Metric
from reports.horizon import GAP, MOST_COLUMNS, chosen_frames, frame_of, horizon_plot, horizon_table, horizons, spread
from reports.reading import read_run
from reports.report import write_report


@pytest.fixture(scope="module")
def reading(run_path, metrics):
    return read_run(run_path, metrics)


def test_figure_and_table_tell_the_same_arms_and_trials(reading, metrics, recipe):
    (found,) = horizons(reading, "crafter-9x9")
    assert found == horizon(reading.records, "crafter-9x9", "psnr")
    plot, table = horizon_plot(reading, found, metrics, "x"), horizon_table(reading, found, metrics)
    assert plot.title == table.title == "PSNR over the horizon"
    assert "Mean over 8 cases" in plot.caption
    assert plot.caption.startswith("Up is better.")
    assert "95 %" in plot.caption
    assert [row[0].text for row in table.rows] == list(recipe.speed)
    for arm in recipe.speed:
        assert f">{arm}<" in plot.svg
    assert [column.head for column in table.columns][1:] == [f"Frame {t + 1} (dB)" for t in range(recipe.frames)]
    for row in table.rows:
        course = found.courses[row[0].text]
        for cell, mean, half in zip(row[1:], course.means, course.half_widths, strict=True):
            assert [float(part.replace("−", "-")) for part in cell.text.split(" ± ")] == pytest.approx(
                [mean, half], abs=0.06 * half + 0.05
            )


def test_the_page_has_it_where_values_of_frames_were_kept_and_says_nothing_elsewhere(
    run_path, vary, make_run, metrics, tmp_path
):
    pages = []
    for i, run in enumerate((run_path, make_run(vary(frame_metrics=False)))):
        write_report([run], tmp_path / f"{i}.html", metrics=metrics, rows_per_group=0)
        pages.append((tmp_path / f"{i}.html").read_text(encoding="utf-8"))
    assert len(re.findall('class="head">PSNR over the horizon', pages[0])) == 2
    assert "psnr of every frame" in pages[0]
    assert "horizon" not in re.sub(r"<style>.*?</style>|<script>.*?</script>", "", pages[1], flags=re.S)


def test_few_cases_are_told_without_a_band(vary, make_run, metrics):
    reading = read_run(make_run(vary(real_cases=4)), metrics)
    (found,) = horizons(reading, "crafter-9x9")
    plot, table = horizon_plot(reading, found, metrics, "x"), horizon_table(reading, found, metrics)
    assert "No band: 4 cases: an interval needs at least 6." in plot.caption
    assert "no interval: 4 cases" in table.caption
    assert "±" not in "".join(cell.text for row in table.rows for cell in row)


def test_a_metric_that_is_not_installed_any_more_is_still_drawn(reading):
    (found,) = horizons(reading, "crafter-9x9")
    plot = horizon_plot(reading, found, {}, "x")
    assert plot.caption.startswith("Mean over")
    assert "<svg" in plot.svg


@given(st.integers(1, 400))
def test_frames_of_the_table_have_both_ends(frames):
    shown = chosen_frames(frames)
    assert (shown[0], shown[-1]) == (0, frames - 1)
    assert shown == sorted(set(shown))
    assert len(shown) == min(frames, MOST_COLUMNS)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_names_keep_their_order_and_their_distance(heights):
    placed = spread(heights)
    order = sorted(range(len(heights)), key=lambda i: placed[i])
    assert all(placed[b] - placed[a] >= GAP - 1e-9 for a, b in pairwise(order))
    assert all(heights[a] <= heights[b] for a, b in pairwise(order))
    assert sum(placed) == pytest.approx(sum(heights))


@pytest.mark.parametrize(("first", "every", "expected"), [(0, 1, [1, 2, 3]), (1, 1, [2, 3, 4]), (1, 2, [2, 4, 6])])
def test_values_of_steps_stand_at_the_frame_that_they_lead_to(first, every, expected):
    known = Metric(
        name="m", summary="m", unit="u", direction="higher", scale="difference", compute=lambda made: None,
        first_frame=first, every_frames=every,
    )  # fmt: skip
    assert [frame_of(t, known) for t in range(3)] == expected
    assert [frame_of(t, None) for t in range(3)] == [1, 2, 3]
