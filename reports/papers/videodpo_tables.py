"""Tables: VideoDPO's main results and its ablations, as far as others tell them."""

from __future__ import annotations

from collections.abc import Sequence

from reports.papers import aligned_tables
from reports.papers.aligned_tables import MEASURED_COLUMNS, NO_MEASURED, Part, measured_part
from reports.papers.published import Published
from reports.papers.published_tables import Conflict, PublishedTable, TableRow
from reports.papers.sourced import Sourced
from reports.papers.tabular import FOOTMARKS, Block, Cells, Layout, draw_blocks, latex_blocks
from reports.papers.writing import NOT_AVAILABLE, PUBLISHED_ONLY, Cell, PaperFigure
from reports.reading import Reading

DECIMALS = {"total": 2, "quality": 2, "semantic": 2, "hps": 3, "pickscore": 2}
MAIN_LAYOUT = Layout(
    heads=("Model", "Alignment", "Total (%)", "Quality (%)", "Semantic (%)", "HPS(V)", "PickScore", "From"),
    places=(0.0, 0.17, 0.38, 0.5, 0.63, 0.74, 0.86, 0.89),
    numeric=(False, False, True, True, True, True, True, False),
)
ABLATION_LAYOUT = Layout(
    heads=("What is changed", "Setting", "Total (%)", "Quality (%)", "Semantic (%)", "From"),
    places=(0.0, 0.2, 0.46, 0.6, 0.75, 0.79),
    numeric=(False, False, True, True, True, False),
)
COLUMNS = (
    "table", "model", "mode", *DECIMALS, "total_from_parts", "total_is_computed", "told_otherwise", "source_quality",
    "source", *MEASURED_COLUMNS,
)  # fmt: skip
MODES = {"base": "–"}


def main_table(published: Published, measured: Sequence[Reading] = ()) -> PaperFigure:
    """Write the main table: the same method in other papers and in other hands below it, then what runs measured.

    Args:
        published: Published numbers.
        measured: Runs of suite ``alignment``; each is a block with columns of its own.
    """
    tables = [published.table(name) for name in ("main", "reproduction", "elsewhere")]
    title = f"VideoDPO by VBench, before and after alignment{_only(measured)}"
    parts = [measured_part(reading, aligned_tables.MAIN_LAYOUT) for reading in measured]
    marks = _marks(published, tables)
    lines = [
        _cells(published, table, row, _group(table, row), list(DECIMALS), marks)
        for table in tables
        for row in table.rows
    ]
    notes = [_told(conflict, marks) for conflict in published.conflicts if conflict.what in marks]
    caption = (
        "Alignment –: the model as it is. Outside: reproduced by others with the released code; PISCES: as that paper "
        "reports it. Total is (4 · Quality + Semantic) / 5, computed again from its parts for every row. "
        f"{' '.join(table.note for table in tables)} {' '.join(f'{note}.' for note in notes)} "
        f"Published: {_cite(published, tables)}. Not available: "
        + "; ".join(f"{absent.what} ({absent.why})" for absent in published.not_available)
        + "."
    )
    return _figure("main_table", title, caption, MAIN_LAYOUT, lines, notes, _data(published, tables), parts)


def ablation_table(published: Published, measured: Sequence[Reading] = ()) -> PaperFigure:
    """Write the ablations, what the sources tell differently, and what runs measured.

    Args:
        published: Published numbers.
        measured: Runs of suite ``alignment-ablation``.
    """
    table = published.table("ablation")
    title = f"Ablations of VideoDPO{' on VideoCrafter2' if not measured else ''}{_only(measured)}"
    parts = [measured_part(reading, aligned_tables.ABLATION_LAYOUT) for reading in measured]
    marks = _marks(published, [table])
    lines = [_cells(published, table, row, row.model, ["total", "quality", "semantic"], marks) for row in table.rows]
    open_ones = [c for c in published.conflicts if c.cell is None or c.what in marks]
    notes = [_told(conflict, marks) for conflict in open_ones]
    caption = (
        "A total marked [sim] was not told and is computed from its parts, (4 · Quality + Semantic) / 5; every other "
        f"that has parts was computed again. {table.note} No interval is told. "
        f"{' '.join(f'{note}.' for note in notes)} Published: {_cite(published, [table], open_ones)}."
    )
    return _figure("ablation_table", title, caption, ABLATION_LAYOUT, lines, notes, _data(published, [table]), parts)


