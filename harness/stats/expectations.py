"""What a suite knows before measuring, held against what was found."""

from __future__ import annotations

from collections.abc import Sequence

from harness.types import Finding, Suite


def unmet(suite: Suite, findings: Sequence[Finding]) -> list[str]:
    """Say which declared expectations the findings do not meet; what could not be measured is said as well."""
    found = {(f.group, f.arm, f.metric): f for f in findings}
    notes = []
    for group in dict.fromkeys(f.group for f in findings):
        for expected in suite.expectations:
            arm = found.get((group, expected.arm, expected.metric))
            if arm is None or arm.estimate.value is None:
                continue  # the arm was not run, or the metric is absent there, which its finding tells
            told = f"{group}: expectation not met: {expected.arm} should"
            if expected.verdict is not None and arm.verdict != expected.verdict and arm.estimate.reason is None:
                read = f"read {expected.verdict} in {expected.metric} and reads {arm.verdict}"
                notes.append(f"{told} {read}{_because(expected.why)}")
            other = found.get((group, expected.worse_than or "", expected.metric))
            if other is not None and other.estimate.value is not None:
                sign = 1 if arm.estimate.direction == "higher" else -1
                if not sign * arm.estimate.value < sign * other.estimate.value:
                    read = f"be worse than {other.arm} in {expected.metric}"
                    numbers = f"{arm.estimate.value:.4g} against {other.estimate.value:.4g}"
                    notes.append(f"{told} {read} and is not ({numbers}){_because(expected.why)}")
    return notes


def _because(why: str) -> str:
    return f" ({why})" if why else ""
