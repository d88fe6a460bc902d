"""What a name means when it is registered twice, and when it is registered lazily."""

from __future__ import annotations

import sys
import types

import pytest

from harness.errors import DiptychError, UsageError
from harness.registry import Entry, Registry, register


def test_two_places_that_claim_one_name_are_told_apart_at_once():
    registry = Registry()
    register("metric", "mine", summary="one", registry=registry)(object())
    with pytest.raises(
        DiptychError, match=r"registered twice: at .*test_registry.py:\d+ and at .*test_registry.py:\d+"
    ):
        register("metric", "mine", summary="other", registry=registry)(object())
    assert registry.entries["metric", "mine"].summary == "one"


def test_a_cell_of_a_notebook_may_be_run_again():
    registry = Registry()
    for line in (1, 2):
        cell = "\n" * line + "register('metric', 'mine', summary='s', registry=registry)(object())"
        exec(
            compile(cell, f"cell-{line}", "exec"), {"__name__": "__main__", "register": register, "registry": registry}
        )
    assert registry.entries["metric", "mine"].origin == "cell-2:3"


def test_an_entry_point_and_a_decorator_of_one_module_are_one_thing(monkeypatch):
    registry = Registry()
    registry.add(Entry("metric", "mine", "s", "mine 1.0 (my_module:MINE)", "my_module:MINE", "my_module"))
    module = types.ModuleType("my_module")
    monkeypatch.setitem(sys.modules, "my_module", module)
    source = "MINE = register('metric', 'mine', summary='s', registry=registry)(object())"
    exec(source, vars(module) | {"register": register, "registry": registry}, vars(module))
    assert registry.entries["metric", "mine"].load() is module.MINE
    assert registry.collisions("metric") == ()


def test_what_cannot_be_loaded_says_why():
    entry = Entry("metric", "mine", "s", "here", "no_such_module:THING")
    with pytest.raises(DiptychError, match=r"metric 'mine' \(here\) cannot be loaded: ModuleNotFoundError"):
        entry.load()


def test_an_unknown_name_names_the_nearest():
    registry = Registry()
    registry.add(Entry("metric", "psnr", "s", "here", object()))
    with pytest.raises(UsageError, match=r"unknown metric 'psn'; did you mean 'psnr'\?.*diptych list metrics"):
        registry.get("metric", "psn")