def _figure(
    name: str,
    title: str,
    caption: str,
    layout: Layout,
    lines: Sequence[Cells],
    notes: Sequence[str],
    data: tuple[tuple[Cell, ...], ...],
    measured: Sequence[Part],
) -> PaperFigure:
    blocks = [Block(lines, layout, "Published" if measured else ""), *(part.block for part in measured)]
    drawing = {**draw_blocks(blocks, title, notes), "tex": latex_blocks(blocks, title, notes).encode()}
    own = tuple(
        ("measured", model, mode, *("",) * (len(COLUMNS) - 3 - len(MEASURED_COLUMNS)), *cells)
        for part in measured
        for model, mode, cells in part.data
    )
    said = " ".join([caption, *(part.caption for part in measured)])
    return PaperFigure(name, title, said, COLUMNS, (*data, *own), drawing)


def _only(measured: Sequence[Reading]) -> str:
    return "" if measured else f" ({PUBLISHED_ONLY})"


def _group(table: PublishedTable, row: TableRow) -> str:
    """The model, and whose row it is where it is not the paper's."""
    return {"main": row.model, "reproduction": f"{row.model}, outside"}.get(table.id, f"{row.model}, PISCES")


def _cells(
    published: Published,
    table: PublishedTable,
    row: TableRow,
    group: str,
    columns: Sequence[str],
    marks: dict[str, str],
) -> Cells:
    numbers = []
    for column in columns:
        value = row.values.get(column)
        conflict = published.conflict(table, row, column)
        differs = marks[conflict.what] if conflict else ""
        numbers.append(NOT_AVAILABLE if value is None else f"{value:.{DECIMALS[column]}f}{differs}")
    origin = f"published {table.of(row).mark}{', total [sim]' if row.computed else ''}"
    return (group, MODES.get(row.mode, row.mode), *numbers, origin)


def _marks(published: Published, tables: Sequence[PublishedTable]) -> dict[str, str]:
    """What is told differently in the cells of ``tables`` → its footmark."""
    about = [conflict.what for conflict in published.conflicts if _about(conflict, tables)]
    return dict(zip(about, FOOTMARKS[: len(about)], strict=True))


def _about(conflict: Conflict, tables: Sequence[PublishedTable]) -> bool:
    return conflict.cell is not None and conflict.cell.table in {table.id for table in tables}


def _told(conflict: Conflict, marks: dict[str, str]) -> str:
    """A conflict in one sentence, every value with its mark."""
    values = "; ".join(f"{_number(told.value, conflict.unit)} {told.mark} {told.how}" for told in conflict.values)
    return f"{marks.get(conflict.what, 'Open:')} {conflict.what}: {values}"


def _number(value: float, unit: str) -> str:
    return f"{value:.2f}" if unit == "%" else f"{value:g}"


def _cite(published: Published, tables: Sequence[PublishedTable], conflicts: Sequence[Conflict] = ()) -> str:
    items: list[Sourced] = [table.of(row) for table in tables for row in table.rows]
    about = [conflict for conflict in published.conflicts if conflict in conflicts or _about(conflict, tables)]
    return published.cite(*items, *(told for conflict in about for told in conflict.values))


def _data(published: Published, tables: Sequence[PublishedTable]) -> tuple[tuple[Cell, ...], ...]:
    made: list[tuple[Cell, ...]] = []
    for table in tables:
        for row in table.rows:
            quality, semantic = row.values.get("quality"), row.values.get("semantic")
            parts = None if quality is None or semantic is None else round((4 * quality + semantic) / 5, 4)
            conflict = published.conflict(table, row, "total")
            others = () if conflict is None else (t.value for t in conflict.values if t.value != row.values["total"])
            told = table.of(row)
            made.append(
                (
                    table.id, row.model, row.mode, *(row.values.get(name) for name in DECIMALS), parts,
                    "yes" if row.computed else "no", " ".join(f"{value:.2f}" for value in others) or None,
                    "sim" if row.computed else told.quality, published.sources[told.source], *NO_MEASURED,
                )
            )  # fmt: skip
    return tuple(made)
