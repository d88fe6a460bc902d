"""A state reader: what it reads, the captions that follow, and how it is trained; the zoo's against real clips."""

from __future__ import annotations

from dataclasses import astuple, replace
from types import MappingProxyType

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness.cli.builtin import load_builtin
from harness.errors import DiptychError, NoValueError, UsageError
from harness.registry import REGISTRY
from harness.types import Made
from models.state.captions import fields_that_hold, parse_caption, share_that_holds
from models.state.loading import load_state_reader, save_state_reader
from models.state.network import StateReader
from models.state.scorer import WEIGHTS, StateScorer
from models.state.shapes import StateReaderShape
from models.training.state_reader import noisy_loss, score, train_state_reader
from models.weights import ZOO, read_weights, weights_sha256
from models.worlds.captions import FIELDS, NOTHING, Caption, crafter_caption

load_builtin()
SIDES = st.sampled_from(FIELDS["second_side"][1:])


@st.composite
def captions(draw) -> Caption:
    second, creature = (draw(st.sampled_from(FIELDS[field])) for field in ("second", "creature"))
    return Caption(
        ground=draw(st.sampled_from(FIELDS["ground"])),
        second=second,
        second_side=NOTHING if second == NOTHING else draw(SIDES),
        creature=creature,
        creature_side=NOTHING if creature == NOTHING else draw(SIDES),
        going=draw(st.sampled_from(FIELDS["going"])),
    )


@given(captions())
def test_a_caption_is_read_back_from_its_text(caption: Caption) -> None:
    assert parse_caption(str(caption)) == caption
    assert parse_caption(str(caption).upper()) == caption


@pytest.mark.parametrize(
    "text", ["", "  ", "going up", "mostly grass; cow above; going up", "mostly grass; a above; a"]
)
def test_what_is_no_caption_is_a_clear_error(text: str) -> None:
    with pytest.raises(UsageError, match=r"Such as|Valid"):
        parse_caption(text)


def test_an_unknown_word_is_named_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="'gras' \\(did you mean 'grass'"):
        parse_caption("mostly gras; going up")


@given(captions(), captions())
def test_shares_are_counted_over_what_the_caption_says(told: Caption, seen: Caption) -> None:
    holds = fields_that_hold(told, seen)
    absent = [told.second, told.creature].count(NOTHING)
    assert len(holds) == 6 - absent
    assert share_that_holds(told, seen) == sum(holds.values()) / len(holds)
    assert (share_that_holds(told, seen) == 1) == (told == seen)
    # a side never holds of a thing that is not there
    assert all(holds["creature"] for field in ("creature_side",) if holds.get(field))


