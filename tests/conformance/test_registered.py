"""Every registered component, of every kind: it loads, says what it is, and fits what names it."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli.builtin import PACKAGES, load_builtin
from harness.cli.listing import KINDS, list_items
from harness.plan import make_plan
from harness.registry import Entry
from harness.types import Metric, Suite

REGISTRY = load_builtin()
ENTRIES = [entry for kind, _ in PACKAGES for entry in REGISTRY.list(kind)]
SUITES: list[Suite] = [entry.load() for entry in REGISTRY.list("suite")]
EXPECTED = {
    "suite": {"decoding", "null"},
    "schedule": {"sequential", "diagonal", "diagonal-st", "frame-at-once"},
    "world": {"crafter-9x9", "crafter-15x24"},
    "maker": {"decoding"},
    "metric": {
        "frames_per_second",
        "tokens_per_second",
        "passes",
        "frame_latency_seconds",
        "peak_memory_bytes",
        "psnr",
        "ssim",
        "token_accuracy",
        "model_bits_per_token",
        "frechet[tokenizer-crafter]",
        "kvd[tokenizer-crafter]",
    },
}


def label(thing: Entry | Suite) -> str:
    return f"{thing.kind}-{thing.name}" if isinstance(thing, Entry) else thing.name


@pytest.mark.parametrize("entry", ENTRIES, ids=label)
def test_it_loads_and_says_what_it_is(entry):
    thing = entry.load()
    assert thing is not None
    assert entry.summary
    assert "\n" not in entry.summary
    # the docstring of a class says what the class is, not what this one is
    assert inspect.isclass(thing) or entry.summary != (inspect.getdoc(type(thing)) or "").split("\n")[0]


@pytest.mark.parametrize("entry", ENTRIES, ids=label)
def test_its_origin_is_a_line_that_exists(entry):
    file, _, line = entry.origin.rpartition(":")
    assert 1 <= int(line) <= len(Path(file).read_text().splitlines())


@pytest.mark.parametrize(("kind", "names"), EXPECTED.items(), ids=EXPECTED)
def test_what_others_rely_on_is_there(kind, names):
    assert names <= {entry.name for entry in REGISTRY.list(kind)}


@pytest.mark.parametrize("kind", [kind for kind, _ in PACKAGES])
def test_no_module_is_broken(kind):
    REGISTRY.list(kind)
    assert REGISTRY.broken[kind] == {}


@pytest.mark.parametrize("kind", KINDS)
def test_names_are_unique_in_their_kind(kind):
    items = list_items(kind).items
    keys = [(item.name, item.details.get("suite")) for item in items]
    assert len(keys) == len(set(keys))
    assert all(item.summary and item.origin for item in items)


LISTING = """
import sys
from harness.cli.listing import KINDS, list_items
print([list_items(kind).broken for kind in KINDS] == [{}] * len(KINDS))
print([name for name in ("torch", "pandas", "matplotlib", "scipy") if name in sys.modules])
"""


def test_registering_and_listing_import_neither_torch_nor_plots():
    done = subprocess.run(
        [sys.executable, "-c", LISTING],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.split("\n")[:2] == ["True", "[]"]


@pytest.mark.parametrize("suite", SUITES, ids=label)
def test_a_suite_names_only_what_exists(suite):
    names = [arm.name for arm in suite.arms]
    assert len(names) == len(set(names))
    assert suite.baseline in names
    assert suite.negative_control is None or suite.negative_control in names
    assert {suite.primary_speed, suite.primary_quality} <= set(suite.metrics)
    assert {threshold.metric for threshold in suite.thresholds} <= set(suite.metrics)
    assert {"smoke", "small", "full"} <= set(suite.scales)
    for metric in suite.metrics:
        REGISTRY.entry("metric", metric)
    for arm in suite.arms:
        assert arm.summary
        REGISTRY.entry("maker", arm.maker)
        if "schedule" in arm.params:
            REGISTRY.entry("schedule", str(arm.params["schedule"]))
    for scale in suite.scales.values():
        for case in scale.cases:
            REGISTRY.entry("model", case.model)


@pytest.mark.parametrize("suite", SUITES, ids=label)
def test_a_suite_fixes_its_margin_and_thresholds_with_a_reason(suite):
    assert suite.margin > 0
    assert len(suite.margin_why.split()) >= 4
    for threshold in suite.thresholds:
        assert threshold.tau > 0
        assert threshold.why


@pytest.mark.parametrize("suite", SUITES, ids=label)
def test_every_scale_can_be_planned_and_every_block_runs_every_arm(suite):
    for scale in suite.scales:
        plan = make_plan(suite, scale, seed=0)
        assert len(plan.trials) == len(plan.blocks) * len(suite.arms)
        assert len({(trial.block, trial.arm) for trial in plan.trials}) == len(plan.trials)


@pytest.mark.parametrize("suite", [s for s in SUITES if s.placebo], ids=label)
def test_only_a_placebo_shifts_seeds(suite):
    assert any(arm.seed_shift for arm in suite.arms)


def test_no_other_suite_shifts_seeds():
    assert {arm.seed_shift for suite in SUITES if not suite.placebo for arm in suite.arms} == {0}


@pytest.mark.parametrize("entry", REGISTRY.list("metric"), ids=label)
def test_a_metric_declares_itself_completely(entry):
    metric = entry.load()
    assert isinstance(metric, Metric)
    assert metric.name == entry.name
    assert metric.summary
    assert metric.direction in ("higher", "lower")
    assert metric.minimum_n >= 6  # fewer clusters give no interval
    if metric.scale == "set":
        assert metric.distance is not None
        assert metric.feature_space is not None
        REGISTRY.entry("extractor", metric.feature_space)
        assert f"[{metric.feature_space}]" in metric.name


@pytest.mark.parametrize("entry", REGISTRY.list("model"), ids=label)
def test_a_model_names_a_world_and_weights_that_exist(entry):
    card = entry.load()
    assert card.name == entry.name
    REGISTRY.entry("world", card.world)
    shipped = {item.name for item in list_items("assets").items}
    assert card.tokenizer is None or card.tokenizer in shipped
    assert card.weights is None or card.weights in shipped
