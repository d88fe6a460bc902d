"""``diptych export asv`` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def clean(tiny_results, tmp_path) -> Path:
    """A results folder whose run was made from a commit: the tree of the test may have changes."""
    results, _ = tiny_results
    (source,) = results.glob("tiny/*/manifest.json")
    folder = tmp_path / "results" / "tiny" / source.parent.name
    folder.mkdir(parents=True)
    manifest = json.loads(source.read_text())
    manifest["info"]["code"] = {"commit": "0123456789abcdef0123456789abcdef01234567", "dirty": False}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "trials.jsonl").write_bytes((source.parent / "trials.jsonl").read_bytes())
    return folder


def test_the_document(diptych, clean, tmp_path):
    said = diptych("export", "asv", str(clean), "-o", "out", "--json", blocked=True)
    assert said.code == 0, said.err
    assert len(said.out.splitlines()) == 1
    facts = said.document
    assert facts.keys() >= {"files", "benchmarks", "commits", "skipped", "directory"}
    assert facts["commits"] == ["0123456789abcdef0123456789abcdef01234567"]
    assert sorted(facts["files"]) == sorted(
        str(path) for path in (tmp_path / "out").rglob("*") if path.is_file() and path.name != ".diptych-export"
    )
    written = json.loads((tmp_path / "out" / "benchmarks.json").read_text())
    assert {*facts["benchmarks"], "version"} == set(written)
    assert facts["benchmarks"] == [
        f"tiny.tiny.smoke.{name}" for name in ("100_minus_psnr", "seconds_per_frame", "time_relative_to_slow")
    ]


def test_the_text(diptych, clean):
    said = diptych("export", "asv")
    assert said.code == 0, said.err
    assert said.out.startswith("asv/exported: 4 files, ")
    assert "1 commit\n" in said.out
    assert said.out.splitlines()[-1] == "next: asv publish --no-pull --config asv/exported/asv.conf.jsonc"
    assert "note: asv will not draw 01234567" in said.out


def test_the_committed_baselines_are_a_history(diptych, tmp_path):
    """What a fresh clone has: every baseline belongs to a commit, and no cell of them failed."""
    names = sorted(str(path) for path in (ROOT / "results" / "baselines").glob("*/*"))
    facts = diptych("export", "asv", *names, "-o", "out", "--json").document
    assert facts["skipped"] == []
    assert len(facts["benchmarks"]) > 30
    assert str(ROOT) not in (tmp_path / "out" / "benchmarks.json").read_text()


@pytest.mark.parametrize("arguments", [("csv",), ("asv", "nothing"), ("asv", "--repository", "nowhere", "RUN")])
def test_mistakes_are_one_line(diptych, clean, arguments):
    said = diptych("export", *(str(clean) if word == "RUN" else word for word in arguments))
    assert said.code == 2
    assert said.err.startswith("error: ")
    assert len(said.err.splitlines()) == 1


def test_help_names_the_formats(diptych):
    said = diptych("export", "--help")
    assert said.code == 0
    assert "asv" in said.out
