"""Print README's table of results from a committed run: ``python dev/readme_table.py results/baselines/decoding/RUN``.

A test compares it with the README, so that the two cannot drift apart.
"""

from __future__ import annotations

import sys
from pathlib import Path

from harness import show_run
from harness.cli.facts import RunFacts
from harness.cli.findings import change
from harness.types import Finding

HEAD = "| | passes | predicted | speed | SSIM against what really happened | |\n|---|---|---|---|---|---|"


def table(facts: RunFacts) -> str:
    """The table in Markdown, one part per group of cases."""
    lines = [HEAD]
    findings = {(f.group, f.arm, f.metric): f for f in facts.findings if f.primary}
    gains = {(e.group, e.arm): e for e in facts.expected}
    conclusions = {(c.group, c.arm): c for c in facts.conclusions}
    for group in dict.fromkeys(f.group for f in facts.findings):
        arms = [arm for where, arm in conclusions if where == group]
        clips = max(f.estimate.n for (where, _, _), f in findings.items() if where == group)
        lines.append(f"| **{group}**, {clips} clips | | | | | |")
        for arm in dict.fromkeys(f.arm for f in facts.findings if f.group == group and f.arm in arms):
            gain, said = gains[group, arm], conclusions[group, arm]
            bound = "" if gain.by_bound is None else f"×{gain.by_bound:.2f}"
            speed = cell(findings[group, arm, "frames_per_second"])
            quality = cell(findings.get((group, arm, "ssim")))
            lines.append(f"| {arm} | {gain.passes} | {bound} | {speed} | {quality} | {said.word} |")
    return "\n".join(lines)


def cell(finding: Finding | None) -> str:
    """Value and interval."""
    return "" if finding is None else " ".join(change(finding.estimate)).replace("-", "−")


if __name__ == "__main__":
    sys.stdout.write(table(show_run(str(Path(sys.argv[1])))) + "\n")
