"""Counts in closed form, evaluated from text: whole numbers, named variables, +, − and ×. Nothing else is run."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping

_OPERATIONS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}


def evaluate(formula: str, variables: Mapping[str, int]) -> int:
    """Return the value of a formula such as ``"F*(w + k*(h - 1))"``.

    Args:
        formula: Whole numbers, names of ``variables``, ``+ - *`` and brackets.
        variables: Values by name.

    Raises:
        ValueError: The text holds anything else.

    Example:
        >>> evaluate("F*(w + k*(h - 1))", {"F": 15, "h": 14, "w": 24, "k": 2})
        750
    """

    def value(node: ast.expr) -> int:
        match node:
            case ast.Constant(value=int(number)) if not isinstance(number, bool):
                return number
            case ast.Name(id=name) if name in variables:
                return variables[name]
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATIONS:
                return _OPERATIONS[type(op)](value(left), value(right))
        raise ValueError(f"{ast.unparse(node)!r} in {formula!r} is no count in {', '.join(sorted(variables))}")

    try:
        body = ast.parse(formula, mode="eval").body
    except SyntaxError as error:
        raise ValueError(f"{formula!r} is no formula") from error
    return value(body)
