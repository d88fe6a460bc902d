"""``diptych align collect`` and ``align pairs``, with a small random model and a composite of light parts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.cli import collecting
from harness.cli.builtin import load_builtin
from harness.cli.main import run
from harness.metrics.omniscore.presets import Part, Preset
from harness.metrics.omniscore.total import declare, preset
from harness.registry import REGISTRY, Entry
from harness.scoring.scorer import MetricScorer
from models.alignment.collection import collect as make
from models.alignment.preferences import read_preferences
from models.worlds.scene_captions import EXAMPLE
from tests.models.alignment.collecting import TinyModel, TinyScorer, make_plan, prompt_set, skip_without_the_reward
from tests.models.diffusion.conftest import tiny_card

FLICKER, FITS = "temporal_flickering[frame-difference]", "text_alignment[video-text-crafter]"
JUDGE = "text_alignment[video-text-crafter-judge]"
FAST = declare(
    Preset(
        name="fast",
        version="1",
        summary="two light parts",
        parts=(
            Part(dimension="temporal_flickering", metric=FLICKER, side="quality", worst=0.5, best=1.0),
            Part(dimension="text_alignment", metric=FITS, side="semantics", worst=-0.5, best=1.0),
        ),
        source="a test",
        worlds=("crafter-9x9",),
    )
)
DAY = EXAMPLE.replace("by day", "by night")


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("model")


@pytest.fixture(autouse=True)
def registered(model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_builtin().list("metric")
    for kind, name, thing in (("model", "tiny", tiny_card(model_folder)), ("metric", "omniscore[fast]", FAST)):
        monkeypatch.setitem(REGISTRY.entries, (kind, name), Entry(kind, name, "of a test", __name__, thing))


Call = Callable[..., tuple[int, Any, str]]


@pytest.fixture
def align(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """``align("collect", …)``: exit code, document, stderr; in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, Any, str]:
        code = run(["align", *arguments, "--json"])
        said = capfd.readouterr()
        return code, json.loads(said.out.splitlines()[-1]) if said.out else None, said.err

    return call


def collect(*arguments: str, prompts: str = "p.txt") -> list[str]:
    return [
        "collect", "--model", "tiny", "--prompts", prompts, "--videos", "2", "--out", "c", "--steps", "2",
        "--score", "omniscore[fast]", *arguments,
    ]  # fmt: skip


def prompts(tmp_path: Path, *lines: str) -> None:
    (tmp_path / "p.txt").write_text("\n".join(lines) + "\n")


