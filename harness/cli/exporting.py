"""Exports as verbs: runs found, turned into another tool's files, written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from harness.cli.verbs import load_metrics
from harness.errors import DiptychError, UsageError
from harness.export.select import Skipped, StoredRun, read_run
from harness.types import Data

DEFAULT_FOLDER = Path("asv") / "exported"


class AsvFacts(Data):
    """Results of asv that were written.

    Attributes:
        files: Every file, configuration included.
        benchmarks: Names of the benchmarks.
        commits: Hashes of the commits that have results, oldest first.
        directory: asv's results folder.
        config: Configuration for ``asv publish``, ``show`` and ``compare``.
        skipped: Runs and cells that were left out, with the reason.
        notes: What a reader must know.
    """

    files: tuple[Path, ...]
    benchmarks: tuple[str, ...]
    commits: tuple[str, ...]
    directory: Path
    config: Path
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()


def export_asv(
    runs: Sequence[str] = (),
    output: Path | None = None,
    *,
    results: str | None = None,
    repository: Path | None = None,
) -> AsvFacts:
    """Write stored runs as results of asv, one file per machine, commit and environment; lower is always better.

    The folder then holds these runs and nothing else: the same runs give the same bytes.

    Args:
        runs: Paths, or unique prefixes of run ids; empty for all runs under the results folder and its baselines.
        output: asv's results folder; ``asv/exported`` in the working directory if None.
        results: Where runs are kept.
        repository: The git repository of the runs' commits; Diptych's own, else the working directory's, if None.

    Raises:
        UsageError: An unknown run, or a folder that is no repository.
        DiptychError: No run can be exported, or the folder cannot be written.
    """
    from harness.export.asv import CONFIG, as_bytes, build, configuration
    from harness.export.commits import find_repository, read_history
    from harness.export.folder import write_export
    from harness.store.locate import find_run, list_runs, results_root

    root = results_root(results)
    folders = [find_run(run, root) for run in runs] if runs else list_runs(root)
    if not folders:
        raise DiptychError(f"there is no run under {root} to export; diptych run SUITE makes one.")
    top = find_repository(repository)
    if top is None and repository is not None:
        raise UsageError(f"{str(repository)!r} is not in a git repository; name the one of the runs' commits.")
    stored, unreadable = _read(folders, strict=bool(runs))
    history = read_history(top, (run.commit for run in stored))
    documents = build(stored, load_metrics(), history.dates)
    skipped = (*unreadable, *documents.skipped)
    if not documents.files:
        first = f"; the first: {skipped[0].run}: {skipped[0].reason}" if skipped else ""
        raise DiptychError(f"none of {len(folders)} runs can be exported{first}")
    folder = Path(os.path.abspath(DEFAULT_FOLDER if output is None else output.expanduser()))
    where = os.path.relpath(top or Path.cwd(), folder)
    config = configuration(documents.thresholds, Path(where).as_posix(), f"../{folder.name}-html")
    head = b"// Written by diptych export asv. Thresholds are the suites': see harness/export/lower.py.\n"
    files = {name: as_bytes(document) for name, document in documents.files.items()}
    written = write_export(folder, {**files, CONFIG: head + as_bytes(config)})
    hidden = [commit for commit in documents.commits if commit not in history.drawn]
    return AsvFacts(
        files=tuple(written),
        benchmarks=documents.benchmarks,
        commits=documents.commits,
        directory=folder,
        config=folder / CONFIG,
        skipped=skipped,
        notes=tuple(_notes(hidden, top)),
    )


def _read(folders: Sequence[Path], *, strict: bool) -> tuple[list[StoredRun], list[Skipped]]:
    """Read runs; one that cannot be read is an error where it was asked for by name, and else left out."""
    found: dict[str, StoredRun] = {}
    unreadable = []
    for folder in folders:
        try:
            run = read_run(folder)
        except DiptychError as error:
            if strict:
                raise
            unreadable.append(Skipped(run=folder.name, reason=str(error)))
            continue
        found.setdefault(run.manifest.run_id, run)  # a baseline and the run that it was copied from are one
    return list(found.values()), unreadable


def _notes(hidden: Sequence[str], repository: Path | None) -> list[str]:
    if repository is None:
        return ["no git repository was found, so commits have their runs' dates; asv needs one: --repository DIR"]
    if not hidden:
        return []
    shown = ", ".join(commit[:8] for commit in hidden[:4]) + (", …" if len(hidden) > 4 else "")
    return [f"asv will not draw {shown}: not on the first-parent line of HEAD in {repository}"]
