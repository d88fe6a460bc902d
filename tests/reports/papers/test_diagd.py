"""The paper's figures: checked numbers, the same bytes twice, no torch, and honest about what was not measured."""

import csv
import json
import shutil
import tomllib
from pathlib import Path

import pytest

from harness import write_figures
from harness.cli.builtin import load_builtin
from harness.cli.figures import published_file
from harness.errors import DiptychError, UsageError
from models.decoding.describe import count_passes, describe_schedule
from reports.papers.decoding_table import latex, mode_of
from reports.papers.published import read_published

load_builtin()
ROOT = Path(__file__).resolve().parents[3]
BASELINES = ROOT / "results" / "baselines"
NAMES = (
    "decoding_order", "passes_against_k", "speed_against_k", "measured_against_predicted", "quality_against_passes",
    "mineworld_table_2",
)  # fmt: skip


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / f"{name}.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("figures")
    (run,) = (BASELINES / "decoding").iterdir()
    write_figures("diagd", folder, runs=[run])
    return folder


def test_every_figure_is_there_in_every_form_and_names_its_records(drawn: Path) -> None:
    made = {path.name for path in drawn.iterdir()}
    wanted = {f"{name}.{kind}" for name in NAMES for kind in ("pdf", "svg", "csv", "txt")}
    assert made == wanted | {"mineworld_table_2.tex"}
    (run,) = (BASELINES / "decoding").iterdir()
    for name in ("speed_against_k", "measured_against_predicted", "quality_against_passes"):
        assert run.name in (drawn / f"{name}.txt").read_text()
    assert "not available" in (drawn / "quality_against_passes.txt").read_text()


def test_drawn_twice_the_bytes_are_the_same(drawn: Path, tmp_path: Path) -> None:
    (run,) = (BASELINES / "decoding").iterdir()
    facts = write_figures("diagd", tmp_path, runs=[run])
    for file in facts.files:
        assert file.path.read_bytes() == (drawn / file.path.name).read_bytes(), file.path.name


def test_the_published_numbers_are_in_order_and_the_schedules_agree(drawn: Path) -> None:
    published = read_published(published_file("diagd"))
    assert {source.quality for source in published.sources.values()} <= {"P", "code", "sim", "S", "M"}
    for row in published.passes:
        assert count_passes(row.schedule, 15, 14, 24, row.k) == row.passes
        assert describe_schedule(row.schedule, 15, 14, 24, row.k)["passes"] == row.passes
    table = rows(drawn, "mineworld_table_2")
    assert [row["FPS"] for row in table if row["Model"] == "MineWorld 300M"] == ["2.00", "5.91", "5.91"]
    assert all("published" in row["From"] for row in table), "this run has no finetuned arm"
    assert "(published only)" in (drawn / "mineworld_table_2.txt").read_text()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('quality = "P"', 'quality = "sure"', "quality"),
        ('source = "diagd-abstract"', 'source = "hearsay"', "hearsay"),
        ("speed_up = 3.38", "speed_up = 10.0", "is not 3.01 / 0.89"),
        ("fps = 2.00", "fps = -2.00", "greater than 0"),
        ('source = "mineworld-table-2"', "", "source"),
        ("[paper]", "[paper", "cannot be read"),
    ],
)
def test_a_number_that_has_no_source_or_disagrees_is_refused(tmp_path: Path, old: str, new: str, told: str) -> None:
    text = published_file("diagd").read_text()
    assert old in text
    file = tmp_path / "x.toml"
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(DiptychError, match=told):
        read_published(file)


def test_orders_are_those_of_the_real_schedules(drawn: Path) -> None:
    found = rows(drawn, "decoding_order")
    for name, k in (("diagonal", 2), ("diagonal-st", 2), ("sequential", 1)):
        steps = describe_schedule(name, 2, 4, 6, k)["steps"]
        wanted = {(f, r, c): p for p, step in enumerate(steps) for f, r, c in step}
        mine = {
            (int(row["frame"]), int(row["row"]), int(row["column"])): int(row["pass"])
            for row in found
            if (row["schedule"], int(row["k"])) == (name, k)
        }
        assert mine == wanted


def test_arms_find_their_rows_in_the_table() -> None:
    assert mode_of("sequential", "sequential") == "AT"
    assert mode_of("diagonal-k1", "sequential") == "parallel, w/o finetune"
    assert mode_of("diagonal-k1-finetuned-s2", "sequential") == "parallel, w/ finetune, seed 2"
    assert mode_of("diagonal-k1-control-s0", "sequential") == "parallel, control, seed 0"
    assert mode_of("frame-at-once", "sequential") is None


def test_special_characters_are_escaped_once() -> None:
    assert r"a\_b \& 5 \% \textbackslash{} \{x\} \\" in latex(("c",), [["a_b & 5 % \\ {x}"]])


def test_other_papers_other_runs_and_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"unknown paper 'diagdd'; did you mean 'diagd'\?"):
        write_figures("diagdd", tmp_path)
    (other,) = (BASELINES / "null").iterdir()
    with pytest.raises(UsageError, match=r"is a run of suite 'null'. Drawn are runs of decoding"):
        write_figures("diagd", tmp_path, runs=[other])
    monkeypatch.chdir(tmp_path)
    facts = write_figures("diagd", results=tmp_path / "results")
    assert facts.runs == ()
    assert facts.files[0].path.parent == tmp_path / "figures" / "diagd"
    svg = (tmp_path / "figures" / "diagd" / "quality_against_passes.svg").read_text()
    assert svg.startswith("<?xml")
    assert "No record." in (tmp_path / "figures" / "diagd" / "speed_against_k.txt").read_text()


def test_published_toml_ships_with_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "**/*.toml" in project["tool"]["setuptools"]["package-data"]["suites"]


def test_it_works_where_torch_cannot_be_imported(tmp_path: Path) -> None:
    import subprocess
    import sys

    (run,) = (BASELINES / "decoding").iterdir()
    shutil.copytree(run, tmp_path / "runs" / "decoding" / run.name)
    blocked = ROOT / "tests" / "cli" / "blocked"
    done = subprocess.run(
        [sys.executable, "-P", "-m", "harness.cli.main", "figures", "diagd", "-o", "out", "--run", run.name,
         "--results", "runs", "--json"],
        env={"PYTHONPATH": f"{blocked}:{ROOT}", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout.splitlines()[-1])
    assert len(facts["files"]) == 4 * len(NAMES) + 1
    assert all(set(file) == {"path", "sha256"} for file in facts["files"])
