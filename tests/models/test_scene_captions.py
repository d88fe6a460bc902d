import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cli.builtin import load_builtin
from harness.errors import UsageError
from models.worlds.captions import CREATURES, GROUNDS, MOVES, NOTHING, SIDES, Caption
from models.worlds.scene_captions import (
    DAYLIGHTS,
    DOINGS,
    HELD_OUT,
    MOST_WORDS,
    SCENE_WORDS,
    SceneCaption,
    is_held_out,
    parse_scene_caption,
    scene_captions,
)

load_builtin()


@st.composite
def captions(draw) -> SceneCaption:
    second, creature = (draw(st.sampled_from((NOTHING, *words))) for words in (GROUNDS.values(), CREATURES.values()))
    base = Caption(
        draw(st.sampled_from(tuple(GROUNDS.values()))),
        second,
        NOTHING if second == NOTHING else draw(st.sampled_from(SIDES)),
        creature,
        NOTHING if creature == NOTHING else draw(st.sampled_from(SIDES)),
        draw(st.sampled_from(MOVES)),
    )
    return SceneCaption(base, draw(st.sampled_from(DOINGS)), draw(st.sampled_from(DAYLIGHTS)))


@given(caption=captions())
def test_every_caption_is_read_back_and_has_known_words(caption: SceneCaption) -> None:
    assert parse_scene_caption(str(caption)) == caption
    words = str(caption).replace(";", " ").split()
    assert set(words) <= set(SCENE_WORDS)
    assert len(words) <= MOST_WORDS
    assert str(caption).startswith(str(caption.base))


def test_what_is_said_is_true_of_the_clip() -> None:
    from harness.registry import REGISTRY
    from models.worlds.crafter import ACTIONS

    clips = REGISTRY.get("world", "crafter-9x9")().clips("validation", 60)
    said = scene_captions("crafter-9x9", "validation", 60, 8)
    assert {caption.daylight for caption in said} >= {"by day", "in dim light"}
    for clip, caption in zip(clips, said, strict=True):
        names = {ACTIONS[action] for action in clip.actions[:7]}
        assert (caption.doing == NOTHING) == (names <= {"noop", "move_left", "move_right", "move_up", "move_down"})
        assert caption.doing != "collecting" or "do" in names
        light = float(np.mean(clip.truth["daylight"][:8]))
        assert (caption.daylight == "by day") == (light >= 0.9)


def test_held_out_combinations_occur_and_their_words_occur_without_them() -> None:
    said = scene_captions("crafter-9x9", "validation", 60, 8)
    kept = [caption for caption in said if not is_held_out(caption)]
    assert 0 < len(said) - len(kept) < 20
    for second, going in HELD_OUT:
        assert any(caption.base.second == second for caption in kept)
        assert any(caption.base.going == going for caption in kept)


@pytest.mark.parametrize("text", ["", "a fish", "mostly grass; swimming", "going up", "mostly grass; a fish above"])
def test_what_is_no_caption_is_said_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match=r"cannot be read|Valid"):
        parse_scene_caption(text)


def test_clips_that_are_too_short_are_said() -> None:
    with pytest.raises(UsageError, match="12 frames, fewer than 13"):
        scene_captions("crafter-9x9", "test", 1, 13)
