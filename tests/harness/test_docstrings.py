"""Docstrings of metrics: complete by the recipe, and every example in them is true."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil

import pytest

import harness.metrics
import harness.stats
from harness.cli.builtin import load_builtin

RECIPE = (
    "Formula:",
    "Shapes:",
    "Range:",
    "Unit:",
    "Direction:",
    "Minimum n:",
    "Preprocessing:",
    "Errors:",
    "Reference:",
    "Example:",
)
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
METRICS = sorted({entry.module for entry in load_builtin().list("metric") if entry.module.startswith("harness.")})
# A module leaves this set when its docstring is complete; no new one enters.
UNTOLD = {f"harness.metrics.{name}" for name in ("action_f1",)}
MODULES = [
    info.name
    for package in (harness.metrics, harness.stats)
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
]


def examples(module: str) -> list[doctest.DocTest]:
    """The examples of a module and of what it defines."""
    found = doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(module))
    return [test for test in found if test.examples]


@pytest.mark.parametrize("module", [module for module in METRICS if module not in UNTOLD])
def test_a_metric_is_told_by_the_recipe(module):
    text = inspect.getdoc(importlib.import_module(module)) or ""
    lines = text.splitlines()
    missing = [word for word in RECIPE if not any(line.startswith(word) for line in lines)]
    assert missing == []
    assert ">>> " in text


@pytest.mark.parametrize("module", MODULES)
def test_examples_are_true(module):
    for example in examples(module):
        said: list[str] = []
        runner = doctest.DocTestRunner(optionflags=OPTIONS, verbose=False)
        runner.run(example, out=said.append)
        assert not said, "".join(said)
