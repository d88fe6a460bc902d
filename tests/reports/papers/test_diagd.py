"""Figures of the paper on diagonal decoding: what is in them, and the same bytes twice."""

from __future__ import annotations

import csv
import io
import itertools
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.cli.builtin import load_builtin
from harness.cli.figures import published_file
from harness.cli.verbs import describe_schedule
from harness.errors import UsageError
from reports.papers.decoding_table import decoding_table, escaped, latex, measured_lines
from reports.papers.diagd import draw_diagd
from reports.papers.formulas import evaluate
from reports.papers.measured import measured_rows
from reports.papers.orders import Order, orders_figure, widest_pass
from reports.papers.passes import OWN, passes_figure
from reports.papers.published import Published, read_published
from reports.papers.writing import PUBLISHED_ONLY, as_csv, spread
from reports.reading import Reading, read_run
from tests.reports.conftest import METRICS, Recipe, write_run

FIGURES = (
    "decoding_order",
    "passes_against_k",
    "speed_against_k",
    "measured_against_predicted",
    "quality_against_passes",
    "mineworld_table_2",
)
MEASURED = FIGURES[2:]
PARAMS = {
    "sequential": {"schedule": "sequential"},
    **{f"diagonal-k{k}": {"schedule": "diagonal", "k": k} for k in (1, 2, 4)},
    "frame-at-once": {"schedule": "frame-at-once"},
    "diagonal-k1-finetuned-s0": {"schedule": "diagonal", "k": 1, "weights": "diagonal-k1-s0"},
    "diagonal-k1-finetuned-s1": {"schedule": "diagonal", "k": 1, "weights": "diagonal-k1-s1"},
    "diagonal-k1-control-s0": {"schedule": "diagonal", "k": 1, "weights": "control-s0"},
    "sequential-control-s0": {"schedule": "sequential", "weights": "control-s0"},
}
SIZES = {"zoo": 2_600_000, "published": 101_000_000}


@dataclass
class Decoding(Recipe):
    """A run whose arms say what they are, as those of the suites do."""

    def suite(self):
        suite = super().suite()
        arms = tuple(arm.model_copy(update={"params": PARAMS[arm.name]}) for arm in suite.arms)
        return suite.model_copy(update={"arms": arms})


FINETUNED = {
    "sequential": 1.0,
    "diagonal-k1": 3.0,
    "diagonal-k1-control-s0": 3.1,
    "diagonal-k1-finetuned-s1": 3.2,
    "diagonal-k1-finetuned-s0": 3.3,
    "sequential-control-s0": 1.01,
    "frame-at-once": 9.0,
}


@pytest.fixture(scope="module")
def published() -> Published:
    return read_published(published_file("diagd"))


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs"), Decoding(), "run-decoding")


@pytest.fixture(scope="module")
def finetuned(tmp_path_factory) -> Path:
    recipe = Decoding(
        suite_name="decoding-finetune",
        speed=FINETUNED,
        passes={arm: 1215 if "sequential" in arm else 149 for arm in FINETUNED},
        quality=dict.fromkeys(FINETUNED, 0.0),
        random_cases=0,
    )
    return write_run(tmp_path_factory.mktemp("runs"), recipe, "run-finetune")


def draw(*runs: Path) -> dict[str, bytes]:
    names = [entry.name for entry in load_builtin().list("schedule")]
    return draw_diagd(
        published_file("diagd"), runs, describe=describe_schedule, schedules=names, sizes=SIZES, metrics=METRICS
    )


@pytest.fixture(scope="module")
def drawn(run, finetuned) -> dict[str, bytes]:
    return draw(run, finetuned)


@pytest.fixture(scope="module")
def bare() -> dict[str, bytes]:
    return draw()


@pytest.fixture(scope="module")
def reading(run) -> Reading:
    return read_run(run, METRICS)


def rows(files: dict[str, bytes], name: str, kind: str | None = None) -> list[dict[str, str]]:
    found = list(csv.DictReader(io.StringIO(files[f"{name}.csv"].decode())))
    return [row for row in found if kind is None or row["kind"] == kind]


