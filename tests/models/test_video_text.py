"""Contrastive video-text networks: what they compute and refuse, how they are trained, and that the zoo's ones see."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from harness.assets.locate import AbsentError
from harness.cli.builtin import load_builtin
from harness.cli.main import run as run_cli
from harness.errors import DiptychError, UsageError
from harness.registry import REGISTRY, Entry
from harness.stats.retrieval import recall_at
from models.training import video_text as training
from models.training.presets import VIDEO_TEXT_PRESETS, TrainOptions, preset
from models.training.video_text import CaptionedClips, captioned_clips, draw_clips, score, train_video_text, world_shape
from models.video_text.evaluate import evaluate_video_text, parts_told, pooled_recall
from models.video_text.loading import load_video_text, save_video_text
from models.video_text.network import VideoText, contrastive_loss
from models.video_text.scorer import VideoTextScorer, shipped
from models.video_text.shapes import VideoTextShape
from models.video_text.words import split_words, word_ids
from models.worlds.caption_text import GRAMMARS, Grammar, grammar
from models.worlds.captions import Caption

load_builtin()
COLOURS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 60, 220), "white": (240, 240, 240)}
WAYS = {"left": -1, "right": 1, "nowhere": 0}
WORDS = (*COLOURS, "square", "going", *WAYS)
TINY = {
    "tile_pixels": 4,
    "tile_width": 16,
    "heads": 2,
    "width": 16,
    "time_width": 32,
    "text_width": 16,
    "embedding": 16,
}
BOTH = (("tiles", "attention"), ("volume", "recurrent"))


def shape(video: str = "tiles", text: str = "attention", **changes) -> VideoTextShape:
    told = {"words": WORDS, "example": "red square; going left", "max_words": 6, "video": video, "text": text}
    return VideoTextShape(**{**told, **TINY, **changes})


def network(seed: int = 0, **changes) -> VideoText:
    return VideoText(shape(**changes)).reset(torch.Generator().manual_seed(seed)).eval().requires_grad_(False)


def noise(*size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)


class Squares:
    """Clips of a square of one of four colours that goes left or right by a tile a frame, or stays."""

    def __init__(self) -> None:
        self.spec = SimpleNamespace(clip_frames=10)

    def clips(self, split, count, *, processes=1, progress=None):
        rng = np.random.default_rng([len(split)])
        made = []
        for _ in range(count):
            colour, way = (str(rng.choice(list(of))) for of in (COLOURS, WAYS))
            frames = np.full((10, 12, 64, 3), 90, np.uint8)
            at = 6 + int(rng.integers(4))
            for t in range(10):
                x = 4 * ((at + t * WAYS[way]) % 16)
                frames[t, 4:8, x : x + 4] = COLOURS[colour]
            made.append(SimpleNamespace(frames=frames, caption=f"{colour} square; going {way}"))
        return made


@pytest.fixture
def squares(monkeypatch) -> None:
    monkeypatch.setitem(REGISTRY.entries, ("world", "squares"), Entry("world", "squares", "", "here", Squares))
    told = Grammar(lambda clip, start, frames: clip.caption, WORDS, 6, "red square; going left")
    monkeypatch.setitem(GRAMMARS, "squares", told)


# what it computes


@pytest.mark.parametrize(("video", "text"), BOTH)
def test_vectors_have_length_one_and_padding_changes_nothing(video, text) -> None:
    model = network(video=video, text=text)
    clips = model.to_float(noise(3, 5, 12, 16, 3))
    assert torch.allclose(model.embed_videos(clips).norm(dim=-1), torch.ones(3), atol=1e-6)
    ids = model.ids(["red square", "red square going left"])
    texts = model.embed_texts(ids)
    assert torch.allclose(texts.norm(dim=-1), torch.ones(2), atol=1e-6)
    assert torch.allclose(texts[0], model.embed_texts(ids[:1, :2])[0], atol=1e-6)
    assert float((texts[0] - texts[1]).abs().max()) > 1e-3


@pytest.mark.parametrize(("video", "text"), BOTH)
def test_it_sees_order_in_time_and_order_of_words(video, text) -> None:
    model = network(video=video, text=text)
    clip = noise(1, 6, 16, 16, 3)
    one, back = (model.embed_videos(model.to_float(c)) for c in (clip, clip[:, ::-1]))
    assert float((one - back).abs().max()) > 1e-3
    texts = model.embed_texts(model.ids(["red square going left", "left going square red"]))
    assert float((texts[0] - texts[1]).abs().max()) > 1e-3


@pytest.mark.parametrize(("video", "text"), BOTH)
@pytest.mark.parametrize("size", [(1, 12, 12), (2, 12, 32), (7, 24, 12), (16, 40, 20)])
def test_any_number_of_frames_and_tiles_is_taken(video, text, size) -> None:
    model = network(video=video, text=text)
    assert torch.isfinite(model.embed_videos(model.to_float(noise(2, *size, 3)))).all()


@pytest.mark.parametrize(
    "clip",
    [
        noise(1, 2, 8, 12, 3),
        noise(1, 2, 12, 14, 3),
        noise(1, 0, 12, 12, 3),
        noise(2, 12, 12, 3),
        noise(1, 2, 12, 12, 4),
        noise(1, 2, 12, 12, 3).astype(np.float32),
    ],
)
def test_what_is_no_clip_of_whole_tiles_is_refused(clip) -> None:
    with pytest.raises(UsageError, match="at least 12 divisible by 4"):
        network().to_float(clip)


def plain_loss(videos, texts, captions, scale):
    """InfoNCE by loops, in float64."""
    logits = scale * videos @ texts.T
    total = 0.0
    for direction in (logits, logits.T):
        for i, row in enumerate(direction):
            rivals = [j for j in range(len(captions)) if j == i or captions[j] != captions[i]]
            total += np.log(np.exp(row[rivals]).sum()) - row[i]
    return total / 2 / len(captions)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=6), st.integers(0, 99))
@settings(max_examples=40)
def test_the_loss_is_that_of_loops_and_twins_are_no_negatives(captions, seed) -> None:
    rng = np.random.default_rng(seed)
    videos, texts = (rng.normal(size=(len(captions), 5)) for _ in range(2))
    videos, texts = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (videos, texts))
    ids = torch.tensor([[c, 1] for c in captions])
    found = contrastive_loss(torch.from_numpy(videos), torch.from_numpy(texts), ids, torch.tensor([np.log(9.0)]))
    assert float(found) == pytest.approx(plain_loss(videos, texts, captions, 9.0), abs=1e-9)


def test_the_temperature_is_learned_and_bounded() -> None:
    vectors, ids = torch.eye(3, dtype=torch.float64), torch.arange(3)[:, None]
    assert contrastive_loss(vectors, vectors, ids, torch.tensor([9.0])) == contrastive_loss(
        vectors, vectors, ids, torch.tensor([np.log(100.0)])
    )
    scale = torch.tensor([1.0], requires_grad=True)
    contrastive_loss(vectors, vectors, ids, scale).backward()
    assert float(scale.grad) < 0  # everything is right: a sharper scale is better


# words


def test_words_are_split_and_numbered_whatever_stands_between_them() -> None:
    assert split_words(" Red square;going,LEFT. ") == ["red", "square", "going", "left"]
    one, other = word_ids(shape(), ["red square; going left", "Red square going left"])
    assert (one == other).all()
    assert one.tolist() == [1, 5, 6, 7, 0, 0]


@pytest.mark.parametrize(
    ("caption", "why"),
    [
        ("", r"the caption '' is empty\. Valid words: blue, going, green"),
        (" ;.", "is empty"),
        (
            "red squre; going lefft",
            r"'squre' \(did you mean 'square'\?\), 'lefft' \(did you mean 'left'\?\)\. Valid words: ",
        ),
        ("zzz", r"unknown words in the caption 'zzz': 'zzz'\. Valid words: blue, .*Such as: 'red square; going left'"),
        ("red red red red red red red", "has 7 words, more than 6"),
    ],
)
def test_words_that_it_does_not_know_are_one_clear_error(caption, why) -> None:
    with pytest.raises(UsageError, match=why):
        word_ids(shape(), ["red square", caption])


def test_a_word_is_declared_once_and_widths_fit_heads() -> None:
    with pytest.raises(ValueError, match="two words are one"):
        shape(words=("red", "red"))
    with pytest.raises(UsageError, match=r"text_width \(15\) must be a multiple of heads"):
        network(text_width=15)


# files and scorers


@pytest.mark.parametrize(("video", "text"), BOTH)
def test_a_scorer_reads_a_file_and_takes_clips_of_any_sizes_one_by_one_or_together(video, text, tmp_path) -> None:
    model = network(3, video=video, text=text)
    path = tmp_path / "one.safetensors"
    save_video_text(path, model, {"seed": 3}, torch.float32)
    again = load_video_text(str(path))
    assert again.shape == model.shape
    scorer = VideoTextScorer("cpu", str(path))
    assert (scorer.example, scorer.least_side) == ("red square; going left", 12)
    videos = [noise(8, 12, 16, 3), noise(3, 20, 12, 3, seed=1), noise(8, 12, 16, 3, seed=2)]
    captions = ["red square; going left", "blue square"]
    found = scorer.similarities(videos, captions)
    assert found.shape == (3, 2)
    assert (abs(found) <= 1).all()
    for row, clip in zip(found, videos, strict=True):
        expected = model.embed_videos(model.to_float(clip[None])) @ model.embed_texts(model.ids(captions)).T
        assert row == pytest.approx(expected[0].numpy(), abs=1e-5)
    assert scorer.similarities([], captions).shape == (0, 2)
    with pytest.raises(UsageError, match="a clip is uint8"):
        scorer.similarities([videos[0][0]], captions)
    with pytest.raises(DiptychError, match="a video-text network"):
        load_video_text("tokenizer_crafter.safetensors")


def test_weights_that_are_not_here_are_told_as_absent(monkeypatch) -> None:
    monkeypatch.setattr("harness.assets.locate.places", lambda asset: [])
    with pytest.raises(AbsentError, match="tokenizer_crafter"):
        shipped("cpu", "tokenizer_crafter.safetensors")


# training


@pytest.mark.usefixtures("squares")
@pytest.mark.parametrize(("video", "text"), BOTH)
def test_training_learns_what_moves_where_and_resumes_bit_for_bit(video, text, tmp_path: Path) -> None:
    def run(name: str, **changes) -> dict[str, float]:
        sizes = {"steps": 90, "batch": 24, "train_clips": 96, "held_out_clips": 24, "learning_rate": 4e-3}
        told = {"shape": shape(video, text), "video": video, "text": text, **sizes}
        return train_video_text(tmp_path / name, "test", "squares", 1, **{**told, **changes})

    whole = run("whole")
    run("parts", stop_after=50)
    assert run("parts", resume=True) == whole
    one, two = (load_file(tmp_path / name / "video_text.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert whole["r1"] > 0.9
    curve = (tmp_path / "whole" / "curves.csv").read_text()
    assert "r1" in curve
    scorer = VideoTextScorer("cpu", str(tmp_path / "whole" / "video_text.safetensors"))
    held = Squares().clips("test", 12)
    captions = sorted({clip.caption for clip in Squares().clips("train", 96)})
    found = scorer.similarities([clip.frames[:8] for clip in held], captions)
    told = recall_at(found, [clip.caption for clip in held], captions, 1)
    assert told.value > 0.9
    with pytest.raises(DiptychError, match="skip"):
        run("parts", resume=True, skip=1)


@pytest.mark.usefixtures("squares")
def test_skipped_clips_are_those_that_another_network_takes() -> None:
    whole = captioned_clips("squares", "train", 9, (6, 8))
    rest = captioned_clips("squares", "train", 4, (6, 8), skip=5)
    assert (rest.frames == whole.frames[5:]).all()
    assert rest.captions == {length: said[5:] for length, said in whole.captions.items()}
    assert [len(said[0]) for said in whole.captions.values()] == [5, 3]
    with pytest.raises(UsageError, match="a window of 11 is too long"):
        captioned_clips("squares", "train", 1, (11,))


def test_the_windows_of_a_step_follow_from_seed_and_step_with_their_own_captions() -> None:
    frames = np.arange(6 * 10)[:, None, None, None].reshape(6, 10, 1, 1, 1).repeat(3, -1).astype(np.uint8)
    ids = {n: np.arange(6 * (11 - n)).reshape(6, 11 - n, 1) for n in set(training.LENGTHS)}
    seen = set()
    for step in range(40):
        clips, said = draw_clips(frames, ids, 4, 3, step)
        again = draw_clips(frames, ids, 4, 3, step)
        assert (clips == again[0]).all()
        assert (said == again[1]).all()
        length = clips.shape[1]
        clip, start = clips[:, 0, 0, 0, 0] // 10, clips[:, 0, 0, 0, 0] % 10
        assert (said[:, 0] == ids[length][clip, start, 0]).all()
        assert (clips[:, -1, 0, 0, 0] == clips[:, 0, 0, 0, 0] + length - 1).all()
        assert len(set(clip)) == 4
        seen.add(length)
    assert seen == set(training.LENGTHS)


def test_the_validation_score_is_that_of_the_arithmetic_of_retrieval() -> None:
    model = network(2)
    captions = ["red square", "blue square", "red square", "green square; going left", "white square"]
    clips = CaptionedClips(noise(5, 8, 12, 16, 3), {training.FRAMES: [[text] for text in captions]})
    similarities = model.embed_videos(model.to_float(clips.frames)) @ model.embed_texts(model.ids(captions)).T
    assert score(model, clips)["r1"] == pytest.approx(
        recall_at(similarities.double().numpy(), captions, captions, 1).value
    )


@pytest.mark.usefixtures("squares")
def test_what_cannot_be_trained_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a batch of 8 clips needs as many training clips; there are 4"):
        train_video_text(tmp_path, "test", "squares", shape=shape(), train_clips=4)
    with pytest.raises(UsageError, match="skip must be"):
        train_video_text(tmp_path, "test", "squares", shape=shape(), skip=-1)
    with pytest.raises(UsageError, match="unknown world with captions"):
        train_video_text(tmp_path, "test", "nowhere", shape=shape())


def test_the_command_trains_end_to_end(tmp_path: Path, capsys) -> None:
    command = ["train", "video-text", "--preset", "test", "--out", str(tmp_path / "run"), "--json"]
    assert run_cli([*command, "--stop-after", "6"]) == 0
    assert run_cli([*command, "--resume"]) == 0
    told = capsys.readouterr()
    facts = json.loads(told.out.splitlines()[-1])
    assert facts["task"] == "video-text"
    assert set(facts["validation"]) == {"r1", "loss"}
    assert "step 12/12: validation r1" in told.err
    assert load_video_text(facts["path"]).shape == world_shape("crafter-9x9", "tiles", "attention")


@pytest.mark.usefixtures("squares")
def test_evaluation_counts_in_pools(tmp_path: Path) -> None:
    save_video_text(tmp_path / "one.safetensors", network(), {})
    facts = evaluate_video_text(str(tmp_path / "one.safetensors"), "squares", "test", 25, (4, 24))
    json.dumps(facts)
    assert facts["among_4"]["r3"]["queries"] == facts["among_24"]["r1"]["queries"] == 24
    assert facts["captions"] <= 12
    similarities = np.random.default_rng(0).normal(size=(8, 8))
    captions = list("abcdabcd")
    found = pooled_recall(similarities, captions, 4, 2)
    halves = [recall_at(similarities[p, p], captions[p], captions[p], 2) for p in (slice(0, 4), slice(4, 8))]
    assert found.hits == sum(half.hits for half in halves)
    assert found.chance == pytest.approx(0.5)
    assert facts["parts"] == {}
    with pytest.raises(UsageError, match="8 clips make no pool of 9"):
        pooled_recall(similarities, captions, 9, 1)


def test_parts_of_the_best_caption_are_counted_each_by_itself() -> None:
    captions = [Caption("grass", going="left"), Caption("grass", going="up"), Caption("sand", going="left")]
    told = parts_told(captions, np.array([1, 1, 0]))
    assert told["ground"] == {"right": pytest.approx(2 / 3), "chance": pytest.approx(5 / 9)}
    assert told["going"] == {"right": pytest.approx(2 / 3), "chance": pytest.approx(5 / 9)}
    assert told["creature"] == {"right": 1.0, "chance": 1.0}


@pytest.mark.parametrize("name", VIDEO_TEXT_PRESETS)
def test_every_preset_is_a_valid_run(name) -> None:
    assert isinstance(preset(VIDEO_TEXT_PRESETS, name), TrainOptions)


@pytest.mark.parametrize("world", GRAMMARS)
@pytest.mark.parametrize(("video", "text"), BOTH)
def test_the_zoos_shapes_fit_two_megabytes_and_their_worlds(world, video, text) -> None:
    of = world_shape(world, video, text)
    assert sum(p.numel() for p in VideoText(of).parameters()) * 2 < 2_000_000
    assert of.words == grammar(world).words
    spec = REGISTRY.get("world", world)().spec
    assert all(side * spec.tile_pixels % of.tile_pixels == 0 for side in (spec.rows, spec.columns))
