"""Captions as text: true of the truth that a simulator keeps, in words that are all declared."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from models.worlds import captions
from models.worlds.caption_text import GRAMMARS, caption_of, grammar
from models.worlds.captions_vizdoom import FIELDS, NOTHING, VizdoomCaption, vizdoom_caption
from models.worlds.types import Clip
from models.worlds.vizdoom import ACTIONS, VARIABLES, VIZDOOM_6X8

FRAMES = 6
SIDED = ("second", "creature")


def walk(turned: float = 0.0, forward: float = 0.0, left: float = 0.0, heading: float = 30.0, **truth) -> Clip:
    """A clip in which the player turns and moves evenly, the move against the mean heading."""
    mean = np.radians(heading + turned / 2)
    east = forward * np.cos(mean) - left * np.sin(mean)
    north = forward * np.sin(mean) + left * np.cos(mean)
    variables = np.zeros((FRAMES, len(VARIABLES)), np.float32)
    part = np.linspace(0, 1, FRAMES)
    for name, values in (("POSITION_X", 5 + part * east), ("POSITION_Y", 7 + part * north)):
        variables[:, VARIABLES.index(name)] = values
    variables[:, VARIABLES.index("ANGLE")] = (heading + part * turned) % 360
    labels = truth.get("labels", np.zeros((48, 64), np.uint8))
    return Clip(
        frames=np.zeros((FRAMES, 48, 64, 3), np.uint8),
        actions=np.array([ACTIONS.index(name) for name in truth.get("actions", ["noop"] * FRAMES)], np.int64),
        truth={
            "variables": variables,
            "labels": np.repeat(labels[None], FRAMES, 0),
            "scenario": np.full(FRAMES, truth.get("scenario", 1), np.uint8),
        },
        episode_seed=0,
        start=0,
    )


def told(**changes) -> VizdoomCaption:
    return vizdoom_caption(walk(**changes), 0, FRAMES)


def test_standing_still_says_where_and_nothing_else():
    assert str(told()) == "in deadly corridor; looking straight on; standing"
    for index, name in enumerate(VIZDOOM_6X8.scenarios):
        assert told(scenario=index).place == f"in {name.replace('_', ' ')}"


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [
        (2.0, "looking straight on"),
        (10.0, "turning left a little"),
        (-10.0, "turning right a little"),
        (25.0, "turning left"),
        (-50.0, "turning right far"),
    ],
)
@pytest.mark.parametrize("heading", [0.5, 90.0, 359.0])
def test_turning_is_counted_across_north(degrees, expected, heading):
    assert told(turned=degrees, heading=heading).turning == expected


@pytest.mark.parametrize(
    ("forward", "left", "expected"),
    [
        (3.0, 0.0, "standing"),
        (10.0, 0.0, "moving forward a little"),
        (-40.0, 10.0, "moving backward"),
        (10.0, 80.0, "moving left far"),
        (0.0, -30.0, "moving right"),
    ],
)
@given(heading=st.floats(0, 359), turned=st.sampled_from([0.0, 40.0, -40.0]))
def test_moving_is_told_from_the_players_side(forward, left, expected, heading, turned):
    assert told(forward=forward, left=left, heading=heading, turned=turned).moving == expected


def test_the_largest_thing_is_told_and_neither_walls_nor_the_weapon():
    labels = np.zeros((48, 64), np.uint8)
    labels[40:, 20:40] = 255
    labels[:, 10:14] = 1
    assert told(labels=labels).thing == NOTHING
    labels[10:12, 60:63] = 9  # 6 pixels: too small to be seen
    assert told(labels=labels).thing == NOTHING
    labels[10:13, 60:64] = 9
    assert told(labels=labels).thing == "something far on the right"
    labels[20:30, 2:10] = 77
    assert told(labels=labels).thing == "something near on the left"
    labels[0:20, 28:36] = 100
    assert told(labels=labels).thing == "something near ahead"


def test_only_shots_inside_the_window_count():
    clip = walk(actions=["noop", "attack", "noop", "noop", "noop", "attack"])
    assert [vizdoom_caption(clip, start, 3).shooting for start in range(4)] == [
        "shooting",
        "shooting",
        NOTHING,
        NOTHING,
    ]


def test_parts_that_are_not_the_fields_are_refused():
    with pytest.raises(
        UsageError, match=r"unknown moving of a caption 'moving forwards'; did you mean 'moving forward'"
    ):
        VizdoomCaption("in basic", moving="moving forwards")


@pytest.mark.parametrize("world", GRAMMARS)
def test_every_word_of_every_caption_is_declared_and_none_in_vain(world):
    known, longest, seen = set(grammar(world).words), 0, set()
    fields = captions.FIELDS if world.startswith("crafter") else FIELDS
    make = captions.Caption if world.startswith("crafter") else VizdoomCaption
    first = {field: parts[0] for field, parts in fields.items()}
    for field, parts in fields.items():
        for part in parts:
            for others in (first, {f: p[-1] for f, p in fields.items()}):
                caption = make(**{**others, field: part})
                if any(
                    getattr(caption, f"{of}_side", NOTHING) == NOTHING != getattr(caption, of, NOTHING) for of in SIDED
                ):
                    continue  # the world never says that without its side
                words = str(caption).replace(";", "").split()
                longest, seen = max(longest, len(words)), seen | set(words)
    assert seen <= known
    assert known <= seen
    assert longest <= grammar(world).max_words
    assert set(grammar(world).example.replace(";", "").split()) <= known


def test_captions_differ_where_what_they_say_differs():
    short = {field: parts[:3] for field, parts in FIELDS.items()}
    every = [str(VizdoomCaption(*parts)) for parts in product(*short.values())]
    assert len(set(every)) == len(every)


def test_the_text_is_that_of_the_worlds_own_captions():
    seen = np.full((7, 9), 2)
    seen[:, :2] = 3
    crafter = Clip(
        np.zeros((4, 72, 72, 3), np.uint8), np.array([2, 2, 2, 0]), {"semantic": np.repeat(seen[None], 4, 0)}, 0, 0
    )
    assert caption_of("crafter-9x9", crafter, 0, 4) == str(captions.crafter_caption(crafter, 0, 4))
    assert caption_of("vizdoom-6x8", walk(forward=50.0), 0, FRAMES) == str(told(forward=50.0))
    longer = replace(crafter, actions=np.array([2, 1, 1, 0]))
    assert caption_of("crafter-9x9", longer, 1, 3).endswith("going left")
    with pytest.raises(UsageError, match=r"unknown world with captions 'crafter-9x8'; did you mean 'crafter-9x9'"):
        caption_of("crafter-9x8", crafter, 0, 4)
