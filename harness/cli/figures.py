"""Paper figures as a verb: which runs are drawn, and from which published numbers."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.cli.builtin import load_builtin, reach
from harness.cli.verbs import load_metrics
from harness.errors import UsageError, unknown
from harness.files import file_sha256
from harness.types import Data

PAPERS = {"diagd": "reports.papers.diagd:write_diagd"}
SUITES = ("decoding", "decoding-vizdoom", "decoding-finetune")
BASELINES = Path("results") / "baselines"


class FigureFile(Data):
    """A file that was written."""

    path: Path
    sha256: str


class FiguresFacts(Data):
    """What was written, and from which runs.

    Attributes:
        paper: Which paper.
        files: In order.
        runs: Run ids that were drawn.
    """

    paper: str
    files: tuple[FigureFile, ...]
    runs: tuple[str, ...]


def write_figures(
    paper: str, output: Path | None = None, *, runs: Sequence[str | Path] = (), results: str | Path | None = None
) -> FiguresFacts:
    """Write a paper's figures and tables: PDF, SVG, CSV and a caption each.

    Args:
        paper: ``"diagd"``.
        output: Folder; ``figures/PAPER`` in the working directory if None.
        runs: Paths, or unique prefixes of run ids; if there are none, the newest run of each of the paper's suites
            among the results and the committed baselines.
        results: Where runs are kept.

    Raises:
        UsageError: No such paper, or a run of another suite.
        DiptychError: A run cannot be read, or the folder not be written to.
    """
    from harness.store.locate import find_run, list_runs, results_root
    from harness.store.run_store import RunStore

    if paper not in PAPERS:
        raise unknown("paper", paper, PAPERS)
    load_builtin()
    root = results_root(results)
    if runs:
        folders = [find_run(run, root) for run in runs]
        for folder in folders:
            suite = RunStore.open(folder).manifest.suite.name
            if suite not in SUITES:
                raise UsageError(f"{folder.name} is a run of suite {suite!r}. Drawn are runs of {', '.join(SUITES)}.")
    else:
        known = [path for place in dict.fromkeys((root, BASELINES)) for path in list_runs(place)]
        newest = {path.parent.name: path for path in sorted(known, key=_arms_then_age)}
        folders = [newest[suite] for suite in SUITES if suite in newest]
    write: Any = reach(PAPERS[paper])
    describe: Any = reach("models.decoding.describe:describe_schedule")
    count: Any = reach("models.decoding.describe:count_passes")
    out = output or Path("figures") / paper
    paths = write(
        published_file(paper), folders, out, describe=functools.partial(_described, describe), count=count,
        metrics=load_metrics(),
    )  # fmt: skip
    files = tuple(FigureFile(path=path.resolve(), sha256=file_sha256(path)) for path in paths)
    return FiguresFacts(paper=paper, files=files, runs=tuple(folder.name for folder in folders))


def published_file(paper: str) -> Path:
    """The file of a paper's published numbers."""
    spec = importlib.util.find_spec("suites")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "published" / f"{paper}.toml"


def _arms_then_age(folder: Path) -> tuple[int, str]:
    """Whole runs come after those of a few arms, newer ones after older ones."""
    from harness.store.run_store import RunStore

    return len({trial.arm for trial in RunStore.open(folder).manifest.plan.trials}), folder.name


def _described(describe: Any, name: str, frames: int, rows: int, columns: int, k: int) -> Any:
    return describe(name, frames, rows, columns, k)
