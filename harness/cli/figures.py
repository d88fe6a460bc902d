"""Paper figures as a verb: which runs or scores are drawn, from which published numbers, into which folder."""

from __future__ import annotations

import importlib.resources
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from harness.cli.builtin import load_builtin, reach
from harness.cli.verbs import load_metrics
from harness.errors import UsageError, unknown
from harness.types import Data


@dataclass(frozen=True)
class Paper:
    """How a paper's figures are made.

    Attributes:
        draw: Where the function is.
        suites: Where the names of the suites are whose runs are drawn.
        scores: True where scores of videos are drawn, too.
    """

    draw: str
    suites: str
    scores: bool = False


PAPERS = {
    "diagd": Paper("reports.papers.diagd:draw_diagd", "reports.papers.diagd:SUITES"),
    "videodpo": Paper("reports.papers.videodpo:draw_videodpo", "reports.papers.videodpo:SUITES", scores=True),
}
DEFAULT_FOLDER = Path("figures")


class FigureFile(Data):
    """A file that was written."""

    path: Path
    sha256: str


class FiguresFacts(Data):
    """What was written, and from what.

    Attributes:
        paper: Which paper.
        files: Figure by figure.
        runs: Ids of the runs that were drawn.
        scores: The file of scores that was drawn, or None.
        notes: What a reader must know, such as suites without a run.
    """

    paper: str
    files: tuple[FigureFile, ...]
    runs: tuple[str, ...]
    scores: Path | None = None
    notes: tuple[str, ...] = ()


def write_figures(
    paper: str,
    output: Path | None = None,
    *,
    runs: Sequence[str | Path] = (),
    results: str | Path | None = None,
    scores: Path | None = None,
    composite: str | None = None,
) -> FiguresFacts:
    """Write a paper's figures and tables from what is published and measured; the same inputs give the same bytes.

    Args:
        paper: ``"diagd"`` or ``"videodpo"``.
        output: Folder; ``figures/PAPER`` in the working directory if None.
        runs: Paths, or unique prefixes of run ids; if there are none, the newest finished run of all arms of each of
            the paper's suites, among the results and the committed baselines. Without any, only what is published and
            what follows from the schedules is drawn, and the titles say so.
        results: Where runs are kept.
        scores: File of scores of videos: the JSON document of ``diptych score``, or a CSV file with the columns
            ``video``, ``prompt`` and one for each score. Of ``"videodpo"`` alone; without it, only what is published
            is drawn.
        composite: The score in it that ranks videos; the one that begins with ``omniscore`` if None.

    Returns:
        Every file with its SHA-256.

    Raises:
        UsageError: No such paper, a run of another suite, two of one suite, or scores that say something impossible.
        DiptychError: A run or a file cannot be read, or the folder not be written to.
    """
    from harness.files import usable_folder

    if paper not in PAPERS:
        raise unknown("paper", paper, PAPERS, "diptych figures --help")
    folder = DEFAULT_FOLDER / paper if output is None else output.expanduser()
    if not PAPERS[paper].scores and (scores is not None or composite is not None):
        raise UsageError(f"figures of {paper} are drawn from runs, not from scores; give --run RUN.")
    if composite is not None and scores is None:
        raise UsageError("--composite names a score of a file; give --scores FILE, too.")
    suites = reach(PAPERS[paper].suites)
    assert isinstance(suites, tuple)
    folders = _runs_drawn(runs, results, suites)
    more: dict[str, Any] = {"scores": scores, "composite": composite} if PAPERS[paper].scores else _decoding()
    drawn = _drawer(paper)(published_file(paper), list(folders.values()), metrics=load_metrics(), **more)
    usable_folder(folder, "folder for figures", "Choose another with -o DIR.")
    names = tuple(path.name for path in folders.values())
    files = _written(folder, drawn)
    return FiguresFacts(paper=paper, files=files, runs=names, scores=scores, notes=_notes(paper, folders, scores))


def _decoding() -> dict[str, Any]:
    """What only the decoding paper's figures read: schedules, and sizes of models."""
    registry = load_builtin()
    return {
        "describe": reach("models.decoding.describe:describe_schedule"),
        "schedules": [entry.name for entry in registry.list("schedule")],
        "sizes": _sizes(registry),
    }


def _notes(paper: str, folders: Mapping[str, Path], scores: Path | None) -> tuple[str, ...]:
    suites = reach(PAPERS[paper].suites)
    assert isinstance(suites, tuple)
    lacking = [suite for suite in suites if suite not in folders]
    notes = [f"no run of {', '.join(lacking)}: nothing measured is drawn of it"] if lacking else []
    if PAPERS[paper].scores and scores is None:
        notes.append("no scores: the analysis of one is not drawn; it needs --scores FILE (see: diptych score --help)")
    return tuple(notes)


def _drawer(paper: str) -> Callable[..., Mapping[str, bytes]]:
    draw = reach(PAPERS[paper].draw)
    assert callable(draw)
    return cast("Callable[..., Mapping[str, bytes]]", draw)


def _runs_drawn(runs: Sequence[str | Path], results: str | Path | None, suites: Sequence[str]) -> dict[str, Path]:
    """The runs that were named, or the newest ones, by suite."""
    from harness.store.locate import find_run, results_root

    root = results_root(results)
    return _chosen([find_run(run, root) for run in runs], suites) if runs else _newest(root, suites)


def _written(folder: Path, content: Mapping[str, bytes]) -> tuple[FigureFile, ...]:
    """Write files, and say what they are."""
    import hashlib

    from harness.files import write_atomically

    written = []
    for name, data in content.items():
        path = folder / name
        write_atomically(path, data)
        written.append(FigureFile(path=path.resolve(), sha256=hashlib.sha256(data).hexdigest()))
    return tuple(written)


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
