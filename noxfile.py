"""Sessions: what is run before every change (lint, types, tests), what is run in full, and the demo.

Each works from a fresh clone with Python 3.11 or newer and nox alone: ``pip install nox && nox -s demo``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import nox

nox.needs_version = ">=2024.10"
nox.options.sessions = ["lint", "types", "tests"]
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_external_run = True

# One thread: sums come out the same and timings steady on a shared machine, unless the caller says otherwise.
STEADY = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"), "MPLBACKEND": "Agg"}


def install(session: nox.Session, extras: str = "") -> None:
    """Install the working tree beside the pinned torch; bytecode is left to the first import, in half the time."""
    # Where it may not be written, every start of Python compiles torch anew: ten seconds each.
    session.env["PYTHONDONTWRITEBYTECODE"] = ""
    session.install("--no-compile", "-c", "constraints.txt", "-e", f".{extras}")


def diptych(session: nox.Session, *arguments: str) -> dict[str, Any]:
    """Run one command with its progress shown, and return the document that it prints."""
    said = session.run("diptych", *arguments, "--json", silent=True, stderr=None, env=STEADY)
    document: dict[str, Any] = json.loads(str(said).strip().splitlines()[-1])
    return document


@nox.session
def demo(session: nox.Session) -> None:
    """Run the smallest matched trial, write its report, and say what it found."""
    install(session)
    found = diptych(session, "run", "decoding", "--scale", "smoke", *session.posargs)
    written = diptych(session, "report", found["path"], "-o", f"{found['path']}/report.html")
    session.log(f"report: {written['path']}")
    session.log(f"conclusion: {found['conclusion']}")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests that take seconds; arguments go to pytest."""
    install(session, "[test]")
    session.run("pytest", *session.posargs, env=STEADY)


@nox.session
def full(session: nox.Session) -> None:
    """Run the tests that take minutes: whole runs, the installed wheel, reports in a browser."""
    install(session, "[test]")
    session.run("pytest", "-m", "full", *session.posargs, env=STEADY)


@nox.session(default=False)
def faults(session: nox.Session) -> None:
    """Run the fault trials alone: kill -9 at ten random points, full and read-only disks, odd clocks and values."""
    fault_trials(session, kills=10)


@nox.session(default=False)
def soak(session: nox.Session) -> None:
    """Run the fault trials with fifty kills."""
    fault_trials(session, kills=50)


def fault_trials(session: nox.Session, kills: int) -> None:
    """Run the tests of ``tests/faults`` with this many kills."""
    install(session, "[test]")
    settings = {**STEADY, "DIPTYCH_KILLS": str(kills)}
    session.run("pytest", "-m", "full or not full", "tests/faults", *session.posargs, env=settings)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and the direction of imports; needs neither torch nor the package itself."""
    project = nox.project.load_toml("pyproject.toml")["project"]
    session.install(*project["optional-dependencies"]["lint"])
    session.run("ruff", "check", ".")
    session.run("lint-imports", "--no-cache")


@nox.session
def types(session: nox.Session) -> None:
    """Check types, strictly."""
    install(session, "[types]")
    session.run("mypy")


@nox.session(default=False)
def report(session: nox.Session) -> None:
    """Write the report of the runs named as arguments: ``nox -s report -- RUN``."""
    if not session.posargs:
        session.error("name at least one run: nox -s report -- RUN (diptych run prints its id)")
    install(session)
    session.run("diptych", "report", *session.posargs)


@nox.session(default=False)
def asv(session: nox.Session) -> None:
    """Track regressions: benchmark this commit, export stored runs, publish both under asv/html.

    Arguments go to ``asv run`` in place of ``--quick``, which calls each benchmark once.
    """
    install(session, "[test]")
    folder = Path("asv").resolve()
    home = folder / "home"  # asv keeps its machine file in HOME; nothing outside the working directory is written
    home.mkdir(parents=True, exist_ok=True)
    env = {**STEADY, "HOME": str(home), "GIT_CONFIG_GLOBAL": str(Path.home() / ".gitconfig")}
    config = ("--config", "suites/asv/asv.conf.json")
    name = "from harness.export.machine import this_machine; print(this_machine())"
    machine = ("--machine", str(session.run("python", "-c", name, silent=True)).strip())
    commit = str(session.run("git", "rev-parse", "HEAD", silent=True, external=True)).strip()
    if session.run("git", "status", "--porcelain", silent=True, external=True):
        session.warn("the working tree was changed since its commit: its benchmarks are run and not kept")
        kept = ["--dry-run"]
    else:
        kept = ["--set-commit-hash", commit]
    session.run("asv", "machine", "--yes", *config, *machine, silent=True, env=env)
    run = ("asv", "run", *config, *machine, "--environment", "existing:same", *kept)
    session.run(*run, *(session.posargs or ["--quick"]), env=env)
    exported = diptych(session, "export", "asv", "--output", "asv/exported")
    pages = [str(folder / "html" / name) for name in ("native", "exported")]
    for page, chosen in zip(pages, ("suites/asv/asv.conf.json", exported["config"]), strict=True):
        session.run("asv", "publish", "--no-pull", "--config", chosen, "--html-dir", page, silent=True, env=env)
    session.run("python", "-m", "suites.asv.regressions", *pages)
