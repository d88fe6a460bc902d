"""What arms and cases may tell the decoding maker, checked before any trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pydantic import ValidationError

from harness.errors import UsageError, unknown
from harness.registry import REGISTRY
from harness.types import Arm, Case, Value
from models.decoding.grid import Grid
from models.decoding.sampling import Sampler
from models.decoding.schedule import check_placeholder, get_schedule
from models.decoding.tables import Tables, compile_schedule
from models.decoding.visibility import VISIBILITIES, ProvisionalVisibility
from models.worlds.types import SPLITS, Split
from models.zoo.cards import VideoModel

Choice = TypeVar("Choice", bound=str)
ARM_PARAMS = ("schedule", "k", "placeholder", "provisional", "refresh", "refresh_actions")
SAMPLING_PARAMS = ("temperature", "top_k", "top_p", "greedy")
CASE_PARAMS = ("split", "index", "of", "prompt_frames", "frames", *SAMPLING_PARAMS)


def check_names(arm: Arm, case: Case) -> None:
    """Raise a UsageError for the first parameter that nobody reads."""
    for params, known, owner in (
        (arm.params, ARM_PARAMS, f"arm {arm.name!r}"),
        (case.params, CASE_PARAMS, f"case {case.name!r}"),
    ):
        for name in params:
            if name not in known:
                raise unknown(f"parameter of {owner}", name, known)


def video_model(case: Case) -> VideoModel:
    """The registered model of a case."""
    card: VideoModel = REGISTRY.get("model", case.model)
    return card


def sampler_of(case: Case) -> Sampler:
    """The sampler that a case asks for; raises a UsageError for values that mean nothing."""
    given = {name: case.params[name] for name in SAMPLING_PARAMS if name in case.params}
    try:
        return Sampler(**given).check()
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"{first['loc'][0]} of case {case.name!r}: {first['msg']}, not {first['input']!r}.") from error


def clip_of(case: Case) -> tuple[Split, int, int]:
    """Split, index and number of clips that a case names; raises a UsageError for what cannot be."""
    split: Split = one_of(SPLITS, str(case.params.get("split", "test")), "split")
    index = integer(case.params, "index", 0)
    if index < 0:
        raise UsageError(f"index of case {case.name!r} must be at least 0, not {index}.")
    return split, index, max(index + 1, integer(case.params, "of", index + 1))


def grid_of(card: VideoModel, case: Case) -> Grid:
    """The grid of a case's video; raises a UsageError if the world's clips are too short for it."""
    spec = REGISTRY.get("world", card.world)().spec
    grid = Grid(
        frames=integer(case.params, "frames", card.frames),
        rows=spec.rows,
        columns=spec.columns,
        actions=card.actions_per_frame,
        prompt_frames=integer(case.params, "prompt_frames", card.prompt_frames),
    )
    total = grid.prompt_frames + grid.frames
    if total > spec.clip_frames:
        raise UsageError(
            f"case {case.name!r} wants {total} frames, but clips of world {card.world!r} have {spec.clip_frames}. "
            "Ask for fewer frames."
        )
    return grid


def tables_of(arm: Arm, card: VideoModel, case: Case) -> Tables:
    """Compile an arm's schedule for a case; raises a UsageError for what cannot be."""
    params = arm.params
    if "schedule" not in params:
        raise UsageError(f"arm {arm.name!r} names no schedule. See: diptych list schedules")
    placeholder = params.get("placeholder")
    provisional: ProvisionalVisibility = one_of(VISIBILITIES, str(params.get("provisional", "own")), "visibility")
    return compile_schedule(
        grid_of(card, case),
        get_schedule(str(params["schedule"])),
        integer(params, "k", 1),
        placeholder=None if placeholder is None else check_placeholder(str(placeholder)),
        provisional=provisional,
        refresh=boolean(params, "refresh", True),
        refresh_actions=boolean(params, "refresh_actions", False),
    )


def integer(params: Mapping[str, Value], name: str, default: int) -> int:
    """A whole number among ``params``."""
    value = params.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int):
        raise UsageError(f"{name} must be a whole number, not {value!r}.")
    return value


def boolean(params: Mapping[str, Value], name: str, default: bool) -> bool:
    """True or False among ``params``; the text ``"false"`` is neither."""
    value = params.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise UsageError(f"{name} must be true or false, not {value!r}.")
    return value


def one_of(choices: tuple[Choice, ...], name: str, what: str) -> Choice:
    """The choice called ``name``, or a UsageError with the nearest one."""
    for choice in choices:
        if choice == name:
            return choice
    raise unknown(what, name, choices)
