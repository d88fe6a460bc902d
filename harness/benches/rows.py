"""Rows of a benchmark: a number, what it is held against, and whether the target is met."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from harness.types import Data, Direction


class BenchRow(Data):
    """One number of a benchmark.

    Attributes:
        name: What was measured.
        value: The number, or None with a ``reason``.
        unit: Its unit.
        reference: What it is held against, measured in the same run where it is a time; or None.
        ratio: ``value / reference``, or None.
        target: What the value (or the ratio, where there is a reference) has to reach, or None.
        ceiling: What it must not exceed beside, where too much is as wrong as too little; or None.
        met: Whether it keeps both; None without a target.
        reason: Why the value is absent, or what limits it.
    """

    name: str
    value: float | None
    unit: str
    reference: float | None = None
    ratio: float | None = None
    target: float | None = None
    ceiling: float | None = None
    met: bool | None = None
    reason: str | None = None


class BenchFacts(Data):
    """A benchmark's rows and where they were measured.

    Attributes:
        name: The benchmark.
        rows: In the order of measuring.
        context: What can change the numbers.
    """

    name: str
    rows: tuple[BenchRow, ...]
    context: dict[str, Any]


class Bench(Protocol):
    """A registered benchmark (kind ``bench``)."""

    def __call__(self, *, quick: bool, seed: int, tell: Callable[[str], None]) -> Iterable[BenchRow]:
        """Measure.

        Args:
            quick: Smaller sizes, for a look; targets are those of the full size all the same.
            seed: Seed of whatever is simulated.
            tell: Told what is being done, one line each.
        """


def row(
    name: str,
    value: float | None,
    unit: str,
    *,
    reference: float | None = None,
    target: float | None = None,
    ceiling: float | None = None,
    better: Direction = "higher",
    reason: str | None = None,
) -> BenchRow:
    """Make a row, its ratio and whether it meets its target worked out.

    Args:
        name: What was measured.
        value: The number, or None with a ``reason``.
        unit: Its unit.
        reference: What it is held against.
        target: What the ratio (without a reference: the value) has to reach.
        ceiling: What it must not exceed beside, such as 0.97 for a coverage whose target is 0.93.
        better: Which way is better: ``"lower"`` means at most the target.
        reason: Why the value is absent, or what limits it.
    """
    ratio = None if value is None or not reference else value / reference
    judged = value if reference is None else ratio
    met = None
    if target is not None:
        met = judged is not None and (judged >= target if better == "higher" else judged <= target)
        met = met and (ceiling is None or (judged is not None and judged <= ceiling))
    return BenchRow(
        name=name,
        value=value,
        unit=unit,
        reference=reference,
        ratio=ratio,
        target=target,
        ceiling=ceiling,
        met=met,
        reason=reason,
    )
