"""What is wrong with a declaration, all at once: each problem with its place, the nearest valid word, the choices."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from harness.errors import UsageError

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        place: Keys and indices (from 0) that lead to it, such as ``("arms", 2, "params", "k")``.
        what: What is wrong, such as ``"must be at least 1, not 0"``.
    """

    place: Place
    what: str

    @property
    def path(self) -> str:
        """The place as text: ``arms[2].params.k``."""
        text = ""
        for part in self.place:
            text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
        return text

    def __str__(self) -> str:
        return f"{self.path}: {self.what}" if self.place else self.what


class ProblemsError(UsageError):
    """A declaration with problems, each told on a line of its own.

    Args:
        where: The thing, such as a file's name.
        problems: What is wrong with it; at least one.
    """

    def __init__(self, where: str, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        if len(problems) == 1:
            super().__init__(f"{where}: {problems[0]}")
        else:
            super().__init__("\n  ".join([f"{where} has {len(problems)} problems:", *map(str, problems)]))


def choice(name: str, valid: Iterable[str], what: str = "") -> str:
    """Say that ``name`` is none of ``valid``: with the nearest, and the choices.

    Args:
        name: What was said.
        valid: What may be said.
        what: What it is, in place of the name itself: ``"unknown key"``.
    """
    names = sorted(valid)
    nearest = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    meant = f"; did you mean {nearest[0]!r}?" if nearest else "."
    return f"{what or f'unknown {name!r}'}{meant} Valid: {', '.join(names) or 'none'}."


def problems_of(error: ValidationError, model: type[BaseModel], place: Place = ()) -> list[Problem]:
    """Put pydantic's errors in a user's words.

    Args:
        error: From validating ``model``.
        model: What was validated: its fields are the valid keys.
        place: Put before every place.
    """
    branches: dict[Place, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        branches.setdefault((*place, *_keys(detail)), []).append(detail)
    return [
        Problem(at, _what(model, details[0]) if len(details) == 1 else _of_union(details))
        for at, details in branches.items()
    ]


def _keys(detail: ErrorDetails) -> Place:
    """The place without the name of a union's branch, which pydantic appends."""
    loc = detail["loc"]
    return loc[:-1] if loc and loc[-1] in ("bool", "int", "float", "str") else loc


def _of_union(details: Sequence[ErrorDetails]) -> str:
    words = {"bool": "true or false", "int": "a number", "float": "a number", "str": "a text"}
    valid = dict.fromkeys(words[str(detail["loc"][-1])] for detail in details)
    return f"must be {', or '.join(valid)}, not {details[0]['input']!r}."


def _what(model: type[BaseModel], detail: ErrorDetails) -> str:
    kind, context, given = detail["type"], detail.get("ctx", {}), detail["input"]
    if kind == "extra_forbidden":
        return choice(str(detail["loc"][-1]), _fields(model, detail["loc"][:-1]), "unknown key")
    if kind == "literal_error":
        valid = [word.strip("'") for word in str(context["expected"]).replace(" or ", ", ").split(", ")]
        return choice(str(given), valid)
    said = {
        "missing": "is missing.",
        "int_type": "must be a whole number",
        "int_from_float": "must be a whole number",
        "bool_type": "must be true or false",
        "float_type": "must be a number",
        "finite_number": "must be a finite number",
        "string_type": "must be a text",
        "list_type": "must be a list",
        "dict_type": "must be a table",
        "model_type": "must be a table",
        "greater_than_equal": f"must be at least {context.get('ge')}",
        "greater_than": f"must be above {context.get('gt')}",
        "less_than_equal": f"must be at most {context.get('le')}",
        "too_short": "must not be empty",
        "string_too_short": "must not be empty",
    }.get(kind, detail["msg"])
    return said if said.endswith(".") else f"{said}, not {given!r}."


def _fields(model: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    for part in loc:
        field = model.model_fields.get(str(part))
        model = (_inner(field.annotation) if field else None) or model  # an index, or the key of a free table
    return list(model.model_fields)


def _inner(annotation: Any) -> type[BaseModel] | None:
    """The first model inside an annotation such as ``dict[str, list[Model]] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _inner(part))), None)