def test_every_figure_has_every_form(drawn, bare):
    wanted = {f"{name}.{form}" for name in FIGURES for form in ("pdf", "svg", "csv", "txt")}
    assert drawn.keys() == bare.keys() == wanted | {"mineworld_table_2.tex"}
    assert list(drawn) == list(bare)
    for name, data in drawn.items():
        assert data.startswith({"pdf": b"%PDF", "svg": b"<?xml"}.get(name[-3:], data[:1])), name
        assert len(data) > 200, name


def test_the_same_bytes_twice_whatever_the_clock_and_the_users_settings(drawn, run, finetuned, monkeypatch):
    import matplotlib

    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    monkeypatch.setitem(matplotlib.rcParams, "font.size", 30.0)
    monkeypatch.setitem(matplotlib.rcParams, "svg.hashsalt", None)
    again = draw(run, finetuned)
    assert [name for name in drawn if drawn[name] != again[name]] == []


def test_no_file_has_a_date_or_a_place(drawn, run):
    for name, data in drawn.items():
        assert b"CreationDate" not in data, name
        assert b"dc:date" not in data, name
        assert str(run).encode() not in data, name


def test_measured_figures_name_their_records_and_sources(drawn):
    for name in MEASURED:
        caption = drawn[f"{name}.txt"].decode()
        wanted = "run-finetune" if name == "mineworld_table_2" else "run-decoding"
        other = {"run-finetune", "run-decoding"} - {wanted}
        assert re.search(rf"Records: run {wanted} \(suite .*?trials \d+", caption)
        assert not any(run in caption for run in other)
        assert "[S] MineWorld" in caption
        assert PUBLISHED_ONLY not in caption.splitlines()[0]


def test_a_figure_without_a_measured_row_says_so(bare):
    for name in MEASURED:
        caption = bare[f"{name}.txt"].decode()
        assert caption.splitlines()[0].endswith(f"({PUBLISHED_ONLY})")
        assert caption.rstrip().endswith("Records: none.")
        assert {row.get("kind", "published") for row in rows(bare, name)} == {"published"}
    for name in FIGURES[:2]:
        assert PUBLISHED_ONLY not in bare[f"{name}.txt"].decode()


def test_orders_are_those_of_the_schedules(drawn):
    found = rows(drawn, "decoding_order")
    for title, name, k in (("sequential", "sequential", 1), ("diagonal, k = 2", "diagonal", 2)):
        steps = describe_schedule(name, 2, 4, 6, k=k)["steps"]
        wanted = {(*token, number) for number, step in enumerate(steps) for token in step}
        mine = [row for row in found if row["schedule"] == title]
        assert {tuple(int(row[c]) for c in ("frame", "row", "column", "pass")) for row in mine} == wanted
        assert {int(row["passes"]) for row in mine} == {len(steps)}


def test_orders_that_are_equal_or_fail_are_told_and_not_drawn():
    def describe(name, *sizes, k):
        if name == "broken":
            raise UsageError("no such grid")
        return describe_schedule("diagonal" if name == "zipar" else name, *sizes, k=k)

    figure = orders_figure(describe, ["zipar", "broken", "diagonal", "sequential"])
    assert {row[0] for row in figure.rows} == {"sequential", "diagonal, k = 1", "diagonal, k = 2"}
    assert "zipar, k = 2 predicts in the order of diagonal, k = 2" in figure.caption
    assert "broken is not drawn: no such grid" in figure.caption


def test_the_outlined_pass_is_a_widest_one():
    assert widest_pass(Order("", 3, {(0, 0, 0): 0, (0, 0, 1): 1, (0, 1, 0): 1, (0, 1, 1): 2})) == 1
    assert widest_pass(Order("", 4, {(0, 0, 0): 0, (0, 0, 1): 0, (0, 1, 0): 1, (1, 0, 0): 1})) == 1  # in two frames
    assert widest_pass(Order("", 2, {(0, 0, 0): 0, (0, 0, 1): 1})) is None


