"""MineWorld's Table 2, published and measured: next-token prediction, parallel decoding with and without finetuning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.types import Finding
from reports.papers.published import Published
from reports.papers.writing import Drawn
from reports.reading import Reading

ABSENT = "not available"
MODES = {
    "at": "AT",
    "finetuned": "parallel, w/ finetune",
    "plain": "parallel, w/o finetune",
    "control": "parallel, control",
}
SPECIAL = str.maketrans(
    {
        **{c: f"\\{c}" for c in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    }
)
METRICS = ("frames_per_second", "action_f1", "psnr", "frechet")
"""A measured metric may carry its space in brackets."""


@dataclass(frozen=True)
class Row:
    """A row: who, how, numbers as text, and where they are from."""

    model: str
    mode: str
    numbers: tuple[str, ...]
    where: str


def published_rows(published: Published) -> list[Row]:
    """The published rows."""
    return [
        Row(
            f"MineWorld {row.model}",
            MODES[row.mode],
            (f"{row.fps:.2f}", f"{row.f1:.2f}", f"{row.psnr:.2f}", f"{row.fvd:.0f} (FVD)"),
            f"published ({published.sources[row.source].quality})",
        )
        for row in published.decoding
    ]


def measured_rows(readings: Sequence[Reading]) -> list[Row]:
    """Rows of runs of ``decoding-finetune``, one an arm that has a place in the table; every seed has its own."""
    rows = []
    for reading in readings:
        suite = reading.manifest.suite
        for group in reading.groups:
            for arm in suite.arms:
                mode = mode_of(arm.name, suite.baseline)
                if mode is not None:
                    rows.append(Row(group, mode, numbers(reading, group, arm.name), reading.manifest.run_id))
    return rows


def mode_of(arm: str, baseline: str) -> str | None:
    """The row that an arm belongs to, or None."""
    if arm == baseline:
        return MODES["at"]
    if not arm.startswith("diagonal-k1"):
        return None
    rest = arm.removeprefix("diagonal-k1").strip("-")
    kind, _, seed = rest.partition("-s")
    mode = {"": MODES["plain"], "finetuned": MODES["finetuned"], "control": MODES["control"]}.get(kind)
    return None if mode is None else f"{mode}, seed {seed}" if seed else mode


def numbers(reading: Reading, group: str, arm: str) -> tuple[str, ...]:
    """An arm's own values, absolute, as text."""
    found = []
    for name in METRICS:
        value = None
        for finding in reading.analysis.findings:
            same = finding.metric == name or finding.metric.startswith(f"{name}[")
            if finding.group == group and same:
                value = value_of(finding, arm)
            if value is not None:
                break
        decimals = {"frames_per_second": 2, "action_f1": 3, "psnr": 2, "frechet": 2}[name]
        found.append(ABSENT if value is None else f"{value:.{decimals}f}")
    return tuple(found)


def value_of(finding: Finding, arm: str) -> float | None:
    """The value of ``arm`` that a finding tells, as its arm or as its baseline."""
    if finding.arm == arm:
        return finding.arm_value
    return finding.baseline_value if finding.baseline == arm else None


def decoding_table(readings: Sequence[Reading], published: Published) -> Drawn:
    """The table, drawn, as data and in LaTeX."""
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

    measured = measured_rows(readings)
    rows = [*published_rows(published), *measured]
    columns = ("Model", "Mode", "FPS", "F1", "PSNR", "Fréchet", "From")
    cells = [[row.model, row.mode, *row.numbers, row.where] for row in rows]
    figure = Figure(figsize=(7.2, 0.4 + 0.15 * (len(rows) + 1)), layout="constrained")
    ax = figure.subplots()
    ax.axis("off")
    title = "Decoding, in the layout of MineWorld's Table 2" + ("" if measured else " (published only)")
    ax.set_title(title, pad=10)
    table = ax.table(cells, colLabels=columns, cellLoc="left", edges="horizontal", bbox=Bbox.from_bounds(0, 0, 1, 1))
    table.auto_set_font_size(False)
    table.set_fontsize(6)
    table.auto_set_column_width(list(range(len(columns))))
    caption = (
        f"{title}. Published rows: arXiv 2504.08388, Table 2 (machine-extracted, quality S); their FVD is I3D's on "
        "Minecraft. Measured rows: Crafter, small models, F1 and Fréchet distance in features of its inverse-dynamics "
        "network: to be compared with each other, and not with the published ones. The control had as many further "
        "steps under the causal mask. "
        + (f"Records: {', '.join(dict.fromkeys(row.where for row in measured))}." if measured else "No record.")
        + " Not available: "
        + "; ".join(f"{item.what} ({item.why})" for item in published.unavailable)
        + "."
    )
    return Drawn("mineworld_table_2", figure, columns, cells, caption, latex(columns, cells))


def latex(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """The table in LaTeX (booktabs)."""
    lines = [
        r"\begin{tabular}{ll" + "r" * 4 + "l}",
        r"\toprule",
        " & ".join(map(_escaped, columns)) + r" \\",
        r"\midrule",
    ]
    lines += [" & ".join(map(_escaped, row)) + r" \\" for row in cells]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _escaped(text: str) -> str:
    """The text with LaTeX's special characters escaped, each once."""
    return text.translate(SPECIAL)