def test_collect_pair_and_draw(align: Call, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    prompts(tmp_path, EXAMPLE, "", DAY, EXAMPLE)
    code, document, said = align(*collect("--metrics", JUDGE, "--batch", "3"))
    assert code == 0, said
    assert document["path"] == str(tmp_path / "c")
    assert (document["prompts"], document["videos"], document["pairs"]) == (3, 6, 3)
    assert (document["left_out"], document["missing_scores"]) == ({}, 0)
    assert document["weights"]["maximum"] >= 1
    assert 1 <= document["weights"]["effective_sample_size"] <= 3
    assert "note: 1 empty lines of p.txt were left out" in said
    assert any("1 of 3 prompts repeat" in note for note in document["notes"])
    found = read_preferences(tmp_path / "c")
    assert found.sha256 == document["sha256"]
    assert found.captions == (EXAMPLE, DAY, EXAMPLE)
    assert tuple(found.winners.shape) == (3, 4, 8, 9, 9)
    rows = [json.loads(line) for line in (tmp_path / "c" / "videos.jsonl").read_text().splitlines()]
    assert list(rows[0]["scores"]) == [FLICKER, FITS, "omniscore[fast]", JUDGE]
    for row in rows:
        assert row["scores"]["omniscore[fast]"] == pytest.approx(FAST.combine(row["scores"]), rel=1e-12)

    code, document, said = align("pairs", "c", "--out", "alpha-0", "--alpha", "0", "--score", FITS, "--videos", "2")
    assert code == 0, said
    assert document["pairs_path"] == str(tmp_path / "c" / "alpha-0.json")
    assert read_preferences(tmp_path / "c" / "alpha-0.json").weights.tolist() == [1.0, 1.0, 1.0]
    assert document["sha256"] == read_preferences(tmp_path / "c", "alpha-0").sha256 != found.sha256

    assert run(["figures", "videodpo", "--scores", "c/scores.csv", "-o", "f", "--json"]) == 0
    drawn = json.loads(capfd.readouterr().out.splitlines()[-1])
    files = {Path(file["path"]).name for file in drawn["files"]}
    assert {"score_analysis.pdf", "score_analysis.csv"} <= files


def test_captions_of_a_world_and_resuming(align: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, whole, said = align(*collect("--world-split", "validation", prompts="3"))
    assert code == 0, said
    asked = json.loads((tmp_path / "c" / "collection.json").read_text())["plan"]
    assert (asked["prompts"]["source"], asked["prompts"]["split"]) == ("crafter-9x9", "validation")
    assert (asked["sampling"]["steps"], asked["sampling"]["guidance"]) == (2, 2.0)
    files = {p: p.read_bytes() for p in (tmp_path / "c").rglob("*") if p.is_file()}
    (tmp_path / "c").rename(tmp_path / "whole")

    original, calls = MetricScorer.__call__, []

    def interrupted(self: MetricScorer, *arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) > 3:
            raise KeyboardInterrupt
        return original(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(MetricScorer, "__call__", interrupted)
        code, _, said = align(*collect("--world-split", "validation", prompts="3"))
    assert code == 130
    assert "the videos of 1 prompts are kept in c. Go on with the same command and --resume." in said
    code, _, said = align(*collect("--world-split", "validation", prompts="3"))
    assert (code, "exists. Go on with --resume" in said) == (1, True)
    code, _, said = align(*collect("--world-split", "validation", "--resume", "--seed", "1", prompts="3"))
    assert (code, "seed is 0 there, 1 asked" in said) == (2, True)
    code, document, said = align(*collect("--world-split", "validation", "--resume", prompts="3"))
    assert code == 0, said
    assert document == whole
    assert {p: p.read_bytes() for p in (tmp_path / "c").rglob("*") if p.is_file()} == files


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--videos", "1"], 2, "a pair has two"),
        (["--videos", "0"], 2, "from 2"),
        (["--seed", "-1"], 2, "at least 0, not -1"),
        (["--batch", "0"], 2, "at least 1, not 0"),
        (["--steps", "0"], 2, "--steps"),
        (["--guidance", "nan"], 2, "--guidance"),
        (["--eta", "-1"], 2, "--eta"),
        (["--model", "tinny"], 2, "did you mean 'tiny'"),
        (["--model", "video-transformer-crafter-9x9"], 2, "makes no videos from text. Valid: "),
        (["--device", "cuda:77"], 2, "cuda"),
        (["--score", "omniscore[fats]"], 2, "did you mean 'omniscore[fast]'"),
        (["--score", "kvd[tokenizer-crafter]"], 2, "ranks no single one"),
        (["--score", "ssim"], 2, "needs a true continuation"),
        (["--score", "frames_per_second"], 2, "cannot be read off a video"),
        (["--score", "omniscore[light-vizdoom-pairing]"], 2, "is for videos of vizdoom-6x8"),
        (["--metrics", "psmr"], 2, "did you mean 'psnr'"),
        (["--prompts", "absent.txt"], 2, "cannot be read: No such file"),
        (["--prompts", "0"], 2, "at least 1, not 0"),
        (["--prompts", "-3"], 2, "at least 1, not -3"),
        (["--prompts", ""], 2, "--prompts is an empty string"),
        (["--prompts", "2", "--world-split", "tset"], 2, "did you mean 'test'"),
        (["--prompts", "odd.txt"], 2, "line 2 of the prompts: "),
        (["--prompts", "empty.txt"], 2, "has no prompt"),
        (["--resume"], 1, "Start it without --resume"),
        (["--weights", "absent"], 1, "there are no weights 'absent'"),
    ],
)
def test_one_message_for_each_mistake(align: Call, tmp_path: Path, arguments: list[str], code: int, said: str) -> None:
    prompts(tmp_path, EXAMPLE)
    (tmp_path / "odd.txt").write_text(f"{EXAMPLE}\na dragon over Paris\n")
    (tmp_path / "empty.txt").write_text("\n\n")
    found, document, error = align(*collect(*arguments))
    assert found == code, error
    assert document is None
    (line,) = [line for line in error.splitlines() if line.startswith("error: ")]
    assert said in line
    assert "Traceback" not in error
    assert not (tmp_path / "c" / "collection.json").exists()


@pytest.fixture(scope="module")
def tiny_collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs") / "c"
    texts = prompt_set([f"prompt {n}" for n in range(6)] + ["same"])
    make(folder, TinyModel(), texts, TinyScorer(), make_plan(texts, videos=4))
    return folder


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--strategy", "best-wurst"], "did you mean 'best-worst'"),
        (["--reading", "papper"], "did you mean 'paper'"),
        (["--alpha", "-1"], "--alpha"),
        (["--alpha", "nan"], "--alpha"),
        (["--beta", "modus"], "--beta takes 'mode'"),
        (["--beta", "0"], "--beta"),
        (["--normalisation", "median"], "--normalisation"),
        (["--minimum-difference", "-1"], "--minimum-difference"),
        (["--percentile", "101"], "--percentile"),
        (["--score", "brigt"], "did you mean 'bright'"),
        (["--videos", "5"], "2 to 4 videos"),
        (["--fraction", "0"], "--fraction"),
        (["--fraction", "1.5"], "--fraction"),
        (["--seed", "-1"], "--seed"),
        (["--out", "pairs", "--alpha", "0"], "holds other pairs"),
        (["--out", "../x"], "cannot name"),
    ],
)
def test_options_of_pairs_that_cannot_be(align: Call, tiny_collection: Path, arguments: list[str], said: str) -> None:
    before = sorted(tiny_collection.iterdir())
    code, document, error = align("pairs", str(tiny_collection), "--out", "new", *arguments)
    assert (code, document) == (2, None), error
    assert said in error
    assert sorted(tiny_collection.iterdir()) == before


