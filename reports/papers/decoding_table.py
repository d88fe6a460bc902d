"""Table: decoding in the layout of MineWorld's Table 2, published rows beside measured ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from reports.papers.measured import MeasuredRow
from reports.papers.published import Published
from reports.papers.speed import TABLE
from reports.papers.tabular import Layout, draw_table, latex_table
from reports.papers.tabular import escaped as escaped
from reports.papers.writing import NOT_AVAILABLE, PUBLISHED_ONLY, PaperFigure

METRICS = {"frames_per_second": "fps", "action_f1": "f1", "psnr": "psnr", "fvd": "fvd", "frechet": "frechet"}
"""Measured metric, its feature space left off → column. ``fvd`` is I3D's alone: other spaces have their own column."""
DECIMALS = {"fps": 2, "speed_up": 2, "f1": 2, "psnr": 2, "fvd": 0, "frechet": 2}
LAYOUT = Layout(
    heads=("Model", "Mode", "FPS", "Speed-up", "F1", "PSNR (dB)", "FVD", "Fréchet", "From"),
    places=(0.0, 0.135, 0.455, 0.535, 0.62, 0.705, 0.79, 0.885, 0.9),
    numeric=(False, False, True, True, True, True, True, True, False),
)


@dataclass(frozen=True)
class Line:
    """One row: numbers by column, absent ones left out; ``order`` sorts the rows of a model."""

    model: str
    mode: str
    numbers: dict[str, float]
    origin: str
    run_id: str = ""
    order: tuple[int, int, str] = (0, 0, "")

    @property
    def cells(self) -> tuple[str, ...]:
        """As printed."""
        numbers = (
            f"{self.numbers[name]:.{decimals}f}" if name in self.numbers else NOT_AVAILABLE
            for name, decimals in DECIMALS.items()
        )
        return (self.model, self.mode, *numbers, self.origin)


def published_lines(published: Published) -> list[Line]:
    """The published rows, in their order."""
    table = published.table(TABLE)
    return [
        Line(f"MineWorld {row.model}", row.mode, {**row.values, **row.derived}, f"published {table.mark}")
        for row in table.rows
    ]


def measured_lines(rows: Sequence[MeasuredRow]) -> list[Line]:
    """One row per arm that has a place in the table: every seed of finetuning has its own."""
    lines = []
    for row in rows:
        place = mode_of(row)
        if place is None:
            continue
        numbers = {column: row.values[name] for name, column in _columns(row).items()}
        if row.role == "baseline":
            numbers["speed_up"] = 1.0
        elif row.speed_up is not None:
            numbers["speed_up"] = row.speed_up.value
        lines.append(Line(row.group, place[1], numbers, "measured", row.run_id, place[0]))
    groups = list(dict.fromkeys((line.run_id, line.model) for line in lines))
    return sorted(lines, key=lambda line: (groups.index((line.run_id, line.model)), line.order))


def _columns(row: MeasuredRow) -> dict[str, str]:
    return {
        name: METRICS[base]
        for name in sorted(row.values, reverse=True)
        if (base := name.partition("[")[0]) in METRICS and (base != "fvd" or name == "fvd")
    }


def mode_of(row: MeasuredRow) -> tuple[tuple[int, int, str], str] | None:
    """Where a measured arm stands among those of its model, and its mode in words; None if it has no place.

    Weights tell finetuning from its control, which had as many further steps under the causal mask.
    """
    if row.role == "control" or row.schedule not in ("sequential", "diagonal", "diagonal-st"):
        return None
    sequential = row.schedule == "sequential"
    order = "AT" if sequential else f"parallel{', across frames' if row.schedule == 'diagonal-st' else ''}"
    order += "" if sequential or row.k is None else f", k = {row.k}"
    first = 0 if sequential else 1
    if row.weights is None:
        return (first, 0 if sequential else 2, ""), order if sequential else f"{order}, without finetuning"
    control = "control" in row.weights
    seed = re.search(r"-s(\d+)$", row.weights)
    tail = f", seed {seed[1]}" if seed else f", {row.weights}"
    words = "control" if control else "with finetuning"
    return (first, 3 if control else 1, row.weights), f"{order}, {words}{tail}"


def decoding_table(rows: Sequence[MeasuredRow], published: Published) -> PaperFigure:
    """Write the table: drawn, as data and in LaTeX.

    Args:
        rows: Measured rows of the runs of suite ``decoding-finetune``.
        published: Published numbers.
    """
    measured = measured_lines(rows)
    lines = [*published_lines(published), *measured]
    title = "Decoding with and without finetuning, in the layout of MineWorld's Table 2"
    title += "" if measured else f" ({PUBLISHED_ONLY})"
    table = published.table(TABLE)
    spaces = sorted({name for row in rows for name in row.values if name.partition("[")[0] in ("frechet", "action_f1")})
    caption = (
        "AT: sequential decoding; parallel: diagonal decoding. Published F1 is that of VPT's inverse-dynamics model, "
        "and FVD that of I3D, on Minecraft. "
        + (
            f"Measured: {', '.join(spaces)} for F1 and Fréchet, on the zoo's small models: rows of one model compare "
            "with each other and not with published ones. Control: as many further steps "
            "under the causal mask, without the order's. Speeds are geometric means over clips; speed-ups are paired. "
            if measured
            else ""
        )
        + f"{table.note} Published: {published.cite(table, *table.derived.values())}. Not available: "
        + "; ".join(f"{absent.what} ({absent.why})" for absent in published.not_available)
        + "."
    )
    data = tuple(
        (line.model, line.mode, *(line.numbers.get(name) for name in DECIMALS), line.origin, line.run_id)
        for line in lines
    )
    drawing = {**draw_table([line.cells for line in lines], LAYOUT, title), "tex": latex(lines, title).encode()}
    columns = ("model", "mode", *DECIMALS, "from", "run")
    return PaperFigure("mineworld_table_2", title, caption, columns, data, drawing)


def latex(lines: Sequence[Line], title: str) -> str:
    """The table in LaTeX, for booktabs."""
    return latex_table([line.cells for line in lines], LAYOUT, title)
