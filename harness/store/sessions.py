"""Who went on with a run: one line of ``sessions.jsonl`` for every process that resumed it.

The manifest says where a run began. Trials of a later process may come from other code, or, if that was allowed, from
another context; and their durations were not measured beside those of the process before.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from harness.errors import DiptychError
from harness.files import write_atomically
from harness.types import Data

SESSIONS = "sessions.jsonl"


class Session(Data):
    """One process that resumed a run.

    Attributes:
        session: Its number, from 1; the process that began the run is 0.
        started_at: ISO 8601, UTC.
        argv: The command line.
        reason: Why there is another one; empty where the user resumed the run.
        code: Commit, whether it was changed since, and the hash of the change.
        context_differences: ``key: old → new`` for each fact of context that is not the manifest's.
    """

    session: int = Field(ge=1)
    started_at: str
    argv: list[str] = Field(default_factory=list)
    reason: str = ""
    code: dict[str, Any] = Field(default_factory=dict)
    context_differences: list[str] = Field(default_factory=list)


def read_sessions(folder: Path) -> list[Session]:
    """Return the sessions of a run's folder, in order.

    Raises:
        DiptychError: The file is damaged.
    """
    file = folder / SESSIONS
    try:
        lines = file.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    try:
        return [Session.model_validate_json(line) for line in lines]
    except ValidationError as error:
        raise DiptychError(f"{file} is damaged. Restore it from a copy.") from error


def add_session(folder: Path, **facts: Any) -> Session:
    """Write down that another process goes on with the run, and return its session (atomically; one writer at a time).

    Args:
        folder: The run's folder.
        facts: The attributes of :class:`Session` other than its number.
    """
    earlier = read_sessions(folder)
    added = Session(session=len(earlier) + 1, **facts)
    lines = [session.model_dump_json() + "\n" for session in (*earlier, added)]
    write_atomically(folder / SESSIONS, "".join(lines).encode())
    return added


def contexts(sessions: list[Session]) -> dict[int, tuple[str, ...]]:
    """Return session → what its context differs in from the manifest's; sessions of equal facts share a context.

    The process that began the run is session 0, in the manifest's context.
    """
    return {0: (), **{later.session: tuple(sorted(later.context_differences)) for later in sessions}}


def session_problems(began: dict[str, Any], sessions: list[Session]) -> list[str]:
    """Say which sessions ran other code than the run began with, or in another context.

    Args:
        began: The manifest's facts of the code.
        sessions: All later sessions.
    """
    problems = []
    for later in sessions:
        changed = [key for key in ("commit", "patch_sha256", "untracked") if later.code.get(key) != began.get(key)]
        if changed:
            was, now = (str(facts.get("commit"))[:12] for facts in (began, later.code))
            how = f"at commit {now}, the run began at {was}" if was != now else "with other uncommitted changes"
            problems.append(f"session {later.session} of this run ({later.started_at}) was made {how}")
        if later.context_differences:
            facts = "; ".join(later.context_differences)
            problems.append(f"session {later.session} of this run ({later.started_at}) ran in another context: {facts}")
    return problems
