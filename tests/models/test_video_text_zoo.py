"""The zoo's video-text networks: cards and files tell the same, judges share nothing, and all of them retrieve."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest

from harness.cli.builtin import load_builtin
from harness.registry import REGISTRY
from harness.stats.retrieval import recall_at, wilson_interval
from models.video_text.loading import load_video_text
from models.video_text.scorer import VideoTextScorer
from models.weights import ZOO, read_weights, weights_sha256
from models.worlds.caption_text import caption_of, grammar

load_builtin()
WORLDS = {"crafter": "crafter-9x9", "vizdoom": "vizdoom-6x8"}
FILES = [f"video_text_{world}{judge}.safetensors" for world in WORLDS for judge in ("", "_judge")]


def facts_of(name: str) -> dict:
    return read_weights(ZOO / name)[1]["facts"]


@pytest.mark.parametrize("name", FILES)
def test_the_card_tells_the_file_and_the_file_how_it_was_made(name: str) -> None:
    card, facts = (ZOO / name).with_suffix(".md").read_text(), facts_of(name)
    assert weights_sha256(name) in card
    assert (ZOO / name).stat().st_size < 2_000_000
    model = load_video_text(name)
    assert f"{sum(p.numel() for p in model.parameters()):,}".replace(",", " ") in card
    command = " ".join(
        re.search(r"    (diptych train video-text .*?)\n\n", card, re.DOTALL)[1].replace("\\\n", "").split()
    )
    assert f"--world {facts['world']} " in command
    assert f"--seed {facts['seed']} " in f"{command} "
    assert f"--steps {facts['options']['steps']} " in f"{command} "
    assert (f"--skip {facts['skip']} " in f"{command} ") == (facts["skip"] > 0)
    assert model.shape.words == grammar(facts["world"]).words
    assert model.shape.example in " ".join(card.split())


@pytest.mark.parametrize("name", FILES)
def test_the_intervals_on_the_card_are_those_of_its_counts(name: str) -> None:
    rows = re.findall(
        r"\| R@\d among \d+ \| (\d+) of (\d+) \| ([\d.]+) \[([\d.]+), ([\d.]+)\]",
        (ZOO / name).with_suffix(".md").read_text(),
    )
    assert len(rows) == 4
    for hits, count, *told in rows:
        expected = (int(hits) / int(count), *wilson_interval(int(hits), int(count)))
        assert [float(value) for value in told] == pytest.approx(expected, abs=6e-4)


@pytest.mark.parametrize("world", WORLDS)
def test_a_judge_shares_neither_clips_nor_seed_nor_layers_with_its_scorer(world: str) -> None:
    scorer, judge = (f"video_text_{world}{which}.safetensors" for which in ("", "_judge"))
    own, held_out = facts_of(scorer), facts_of(judge)
    assert own["world"] == held_out["world"] == WORLDS[world]
    assert own["seed"] != held_out["seed"]
    spans = sorted((facts["skip"], facts["skip"] + facts["options"]["train_clips"]) for facts in (own, held_out))
    assert all(one[1] <= other[0] for one, other in pairwise(spans))
    shapes = [load_video_text(name).shape for name in (scorer, judge)]
    assert shapes[0].video != shapes[1].video
    assert shapes[0].text != shapes[1].text


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> dict:
    """Eight validation clips a world; no clip is played that is not asked for."""
    from models.worlds.cache import ClipCache

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.worlds.cache.SHARD_CLIPS", 1)
        patch.setattr("models.worlds.cache.cache_root", lambda: tmp_path_factory.mktemp("clips"))
        assert ClipCache().root.name.startswith("clips")
        made = {}
        for name, world in WORLDS.items():
            if name == "vizdoom":
                pytest.importorskip("vizdoom", reason="the package vizdoom is not installed: pip install vizdoom")
            made[world] = REGISTRY.get("world", world)().clips("validation", 8)
        return made


@pytest.mark.parametrize("name", FILES)
def test_it_finds_the_captions_of_clips_that_it_never_saw(name: str, clips) -> None:
    world = facts_of(name)["world"]
    frames = [clip.frames[:8] for clip in clips[world]]
    captions = [caption_of(world, clip, 0, 8) for clip in clips[world]]
    scorer = VideoTextScorer("cpu", name)
    found = scorer.similarities(frames, captions)
    assert recall_at(found, captions, captions, 1).hits >= 6  # of 8; chance gives about 1
    # another caption's fit, and that of a clip that is not there at all, are worse
    assert np.diagonal(found).mean() > found[~np.eye(8, dtype=bool)].mean() + 0.2
    grey = scorer.similarities([np.full_like(clip, 128) for clip in frames], captions)
    assert np.diagonal(grey).mean() < np.diagonal(found).mean() - 0.2
