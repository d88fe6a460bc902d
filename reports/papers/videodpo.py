"""All figures of the paper on preference alignment (VideoDPO, arXiv 2412.14167)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.types import Metric
from reports.papers.aligned import ABLATION, SUITE
from reports.papers.aligned_dimensions import dimensions_figure
from reports.papers.published import read_published
from reports.papers.reproduction import reproduction_figure
from reports.papers.score_figure import score_figure
from reports.papers.score_file import read_scores
from reports.papers.vbench_subscores import vbench_figure
from reports.papers.videodpo_tables import ablation_table, main_table
from reports.reading import read_run

SUITES = (SUITE, ABLATION)
"""Suites whose runs are drawn; the second fills the table of ablations."""


def draw_videodpo(
    published: Path,
    runs: Sequence[Path] = (),
    *,
    metrics: Mapping[str, Metric] | None = None,
    scores: Path | None = None,
    composite: str | None = None,
) -> dict[str, bytes]:
    """Draw every figure; the same inputs give the same bytes.

    Args:
        published: File of published numbers.
        runs: Folders of runs of :data:`SUITES`; without any, only what is published is in the tables.
        metrics: Registered metrics by name; needed with runs.
        scores: File of scores of one's own videos, for the analysis, which is not drawn without it.
        composite: The score in it that ranks videos; see :func:`reports.papers.score_file.read_scores`.

    Returns:
        Content by file name, figure by figure: PDF, SVG, CSV and caption, and LaTeX for tables.

    Raises:
        DiptychError: A file or a run cannot be read.
    """
    known, known_metrics = read_published(published), metrics or {}
    readings = [read_run(path, known_metrics) for path in runs]
    aligned = [reading for reading in readings if reading.manifest.suite.name == SUITE]
    ablated = [reading for reading in readings if reading.manifest.suite.name == ABLATION]
    figures = [
        main_table(known, aligned),
        ablation_table(known, ablated),
        reproduction_figure(known),
        vbench_figure(known),
        *(dimensions_figure(reading, known_metrics, "dimensions_before_after") for reading in aligned),
    ]
    if scores is not None:
        figures.append(score_figure(read_scores(scores, composite), known))
    return {name: data for figure in figures for name, data in figure.files().items()}
