"""Parameters of the fault maker, as data (no torch)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from harness.params import ParamModels, Params
from models.worlds.types import Split


class ArmParams(Params):
    """What an arm of the fault maker says.

    Attributes:
        fault: Kind of fault, ``"none"`` for the clip as it is, or ``"caption"`` for the clip as it is under the caption
            of another one.
        strength: From 1; how many there are depends on the fault.
    """

    fault: Literal[
        "none", "noise", "blur", "rescale", "freeze", "shuffle", "swap", "reverse", "jitter", "dull", "flicker",
        "stutter", "cut", "caption",
    ]  # fmt: skip
    strength: Annotated[int, Field(ge=1, le=3)] = 1


class CaseParams(Params):
    """What a case of the fault maker says: a clip of a world, or a window of a file.

    Attributes:
        world: Registered world; None for a file.
        split: Split of that world.
        index: Clip of that split.
        of: How many clips the scale takes, so that they are rendered together.
        file: Path below the folder ``videos`` of a mirror (``DIPTYCH_ASSETS``); None for a world.
        start: First frame of the window of a file, in frames of the resampled clip.
        fps: Frames per second that a file is resampled to.
        height: Height in pixels that a file is scaled to.
        width: Width in pixels that a file is scaled to.
        frames: Frames of the clip after its first one, which serves as the prompt.
        caption: What a file shows, in words; a world tells its own.
        other_caption: What another file shows, for the fault ``"caption"``.
    """

    world: str | None = None
    split: Split = "test"
    index: Annotated[int, Field(ge=0)] = 0
    of: Annotated[int, Field(ge=1)] | None = None
    file: str | None = None
    start: Annotated[int, Field(ge=0)] = 0
    fps: Annotated[float, Field(gt=0)] = 12.0
    height: Annotated[int, Field(ge=16)] = 112
    width: Annotated[int, Field(ge=16)] = 112
    frames: Annotated[int, Field(ge=4)] = 8
    caption: str | None = None
    other_caption: str | None = None


PARAMS = ParamModels(arm=ArmParams, case=CaseParams, needs_model=False)
