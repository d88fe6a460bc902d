"""Dates of commits, and which commits asv will draw: those on the first-parent line of HEAD."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.provenance import HERE, git


@dataclass(frozen=True)
class History:
    """What a repository knows of some commits.

    Attributes:
        dates: Commit → author's date (asv's choice), milliseconds since 1970; unknown commits are missing.
        drawn: Those on the first-parent line of HEAD.
    """

    dates: dict[str, int]
    drawn: frozenset[str]


def find_repository(option: Path | None) -> Path | None:
    """Return the top folder of the repository: of ``option``, else of Diptych's own code, else of the working folder.

    Returns:
        None where there is none, or git is not installed. A repository that merely contains an installed Diptych is
        not taken for Diptych's.
    """
    places = [option] if option is not None else [HERE.parent, Path.cwd()]
    for place in places:
        try:
            if option is None and place == HERE.parent:
                git(place, "ls-files", "--error-unmatch", HERE.name)
            return Path(git(place, "rev-parse", "--show-toplevel").decode().strip())
        except (OSError, subprocess.SubprocessError):
            continue
    return None


def read_history(repository: Path | None, commits: Iterable[str]) -> History:
    """Look ``commits`` up in ``repository``; nothing is known without one."""
    wanted = set(commits)
    if repository is None or not wanted:
        return History({}, frozenset())
    try:
        lines = git(repository, "log", "--first-parent", "--format=%H %at", "HEAD").decode().splitlines()
    except (OSError, subprocess.SubprocessError):  # a repository without any commit
        lines = []
    first_parents = {commit: 1000 * int(date) for commit, date in (line.split() for line in lines)}
    dates = {commit: first_parents[commit] for commit in wanted & first_parents.keys()}
    drawn = frozenset(dates)
    for commit in sorted(wanted - drawn):
        try:
            said = git(repository, "show", "-s", "--format=%at", f"{commit}^{{commit}}", "--")
        except (OSError, subprocess.SubprocessError):
            continue  # not in this repository, or lost to a shallow clone
        dates[commit] = 1000 * int(said.decode().strip())
    return History(dates, drawn)