def test_the_share_of_a_known_pair() -> None:
    told = Caption("grass", "trees", "left", "cow", "above", "up")
    assert share_that_holds(told, replace(told, going="down")) == 5 / 6
    assert share_that_holds(told, replace(told, creature="zombie")) == 4 / 6  # and so is its side wrong
    assert share_that_holds(told, replace(told, creature=NOTHING, creature_side=NOTHING)) == 4 / 6
    plain = Caption("sand")
    assert share_that_holds(plain, plain) == 1
    assert share_that_holds(plain, replace(plain, creature="cow", creature_side="left")) == 3 / 4


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 4))
def test_a_tile_is_told_by_itself(seed: int, rows: int, columns: int) -> None:
    model = StateReader(StateReaderShape(states=5, tile_pixels=2, width=4)).reset(torch.Generator().manual_seed(0))
    rng = np.random.default_rng(seed)
    frames = rng.integers(0, 256, (3, 2 * rows, 2 * columns, 3), dtype=np.uint8)
    whole = model.read(frames)
    assert whole.shape == (3, rows, columns)
    row, column = int(rng.integers(rows)), int(rng.integers(columns))
    tile = frames[:, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
    assert (model.read(tile)[:, 0, 0] == whole[:, row, column]).all()


@pytest.mark.parametrize(
    "frames", [np.zeros((1, 7, 8, 3), np.uint8), np.zeros((8, 8, 3), np.uint8), np.zeros((1, 8, 8, 3))]
)
def test_frames_that_are_no_whole_tiles_are_a_clear_error(frames) -> None:
    with pytest.raises(UsageError, match="sides divisible by 8"):
        StateReader(StateReaderShape()).read(frames)


def test_the_loss_is_the_weighted_cross_entropy() -> None:
    model = StateReader(StateReaderShape(states=3, tile_pixels=2, width=4)).reset(torch.Generator().manual_seed(1))
    rng = np.random.default_rng(0)
    frames, states = rng.integers(0, 256, (1, 4, 4, 3), dtype=np.uint8), np.array([[[0, 1], [2, 1]]], np.uint8)
    weights = torch.tensor([1.0, 2.0, 0.0])

    class Quiet:
        def random(self, size):
            return np.ones(size)  # no frame carries noise

        def standard_normal(self, size, dtype):
            return np.ones(size, dtype)

    found = noisy_loss(model, frames, states, weights, Quiet())
    nats = -torch.log_softmax(model(model.to_float(frames)), -1)[0].detach().numpy()
    expected = (nats[0, 0, 0] + 2 * nats[0, 1, 1] + 2 * nats[1, 1, 1]) / 5
    assert float(found.detach()) == pytest.approx(expected, rel=1e-6)


def test_scores_count_every_id_alike_where_they_say_so() -> None:
    class Reader:
        def read(self, frames):
            return np.zeros((1, 2, 2), np.uint8)

    found = score(Reader(), np.zeros((1, 16, 16, 3), np.uint8), np.array([[[0, 0], [0, 7]]], np.uint8))
    assert found == {"accuracy": 0.75, "balanced": 0.5}


def test_training_learns_and_resumes_bit_for_bit(tmp_path) -> None:
    whole = train_state_reader(tmp_path / "a", "test", steps=40, checkpoint_every=10, validate_every=40)
    assert whole["accuracy"] > 0.8
    train_state_reader(tmp_path / "b", "test", steps=40, checkpoint_every=10, validate_every=40, stop_after=20)
    again = train_state_reader(tmp_path / "b", "test", steps=40, checkpoint_every=10, validate_every=40, resume=True)
    assert again == whole
    one, other = (read_weights(tmp_path / x / "state_reader.safetensors") for x in "ab")
    assert all(torch.equal(one[0][name], other[0][name]) for name in one[0])
    assert one[1]["facts"]["world"] == "crafter-9x9"


def test_a_world_without_a_map_of_tiles_is_refused(tmp_path, monkeypatch) -> None:
    class Blank:
        truth = MappingProxyType({})

    monkeypatch.setattr("models.training.state_reader.REGISTRY.get", lambda kind, name: Blank)
    with pytest.raises(UsageError, match="does not tell what stands on its tiles"):
        train_state_reader(tmp_path, "test", world="blank", shape=StateReaderShape())


def test_a_file_of_something_else_is_refused(tmp_path) -> None:
    with pytest.raises(DiptychError, match="is not a state reader"):
        load_state_reader("idm_crafter.safetensors")
    model = StateReader(StateReaderShape(width=4)).reset(torch.Generator().manual_seed(0))
    save_state_reader(tmp_path / "x.safetensors", model, {"seed": 0})
    assert load_state_reader(str(tmp_path / "x.safetensors")).shape == model.shape


def test_the_card_tells_the_file() -> None:
    card, facts = (ZOO / WEIGHTS).with_suffix(".md").read_text(), read_weights(ZOO / WEIGHTS)[1]["facts"]
    assert weights_sha256(WEIGHTS) in card
    assert (ZOO / WEIGHTS).stat().st_size < 200_000
    count = sum(p.numel() for p in load_state_reader(WEIGHTS).parameters())
    assert f"{count:,}".replace(",", " ") in card
    assert f"--seed {facts['seed']} --skip {facts['skip']}" in card
    assert facts["options"]["train_clips"] == 1200
    # the reward's text network learnt from other clips
    reward = read_weights(ZOO / "video_text_crafter.safetensors")[1]["facts"]
    assert facts["skip"] >= reward["skip"] + reward["options"]["train_clips"]


@pytest.fixture(scope="module")
def clips() -> list:
    """One shard of validation clips, which training has had played already."""
    return REGISTRY.get("world", "crafter-9x9")().clips("validation", 6)


def test_real_clips_fit_their_own_captions_and_hardly_anothers(clips) -> None:
    scorer = StateScorer("cpu")
    told = [crafter_caption(clip, 0, 8) for clip in clips]
    found = scorer.similarities([clip.frames[:8] for clip in clips], [str(caption) for caption in told])
    assert np.diagonal(found).mean() > 0.95
    assert found[~np.eye(6, dtype=bool)].mean() < 0.5
    for clip in clips:
        assert (scorer.reader.read(clip.frames)[:, :7] == clip.truth["semantic"]).mean() > 0.99
    # what is read is the caption, field by field; the way may leave no trace
    for clip, one in zip(clips, told, strict=True):
        assert astuple(scorer.caption(clip.frames[:8]))[:5] == astuple(one)[:5]


def test_the_metric_judges_what_was_made_for_a_caption(clips) -> None:
    metric = REGISTRY.get("metric", "caption_fields[state-crafter]")
    caption = str(crafter_caption(clips[0], 0, 8))
    made = Made(
        video=clips[0].frames[:8], reference=None, prompt=None, seconds=[1.0], first_call_seconds=None,
        prefill_seconds=None, peak_memory_bytes=None, counts={}, values={}, hashes={}, caption=caption,
    )  # fmt: skip
    assert metric.compute(made) == StateScorer("cpu").similarities([clips[0].frames[:8]], [caption])[0, 0]
    assert metric.compute(replace(made, caption=None)) is None
    with pytest.raises(NoValueError, match="at least 24 pixels"):
        metric.compute(replace(made, video=np.zeros((8, 44, 48, 3), np.uint8)))
