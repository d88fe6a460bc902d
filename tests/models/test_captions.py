"""Captions: true of the simulator's state, a closed set of words, and tokens that a model decodes from."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.cli.builtin import load_builtin
from harness.errors import UsageError
from harness.registry import REGISTRY
from harness.types import Arm, Case
from models.decoding.grid import Grid
from models.decoding.params import grid_of, tables_of
from models.decoding.prompts import place
from models.training.clips import TokenClips
from models.training.text_video_transformer import captioned_sequences
from models.worlds.captions import FIELDS, LENGTH, NOTHING, WORDS, Caption, captioner, crafter_caption
from models.worlds.types import Clip

load_builtin()


def clip(seen: np.ndarray, actions: list[int] | None = None) -> Clip:
    moves = np.array(actions or [0, 0, 0], np.int64)
    frames = np.zeros((len(moves), 9, 9, 3), np.uint8)
    return Clip(frames, moves, {"semantic": np.repeat(seen[None], len(moves), axis=0)}, 0, 0)


def ground() -> np.ndarray:
    seen = np.full((7, 9), 2)
    seen[:, :2] = 3
    seen[3, 4] = 13
    return seen


def test_a_caption_says_what_is_there() -> None:
    seen = ground()
    said = crafter_caption(clip(seen, [2, 2, 1, 5]), 0, 4)
    assert said == Caption("grass", "stone", "left", going="right")
    assert str(said) == "mostly grass; stone on the left; going right"
    seen[6, 4] = 14
    seen[3, 8] = 15
    near = crafter_caption(clip(seen, [5, 0, 0, 4]), 0, 4)
    assert (near.creature, near.creature_side, near.going) == ("cow", "below", "nowhere")
    assert crafter_caption(clip(np.full((7, 9), 1)), 0, 3) == Caption("water")


def test_only_frames_of_the_window_count() -> None:
    moving = clip(ground(), [1, 4, 4, 4])
    assert crafter_caption(moving, 0, 2).going == "left"
    assert crafter_caption(moving, 1, 3).going == "down"


def test_every_caption_has_its_own_tokens_and_only_known_words_are_said() -> None:
    assert len(set(WORDS)) == len(WORDS)
    one = Caption("grass", "stone", "left", "cow", "right", "up")
    assert one.ids().shape == (LENGTH,)
    seen = {tuple(one.ids())}
    for field, words in FIELDS.items():
        others = [replace(one, **{field: word}) for word in words if word != getattr(one, field)]
        assert all(not np.array_equal(other.ids(), one.ids()) for other in others)
        seen |= {tuple(other.ids()) for other in others}
    assert len(seen) == 1 + sum(len(words) - 1 for words in FIELDS.values())
    with pytest.raises(UsageError, match=r"unknown ground of a caption 'gras'; did you mean 'grass'\?"):
        Caption("gras")
    with pytest.raises(UsageError, match=r"world 'vizdoom-6x8' has no captions\. Valid: crafter-9x9"):
        captioner("vizdoom-6x8")
    assert NOTHING not in str(Caption("grass"))


def test_training_and_decoding_lay_captions_out_alike() -> None:
    rng = np.random.default_rng(0)
    tokens = rng.integers(11, size=(3, 5, 2, 3)).astype(np.uint16)
    actions = rng.integers(4, size=(3, 5)).astype(np.uint8)
    words = rng.integers(len(WORDS), size=(3, 2, LENGTH))
    data = TokenClips(tokens, actions, np.arange(3), {})
    grid = Grid(frames=4, rows=2, columns=3, actions=1, prompt_frames=0, start_tokens=LENGTH)
    laid = captioned_sequences(data, words, grid, 11, 4, np.array([2, 0]), np.array([1, 0]))
    for row, (index, offset) in zip(laid, ((2, 1), (0, 0)), strict=True):
        window = slice(offset, offset + 4)
        placed = place(
            torch.from_numpy(tokens[index, window].reshape(4, -1).astype(np.int64)),
            torch.from_numpy(actions[index, window].astype(np.int64)),
            grid,
            11,
            torch.from_numpy(words[index, offset] + 11 + 4),
        )
        assert torch.equal(row, placed[0])
    prompted = replace(grid, frames=3, prompt_frames=1)
    assert prompted.slots == grid.slots, "with or without a prompt frame the slots are the same"


def test_a_captioned_model_goes_without_a_prompt_frame_and_others_do_not() -> None:
    card = REGISTRY.get("model", "text-video-transformer-crafter-9x9")
    alone = Case(name="c", group="g", model=card.name, params={"prompt_frames": 0, "frames": 8})
    grid = grid_of(card, alone)
    assert (grid.prompt_frames, grid.start_tokens) == (0, LENGTH)
    assert card.shape.vocabulary == 1000 + 17 + len(WORDS)
    diagonal = Arm(name="a", maker="decoding", params={"schedule": "diagonal"})
    assert tables_of(diagonal, card, alone).passes == 8 * 17
    prompt = Arm(name="a", maker="decoding", params={"schedule": "diagonal", "placeholder": "prompt"})
    with pytest.raises(UsageError, match=r"'prompt' has no token .* Valid here: above, repeat"):
        tables_of(prompt, card, alone)
    other = REGISTRY.get("model", "video-transformer-crafter-9x9")
    with pytest.raises(UsageError, match="is told no caption, so prompt_frames must be at least 1"):
        grid_of(other, alone.model_copy(update={"model": other.name}))


def test_training_runs_and_resumes(tmp_path: Path) -> None:
    from models.training.text_video_transformer import train_text_video_transformer

    whole = train_text_video_transformer(tmp_path / "whole", preset_name="test")
    assert set(whole) == {"bits_per_token", "first_frame_bits_per_token", "first_frame_bits_misled"}
    train_text_video_transformer(tmp_path / "parts", preset_name="test", stop_after=4)
    train_text_video_transformer(tmp_path / "parts", preset_name="test", resume=True)
    files = [tmp_path / name / "text_video_transformer.safetensors" for name in ("whole", "parts")]
    assert files[0].read_bytes() == files[1].read_bytes()
    with pytest.raises(UsageError, match="has no captions"):
        train_text_video_transformer(tmp_path / "other", world="vizdoom-6x8", preset_name="test")
