"""All figures of the paper on diagonal decoding (arXiv 2503.14070)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from harness.types import Metric
from reports.papers.decoding_table import decoding_table
from reports.papers.measured import FINETUNE_SUITE, MeasuredRow, measured_rows, run_text
from reports.papers.orders import Describe, orders_figure
from reports.papers.passes import passes_figure
from reports.papers.predicted import predicted_figure
from reports.papers.published import read_published
from reports.papers.quality import quality_figure
from reports.papers.speed import speed_figure
from reports.papers.writing import PaperFigure
from reports.reading import Reading, read_run

SUITES = ("decoding", "decoding-vizdoom", "decoding-published", FINETUNE_SUITE)
"""Suites whose runs are drawn; the last fills the table."""


def draw_diagd(
    published: Path,
    runs: Sequence[Path],
    *,
    describe: Describe,
    schedules: Sequence[str],
    sizes: Mapping[str, int],
    metrics: Mapping[str, Metric],
) -> dict[str, bytes]:
    """Draw every figure; the same inputs give the same bytes.

    Args:
        published: File of published numbers.
        runs: Folders of runs of :data:`SUITES`.
        describe: Gives the facts of a schedule on a grid, as ``diptych schedule`` prints them.
        schedules: Names of the registered schedules.
        sizes: Parameters of registered models.
        metrics: Registered metrics by name.

    Returns:
        Content by file name, figure by figure: PDF, SVG, CSV and caption, and LaTeX for the table.

    Raises:
        DiptychError: A file or a run cannot be read.
    """
    known = read_published(published)
    readings = [read_run(path, metrics) for path in runs]
    rows = {reading.manifest.run_id: measured_rows(reading, sizes) for reading in readings}
    tabled = [reading for reading in readings if reading.manifest.suite.name == FINETUNE_SUITE]
    drawn = [reading for reading in readings if reading.manifest.suite.name != FINETUNE_SUITE]
    measured = [row for reading in drawn for row in rows[reading.manifest.run_id]]
    margins = {
        r.manifest.run_id: (r.manifest.suite.primary_quality or "", r.manifest.suite.margin or 0.0) for r in drawn
    }
    figures = [
        orders_figure(describe, schedules),
        passes_figure(describe, known),
        _with_records(speed_figure(measured, known), drawn, measured),
        _with_records(predicted_figure(measured, known), drawn, measured),
        _with_records(quality_figure(measured, known, margins), drawn, measured),
        _with_records(
            decoding_table([row for r in tabled for row in rows[r.manifest.run_id]], known),
            tabled,
            [row for r in tabled for row in rows[r.manifest.run_id]],
        ),
    ]
    return {name: data for figure in figures for name, data in figure.files().items()}


def _with_records(figure: PaperFigure, readings: Sequence[Reading], rows: Sequence[MeasuredRow]) -> PaperFigure:
    """Add to the caption which trials of which runs are in the figure's data."""
    said = []
    for reading in readings:
        run_id = reading.manifest.run_id
        if not any(run_id in row for row in figure.rows):
            continue
        groups = [
            group
            for group in reading.groups
            if any(run_id in row and group in row for row in figure.rows)
            and any(row.run_id == run_id and row.group == group for row in rows)
        ]
        said.append(run_text(reading, groups))
    records = f"Records: {'. '.join(said)}." if said else "Records: none."
    return replace(figure, caption=f"{figure.caption} {records}")
