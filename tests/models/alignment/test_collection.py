"""A collection: the same bytes however often it is interrupted, seeds of its own, and one message for each mistake."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from harness.errors import DiptychError, UsageError
from harness.seeds import block_seed, derived_seed
from models.alignment.artefact import CollectionPlan
from models.alignment.collection import check_counts, collect
from models.alignment.making import NOT_FINITE, collection_seed
from models.alignment.pairs import ALL_EQUAL, TOO_FEW_SCORES
from tests.models.alignment.collecting import TEXTS, TinyModel, TinyScorer, files_of, make_plan, prompt_set


def made(folder: Path, texts=TEXTS, *, model=None, scorer=None, resume=False, **plan):
    prompts = prompt_set(texts)
    return collect(
        folder, model or TinyModel(), prompts, scorer or TinyScorer(), make_plan(prompts, **plan), resume=resume
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "collection"
    made(folder)
    return folder


def rows_of(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "videos.jsonl").read_text().splitlines()]


def test_what_is_kept_is_what_was_sampled_decoded_and_scored(whole: Path) -> None:
    rows = rows_of(whole)
    assert [(row["prompt"], row["text"]) for row in rows] == [(n, text) for n, text in enumerate(TEXTS) for _ in "123"]
    assert len({row["video"] for row in rows}) == len({row["seed"] for row in rows}) == 21
    for row in rows:
        noise = torch.randn((4, 2, 3, 3), generator=torch.Generator().manual_seed(row["seed"]))
        assert row["noise_sha256"] == hashlib.sha256(noise.numpy().tobytes()).hexdigest()
        latent = load_file(whole / row["shard"])["latents"][row["row"]]
        assert latent.dtype == torch.float16
        if row["text"] == "wild":
            assert row["reasons"] == dict.fromkeys(row["scores"], NOT_FINITE)
            assert set(row["scores"].values()) == {None}
        else:
            frames = TinyModel().decode(latent[None].float())[0]
            assert row["scores"] == TinyScorer()(frames, row["caption"]).scores
    asked = json.loads((whole / "collection.json").read_text())
    assert asked["status"] == "finished"
    assert asked["notes"] == ["1 of 7 prompts repeat an earlier one; each has videos and a pair of its own"]
    for shard in asked["shards"]:
        assert hashlib.sha256((whole / shard["file"]).read_bytes()).hexdigest() == shard["sha256"]
    pairs = json.loads((whole / "pairs.json").read_text())
    assert pairs["left_out"] == {ALL_EQUAL: 1, TOO_FEW_SCORES: 2}
    assert pairs["missing_scores"] == 6
    assert [pair["prompt"] for pair in pairs["pairs"]] == [0, 1, 4, 6]


@pytest.mark.parametrize("scored", range(18))
def test_interrupted_while_scoring_it_ends_with_the_same_bytes(whole: Path, tmp_path: Path, scored: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path / "c", scorer=TinyScorer(fail_at=scored))
    kept = rows_of(tmp_path / "c") if (tmp_path / "c" / "videos.jsonl").exists() else []
    latents = {path.name for path in (tmp_path / "c" / "latents").iterdir()}
    model, scorer = TinyModel(), TinyScorer()
    made(tmp_path / "c", model=model, scorer=scorer, resume=True)
    assert files_of(tmp_path / "c") == files_of(whole)
    assert len(model.sampled) == 21 - 3 * len(latents)  # groups of one prompt: no latent on disk is sampled again
    assert scorer.scored == 18 - sum(row["text"] != "wild" for row in kept)  # no prompt is scored again


@pytest.mark.parametrize("batch", [1, 2, 4, 6, 100])
@pytest.mark.parametrize("sampled", [0, 5, 13])
def test_interrupted_while_sampling_it_ends_with_the_same_bytes(tmp_path: Path, batch: int, sampled: int) -> None:
    made(tmp_path / "whole", batch=batch)
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path / "c", batch=batch, model=TinyModel(fail_at=sampled))
    made(tmp_path / "c", batch=batch, resume=True)
    assert files_of(tmp_path / "c") == files_of(tmp_path / "whole")


@pytest.mark.parametrize("cut", [1, 7, 200, 700, 1500])
def test_a_torn_end_is_made_again(whole: Path, tmp_path: Path, cut: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path / "c", scorer=TinyScorer(fail_at=8))
    path = tmp_path / "c" / "videos.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    (tmp_path / "c" / ".collection.json.x.partial").write_bytes(b"{")
    (tmp_path / "c" / "latents" / ".00003.safetensors.x.partial").write_bytes(b"torn")
    made(tmp_path / "c", resume=True)
    assert files_of(tmp_path / "c") == files_of(whole)


@pytest.mark.parametrize("call", range(1, 14))
def test_killed_in_the_middle_of_any_write_it_ends_with_the_same_bytes(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    import harness.files

    calls = 0

    def replace(old: str, new: str) -> None:
        nonlocal calls
        calls += 1
        if calls == call:
            raise KeyboardInterrupt
        os.rename(old, new)

    with monkeypatch.context() as patch:
        patch.setattr(harness.files.os, "replace", replace)
        try:
            made(tmp_path / "c")
        except KeyboardInterrupt:
            killed = True
        else:
            killed = False
    assert killed == (call <= 11)  # collection.json twice, seven groups, scores, pairs
    begun = (tmp_path / "c" / "collection.json").exists()
    made(tmp_path / "c", resume=begun)
    assert files_of(tmp_path / "c") == files_of(whole)


def test_a_finished_collection_stays_as_it_is(whole: Path) -> None:
    before = files_of(whole)
    model = TinyModel(fail_at=0)
    found = made(whole, model=model, resume=True)
    assert len(found.pairs) == 4
    assert files_of(whole) == before
    with pytest.raises(DiptychError, match=r"exists\. Go on with --resume"):
        made(whole)


def test_other_options_are_refused_and_named(tmp_path: Path) -> None:
    with pytest.raises(DiptychError, match=r"no collection in .* to go on with. Start it without --resume"):
        made(tmp_path / "c", resume=True)
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path / "c", scorer=TinyScorer(fail_at=8))
    with pytest.raises(UsageError, match=r"seed is 7 there, 8 asked\. Resume"):
        made(tmp_path / "c", seed=8, resume=True)
    with pytest.raises(UsageError, match=r"videos is 3 there, 4 asked; sampling.batch is 4 there, 5 asked"):
        made(tmp_path / "c", videos=4, batch=5, resume=True)
    with pytest.raises(UsageError, match=r"prompts.sha256 is"):
        made(tmp_path / "c", ("z", *TEXTS[1:]), resume=True)


def test_code_that_scores_may_change_and_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path / "c", scorer=TinyScorer(fail_at=8))
    made(tmp_path / "c", scorer=TinyScorer(code_sha256="d" * 64), resume=True)
    asked = json.loads((tmp_path / "c" / "collection.json").read_text())
    assert asked["scoring_code_sha256"] == ["c" * 64, "d" * 64]
    assert asked["notes"][-1] == "the code that scores changed while this was collected: 2 versions took part"


def test_what_was_changed_on_disk_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path / "c", scorer=TinyScorer(fail_at=8))
    lines = (tmp_path / "c" / "videos.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "c" / "videos.jsonl").write_bytes(lines[0] + b"{}\n" + b"".join(lines[2:]))
    with pytest.raises(DiptychError, match="line 2 is damaged"):
        made(tmp_path / "c", resume=True)
    (tmp_path / "c" / "videos.jsonl").write_bytes(lines[3] + b"".join(lines[1:]))
    with pytest.raises(DiptychError, match="line 1 is not of this collection"):
        made(tmp_path / "c", resume=True)
    (tmp_path / "c" / "videos.jsonl").write_bytes(b"".join(lines))
    os.replace(tmp_path / "c/latents/00001.safetensors", tmp_path / "c/latents/00000.safetensors")
    with pytest.raises(DiptychError, match="are missing, or were changed after their videos were scored"):
        made(tmp_path / "c", resume=True)


def test_latents_of_another_collection_are_no_latents_of_this(tmp_path: Path) -> None:
    made(tmp_path / "other", seed=8)
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path / "c", scorer=TinyScorer(fail_at=0))
    os.replace(tmp_path / "other/latents/00000.safetensors", tmp_path / "c/latents/00000.safetensors")
    with pytest.raises(DiptychError, match="belong to another collection"):
        made(tmp_path / "c", resume=True)


def test_two_processes_never_write_one_collection(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    handle = os.open(tmp_path / "c", os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with pytest.raises(DiptychError, match="another process is collecting"):
        made(tmp_path / "c")
    os.close(handle)
    made(tmp_path / "c")


def test_a_word_that_the_model_does_not_know_is_told_before_anything_is_sampled(tmp_path: Path) -> None:
    model = TinyModel()
    with pytest.raises(UsageError, match="line 301 of the prompts: word 'unknown'"):
        made(tmp_path / "c", (*["a"] * 300, "an unknown word", "b"), model=model)
    assert model.sampled == []
    assert not (tmp_path / "c").exists()


def test_all_scores_equal_is_a_finished_collection_without_a_pair(tmp_path: Path) -> None:
    found = made(tmp_path / "c", ("same",) * 3)
    assert found.pairs == ()
    assert found.weights is None
    assert found.left_out == {ALL_EQUAL: 3}
    assert found.notes == (f"there is no pair of 3 prompts: 3 × {ALL_EQUAL}",)
    assert json.loads((tmp_path / "c" / "collection.json").read_text())["status"] == "finished"


def test_no_score_at_all_is_a_finished_collection_without_a_pair(tmp_path: Path) -> None:
    found = made(tmp_path / "c", ("no score",) * 2)
    assert (found.pairs, found.histogram, found.missing_scores) == ((), None, 6)


@pytest.mark.parametrize(("videos", "seed", "said"), [(1, 0, "a pair has two"), (0, 0, "not 0"), (2, -1, "not -1")])
def test_counts_that_cannot_be(videos: int, seed: int, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        check_counts(videos, seed)


@given(
    st.integers(0, 2**40),
    st.sampled_from([None, "train", "validation", "test"]),
    st.integers(0, 99_999),
    st.integers(0, 999),
)
def test_seeds_depend_on_what_they_are_for_and_on_nothing_else(
    seed: int, split: str | None, prompt: int, video: int
) -> None:
    found = collection_seed(seed, split, prompt, video)
    assert 0 <= found < 2**63
    assert found == collection_seed(seed, split, prompt, video)
    others = {
        collection_seed(seed + 1, split, prompt, video),
        collection_seed(seed, "test" if split != "test" else None, prompt, video),
        collection_seed(seed, split, prompt + 1, video),
        collection_seed(seed, split, prompt, video + 1),
        collection_seed(seed, split, video, prompt) if video != prompt else -1,
        derived_seed(seed, f"{prompt}\x00{video}"),
        block_seed(seed, split or "", str(prompt), video),
        block_seed(seed, "collection", str(prompt), video),
    }
    assert found not in others


def test_more_videos_begin_with_the_same_ones(tmp_path: Path) -> None:
    made(tmp_path / "three", ("a", "b"))
    made(tmp_path / "five", ("a", "b"), videos=5)
    few = {row["video"]: (row["seed"], row["scores"]) for row in rows_of(tmp_path / "three")}
    many = {row["video"]: (row["seed"], row["scores"]) for row in rows_of(tmp_path / "five")}
    assert few.items() <= many.items()
    assert len(many) == 10


def test_sampling_is_asked_as_planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    original = TinyModel.sample

    def sample(self, captions, seeds, **how):
        calls.append((list(captions), how))
        return original(self, captions, seeds, **how)

    monkeypatch.setattr(TinyModel, "sample", sample)
    made(tmp_path / "c", ("a", "b", "c"), videos=2, batch=4)
    assert [captions for captions, _ in calls] == [["a", "a", "b", "b"], ["c", "c"]]
    assert all(how == {"steps": 2, "guidance": 3.0, "eta": 0.0} for _, how in calls)


def test_the_plan_digest_changes_with_every_option() -> None:
    prompts = prompt_set(("a",))
    base = make_plan(prompts)
    changes = [{"seed": 1}, {"videos": 2}, {"batch": 1}, {"model": "other"}, {"score": "red"}, {"aligned_sha256": "1"}]
    digests = {base.digest, *(make_plan(prompts, **change).digest for change in changes)}
    assert len(digests) == len(changes) + 1
    assert CollectionPlan.model_validate_json(base.model_dump_json()).digest == base.digest


def test_scores_are_kept_to_the_last_bit(whole: Path) -> None:
    row = rows_of(whole)[0]
    frames = TinyModel().decode(load_file(whole / row["shard"])["latents"][:1].float())[0]
    assert row["scores"]["bright"] == float(np.mean(frames)) / 255
