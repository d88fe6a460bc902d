"""Print docs/alignment.md: ``python dev/alignment_page.py ALIGNMENT_RUN ABLATION_RUN > docs/alignment.md``.

A test compares it with the committed page, so that the two cannot drift apart.
"""

from __future__ import annotations

import sys
from pathlib import Path

from harness import show_run
from harness.cli.facts import RunFacts
from harness.types import Estimate

HEAD = """# VideoDPO, measured

Printed by `dev/alignment_page.py` from two committed runs: `{alignment}` (suite `alignment`, prompts of
the test split, scored once) and `{ablation}` (suite `alignment-ablation`, prompts of the validation
split). The models are the zoo's two text-to-video models of Crafter; preferences are {pairs} pairs a model, best
against worst of four videos of a prompt by `omniscore[light-crafter-pairing]`; `dev/align_zoo.sh` makes all of it
anew. Its settings were chosen in {tries} tries on validation prompts (`dev/LOG.md`) before the test prompts were
scored, once. These are light backends on a small world: no number here is comparable with VBench's.

![The same prompts and noise without alignment (left), aligned by VideoDPO (right); ε above, flow below](alignment.png)
"""
TRIES = 6
TABLE = """
## Baseline, SFT, DPO, VideoDPO

Differences to the baseline on the same prompts and the same noise, mean over three training seeds; in brackets the
seeds one by one. Three seeds carry no interval; the word is what all seeds share. Held out: scores that never chose a
pair (motion is part of the training score, and stands here because alignment is known to cost it).
"""
SEEDS = """
## Seed by seed, with intervals

Simultaneous over the declared family where a metric is primary, pointwise otherwise; clustered by prompt.
"""
WINS = """
## Win rates

Share of videos that are better than the baseline's of the same prompt and noise, ties half; intervals are clustered by
prompt.
"""
RULE = """
## By the rule

An arm improved where the training score's interval lies above 0 and no held-out score regressed; a method where all of
its seeds did.
"""
ABLATION = """
## Ablation

One checkpoint a row, one training seed: a finding is about this checkpoint. The paper's rows (VBench, VideoCrafter2)
are in `diptych figures videodpo`; here every row is held against the same baseline, on validation prompts.
"""
COLUMNS = {
    "omniscore[light-crafter-pairing]": "training score",
    "omniscore[light-crafter]": "OmniScore",
    "background_consistency[efficientnet-lite0]": "background",
    "temporal_flickering[frame-difference]": "flickering",
    "motion_smoothness[rife]": "smoothness",
    "text_alignment[video-text-crafter]": "text",
    "motion_magnitude[raft-small]": "**motion**",
    "text_alignment[video-text-crafter-judge]": "text judge, held out",
    "caption_fields[state-crafter]": "caption fields, held out",
    "diversity[tokenizer-crafter]": "diversity, held out",
    "kvd[tokenizer-crafter]": "KVD, held out (lower is better)",
}
SHORT = (
    "omniscore[light-crafter-pairing]", "motion_magnitude[raft-small]", "text_alignment[video-text-crafter-judge]",
    "caption_fields[state-crafter]", "diversity[tokenizer-crafter]", "kvd[tokenizer-crafter]",
)  # fmt: skip


def signed(value: float | None) -> str:
    """Three digits that matter, with sign."""
    return "" if value is None else f"{value:+.3g}".replace("-", "−")


def interval(estimate: Estimate) -> str:
    """Value and interval."""
    if estimate.low is None or estimate.high is None:
        return signed(estimate.value)
    return f"{signed(estimate.value)} [{signed(estimate.low)}, {signed(estimate.high)}]"


def groups_of(facts: RunFacts) -> list[str]:
    """Groups in the run's order."""
    return list(dict.fromkeys(finding.group for finding in facts.findings))


