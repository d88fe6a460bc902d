"""One self-contained HTML page per call, from one run or several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.errors import DiptychError, UsageError
from harness.types import Data, Metric
from reports.html import render
from reports.reading import Reading, read_run
from reports.sections import build_section

ROWS_PER_GROUP = 3


class ReportResult(Data):
    """What was written.

    Attributes:
        path: The file.
        bytes: Its size.
        runs: Ids of the runs in it, in order.
    """

    path: Path
    bytes: int
    runs: tuple[str, ...]


def write_report(
    runs: Sequence[Path],
    output: Path | None = None,
    *,
    metrics: Mapping[str, Metric],
    rows_per_group: int = ROWS_PER_GROUP,
) -> ReportResult:
    """Write the report of ``runs``.

    The same inputs give the same bytes: no clock is read and no drawing depends on when it is made.

    Args:
        runs: Run folders, at least one; each becomes a part of the page.
        output: The file to write; None names it after the suite and run in the working directory.
        metrics: Registered metrics by name, for units, directions and summaries.
        rows_per_group: Most samples shown per group of cases, ≥ 0.

    Returns:
        Path, size and runs.

    Raises:
        UsageError: No run, or one run twice.
        DiptychError: A folder holds no run, or the file cannot be written.
    """
    if not runs:
        raise UsageError("a report needs at least one run. See: diptych show RUN, or the folder results/")
    readings = [read_run(path, metrics) for path in runs]
    ids = [r.manifest.run_id for r in readings]
    twice = sorted({i for i in ids if ids.count(i) > 1})
    if twice:
        raise UsageError(f"run {twice[0]!r} is named twice; name each run once.")
    sections = [build_section(r, metrics, f"r{i}", rows_per_group) for i, r in enumerate(readings)]
    page = render(sections).encode("utf-8")
    target = Path(default_name(readings)) if output is None else Path(output)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(page)
    except OSError as error:
        raise DiptychError(
            f"the report cannot be written to {target}: {error.strerror}. Choose another with -o."
        ) from error
    return ReportResult(path=target, bytes=len(page), runs=tuple(ids))


def default_name(readings: Sequence[Reading]) -> str:
    """Name of the file where none is asked for: suite and run id, or suite and number of runs."""
    suites = "-".join(dict.fromkeys(r.manifest.suite.name for r in readings))
    tail = readings[0].manifest.run_id if len(readings) == 1 else f"{len(readings)}-runs"
    safe = "".join(c if c.isalnum() or c in "-_." else "-" for c in f"{suites}-{tail}")
    return f"diptych-{safe}.html"
