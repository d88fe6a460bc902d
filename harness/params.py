"""What a maker may be told by arms and cases, declared as data: checked before anything is loaded, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic import AfterValidator, ConfigDict, ValidationError
from pydantic_core import PydanticCustomError

from harness.errors import DiptychError
from harness.problems import ProblemsError, problems_of
from harness.registry import REGISTRY
from harness.types import Data, Value


class Params(Data):
    """Base of parameters: strict (the text ``"false"`` is no truth value), and unknown names are refused."""

    model_config = ConfigDict(strict=True)


P = TypeVar("P", bound=Params)


@dataclass(frozen=True)
class ParamModels:
    """Parameters of one maker; registered beside it as ``register("maker", ..., params="module:attribute")``.

    Attributes:
        arm: What an arm may say.
        case: What a case may say.
        needs_model: False for a maker whose cases name no model.
    """

    arm: type[Params]
    case: type[Params]
    needs_model: bool = True


def registered(kind: str) -> AfterValidator:
    """Require that a text names a component that is registered.

    Args:
        kind: Its kind; the annotation is ``Annotated[str, registered("schedule")]``.
    """

    def look(name: str) -> str:
        try:
            return REGISTRY.entry(kind, name).name
        except DiptychError as error:
            raise PydanticCustomError("not_registered", "{said}", {"said": str(error)}) from None

    return AfterValidator(look)


def read_params(model: type[P], params: Mapping[str, Value], owner: str) -> P:
    """Return ``params`` as ``model``; a None counts as not said.

    Args:
        model: What may be said.
        params: What was said.
        owner: Whose parameters they are, for the message: ``"arm 'mine'"``.

    Raises:
        UsageError: All that is wrong with them.
    """
    try:
        return model.model_validate({name: value for name, value in params.items() if value is not None})
    except ValidationError as error:
        raise ProblemsError(owner, problems_of(error, model)) from error
