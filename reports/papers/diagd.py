"""All figures of the paper on diagonal decoding (arXiv 2503.14070), first version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.files import usable_folder
from harness.types import Metric
from reports.papers.decoding_table import decoding_table
from reports.papers.measured import points, predicted_figure, quality_figure, speed_figure
from reports.papers.orders import Count, Describe, order_figure, passes_figure
from reports.papers.published import read_published
from reports.papers.writing import paper_style, write
from reports.reading import read_run

SUITES = ("decoding", "decoding-vizdoom")
TABLED = "decoding-finetune"


def write_diagd(
    published: Path,
    runs: Sequence[Path],
    out: Path,
    *,
    describe: Describe,
    count: Count,
    metrics: Mapping[str, Metric],
) -> list[Path]:
    """Write every figure as PDF, SVG, CSV and caption; the same runs give the same bytes.

    Args:
        published: File of published numbers.
        runs: Folders of runs; those of other suites are left out.
        out: Folder to write to.
        describe: Tells the steps of a schedule.
        count: Tells its number of passes.
        metrics: Registered metrics by name.

    Returns:
        The files, in order.

    Raises:
        DiptychError: A file or run cannot be read, or the folder not be written to.
    """
    known = read_published(published)
    usable_folder(out, "folder for figures", "Choose another with -o.")
    readings = [read_run(path, metrics) for path in runs]
    found = points([reading for reading in readings if reading.manifest.suite.name in SUITES])
    tabled = [reading for reading in readings if reading.manifest.suite.name == TABLED]
    paths = []
    with paper_style():
        for drawn in (
            order_figure(describe),
            passes_figure(count, known),
            speed_figure(found, known),
            predicted_figure(found),
            quality_figure(found),
            decoding_table(tabled, known),
        ):
            paths += write(drawn, out)
    return paths
