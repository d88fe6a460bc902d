"""Published numbers: none without source and quality, none that contradicts another."""

from __future__ import annotations

import copy
import tomllib
from pathlib import Path

import pytest

from harness.cli.verbs import describe_schedule
from harness.errors import DiptychError
from reports.papers.formulas import evaluate
from reports.papers.published import QUALITIES, Published, agrees, read_published

ROOT = Path(__file__).parents[2]
FILE = ROOT / "suites" / "published" / "diagd.toml"
VIDEODPO = ROOT / "suites" / "published" / "videodpo.toml"


@pytest.fixture(scope="module")
def diagd() -> Published:
    return read_published(FILE)


@pytest.fixture
def facts() -> dict:
    """The file's content, to spoil."""
    return copy.deepcopy(tomllib.loads(FILE.read_text()))


def spoilt(facts: dict, monkeypatch) -> str:
    """What is said of spoilt content."""
    monkeypatch.setattr(tomllib, "load", lambda file: facts)
    with pytest.raises(DiptychError) as told:
        read_published(FILE)
    return str(told.value)


def test_every_number_has_a_source_and_a_mark(diagd):
    items = list(diagd.sourced())
    assert len(items) > 20
    assert all(diagd.sources[item.source] and item.quality in QUALITIES for item in items)
    assert "[S] MineWorld, arXiv 2504.08388" in diagd.cite(diagd.table("mineworld-table-2"))


def test_tables_of_the_paper_itself_are_not_available(diagd):
    said = " ".join(absent.what for absent in diagd.not_available)
    for word in ("FVD", "PSNR", "human study", "table of k", "VBench"):
        assert word in said


@pytest.mark.parametrize("actions", [0, 11])
def test_published_counts_are_those_of_the_compiled_schedules(diagd, actions):
    seen = 0
    for formula in diagd.formulas:
        for count in formula.counts:
            facts = describe_schedule(formula.schedule, count.F, count.h, count.w, k=count.k, actions=actions)
            assert facts["passes"] == count.passes
            seen += 1
    assert seen >= 13


@pytest.mark.parametrize("missing", ["source", "quality"])
@pytest.mark.parametrize("kind", ["claims", "formulas", "grids", "tables", "profile"])
def test_a_number_without_source_or_quality_is_refused(facts, monkeypatch, kind, missing):
    del facts[kind][0][missing]
    said = spoilt(facts, monkeypatch)
    assert f"{kind}.0.{missing}" in said
    assert "required" in said


SPOILERS = {
    "an unknown source": (lambda f: f["claims"][0].update(source="hearsay"), "'hearsay'"),
    "an unknown mark": (lambda f: f["claims"][0].update(quality="sure"), "claims.0.quality"),
    "an empty source": (lambda f: f["sources"].update(abstract=" "), "sources.abstract"),
    "a source that is not used": (lambda f: f["sources"].update(extra="a talk"), "extra"),
    "no number": (lambda f: f["claims"][0].update(value=float("nan")), "claims.0.value"),
    "a wrong count": (lambda f: f["formulas"][1]["counts"][0].update(passes=556), "gives 555 passes, not 556"),
    "a wrong ratio of passes": (lambda f: f["formulas"][1]["counts"][0].update(speed_up=9.09), "9.09"),
    "a formula that runs code": (lambda f: f["formulas"][0].update(passes="exit()"), "exit()"),
    "a wrong speed-up": (lambda f: f["tables"][0]["rows"][1]["derived"].update(speed_up=2.97), "speed_up = 2.97"),
    "a value missing": (lambda f: f["tables"][0]["rows"][1]["values"].pop("fvd"), "declared columns"),
    "a value too many": (lambda f: f["tables"][0]["rows"][1]["values"].update(mos=4.2), "declared columns"),
    "a row twice": (lambda f: f["tables"][0]["rows"].append(f["tables"][0]["rows"][0]), "two rows"),
    "tables that differ": (lambda f: f["tables"][1]["rows"][1]["values"].update(psnr=15.2), "psnr of 300M"),
    "a difference undeclared": (lambda f: f.pop("disagreements"), "no disagreement says so"),
    "a declared difference that is none": (
        lambda f: f["disagreements"].append({**f["disagreements"][0], "model": "1.2B"}),
        "do not differ",
    ),
    "nothing that is not available": (lambda f: f.update(not_available=[]), "not_available"),
    "an unknown key": (lambda f: f["claims"][0].update(colour="red"), "claims.0.colour"),
}


@pytest.mark.parametrize(("spoil", "said"), SPOILERS.values(), ids=SPOILERS)
def test_what_cannot_be_printed_is_refused(facts, monkeypatch, spoil, said):
    spoil(facts)
    assert said in spoilt(facts, monkeypatch)


