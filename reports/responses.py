"""How quality metrics respond to arms of growing strength: one table of all, one drawing of the ladders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.types import Arm, Finding, Metric, Suite
from reports.figures import ArmStyle
from reports.plots import Plot
from reports.reading import Reading
from reports.svg import MUTED, RULE, arm_colour, drawing_style, to_svg
from reports.tables import Cell, Column, Table
from reports.wording import ABSENT, display_unit, metric_title, significant, spans

ACROSS = 3
PANEL_INCHES = (2.35, 1.75)


@dataclass(frozen=True)
class Response:
    """One metric's answers.

    Attributes:
        metric: Its name.
        findings: By arm, those that have a number.
    """

    metric: str
    findings: Mapping[str, Finding]

    def damage(self, arm: str) -> float | None:
        """Change for the worse as a share of the largest change in this metric, or None."""
        found = self.findings.get(arm)
        most = max(abs(f.estimate.value or 0.0) for f in self.findings.values())
        if found is None or found.estimate.value is None or most == 0:
            return None
        worse = -found.estimate.value if found.estimate.direction == "higher" else found.estimate.value
        return worse / most


def ladders(arms: Sequence[Arm]) -> dict[str, tuple[str, ...]]:
    """Arms that differ in one whole number alone, by what they share, weakest first; single arms are no ladder."""
    found: dict[tuple[object, ...], list[tuple[int, str]]] = {}
    for arm in arms:
        numbers = {k: v for k, v in arm.params.items() if isinstance(v, int) and not isinstance(v, bool)}
        if len(numbers) == 1:
            rest = tuple(sorted((k, str(v)) for k, v in arm.params.items() if k not in numbers))
            found.setdefault((arm.maker, *numbers, *rest), []).append((next(iter(numbers.values())), arm.name))
    chains = [[name for _, name in sorted(chain)] for chain in found.values() if len(chain) > 1]
    return {chain[0].rstrip("0123456789").rstrip("-_.") or chain[0]: tuple(chain) for chain in chains}


def responses(reading: Reading, group: str, metrics: Mapping[str, Metric]) -> list[Response]:
    """Every quality metric that has a number in this group, in the suite's order."""
    found = []
    for name in dict.fromkeys((*reading.manifest.suite.primaries, *reading.manifest.suite.metrics)):
        if name in metrics and metrics[name].quality:
            all_of_it = [f for f in reading.analysis.findings if (f.metric, f.group) == (name, group)]
            numbers = {f.arm: f for f in all_of_it if f.estimate.value is not None}
            if numbers:
                found.append(Response(name, numbers))
    return found


def response_table(suite: Suite, found: Sequence[Response], styles: Mapping[str, ArmStyle]) -> Table | None:
    """All responses side by side: change against the baseline, and the verdict where there is one."""
    if not found:
        return None
    shown = [display_unit(next(iter(r.findings.values())).estimate.unit, []) for r in found]
    heads = [Column(metric_title(r.metric), u.label, "number") for r, u in zip(found, shown, strict=True)]
    rows = []
    for arm in styles:
        if arm == suite.baseline or not any(arm in response.findings for response in found):
            continue  # an arm that was not run has nothing to show
        cells = [Cell(arm, arm=arm)]
        for response, unit in zip(found, shown, strict=True):
            finding = response.findings.get(arm)
            if finding is None or finding.estimate.value is None:
                cells.append(Cell(ABSENT))
            else:
                told = finding.verdict if finding.estimate.reason is None else "no verdict"
                cells.append(Cell(significant(finding.estimate.value * unit.factor, 3), note=told))
        rows.append(tuple(cells))
    caption = (
        f"Change against {suite.baseline}, each metric in its own unit; the tables below give the intervals, and why "
        "there is no verdict."
    )
    return Table("Every metric's response", caption, (Column("Arm"), *heads), tuple(rows))


def response_plot(reading: Reading, group: str, found: Sequence[Response], name: str) -> Plot | None:
    """Responses along each ladder of arms, or None where there is no ladder."""
    from matplotlib.figure import Figure

    chains = ladders(reading.manifest.suite.arms)
    if not chains or not found:
        return None
    down = -(-len(found) // ACROSS)
    longest = max(len(chain) for chain in chains.values())
    with drawing_style():
        figure = Figure(figsize=(PANEL_INCHES[0] * ACROSS, PANEL_INCHES[1] * down + 0.5), layout="constrained")
        panels = figure.subplots(down, ACROSS, squeeze=False, sharex=True, sharey=True).ravel()
        for axes, response in zip(panels, found, strict=False):
            axes.axhline(0, color=RULE, lw=1)
            axes.set_title(metric_title(response.metric), fontsize=8.5)
            for index, (chain, arms) in enumerate(chains.items()):
                damages = [(i + 1, response.damage(arm)) for i, arm in enumerate(arms)]
                points = [(step, damage) for step, damage in damages if damage is not None]
                if points:
                    look: dict[str, Any] = {"marker": "o", "ms": 3.5, "lw": 1.2, "label": chain}
                    axes.plot(*zip(*points, strict=True), color=arm_colour(index), **look)
            axes.set_xticks(range(1, longest + 1))
            axes.tick_params(labelsize=8)
        for axes in panels[len(found) :]:
            axes.set_visible(False)
        handles, labels = panels[0].get_legend_handles_labels()
        columns = min(len(labels), 4)
        figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize=8.5)
        figure.supylabel("Damage (share of the largest)", fontsize=8.5, color=MUTED)
        svg = to_svg(figure, name, f"Response of {len(found)} metrics to {len(chains)} faults of growing strength.")
    records = spans(r.index for r in reading.finished(group))
    caption = (
        "Up is worse. Each panel is one metric, each line one kind of fault; from left to right it becomes stronger. "
        "A metric is scaled to its own largest response, so heights compare inside a panel and not between panels."
    )
    sources = ", ".join(r.metric for r in found)
    return Plot("Responses by strength", svg, caption, f"trials {records} of run {reading.manifest.run_id}", sources)
