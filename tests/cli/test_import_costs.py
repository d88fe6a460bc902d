"""Importing the harness and asking for help must stay cheap, and need no torch."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import pytest

import harness

HEAVY = ("torch", "torchvision", "pandas", "scipy", "matplotlib", "skimage", "av", "rich")


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    return done.stdout.strip()


def test_importing_brings_nothing_heavy():
    modules = (
        "harness, harness.types, harness.cli.main, harness.cli.verbs, harness.cli.running, harness.cli.checks, "
        "harness.cli.checking, harness.cli.schemas, harness.suite_file, harness.declaration, "
        "harness.cli.power, harness.power, harness.cli.stored, harness.cli.verifying, "
        "harness.cli.frames, harness.export.table, harness.cli.importing"
    )
    assert python(f"import sys, {modules}; print([name for name in {HEAVY!r} if name in sys.modules])") == "[]"


def test_help_imports_no_command():
    code = (
        "import sys, harness.cli.main as m; m.run(['--help']); "
        "print([n for n in sys.modules if n.startswith('harness.cli.commands')])"
    )
    assert python(code).splitlines()[-1] == "[]"


def test_help_answers_at_once(plugin, tmp_path):
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, "-P", "-m", "harness.cli.main", "--help"],
            env={**os.environ, "PYTHONPATH": plugin, "PYTHONDONTWRITEBYTECODE": ""},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert "compare" in done.stdout
    assert min(seconds) < 0.4  # seconds of computation: another process on the machine is no failure


def test_every_public_name_exists_and_is_declared_once():
    assert sorted(harness.__all__) == sorted({*harness._HOME_OF, "__version__"})
    for name in harness.__all__:
        assert getattr(harness, name) is not None
    assert set(harness.__all__) <= set(dir(harness))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = harness.nonsense
