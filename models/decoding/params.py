"""From what arms and cases say (:mod:`models.decoding.declared`) to the engine's own objects."""

from __future__ import annotations

from functools import lru_cache

from harness.errors import UsageError
from harness.params import read_params
from harness.registry import REGISTRY
from harness.types import Arm, Case
from models.decoding.declared import ArmParams, CaseParams
from models.decoding.grid import Grid
from models.decoding.sampling import Sampler
from models.decoding.schedule import get_schedule
from models.decoding.tables import Tables, compile_schedule
from models.worlds.types import Split
from models.zoo.cards import VideoModel

ARM_PARAMS = tuple(ArmParams.model_fields)
SAMPLING_PARAMS = tuple(Sampler.model_fields)
KEPT_TABLES = 256
"""Compiled tables that are kept: every case of a suite has one of a few shapes, and compiling takes some 30 ms."""

compiled = lru_cache(maxsize=KEPT_TABLES)(compile_schedule)


def arm_params(arm: Arm) -> ArmParams:
    """What an arm says; raises a UsageError with all that is wrong with it."""
    return read_params(ArmParams, arm.params, f"arm {arm.name!r}")


def case_params(case: Case) -> CaseParams:
    """What a case says; raises a UsageError with all that is wrong with it."""
    return read_params(CaseParams, case.params, f"case {case.name!r}")


def check_names(arm: Arm, case: Case) -> None:
    """Raise a UsageError for parameters that nobody reads, or that have no meaning."""
    arm_params(arm)
    case_params(case)


def video_model(case: Case) -> VideoModel:
    """The registered model of a case."""
    card: VideoModel = REGISTRY.get("model", case.model)
    return card


def sampler_of(case: Case) -> Sampler:
    """The sampler that a case asks for."""
    asked = case_params(case)
    return Sampler(**{name: getattr(asked, name) for name in SAMPLING_PARAMS})


def clip_of(case: Case) -> tuple[Split, int, int]:
    """Split, index and number of clips that a case names."""
    asked = case_params(case)
    return asked.split, asked.index, max(asked.index + 1, asked.of or 0)


def grid_of(card: VideoModel, case: Case) -> Grid:
    """The grid of a case's video; raises a UsageError if the world's clips are too short for it."""
    spec, asked = REGISTRY.get("world", card.world)().spec, case_params(case)
    prompt_frames = card.prompt_frames if asked.prompt_frames is None else asked.prompt_frames
    if prompt_frames == 0 and card.caption_tokens == 0:
        raise UsageError(
            f"case {case.name!r}: model {card.name!r} is told no caption, so prompt_frames must be at least 1, not 0."
        )
    grid = Grid(
        frames=asked.frames or card.frames,
        rows=spec.rows,
        columns=spec.columns,
        actions=card.actions_per_frame,
        prompt_frames=prompt_frames,
        start_tokens=card.caption_tokens,
    )
    total = grid.prompt_frames + grid.frames
    if total > spec.clip_frames:
        raise UsageError(
            f"case {case.name!r} wants {total} frames, but clips of world {card.world!r} have {spec.clip_frames}. "
            "Ask for fewer frames."
        )
    return grid


def tables_of(arm: Arm, card: VideoModel, case: Case) -> Tables:
    """An arm's schedule, compiled for a case: equal shapes share one table. A UsageError for what cannot be."""
    return compile_arm(arm_params(arm), grid_of(card, case))


def compile_arm(asked: ArmParams, grid: Grid) -> Tables:
    """What an arm says, compiled for a grid; equal arguments share one table."""
    return compiled(
        grid,
        get_schedule(asked.schedule),
        asked.k,
        placeholder=asked.placeholder,
        provisional=asked.provisional,
        refresh=asked.refresh,
        refresh_actions=asked.refresh_actions,
        unwritten=asked.unwritten,
        compat=asked.compat,
    )
