"""Print README's tables from committed runs: ``python dev/readme_table.py results/baselines/decoding/RUN``.

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


SEEN_BY = {
    "PSNR (dB)": ("psnr",),
    "SSIM": ("ssim",),
    "ST-LPIPS": ("st-lpips-alex",),
    "Fréchet": ("frechet[idm-crafter]", "frechet[idm-vizdoom]"),
    "KVD": ("kvd[idm-crafter]", "kvd[idm-vizdoom]"),
    "action F1": ("action_f1[idm-crafter]", "action_f1[idm-vizdoom]"),
}
"""Columns of the table of faults, and the metrics that they show: each world has networks of its own."""


def faults(facts: RunFacts) -> str:
    """The responses of metrics to known faults in Markdown; brackets where a fault is not seen."""
    lines = ["| | " + " | ".join(SEEN_BY) + " |", "|" + "---|" * (len(SEEN_BY) + 1)]
    found = {(f.group, f.arm, f.metric): f for f in facts.findings if f.estimate.value is not None}
    for group in dict.fromkeys(f.group for f in facts.findings):
        clips = max(f.estimate.n for (where, _, _), f in found.items() if where == group)
        lines.append(f"| **{group}**, {clips} clips |" + " |" * len(SEEN_BY))
        for arm in dict.fromkeys(f.arm for f in facts.findings if f.group == group):
            cells = [response([found.get((group, arm, name)) for name in names]) for names in SEEN_BY.values()]
            lines.append(f"| {arm} | {' | '.join(cells)} |")
    return "\n".join(lines)


def response(findings: list[Finding | None]) -> str:
    """The change that the metric of this world tells; in brackets where it is not judged regressed."""
    told = next((f for f in findings if f is not None), None)
    if told is None or told.estimate.value is None:
        return ""
    value = f"{told.estimate.value:+.2g}" if abs(told.estimate.value) < 10 else f"{told.estimate.value:+.0f}"
    value = value.replace("-", "−")
    return value if told.verdict == "regressed" else f"({value})"


def fidelity(facts: RunFacts) -> str:
    """What each choice of the decoder costs, in Markdown."""
    found = {(f.arm, f.metric): f for f in facts.findings}
    lines = ["| | SSIM | bits per token | |", "|---|---|---|---|"]
    for arm in dict.fromkeys(f.arm for f in facts.findings):
        said = found[arm, "ssim"]
        bits = cell(found[arm, "model_bits_per_token"])
        lines.append(f"| {arm} | {cell(said)} | {bits} | {said.verdict} |")
    return "\n".join(lines)


COLUMNS = {
    "frames/s": ("frames_per_second", 1),
    "F1": ("action_f1[idm-crafter]", 3),
    "PSNR": ("psnr", 2),
    "Fréchet": ("frechet[idm-crafter]", 2),
}


def finetune(facts: RunFacts) -> str:
    """MineWorld's Table 2 with measured rows, in Markdown: each arm's own values, and bits against sequential."""
    lines = ["| | " + " | ".join(COLUMNS) + " | SSIM against sequential | bits against sequential |", "|---" * 7 + "|"]
    found = {(f.group, f.arm, f.metric): f for f in facts.findings}
    for group in dict.fromkeys(f.group for f in facts.findings):
        lines.append(f"| **{group}** | | | | | | |")
        arms = list(dict.fromkeys(f.arm for f in facts.findings if f.group == group))
        base = facts.findings[0].baseline
        for arm in (base, *arms):
            numbers = []
            for metric, digits in COLUMNS.values():
                finding = found[group, arms[0] if arm == base else arm, metric]
                value = finding.baseline_value if arm == base else finding.arm_value
                numbers.append("" if value is None else f"{value:.{digits}f}")
            both = ("ssim", "model_bits_per_token")
            changes = ["", ""] if arm == base else [cell(found[group, arm, metric]) for metric in both]
            lines.append(f"| {arm} | {' | '.join([*numbers, *changes])} |")
    return "\n".join(lines)


if __name__ == "__main__":
    shown = show_run(str(Path(sys.argv[1])))
    tables = {"metrics-sanity": faults, "decoding-fidelity": fidelity, "decoding-finetune": finetune}
    sys.stdout.write(tables.get(shown.suite, table)(shown) + "\n")
