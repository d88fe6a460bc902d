"""Findings in words: change with interval, verdict, number of pairs; and the table of what each arm bought and cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.cli.output import Output
from harness.stats.sentences import SPOKEN_UNITS, decimals, fixed, interval_text
from harness.types import Conclusion, Estimate, Finding

if TYPE_CHECKING:
    from harness.cli.facts import RunFacts

COLUMNS = ("group", "arm", "metric", "change", "interval", "verdict", "pairs", "reason")


def change(estimate: Estimate) -> tuple[str, str]:
    """Say an estimate and its interval: ratios as factors, differences in their unit.

    Args:
        estimate: A ratio (unit ``"ratio"``) or a difference.

    Returns:
        Such as ``("×1.38", "[1.36, 1.40]")``; a missing number, and a missing interval, is ``"-"``.
    """
    value, low, high = estimate.value, estimate.low, estimate.high
    if value is None:
        return "-", "-"
    ratio = estimate.unit == "ratio"
    unit = f" {estimate.unit}" if estimate.unit in SPOKEN_UNITS else ""
    if low is None or high is None:
        return f"×{value:.3g}" if ratio else f"{value:+.3g}{unit}", "-"
    places = max(decimals(low, high), 2) if ratio else decimals(low, high)
    said = f"×{value:.{places}f}" if ratio else f"{fixed(value, places, signed=True)}{unit}"
    return said, interval_text(low, high, places, signed=not ratio)


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
    # reasons are sentences: last, where they widen nothing else
    rows = [
        [f.group, f.arm, f.metric, *change(f.estimate), f.verdict, f.estimate.n, f.estimate.reason or ""] for f in shown
    ]
    output.table(COLUMNS, rows)
    _say_left(output, len(findings) - len(shown))


def print_conclusions(output: Output, facts: RunFacts) -> None:
    """Print a row per group and arm: what passes and bound promise, the primary metrics, the conclusion."""
    primary = [f for f in facts.findings if f.primary]
    metrics = list(dict.fromkeys(f.metric for f in primary))
    found = {(f.group, f.arm, f.metric): f for f in primary}
    words = {(c.group, c.arm): _word(c) for c in facts.conclusions}
    gains = {(e.group, e.arm): e for e in facts.expected}
    if not primary:
        return
    rows = []
    for group, arm in dict.fromkeys((f.group, f.arm) for f in facts.findings):
        gain = gains.get((group, arm))
        expected = [
            None if gain is None else gain.passes,
            None if gain is None or gain.by_bound is None else f"×{gain.by_bound:.2f}",
        ]
        expected = expected if gains else []
        changes = [found.get((group, arm, metric)) for metric in metrics]
        said = [None if f is None else " ".join(change(f.estimate)) for f in changes]
        clips = max((f.estimate.n for f in changes if f is not None), default=0)
        rows.append([group, arm, clips, *expected, *said, words.get((group, arm))])
    promised = ("passes", "predicted") if gains else ()  # a maker that counts no passes promises nothing
    output.table(("group", "arm", "blocks", *promised, *metrics, "conclusion"), rows)
    _say_left(output, len(facts.findings) - len(primary))


def print_methods(output: Output, facts: RunFacts, *, everything: bool = False) -> None:
    """Print what is concluded on each method, with its training seeds; and, if asked for, how often arms win.

    Args:
        output: Where to.
        facts: The run.
        everything: Also win rates.
    """
    if facts.method_conclusions:
        # the sentence of each has the numbers; what decided it widens nothing else
        rows = [
            [c.group, c.method, len(c.seeds), f"{c.word} ({c.of})", "; ".join(dict.fromkeys(s.why for s in c.seeds))]
            for c in facts.method_conclusions
        ]
        output.table(("group", "method", "seeds", "by training and held-out scores", "because"), rows)
    if facts.win_rates and everything:
        rates = [
            [r.group, r.arm, r.metric, *_share(r.estimate), r.wins, r.ties, r.losses, r.estimate.reason or ""]
            for r in facts.win_rates
        ]
        columns = ("group", "arm", "metric", "win rate", "interval", "wins", "ties", "losses", "reason")
        output.table(columns, rates)


def _share(estimate: Estimate) -> tuple[str, str]:
    value = "-" if estimate.value is None else f"{estimate.value:.3f}"
    return value, interval_text(estimate.low, estimate.high, 3) or "-"


def _word(conclusion: Conclusion) -> str:
    """The word with the beginning of its remark; the sentence has all of it."""
    remark = conclusion.remark.partition(":")[0]
    return f"{conclusion.word} ({remark})" if remark else conclusion.word


def _say_left(output: Output, left: int) -> None:
    if left:
        output.stream.write(f"{left} exploratory findings are not shown; add --all.\n")
