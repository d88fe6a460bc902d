"""The verbs from Python, with components that only this process knows: a notebook's, a script's."""

from __future__ import annotations

import os
from dataclasses import replace

import harness
from harness.registry import REGISTRY, Entry
from tests.cli.plugin.diptych_tiny.maker import TinyMaker

MADE_BY: set[int] = set()


class HomeMade(TinyMaker):
    """A maker typed into a notebook; it notes which process it runs in."""

    def make(self, arm, case, seed, repeats):
        MADE_BY.add(os.getpid())
        return super().make(arm, case, seed, repeats)


def test_what_only_this_process_knows_runs_in_it(diptych, tiny_entries, tmp_path, monkeypatch, caplog):
    suite = tiny_entries["suite", "tiny"].load()
    arms = tuple(arm.model_copy(update={"maker": "home-made"}) for arm in suite.arms)
    mine = suite.model_copy(update={"name": "mine", "arms": arms})
    entry = Entry("maker", "home-made", "typed in", "<cell 3>:1", HomeMade, "__main__")
    monkeypatch.setitem(REGISTRY.entries, ("maker", "home-made"), entry)
    MADE_BY.clear()
    with caplog.at_level("INFO", "diptych"):
        found = harness.run_suite(mine, results=tmp_path)
    assert found.trials.finished == 24
    assert os.getpid() in MADE_BY
    assert "maker 'home-made': known to this process alone" in caplog.text
    assert harness.resume_run(found.path).run_id == found.run_id
    assert harness.show_run(found.path).conclusion == found.conclusion


def test_what_is_installed_runs_in_a_worker(diptych, tiny_entries, tmp_path, caplog):
    assert REGISTRY.loose() == []
    with caplog.at_level("INFO", "diptych"):
        found = harness.run_suite(tiny_entries["suite", "tiny"].load(), results=tmp_path)
    assert found.trials.finished == 24
    assert "known to this process alone" not in caplog.text


def test_loose_are_neither_ours_nor_a_distribution_s(tiny_entries):
    ours = REGISTRY.entry("metric", "psnr")
    registry = replace(REGISTRY, entries={("metric", "psnr"): ours, ("maker", "tiny"): tiny_entries["maker", "tiny"]})
    assert registry.loose() == []
    registry.entries["metric", "typed"] = Entry("metric", "typed", "", "<cell 1>:1", object(), "__main__")
    registry.entries["suite", "typed"] = Entry("suite", "typed", "", "<cell 1>:1", object(), "__main__")
    assert [entry.name for entry in registry.loose()] == ["typed"]