@pytest.fixture
def alignment() -> dict:
    """The content of the file on VideoDPO, to spoil."""
    return copy.deepcopy(tomllib.loads(VIDEODPO.read_text()))


def table(facts: dict, name: str) -> dict:
    return next(one for one in facts["tables"] if one["id"] == name)


def test_every_row_about_alignment_has_a_source_and_a_mark():
    published = read_published(VIDEODPO)
    items = list(published.sourced())
    assert len(items) > 30
    assert all(published.sources[item.source] and item.quality in QUALITIES for item in items)
    # Nothing but the authors' code and what is computed is better than a secondary source.
    assert {item.quality for item in items} == {"S", "code", "sim"}
    ablation = published.table("ablation")
    row = ablation.row("Pair strategy", "adjacent ranks")
    assert row is not None
    assert (ablation.of(row).source, ablation.of(ablation.rows[0]).source) == ("one-note", "notes")


def test_what_sources_tell_differently_is_declared():
    told = {conflict.what: {one.value for one in conflict.values} for conflict in read_published(VIDEODPO).conflicts}
    assert {81.36, 81.11} in told.values()
    assert {81.93, 80.60} in told.values()
    assert {7, 8} in told.values()
    assert {1.0, 0.72, 0.0} in told.values()
    said = " ".join(absent.what for absent in read_published(VIDEODPO).not_available)
    for word in ("own tables", "weights of the dimensions", "intervals", "base model's scores"):
        assert word in said


ALIGNMENT_SPOILERS = {
    "a total that is not its parts'": (
        lambda f: table(f, "main")["rows"][2]["values"].update(total=81.95),
        "total = 81.95 is not (4·quality + semantic) / 5 = 81.932",
    ),
    "a part that is not the total's": (
        lambda f: table(f, "reproduction")["rows"][0]["values"].update(semantic=77.18),
        "reproduction, VideoCrafter2 VideoDPO: total = 80.6",
    ),
    "a total computed from nothing": (
        lambda f: table(f, "ablation")["rows"][0].update(computed=["total"]),
        "total cannot be computed",
    ),
    "a part that is computed": (
        lambda f: table(f, "ablation")["rows"][2].update(computed=["quality"]),
        "quality cannot be computed",
    ),
    "a value that is not optional": (lambda f: table(f, "main")["rows"][0]["values"].pop("total"), "declared columns"),
    "a row's source without its quality": (
        lambda f: table(f, "ablation")["rows"][-1].pop("quality"),
        "its quality, too",
    ),
    "a row's unknown source": (lambda f: table(f, "ablation")["rows"][-1].update(source="hearsay"), "'hearsay'"),
    "a conflict without a source": (
        lambda f: f["conflicts"][0]["values"][0].pop("source"),
        "conflicts.0.values.0.source",
    ),
    "a conflict's unknown source": (lambda f: f["conflicts"][0]["values"][0].update(source="hearsay"), "'hearsay'"),
    "a conflict that is none": (
        lambda f: [value.update(value=1) for value in f["conflicts"][-1]["values"]],
        "which is no conflict",
    ),
    "a conflict of one": (lambda f: f["conflicts"][0]["values"].pop(), "conflicts.0.values"),
    "a cell that has another value": (
        lambda f: f["conflicts"][0]["values"][0].update(value=81.3),
        "none of its values",
    ),
    "a cell that is not there": (lambda f: f["conflicts"][0]["cell"].update(mode="3"), "has None"),
    "a cell of no table": (lambda f: f["conflicts"][0]["cell"].update(table="nowhere"), "no table 'nowhere'"),
}


@pytest.mark.parametrize(("spoil", "said"), ALIGNMENT_SPOILERS.values(), ids=ALIGNMENT_SPOILERS)
def test_what_contradicts_itself_about_alignment_is_refused(alignment, monkeypatch, spoil, said):
    spoil(alignment)
    assert said in spoilt(alignment, monkeypatch)


@pytest.mark.parametrize("content", [None, "claims = [", b"\xff\xfe"])
def test_a_file_that_cannot_be_read(tmp_path, content):
    file = tmp_path / "p.toml"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DiptychError, match=r"p\.toml"):
        read_published(file)


@pytest.mark.parametrize(
    ("printed", "exact", "same"),
    [(2.96, 2.955, True), (2.96, 2.9549, False), (21.6, 21.63, True), (9.08, 9.0811, True), (1.0, 1.06, False)],
)
def test_rounding(printed, exact, same):
    assert agrees(printed, exact) is same


@pytest.mark.parametrize("text", ["F/2", "F**2", "F.real", "2.5", "True", "x", "F +", "(F, 1)", "-F"])
def test_only_counts_are_evaluated(text):
    with pytest.raises(ValueError, match="F"):
        evaluate(text, {"F": 3})
