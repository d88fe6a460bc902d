"""Parameters of the decoding maker, as data (no torch)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from harness.params import ParamModels, Params, registered
from models.decoding.compat import Compat
from models.decoding.schedule import PlaceholderPolicy
from models.decoding.visibility import ProvisionalVisibility
from models.worlds.types import Split


class ArmParams(Params):
    """What an arm of the decoding maker says.

    Attributes:
        schedule: Registered decoding order.
        k: Row delay in tokens.
        placeholder: What stands in for a token that does not exist yet; the schedule's own if None.
        provisional: Who sees stand-ins.
        refresh: False leaves stand-ins in the cache for ever.
        refresh_actions: True feeds a frame's actions again once it is complete.
        unwritten: True shows queries the slots before them that were never written, as zero keys and values.
        compat: ``"mineworld"`` feeds and sees what MineWorld's released decoder does; its own values then take the
            place of ``provisional``, ``refresh``, ``refresh_actions`` and ``unwritten``.
        stale: True leaves in the cache what the clip before wrote (the next one of the split stands for it).
        weights: Finetuned weights of the case's model, by their name on its card; the model's own if None.
    """

    schedule: Annotated[str, registered("schedule")]
    k: Annotated[int, Field(ge=1)] = 1
    placeholder: PlaceholderPolicy | None = None
    provisional: ProvisionalVisibility = "own"
    refresh: bool = True
    refresh_actions: bool = False
    unwritten: bool = False
    compat: Compat | None = None
    stale: bool = False
    weights: str | None = None


class CaseParams(Params):
    """What a case of the decoding maker says.

    Attributes:
        split: Split of the model's world.
        index: Clip of that split.
        of: How many clips the scale takes, so that they are rendered together.
        prompt_frames: Frames given; the model's own number if None. 0 for a model that is told a caption.
        frames: Frames generated; the model's own number if None.
        temperature: Divides the logits.
        top_k: Keep the k most probable tokens.
        top_p: Keep the smallest set of most probable tokens with at least this mass.
        greedy: Take the most probable token.
    """

    split: Split = "test"
    index: Annotated[int, Field(ge=0)] = 0
    of: Annotated[int, Field(ge=1)] | None = None
    prompt_frames: Annotated[int, Field(ge=0)] | None = None
    frames: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(gt=0)] = 1.0
    top_k: Annotated[int, Field(ge=1)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    greedy: bool = False


PARAMS = ParamModels(arm=ArmParams, case=CaseParams)
