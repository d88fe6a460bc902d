"""Which stored runs belong in a history of commits, and why the others do not.

A history has one point per commit: a run from a changed tree, or continued by other code, is no commit's; an unfinished
run is another set of cases. Of several runs of one commit, machine, environment, suite and scale one counts
(pooling them would hide that something moved between them): the newest among those with the most arms, so that a run
of a few arms (``--arms``) never takes the others' points away. Of two runs with as many arms the newer counts,
whichever arms they are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.export.machine import Place, place_of, result_file
from harness.store.records import Manifest, TrialRecord
from harness.store.run_store import RunStore
from harness.store.sessions import read_sessions, session_problems
from harness.types import Data

COMMIT = re.compile(r"[0-9a-f]{40}")


class Skipped(Data):
    """Something that was not exported.

    Attributes:
        run: Run id, or the folder's name where it cannot be read.
        what: The cell (``"benchmark('arm')"``) or the metric that has no value, or None for the whole run.
        reason: Why.
    """

    run: str
    what: str | None = None
    reason: str


@dataclass(frozen=True)
class StoredRun:
    """A run as it was read.

    Attributes:
        manifest: What was asked, by which code, where.
        records: One record per trial.
        interruptions: What :func:`harness.store.sessions.session_problems` says of the processes that went on with it.
    """

    manifest: Manifest
    records: Sequence[TrialRecord]
    interruptions: tuple[str, ...] = ()

    @property
    def commit(self) -> str:
        """The commit that it was made from."""
        return str((self.manifest.info.get("code") or {}).get("commit"))

    @property
    def place(self) -> Place:
        """Machine and environment."""
        return place_of(self.manifest.context, self.manifest.threads, self.manifest.plan.seed)

    @property
    def file(self) -> str:
        """The result file that it belongs to."""
        return result_file(self.place, self.commit)

    @property
    def age(self) -> tuple[str, str]:
        """Sorts runs from the oldest to the newest."""
        return self.manifest.created_at, self.manifest.run_id


def read_run(folder: Path) -> StoredRun:
    """Read the run in ``folder``.

    Raises:
        DiptychError: It cannot be read.
    """
    store = RunStore.open(folder)
    sessions = session_problems(store.manifest.info.get("code") or {}, read_sessions(folder))
    return StoredRun(store.manifest, store.records(), tuple(sessions))


def refusal(run: StoredRun) -> str | None:
    """Return why ``run`` is no point of a history, or None if it is one."""
    if run.manifest.imported:
        return "it was read from another tool's files, and tells nothing of a commit"
    code = run.manifest.info.get("code") or {}
    if not COMMIT.fullmatch(run.commit):
        return f"it names no commit: {code.get('reason') or 'its code is unknown'}"
    if code.get("dirty"):
        return f"it was made from a changed tree, which is not commit {run.commit[:8]}; commit, then run again"
    if run.interruptions:
        return run.interruptions[0]
    planned, done = len(run.manifest.plan.trials), len(run.records)
    if done < planned:
        return f"it is not finished: {done} of {planned} trials; diptych resume {run.manifest.run_id}"
    return None


def select(runs: Sequence[StoredRun]) -> tuple[list[StoredRun], list[Skipped]]:
    """Return the runs of a history, oldest first, and what was left out.

    A run whose suite has a later version among ``runs`` is left out as well: raising the version says that the numbers
    mean something else.
    """
    skipped = []
    sound: dict[str, StoredRun] = {}
    for run in sorted(runs, key=lambda run: run.age):
        why = refusal(run)
        if why is None:
            sound[run.manifest.run_id] = run  # a committed baseline and the run it was copied from are one run
        else:
            skipped.append(Skipped(run=run.manifest.run_id, reason=why))
    versions: dict[str, int] = {}
    for run in sound.values():
        suite = run.manifest.suite
        versions[suite.name] = max(suite.version, versions.get(suite.name, suite.version))
    chosen: dict[tuple[str, str, str], StoredRun] = {}
    for run in sound.values():  # oldest first
        suite = run.manifest.suite
        if suite.version < versions[suite.name]:
            why = f"suite {suite.name} has version {versions[suite.name]} now; this is version {suite.version}"
            skipped.append(Skipped(run=run.manifest.run_id, reason=why))
            continue
        key = (run.file, suite.name, run.manifest.plan.scale)
        old = chosen.get(key)
        if old is not None and len(old.manifest.plan.arms) > len(run.manifest.plan.arms):
            few, all_of = len(run.manifest.plan.arms), len(old.manifest.plan.arms)
            why = f"run {old.manifest.run_id} of the same commit, machine and scale has {all_of} arms, this one {few}"
            skipped.append(Skipped(run=run.manifest.run_id, reason=why))
            continue
        if old is not None:
            more = "has more arms" if len(old.manifest.plan.arms) < len(run.manifest.plan.arms) else "is newer"
            why = f"run {run.manifest.run_id} of the same commit, machine and scale {more}"
            skipped.append(Skipped(run=old.manifest.run_id, reason=why))
        chosen[key] = run
    return sorted(chosen.values(), key=lambda run: run.age), skipped
