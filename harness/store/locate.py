"""Where results are, and which run a user means."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from harness.errors import UsageError, unknown
from harness.store.archive import has_file
from harness.store.names import MANIFEST, PACKED

VARIABLE = "DIPTYCH_RESULTS"


def results_root(option: str | Path | None = None, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the results folder: the option, else ``DIPTYCH_RESULTS``, else ``./results``. Nothing is created.

    Raises:
        UsageError: The option or the variable is an empty string.
    """
    for name, value in (("--results", option), (VARIABLE, environment.get(VARIABLE))):
        if value is None:
            continue
        if not str(value).strip():
            raise UsageError(f"{name} is an empty string; name a folder, such as results, or leave it out.")
        return Path(value).expanduser()
    return Path("results")


def list_runs(root: Path) -> list[Path]:
    """Return the folders of all runs under ``root``, ``root/baselines`` and ``./results/baselines``, by run id.

    Folders whose name begins with a dot are no runs: what is being removed is renamed so.
    """
    found: dict[str, Path] = {}
    for place in (root, root / "baselines", Path("results") / "baselines"):
        where = os.path.realpath(place)
        for suite in folders(place):
            for run in folders(suite.path):
                if has_file(run.path, MANIFEST):
                    real = os.path.join(where, suite.name, run.name)
                    if suite.is_symlink() or run.is_symlink():
                        real = os.path.realpath(real)
                    found.setdefault(real, Path(run.path))
    return sorted(found.values(), key=lambda path: (path.name, str(path)))


def folders(place: str | Path) -> list[os.DirEntry[str]]:
    """Return the folders inside ``place`` that are not hidden; none where it is no readable folder."""
    try:
        with os.scandir(place) as entries:
            return [entry for entry in entries if not entry.name.startswith(".") and entry.is_dir()]
    except OSError:
        return []


def find_run(run: str | Path, root: Path) -> Path:
    """Return the folder of a run.

    Args:
        run: A path to the folder (or its manifest), a run id, ``suite/run-id``, or a unique prefix of either.
        root: The results folder.

    Raises:
        UsageError: No such run, or several; names the nearest or all that match.
    """
    text = str(run)
    if not text.strip():
        raise UsageError("a run must be named: a path or the beginning of a run id. See: diptych results ls")
    path = Path(text).expanduser()
    if path.name in (MANIFEST, MANIFEST + PACKED) and path.is_file():
        return path.parent
    if has_file(path, MANIFEST):
        return path
    runs = list_runs(root)
    names = {folder: (folder.name, f"{folder.parent.name}/{folder.name}") for folder in runs}
    exact = [folder for folder in runs if text in names[folder]]
    matching = exact or [folder for folder in runs if any(name.startswith(text) for name in names[folder])]
    ids = sorted({folder.name for folder in matching})
    if len(ids) > 1:
        shown = ", ".join(ids[:8]) + (", …" if len(ids) > 8 else "")
        raise UsageError(f"run {text!r} is ambiguous: {len(ids)} runs begin so ({shown}). Type more of the id.")
    copies = [folder for folder in matching if folder.parent.parent.name != "baselines"]
    if len(copies) > 1:
        places = ", ".join(str(folder) for folder in copies)
        raise UsageError(f"run {text!r} is in several folders: {places}. Name one by its path.")
    if matching:
        return matching[0]  # a committed baseline and the run it was copied from: the run has the samples
    if path.is_dir():
        raise UsageError(f"{text!r} is a folder without {MANIFEST}: not a run, or killed before its first trial.")
    recent = [folder.name for folder in runs][-20:]
    error = unknown("run", text, recent, "diptych results ls")
    error.args = (f"{error.args[0]} (runs are looked for in {root} and {root / 'baselines'})",)
    raise error
