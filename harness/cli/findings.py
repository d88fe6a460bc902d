"""Findings in words: change with interval, verdict, number of pairs."""

from __future__ import annotations

from collections.abc import Sequence

from harness.cli.output import Output
from harness.types import Estimate, Finding

COLUMNS = ("group", "arm", "metric", "change", "interval", "verdict", "pairs")


def change(estimate: Estimate) -> tuple[str, str]:
    """Say an estimate and its interval: ratios as change in percent, differences in their unit.

    Args:
        estimate: A ratio (unit ``"ratio"``) or a difference.

    Returns:
        Such as ``("+38.2 %", "[+35.9 %, +40.4 %]")``; a missing number is ``"-"`` and its reason.
    """
    if estimate.value is None:
        return "-", estimate.reason or "no value"
    if estimate.low is None or estimate.high is None:
        return _amount(estimate.value, estimate.unit), estimate.reason or "no interval"
    low, high = _amount(estimate.low, estimate.unit), _amount(estimate.high, estimate.unit)
    return _amount(estimate.value, estimate.unit), f"[{low}, {high}]"


def _amount(value: float, unit: str) -> str:
    if unit == "ratio":
        return f"{(value - 1) * 100:+.1f} %"
    return f"{value:+.4g} {unit}".rstrip()


def print_findings(output: Output, findings: Sequence[Finding], *, everything: bool = False) -> None:
    """Print a table of findings, the declared primary ones unless ``everything`` is asked for.

    Args:
        output: Where to.
        findings: All findings.
        everything: Also the exploratory ones.
    """
    shown = [finding for finding in findings if finding.primary or everything] or list(findings)
    if not shown:
        return
    rows = [[f.group, f.arm, f.metric, *change(f.estimate), f.verdict, f.estimate.n] for f in shown]
    output.table(COLUMNS, rows)
    left = len(findings) - len(shown)
    if left:
        output.stream.write(f"{left} exploratory findings are not shown; add --all.\n")
