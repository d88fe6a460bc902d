"""All figures of the paper on preference alignment (VideoDPO, arXiv 2412.14167)."""

from __future__ import annotations

from pathlib import Path

from reports.papers.published import read_published
from reports.papers.reproduction import reproduction_figure
from reports.papers.score_figure import score_figure
from reports.papers.score_file import read_scores
from reports.papers.vbench_subscores import vbench_figure
from reports.papers.videodpo_tables import ablation_table, main_table


def draw_videodpo(published: Path, *, scores: Path | None = None, composite: str | None = None) -> dict[str, bytes]:
    """Draw every figure; the same inputs give the same bytes.

    Args:
        published: File of published numbers.
        scores: File of scores of one's own videos, for the analysis; without it, only what is published is drawn.
        composite: The score in it that ranks videos; see :func:`reports.papers.score_file.read_scores`.

    Returns:
        Content by file name, figure by figure: PDF, SVG, CSV and caption, and LaTeX for tables.

    Raises:
        DiptychError: A file cannot be read.
    """
    known = read_published(published)
    figures = [main_table(known), ablation_table(known), reproduction_figure(known), vbench_figure(known)]
    if scores is not None:
        figures.append(score_figure(read_scores(scores, composite), known))
    return {name: data for figure in figures for name, data in figure.files().items()}