def test_no_pair_is_told_with_null_and_the_reason(align: Call, tiny_collection: Path) -> None:
    code, document, error = align("pairs", str(tiny_collection), "--out", "far", "--minimum-difference", "5")
    assert code == 0, error
    assert document["pairs"] == 0
    assert document["weights"]["maximum"] is document["weights"]["effective_sample_size"] is None
    assert "there is no pair of 7 prompts" in document["weights"]["reason"]
    assert document["left_out"] == {"all scores of the prompt are equal": 1, "the difference is below the minimum": 6}
    code, _, error = align("pairs", str(tiny_collection.parent), "--out", "x")
    assert (code, "no collection in" in error) == (2, True)


def test_the_default_reward_is_kept_with_its_parts_and_scales() -> None:
    skip_without_the_reward()
    scorer = collecting.make_scorer(collecting.DEFAULT_SCORE, [JUDGE], "crafter-9x9")
    wanted = preset(collecting.DEFAULT_SCORE)
    assert tuple(scorer.metrics) == (*wanted.metrics, collecting.DEFAULT_SCORE, JUDGE)
    assert scorer.facts["version"] == wanted.version
    assert [(p["metric"], p["worst"], p["best"]) for p in scorer.facts["parts"]] == [
        (p.metric, p.worst, p.best) for p in wanted.parts
    ]
    assert set(scorer.facts["metrics"]) == {*wanted.metrics, JUDGE}
    assert all(facts["weights_sha256"] for name, facts in scorer.facts["metrics"].items() if "flickering" not in name)
    json.dumps(scorer.facts)


@pytest.mark.full
def test_collection_with_the_default_reward(align: Call, tmp_path: Path) -> None:
    skip_without_the_reward()
    prompts(tmp_path, EXAMPLE, DAY)
    code, document, said = align(*collect("--score", collecting.DEFAULT_SCORE))
    assert code == 0, said
    assert document["missing_scores"] == 0
    assert align("pairs", "c", "--out", "fits", "--score", "semantics")[0] == 0
    rows = [json.loads(line)["scores"] for line in (tmp_path / "c" / "videos.jsonl").read_text().splitlines()]
    for row in rows:
        total = preset(collecting.DEFAULT_SCORE).total(row)
        assert row[collecting.DEFAULT_SCORE] == total.score
    found = json.loads((tmp_path / "c" / "fits.json").read_text())
    totals = [preset(collecting.DEFAULT_SCORE).total(row).semantics for row in rows]
    pairs = [(max(totals[i : i + 2]), min(totals[i : i + 2])) for i in (0, 2)]
    told = [score for p in found["pairs"] for score in (p["winner_score"], p["loser_score"])]
    assert told == pytest.approx([score for pair in pairs for score in pair])