def head(group: str, metrics: list[str]) -> list[str]:
    """Title and head of a group's table."""
    return [
        f"\n**{group}**\n",
        f"| | {' | '.join(COLUMNS[name] for name in metrics)} |",
        "|---" * (len(metrics) + 1) + "|",
    ]


def baseline_row(facts: RunFacts, group: str, metrics: list[str]) -> str:
    """The baseline's own values."""
    own = {f.metric: f.baseline_value for f in facts.findings if f.group == group and f.baseline_value is not None}
    cells = [f"{own[name]:.4g}".replace("-", "−") if name in own else "" for name in metrics]
    return f"| baseline | {' | '.join(cells)} |"


def methods_table(facts: RunFacts, metrics: list[str]) -> str:
    """One row a method: mean over seeds, the seeds, the word."""
    lines = []
    for group in groups_of(facts):
        lines += [*head(group, metrics), baseline_row(facts, group, metrics)]
        found = {(m.method, m.metric): m for m in facts.methods if m.group == group}
        for method in dict.fromkeys(name for name, _ in found):
            cells = []
            for name in metrics:
                row = found.get((method, name))
                if row is None or row.estimate.value is None:
                    cells.append("")
                    continue
                seeds = ", ".join(signed(seed.estimate.value) for seed in row.seeds)
                cells.append(f"{signed(row.estimate.value)} ({seeds}) {row.verdict}")
            lines.append(f"| {method} | {' | '.join(cells)} |")
    return "\n".join(lines)


def arms_table(facts: RunFacts, metrics: list[str]) -> str:
    """One row an arm: differences with intervals and words."""
    lines = []
    for group in groups_of(facts):
        lines += [*head(group, metrics), baseline_row(facts, group, metrics)]
        found = {(f.arm, f.metric): f for f in facts.findings if f.group == group}
        for arm in dict.fromkeys(name for name, _ in found):
            row = [found.get((arm, name)) for name in metrics]
            cells = ["" if f is None else f"{interval(f.estimate)} {f.verdict}" for f in row]
            lines.append(f"| {arm} | {' | '.join(cells)} |")
    return "\n".join(lines)


def wins_table(facts: RunFacts) -> str:
    """One row an arm, one column a metric."""
    lines = []
    metrics = list(dict.fromkeys(win.metric for win in facts.win_rates))
    for group in groups_of(facts):
        found = {(w.arm, w.metric): w.estimate for w in facts.win_rates if w.group == group}
        lines += head(group, metrics)
        for arm in dict.fromkeys(name for name, _ in found):
            cells = []
            for name in metrics:
                e = found.get((arm, name))
                if e is None or e.value is None:
                    cells.append("")
                else:
                    cells.append(f"{e.value:.2f}" + ("" if e.low is None else f" [{e.low:.2f}, {e.high:.2f}]"))
            lines.append(f"| {arm} | {' | '.join(cells)} |")
    return "\n".join(lines)


def rule_list(facts: RunFacts) -> str:
    """What is concluded on every method."""
    return "\n".join(f"- **{c.group}**: {c.sentence}" for c in facts.method_conclusions)


def short_table(facts: RunFacts) -> str:
    """README's table."""
    return methods_table(facts, [name for name in COLUMNS if name in SHORT])


def page(alignment: Path, ablation: Path) -> str:
    """The whole page."""
    first, second = show_run(str(alignment)), show_run(str(ablation))
    metrics = list(COLUMNS)
    parts = [
        HEAD.format(alignment=alignment.name, ablation=ablation.name, pairs=192, tries=TRIES),
        TABLE,
        methods_table(first, metrics),
        RULE,
        rule_list(first),
        WINS,
        wins_table(first),
        SEEDS,
        arms_table(first, metrics),
        ABLATION,
        arms_table(second, metrics),
    ]
    return "\n".join(parts).rstrip() + "\n"


if __name__ == "__main__":
    sys.stdout.write(page(Path(sys.argv[1]), Path(sys.argv[2])))