def test_passes_are_exact_and_agree_with_the_published_formulas(drawn, published):
    found = rows(drawn, "passes_against_k")
    formulas = {formula.schedule: formula.passes for formula in published.formulas}
    seen = {}
    for row in found:
        size = {"F": int(row["frames"]), "h": int(row["rows"]), "w": int(row["columns"]), "k": int(row["k"])}
        assert int(row["passes"]) == evaluate(formulas[row["schedule"]], size)
        seen[row["grid"], row["schedule"], size["k"]] = int(row["passes"])
    assert (seen["MineWorld", "diagonal", 1], seen["MineWorld", "diagonal-st", 2]) == (555, 442)
    assert seen["MineWorld", "diagonal", 24] == seen["MineWorld", "sequential", 1] == 5040


def test_a_schedule_that_departs_from_its_published_formula_is_not_drawn(published):
    def describe(name, *sizes, k):
        return {"passes": describe_schedule(name, *sizes, k=k)["passes"] + (name == "diagonal" and k == 3)}

    with pytest.raises(ValueError, match=r"diagonal with k = 3 has 946 passes .* and 945 as published"):
        passes_figure(describe, published)


def test_own_grids_are_those_of_the_zoo():
    from models.worlds.crafter import crafter_9x9, crafter_15x24
    from models.worlds.vizdoom import vizdoom_6x8

    models = {entry.name: entry.load() for entry in load_builtin().list("model")}
    for grid, world in zip(OWN, (crafter_15x24, crafter_9x9, vizdoom_6x8), strict=True):
        spec = world().spec
        assert (grid.rows, grid.columns) == (spec.rows, spec.columns)
        assert grid.frames == models[f"video-transformer-{spec.name}"].frames


def test_speeds_are_those_of_the_analysis(drawn, reading):
    found = rows(drawn, "speed_against_k", "measured")
    assert {row["arm"] for row in found} == set(PARAMS) & set(Decoding().speed) - {"frame-at-once"}
    for row in found:
        if row["arm"] == "sequential":
            assert row["speed_up"] == "not available"
            continue
        finding = reading.finding("frames_per_second", row["group"], row["arm"])
        assert float(row["frames_per_second"]) == finding.arm_value
        ends = (finding.estimate.value, finding.estimate.low, finding.estimate.high)
        assert tuple(float(row[f"speed_up{end}"]) for end in ("", "_low", "_high")) == ends
    assert {int(row["parameters"]) for row in found} == set(SIZES.values())


def test_published_speeds_stand_beside_with_their_mark(drawn, published):
    found = rows(drawn, "speed_against_k", "published")
    assert {row["quality"] for row in found} == {"S"}
    table = [float(row["frames_per_second"]) for row in found if row["model"].startswith("MineWorld")]
    assert table == [*(row.values["fps"] for row in published.table("mineworld-table-2").rows), 2.675]
    assert [row["k"] for row in found] == ["not available"] * 9 + ["2"]


def test_predictions_are_those_of_the_analysis(drawn, reading):
    found = rows(drawn, "measured_against_predicted", "measured")
    assert found
    for row in found:
        gain = next(e for e in reading.expected(row["group"]) if e.arm == row["arm"])
        assert float(row["speed_up_by_passes"]) == gain.by_passes
        assert float(row["speed_up_by_bound"]) == gain.by_bound
    ranges = rows(drawn, "measured_against_predicted", "published")
    assert [round(float(row["speed_up_by_passes"]), 2) for row in ranges] == [4.42] * 3
    assert [round(float(row["speed_up_by_passes_at_most"]), 2) for row in ranges] == [9.08] * 3


