"""Paper figures as a verb: which runs are drawn, from which published numbers, into which folder."""

from __future__ import annotations

import importlib.resources
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.cli.builtin import load_builtin, reach
from harness.cli.verbs import load_metrics
from harness.errors import UsageError, unknown
from harness.types import Data

PAPERS = {"diagd": ("reports.papers.diagd:draw_diagd", "reports.papers.diagd:SUITES")}
DEFAULT_FOLDER = Path("figures")


class FigureFile(Data):
    """A file that was written."""

    path: Path
    sha256: str


class FiguresFacts(Data):
    """What was written, and from which runs.

    Attributes:
        paper: Which paper.
        files: Figure by figure.
        runs: Ids of the runs that were drawn.
        notes: What a reader must know, such as suites without a run.
    """

    paper: str
    files: tuple[FigureFile, ...]
    runs: tuple[str, ...]
    notes: tuple[str, ...] = ()


def write_figures(
    paper: str, output: Path | None = None, *, runs: Sequence[str | Path] = (), results: str | Path | None = None
) -> FiguresFacts:
    """Write a paper's figures and tables from published numbers and measured runs; the same runs give the same bytes.

    Args:
        paper: ``"diagd"``.
        output: Folder; ``figures/PAPER`` in the working directory if None.
        runs: Paths, or unique prefixes of run ids; if there are none, the newest finished run of all arms of each of
            the paper's suites, among the results and the committed baselines. Without any, only what is published and
            what follows from the schedules is drawn, and the titles say so.
        results: Where runs are kept.

    Returns:
        Every file with its SHA-256.

    Raises:
        UsageError: No such paper, a run of another suite, or two of one suite.
        DiptychError: A run cannot be read, or the folder not be written to.
    """
    import hashlib

    from harness.files import usable_folder, write_atomically
    from harness.store.locate import find_run, results_root

    if paper not in PAPERS:
        raise unknown("paper", paper, PAPERS, "diptych figures --help")
    draw, suites = (reach(target) for target in PAPERS[paper])
    assert callable(draw)
    assert isinstance(suites, tuple)
    registry = load_builtin()
    root = results_root(results)
    folders = _chosen([find_run(run, root) for run in runs], suites) if runs else _newest(root, suites)
    folder = DEFAULT_FOLDER / paper if output is None else output.expanduser()
    usable_folder(folder, "folder for figures", "Choose another with -o DIR.")
    content: dict[str, bytes] = draw(
        published_file(paper),
        list(folders.values()),
        describe=reach("models.decoding.describe:describe_schedule"),
        schedules=[entry.name for entry in registry.list("schedule")],
        sizes=_sizes(registry),
        metrics=load_metrics(),
    )
    written = []
    for name, data in content.items():
        path = folder / name
        write_atomically(path, data)
        written.append(FigureFile(path=path.resolve(), sha256=hashlib.sha256(data).hexdigest()))
    lacking = [suite for suite in suites if suite not in folders]
    notes = [f"no run of {', '.join(lacking)}: nothing measured is drawn of it"] if lacking else []
    return FiguresFacts(
        paper=paper, files=tuple(written), runs=tuple(path.name for path in folders.values()), notes=tuple(notes)
    )


def published_file(paper: str) -> Path:
    """The file of a paper's published numbers, package data of the suites."""
    return Path(str(importlib.resources.files("suites"))) / "published" / f"{paper}.toml"


def _chosen(folders: Sequence[Path], suites: Sequence[str]) -> dict[str, Path]:
    """Runs that were named, by suite, in the paper's order."""
    from harness.store.run_store import RunStore

    found: dict[str, Path] = {}
    for folder in folders:
        suite = RunStore.open(folder).manifest.suite.name
        if suite not in suites:
            raise UsageError(
                f"run {folder.name} is one of suite {suite!r}; drawn are runs of {', '.join(suites)}. "
                "See: diptych results ls"
            )
        if suite in found:
            raise UsageError(
                f"runs {found[suite].name} and {folder.name} are both of suite {suite!r}; name one of each suite."
            )
        found[suite] = folder
    return {suite: found[suite] for suite in suites if suite in found}


def _newest(root: Path, suites: Sequence[str]) -> dict[str, Path]:
    """The newest complete run of each suite that ran every arm."""
    from harness.cli.stored import list_results
    from harness.store.run_store import RunStore

    found: dict[str, Path] = {}
    for run in list_results(results=str(root)).runs:
        if run.state != "complete" or run.suite not in suites or run.suite in found:
            continue
        manifest = RunStore.open(Path(run.path)).manifest
        if set(manifest.plan.arms) == {arm.name for arm in manifest.suite.arms}:
            found[run.suite] = Path(run.path)
    return {suite: found[suite] for suite in suites if suite in found}


def _sizes(registry: Any) -> dict[str, int]:
    """Parameters by registered model, of those that declare a shape."""
    sizes: dict[str, int] = {}
    for entry in registry.list("model"):
        if registry.own(entry):  # another distribution's model may need what is not installed
            parameters = getattr(getattr(entry.load(), "shape", None), "parameters", None)
            if isinstance(parameters, int):
                sizes[entry.name] = parameters
    return sizes
