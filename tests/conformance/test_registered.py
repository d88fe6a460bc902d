"""Every registered component, of every kind, keeps the laws that ``diptych check`` holds it to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli.builtin import PACKAGES, load_builtin
from harness.cli.checking import LAWS, held
from harness.cli.listing import KINDS, list_items
from harness.conformance.laws import Component
from harness.registry import Entry
from models.zoo.cards import PublishedShape

REGISTRY = load_builtin()
ENTRIES = [entry for kind, _ in PACKAGES for entry in REGISTRY.list(kind)]
SLOW = {("model", "llama-like-101m-random"), ("model", "video-transformer-crafter-15x24"), ("maker", "decoding")}
SLOW |= {("suite", name) for name in ("decoding", "decoding-fidelity", "decoding-vizdoom", "null-vizdoom")}
SLOW |= {("suite", "decoding-finetune"), ("maker", "decoding-shape")}
SLOW |= {("suite", "omniscore-samples"), ("suite", "omniscore-sanity")}
SLOW |= {("suite", "alignment"), ("suite", "alignment-ablation")}
"""Suites run every arm on every case; null stands for them."""
NEEDS_VIZDOOM = {("world", "vizdoom-6x8"), ("suite", "decoding-vizdoom"), ("suite", "null-vizdoom")}
EXPECTED = {
    "suite": {"decoding", "decoding-vizdoom", "null", "null-vizdoom", "omniscore-sanity", "omniscore-samples"}
    | {"alignment", "alignment-ablation"},
    "schedule": {"sequential", "diagonal", "diagonal-st", "frame-at-once"},
    "world": {"crafter-9x9", "crafter-15x24", "vizdoom-6x8"},
    "maker": {"decoding", "text-to-video", "diffusers"},
    "comparer": {"lpips-alex", "st-lpips-alex"},
    "scorer": {
        "brisque",
        "nima-mobilenet",
        "subject-efficientnet-lite0",
        "background-efficientnet-lite0",
        "motion-raft-small",
        "motion-dis",
        "smoothness-rife",
        "subject-dino-vitb16",
        "background-clip-vitb32",
        "laion-clip-vitl14",
        "motion-raft-things",
        "musiq-spaq",
        "smoothness-amt-s",
    },
    "text-scorer": {
        "video-text-crafter",
        "video-text-crafter-judge",
        "video-text-vizdoom",
        "video-text-vizdoom-judge",
        "state-crafter",
        "conse",
        "viclip",
    },
    "metric": {
        "frames_per_second",
        "tokens_per_second",
        "passes",
        "frame_latency_seconds",
        "peak_memory_bytes",
        "psnr",
        "ssim",
        "lpips",
        "st-lpips-alex",
        "token_accuracy",
        "model_bits_per_token",
        "frechet[tokenizer-crafter]",
        "kvd[tokenizer-crafter]",
        "action_f1[idm-crafter]",
        "frechet[idm-crafter]",
        "kvd[idm-crafter]",
        "frechet[tokenizer-vizdoom]",
        "kvd[tokenizer-vizdoom]",
        "action_f1[idm-vizdoom]",
        "frechet[idm-vizdoom]",
        "kvd[idm-vizdoom]",
        "imaging_quality[brisque]",
        "aesthetic_quality[nima-mobilenet]",
        "subject_consistency[efficientnet-lite0]",
        "background_consistency[efficientnet-lite0]",
        "temporal_flickering[frame-difference]",
        "motion_smoothness[rife]",
        "motion_magnitude[raft-small]",
        "motion_magnitude[dis]",
        "dynamic_degree[raft-small]",
        "dynamic_degree[dis]",
        "text_alignment[conse]",
        "text_alignment[video-text-crafter]",
        "caption_fields[state-crafter]",
        "diversity[tokenizer-crafter]",
        "text_alignment[video-text-crafter-judge]",
        "text_alignment[video-text-vizdoom]",
        "text_alignment[video-text-vizdoom-judge]",
        "subject_consistency[dino-vitb16]",
        "background_consistency[clip-vitb32]",
        "aesthetic_quality[laion-clip-vitl14]",
        "motion_magnitude[raft-things]",
        "dynamic_degree[raft-things]",
        "imaging_quality[musiq-spaq]",
        "motion_smoothness[amt-s]",
        "text_alignment[viclip]",
    },
}


def label(entry: Entry) -> str:
    return f"{entry.kind}-{entry.name}"


def marked(entry: Entry):
    """Worlds are played anew, and large models loaded in float64: that takes more than seconds."""
    slow = entry.kind == "world" or (entry.kind, entry.name) in SLOW
    return pytest.param(entry, id=label(entry), marks=pytest.mark.full if slow else ())


def test_every_kind_has_laws():
    assert set(LAWS) == {kind for kind, _ in PACKAGES}


@pytest.mark.parametrize("entry", [marked(entry) for entry in ENTRIES])
def test_it_keeps_its_laws(entry):
    if (entry.kind, entry.name) in NEEDS_VIZDOOM:
        pytest.importorskip("vizdoom", reason="the package vizdoom is not installed: pip install vizdoom")
    facts = held(Component(entry, entry.load(), REGISTRY))
    assert len(facts) > 2
    assert [f"{fact.name}: {fact.detail}" for fact in facts if not fact.ok] == []


@pytest.mark.parametrize("entry", ENTRIES, ids=label)
def test_its_origin_is_a_line_that_exists(entry):
    file, _, line = entry.origin.rpartition(":")
    assert 1 <= int(line) <= len(Path(file).read_text().splitlines())


@pytest.mark.parametrize(("kind", "names"), EXPECTED.items(), ids=EXPECTED)
def test_what_others_rely_on_is_there(kind, names):
    assert names <= {entry.name for entry in REGISTRY.list(kind)}


@pytest.mark.parametrize("kind", [kind for kind, _ in PACKAGES])
def test_no_module_is_broken_and_no_name_claimed_twice(kind):
    REGISTRY.list(kind)
    assert REGISTRY.broken[kind] == {}
    assert REGISTRY.collisions(kind) == ()


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


@pytest.mark.parametrize("entry", REGISTRY.list("suite"), ids=label)
def test_our_suites_have_all_three_scales(entry):
    assert {"smoke", "small", "full"} <= set(entry.load().scales)


@pytest.mark.parametrize("entry", REGISTRY.list("model"), ids=label)
def test_our_models_name_weights_that_are_shipped(entry):
    card = entry.load()
    if isinstance(card, PublishedShape):
        assert card.source, "random weights: what is published is the shape"
        return
    shipped = {item.name for item in list_items("assets").items}
    assert {card.tokenizer, card.weights} - {None} <= shipped
