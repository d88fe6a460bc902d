"""Parameters of the text-to-video maker, as data (no torch)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from harness.params import ParamModels, Params
from models.worlds.types import Split


class ArmParams(Params):
    """What an arm of the text-to-video maker says.

    Attributes:
        weights: Aligned weights of the case's model: their name on its card, or a file of ``diptych align train``; the
            model as it is if None.
        merge: True folds low-rank adapters into the weights, False computes them beside them.
    """

    weights: str | None = None
    merge: bool = True


class CaseParams(Params):
    """What a case of the text-to-video maker says: the caption of a clip, or a prompt in words.

    Attributes:
        split: Split of the model's world whose clip gives the caption, and the real video to compare with.
        index: Clip of that split.
        of: How many clips the scale takes, so that they are rendered together.
        prompt: The prompt in words, in place of a clip's caption; there is then no real video.
        steps: Sampling steps; the model's own number if None.
        guidance: Classifier-free guidance; the model's own if None, 1 for none.
        eta: Share of DDIM's noise that is drawn anew at each step.
    """

    split: Split = "test"
    index: Annotated[int, Field(ge=0)] = 0
    of: Annotated[int, Field(ge=1)] | None = None
    prompt: str | None = None
    steps: Annotated[int, Field(ge=1, le=999)] | None = None
    guidance: Annotated[float, Field(ge=0, le=100)] | None = None
    eta: Annotated[float, Field(ge=0, le=1)] = 0.0


PARAMS = ParamModels(arm=ArmParams, case=CaseParams)
