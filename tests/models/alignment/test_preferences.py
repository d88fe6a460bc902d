"""Pairs of a collection against an independent computation from its lines, and what training reads of them."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections import Counter, defaultdict
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from harness.errors import DiptychError, UsageError
from models.alignment.artefact import PairOptions
from models.alignment.collection import collect
from models.alignment.pairing import make_pair_file
from models.alignment.pairs import BELOW_MINIMUM, BELOW_PERCENTILE, DifferenceFilter
from models.alignment.preferences import read_preferences
from models.alignment.scores import score_choices
from models.alignment.weights import READINGS, WeightOptions
from reports.papers.score_analysis import differences
from reports.papers.score_file import read_scores
from tests.models.alignment.collecting import TinyModel, TinyScorer, make_plan, prompt_set

TEXTS = (*(f"prompt {n}" for n in range(40)), "same", "no score", "prompt 3")
SCORE = "omniscore[two]"


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("preferences") / "c"
    prompts = prompt_set(TEXTS)
    collect(folder, TinyModel(), prompts, TinyScorer(), make_plan(prompts, videos=4, batch=9))
    return folder


@pytest.fixture
def copied(collected: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(collected, tmp_path / "c"))


def rows_of(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "videos.jsonl").read_text().splitlines()]


def options(**changes) -> PairOptions:
    return PairOptions(**{"score": SCORE, "videos": 4, **changes})


def by_hand(rows: list[dict], score, alpha: float = 1.0) -> list[tuple[str, str, float]]:
    """Best against worst of each prompt and (β / √(p_w·p_l))^α, straight from the lines."""
    bins = lambda s: math.floor(round(round(s * 1e6) / 1e4, 6))  # noqa: E731
    known = [(row, score(row)) for row in rows if score(row) is not None]
    counts = Counter(bins(s) for _, s in known)
    beta = max(counts.values()) / len(known)
    prompts = defaultdict(list)
    for row, s in known:
        prompts[row["prompt"]].append((-s, row["video"]))
    found = []
    for group in prompts.values():
        best, worst = min(group), max(group)
        if best[0] != worst[0]:
            p = [counts[bins(-s)] / len(known) for s, _ in (best, worst)]
            found.append((best[1], worst[1], (beta / math.sqrt(p[0] * p[1])) ** alpha))
    return found


def test_pairs_and_weights_are_those_of_the_lines(collected: Path) -> None:
    pairs = json.loads((collected / "pairs.json").read_text())
    wanted = by_hand(rows_of(collected), lambda row: row["scores"][SCORE])
    assert [(p["winner"], p["loser"]) for p in pairs["pairs"]] == [(w, x) for w, x, _ in wanted]
    assert [p["weight"] for p in pairs["pairs"]] == pytest.approx([weight for *_, weight in wanted], rel=1e-12)
    weights = [weight for *_, weight in wanted]
    assert pairs["weights"]["maximum"] == pytest.approx(max(weights))
    ess = sum(weights) ** 2 / sum(w * w for w in weights)
    assert pairs["weights"]["effective_sample_size"] == pytest.approx(ess)
    assert pairs["histogram"]["n"] == sum(pairs["histogram"]["counts"].values()) == 4 * len(TEXTS) - 4
    assert pairs["missing_scores"] == 4
    assert pairs["collection_sha256"] == hashlib.sha256((collected / "collection.json").read_bytes()).hexdigest()


def test_training_reads_the_latents_that_were_scored(collected: Path) -> None:
    found = read_preferences(collected)
    wanted = by_hand(rows_of(collected), lambda row: row["scores"][SCORE])
    rows = {row["video"]: row for row in rows_of(collected)}

    def latent(name: str) -> torch.Tensor:
        return load_file(collected / rows[name]["shard"])["latents"][rows[name]["row"]].float()

    assert found.captions == tuple(rows[winner]["text"] for winner, _, _ in wanted)
    assert torch.equal(found.winners, torch.stack([latent(winner) for winner, _, _ in wanted]))
    assert torch.equal(found.losers, torch.stack([latent(loser) for _, loser, _ in wanted]))
    assert (found.winners.dtype, found.weights.dtype) == (torch.float32, torch.float64)
    assert found.weights.tolist() == pytest.approx([weight for *_, weight in wanted], rel=1e-12)
    both = (collected / "collection.json").read_bytes() + (collected / "pairs.json").read_bytes()
    assert found.sha256 == hashlib.sha256(both).hexdigest()
    assert (found.facts["model"], found.facts["weights_sha256"]) == ("tiny", "0" * 64)
    for p in (found.winners, found.losers):
        score = TinyScorer()(TinyModel().decode(p[:1])[0], "x").scores[SCORE]
        assert score in (rows[wanted[0][0]]["scores"][SCORE], rows[wanted[0][1]]["scores"][SCORE])


@pytest.mark.parametrize("alpha", [0.0, 0.5, 2.0])
def test_other_weights_of_the_same_pairs(copied: Path, alpha: float) -> None:
    make_pair_file(copied, options(weights=WeightOptions(alpha=alpha)), "other")
    wanted = by_hand(rows_of(copied), lambda row: row["scores"][SCORE], alpha)
    found = read_preferences(copied, "other")
    assert found.weights.tolist() == pytest.approx([weight for *_, weight in wanted])
    assert torch.equal(found.winners, read_preferences(copied / "pairs.json").winners)
    assert found.sha256 != read_preferences(copied).sha256
    assert read_preferences(copied / "other.json").sha256 == found.sha256


def test_first_videos_of_each_prompt(copied: Path) -> None:
    make_pair_file(copied, options(videos=2), "two")
    rows = [row for row in rows_of(copied) if int(row["video"][-3:]) < 2]
    found = json.loads((copied / "two.json").read_text())
    wanted = by_hand(rows, lambda row: row["scores"][SCORE])
    assert [(p["winner"], p["loser"]) for p in found["pairs"]] == [(w, x) for w, x, _ in wanted]
    assert [p["weight"] for p in found["pairs"]] == pytest.approx([weight for *_, weight in wanted])
    for count in (1, 5):
        with pytest.raises(UsageError, match="2 to 4 videos a prompt"):
            make_pair_file(copied, options(videos=count), "few")


@pytest.mark.parametrize(
    ("score", "value"),
    [
        ("bright", lambda s: s["bright"] / 2),  # its share between worst 0 and best 2
        ("quality", lambda s: s["bright"] / 2),
        ("red", lambda s: None if s["red"] is None else 1 - s["red"]),  # worst 1, best 0
        ("semantics", lambda s: None if s["red"] is None else 1 - s["red"]),
    ],
)
def test_another_score_ranks_by_its_share_of_the_composite(copied: Path, score: str, value) -> None:
    make_pair_file(copied, options(score=score), "other")
    wanted = by_hand(rows_of(copied), lambda row: value(row["scores"]))
    found = json.loads((copied / "other.json").read_text())
    assert [(p["winner"], p["loser"]) for p in found["pairs"]] == [(w, x) for w, x, _ in wanted]
    assert [p["weight"] for p in found["pairs"]] == pytest.approx([weight for *_, weight in wanted])


def test_a_metric_beside_the_composite_ranks_by_its_direction(tmp_path: Path) -> None:
    prompts = prompt_set(TEXTS[:5])
    plan = make_plan(prompts, scoring={"directions": {"red": "lower"}})
    assert score_choices(plan) == ("bright", "red", SCORE)  # no scales, no sides
    collect(tmp_path / "c", TinyModel(), prompts, TinyScorer(), plan)
    found = make_pair_file(tmp_path / "c", options(score="red", videos=3), "red")
    rows = {row["video"]: row["scores"]["red"] for row in rows_of(tmp_path / "c")}
    assert all(rows[pair.winner] < rows[pair.loser] for pair in found.pairs)
    assert "lower is better" in found.notes[0]


def test_a_smaller_share_of_the_prompts_is_part_of_a_larger_one(copied: Path) -> None:
    kept = {}
    for fraction in (0.1, 0.25, 0.5, 1.0):
        made = make_pair_file(copied, options(fraction=fraction), f"share-{fraction}")
        kept[fraction] = {pair.prompt for pair in made.pairs}
        assert made.prompts == max(1, round(fraction * len(TEXTS)))
    assert kept[0.1] < kept[0.25] < kept[0.5] < kept[1.0]
    other = make_pair_file(copied, options(fraction=0.5, seed=1), "seed-1")
    assert {pair.prompt for pair in other.pairs} != kept[0.5]


def test_filters_and_strategies(copied: Path) -> None:
    all_of_them = make_pair_file(copied, options(), "all")
    half = make_pair_file(copied, options(keep=DifferenceFilter(percentile=50)), "half")
    assert half.left_out[BELOW_PERCENTILE] == len(all_of_them.pairs) // 2
    least = sorted(p.winner_score - p.loser_score for p in all_of_them.pairs)[10]
    few = make_pair_file(copied, options(keep=DifferenceFilter(minimum=round(least, 6))), "few")
    assert few.left_out[BELOW_MINIMUM] == 10
    assert len(make_pair_file(copied, options(strategy="adjacent"), "adjacent").pairs) > 2 * len(all_of_them.pairs)
    draws = [make_pair_file(copied, options(strategy="best-random", seed=n), f"random-{n}") for n in (0, 1)]
    assert draws[0].pairs != draws[1].pairs
    assert make_pair_file(copied, options(strategy="best-random"), "random-0") == draws[0]
    with pytest.raises(UsageError, match="unknown pair strategy 'best-wurst'"):
        make_pair_file(copied, options(strategy="best-wurst"), "x")


@pytest.mark.parametrize("reading", READINGS)
def test_every_reading_weighs_a_collection(copied: Path, reading: str) -> None:
    made = make_pair_file(copied, options(reading=reading, weights=READINGS[reading]), f"reading-{reading}")
    assert len(read_preferences(copied, f"reading-{reading}").weights) == len(made.pairs)
    if reading == "release":  # nobody stored a number: the loader's 1 gives every pair 0.72
        assert {pair.weight for pair in made.pairs} == {0.72}
        assert any("no stored number" in note for note in made.notes)


def test_nothing_that_training_may_name_is_written_over(copied: Path) -> None:
    before = (copied / "pairs.json").read_bytes()
    make_pair_file(copied)
    with pytest.raises(UsageError, match="holds other pairs"):
        make_pair_file(copied, options(videos=2))
    assert (copied / "pairs.json").read_bytes() == before
    for name in ("", "collection", "../x", "a/b", ".hidden", "a b"):
        with pytest.raises(UsageError, match=r"choose another|cannot name"):
            make_pair_file(copied, options(), name)


def test_folders_that_hold_no_preferences(tmp_path: Path, copied: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no folder .*diptych align collect"):
        read_preferences(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"no collection in .*diptych align collect"):
        read_preferences(tmp_path / "empty")
    with pytest.raises(UsageError, match=r"has no pairs 'alpha-0'. There are: pairs\. .*--out alpha-0"):
        read_preferences(copied, "alpha-0")


def test_an_unfinished_collection_is_no_training_data(tmp_path: Path) -> None:
    prompts = prompt_set(TEXTS[:5])
    with pytest.raises(KeyboardInterrupt):
        collect(tmp_path / "c", TinyModel(), prompts, TinyScorer(fail_at=7), make_plan(prompts))
    with pytest.raises(DiptychError, match=r"unfinished: 2 of 5 prompts.*--resume"):
        read_preferences(tmp_path / "c")


def test_no_pair_is_an_error_of_training(tmp_path: Path) -> None:
    prompts = prompt_set(("same", "same"))
    collect(tmp_path / "c", TinyModel(), prompts, TinyScorer(), make_plan(prompts))
    with pytest.raises(UsageError, match=r"has no pair to train on \(2 × all scores"):
        read_preferences(tmp_path / "c")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: f.joinpath("latents/00000.safetensors").unlink(), "are missing"),
        (lambda f: _flip(f / "latents/00001.safetensors"), "were changed"),
        (lambda f: _flip(f / "videos.jsonl"), "missing, or was changed"),
        (lambda f: (f / "videos.jsonl").unlink(), "missing, or was changed"),
        (lambda f: (f / "pairs.json").write_text("{"), "is damaged"),
        (lambda f: (f / "pairs.json").write_text("[]"), "is damaged"),
        (lambda f: (f / "collection.json").write_text('{"schema_version": 1}'), "is damaged: status"),
        (lambda f: _replace(f / "collection.json", '"schema_version": 1', '"schema_version": 9'), "version 9"),
        (lambda f: _replace(f / "collection.json", '"model": "tiny"', '"model": "tine"'), "made of another collection"),
    ],
)  # fmt: skip
def test_what_was_changed_is_one_message(copied: Path, change, said: str) -> None:
    change(copied)
    with pytest.raises(DiptychError, match=said):
        read_preferences(copied)


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_the_table_of_scores_is_what_figures_read(collected: Path) -> None:
    read = read_scores(collected / "scores.csv")
    assert (read.composite, read.dimensions) == (SCORE, ("bright", "red"))
    assert [(row.video, row.scores) for row in read.videos] == [(r["video"], r["scores"]) for r in rows_of(collected)]
    pairs = json.loads((collected / "pairs.json").read_text())["pairs"]
    wanted = [p["winner_score"] - p["loser_score"] for p in pairs]
    assert differences(read.by_prompt()) == wanted  # a repeated prompt is a group of its own, as it is a pair
