"""What a suite knows before measuring, held against what was found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.types import Expectation, Finding, Suite


@dataclass(frozen=True)
class Checked:
    """One expectation in one group of cases.

    Attributes:
        group: The stratum.
        expectation: What must be found.
        met: Whether it was; None where nothing can be said: the metric is absent, or its finding carries no verdict.
        found: What was found instead, in words; empty where it is met.
    """

    group: str
    expectation: Expectation
    met: bool | None
    found: str = ""

    def __str__(self) -> str:
        expected = self.expectation
        why = f" ({expected.why})" if expected.why else ""
        return f"{self.group}: expectation not met: {expected.arm} {self.found}{why}"


def check_expectations(suite: Suite, findings: Sequence[Finding]) -> list[Checked]:
    """Hold every declared expectation against the findings, group by group."""
    return list(_checked(suite, findings))


def _checked(suite: Suite, findings: Sequence[Finding]) -> Iterator[Checked]:
    found = {(f.group, f.arm, f.metric): f for f in findings}
    for group in dict.fromkeys(f.group for f in findings):
        for expected in suite.expectations:
            arm = found.get((group, expected.arm, expected.metric))
            other = found.get((group, expected.worse_than or "", expected.metric))
            if arm is None or arm.estimate.value is None:
                yield Checked(group, expected, None)
            elif expected.verdict is not None:
                yield _verdict(group, expected, arm)
            elif other is None or other.estimate.value is None:
                yield Checked(group, expected, None)
            else:
                yield _order(group, expected, arm.estimate.value, other.estimate.value, arm.estimate.direction)


def _verdict(group: str, expected: Expectation, arm: Finding) -> Checked:
    if arm.estimate.reason is not None:
        return Checked(group, expected, None)
    met = arm.verdict == expected.verdict
    read = f"should read {expected.verdict} in {expected.metric} and reads {arm.verdict}"
    return Checked(group, expected, met, "" if met else read)


def _order(group: str, expected: Expectation, value: float, other: float, direction: str) -> Checked:
    met = value < other if direction == "higher" else value > other
    read = f"should be worse than {expected.worse_than} in {expected.metric} and is not ({value:.4g}, {other:.4g})"
    return Checked(group, expected, met, "" if met else read)


def summary(checked: Sequence[Checked]) -> str:
    """Say how many expectations are met, in one sentence; nothing where there are none."""
    if not checked:
        return ""
    known = [c for c in checked if c.met is not None]
    met = sum(c.met is True for c in known)
    rest = len(checked) - len(known)
    text = f"{met} of {len(known)} expectations are met" if known else "No expectation could be checked"
    return f"{text}; {rest} could not be checked." if rest and known else f"{text}."
