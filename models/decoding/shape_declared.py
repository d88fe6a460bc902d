"""Parameters of the maker of published shapes, as data (no torch)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from harness.params import ParamModels, Params
from models.decoding.declared import ArmParams

Precision = Literal["float32", "bfloat16", "float16"]


class ShapeCaseParams(Params):
    """What a case of a published shape says.

    Attributes:
        index: Seeds the random prompt.
        prompt_frames: Frames given; the card's own number if None.
        frames: Frames generated; the card's own number if None.
        precision: Of weights and cache.
        temperature: Divides the logits.
        top_p: Keep the smallest set of most probable tokens with at least this mass.
    """

    index: Annotated[int, Field(ge=0)] = 0
    prompt_frames: Annotated[int, Field(ge=1)] | None = None
    frames: Annotated[int, Field(ge=1)] | None = None
    precision: Precision = "float32"
    temperature: Annotated[float, Field(gt=0)] = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0


PARAMS = ParamModels(arm=ArmParams, case=ShapeCaseParams)