def test_quality_is_the_difference_to_sequential(drawn, reading):
    found = rows(drawn, "quality_against_passes", "measured")
    assert {row["group"] for row in found} == {"crafter-9x9"}  # nothing is said of random weights
    assert {row["arm"] for row in found} == {"diagonal-k1", "diagonal-k2", "diagonal-k4", "frame-at-once"}
    for row in found:
        finding = reading.finding("psnr", row["group"], row["arm"])
        assert float(row["difference"]) == finding.estimate.value
        assert float(row["low"]) == finding.estimate.low
        assert float(row["share_of_passes"]) == pytest.approx(int(row["passes"]) / 1215, rel=1e-12)
    outside = rows(drawn, "quality_against_passes", "published")
    assert [float(row["difference"]) for row in outside] == [-0.5, -0.65, -0.42, -0.47, -0.37, -0.76]


def test_the_table_has_every_seed_and_its_control(drawn, finetuned):
    found = rows(drawn, "mineworld_table_2")
    modes = [row["mode"] for row in found if row["from"] == "measured"]
    assert modes == [
        "AT",
        "AT, control, seed 0",
        "parallel, k = 1, with finetuning, seed 0",
        "parallel, k = 1, with finetuning, seed 1",
        "parallel, k = 1, without finetuning",
        "parallel, k = 1, control, seed 0",
    ]
    reading = read_run(finetuned, METRICS)
    row = next(r for r in found if r["mode"].endswith("with finetuning, seed 1") and r["from"] == "measured")
    finding = reading.finding("psnr", "crafter-9x9", "diagonal-k1-finetuned-s1")
    assert float(row["psnr"]) == finding.arm_value
    assert (row["fvd"], row["f1"], row["run"]) == ("not available", "not available", "run-finetune")
    assert [row["fps"] for row in found][:3] == ["2.0", "5.91", "5.91"]
    # The finetuned arms and their run are the table's alone.
    assert "run-finetune" not in drawn["speed_against_k.csv"].decode()


def test_only_i3d_fills_the_column_of_fvd(finetuned, published):
    (first, *others) = measured_rows(read_run(finetuned, METRICS), SIZES)
    values = {"fvd": 200.0, "frechet[idm-crafter]": 0.9, "action_f1[idm-crafter]": 0.7}
    (line,) = measured_lines([first.__class__(**{**vars(first), "values": values})])
    assert line.numbers == {"fvd": 200.0, "frechet": 0.9, "f1": 0.7, "speed_up": 1.0}
    assert "idm-crafter" in decoding_table([first.__class__(**{**vars(first), "values": values})], published).caption
    assert len(others) == len(FINETUNED) - 1


def test_latex_is_escaped_and_whole(drawn):
    assert escaped(r"50 % & a_b \ {x}") == r"50 \% \& a\_b \textbackslash{} \{x\}"
    tex = drawn["mineworld_table_2.tex"].decode()
    body = tex[tex.index(r"\toprule") : tex.index(r"\bottomrule")]
    lines = [line for line in body.splitlines() if line.endswith(r"\\")]
    assert len(lines) == 1 + 9 + 6
    assert {line.count("&") for line in lines} == {8}
    assert latex([], "nothing").count(r"\\") == 1


def test_csv_refuses_a_torn_row_and_says_what_is_missing():
    assert as_csv(("a", "b"), [(1.5, None)]) == b"a,b\n1.5,not available\n"
    with pytest.raises(ValueError, match="1 cells for 2 columns"):
        as_csv(("a", "b"), [(1,)])


@pytest.mark.parametrize("places", [[], [3.0], [0.0, 0.0, 0.0], [5.0, 0.0, 4.0, 1.0], [0.0, 10.0, 0.1]])
def test_names_are_moved_apart_and_keep_their_order(places):
    moved = spread(places, 2.0)
    order = sorted(range(len(places)), key=lambda i: (places[i], i))
    gaps = [moved[b] - moved[a] for a, b in itertools.pairwise(order)]
    assert all(gap >= 2.0 - 1e-9 for gap in gaps)
    assert sum(moved) == pytest.approx(sum(places))
    assert spread([0.0, 10.0], 2.0) == [0.0, 10.0]
