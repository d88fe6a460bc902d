"""The inverse-dynamics network: what it computes, what it refuses, how it is trained, and that the zoo's one sees."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from harness.errors import DiptychError, UsageError
from harness.registry import REGISTRY, Entry
from models.extractors.idm import ActionCounts, IDMFeatures, count_actions
from models.idm.groups import CRAFTER_GROUPS, group_index
from models.idm.loading import load_idm, save_idm
from models.idm.network import InverseDynamics
from models.idm.shapes import IDMShape
from models.training.evaluate_idm import by_action, evaluate_idm, mix_ups, told_actions
from models.training.idm import ActionClips, action_clips, score, train_idm
from models.training.presets import TrainOptions
from models.weights import ZOO, weights_sha256
from models.worlds.crafter import ACTIONS, CRAFTER_9X9, CrafterWorld

NAMES = ("stay", "left", "right")
SHAPE = IDMShape(
    actions=NAMES, tile_pixels=4, tile_width=16, tile_blocks=0, heads=2, width=16, blocks=1, hidden=16, feature_width=3
)


def network(seed: int = 0, **changes) -> InverseDynamics:
    shape = SHAPE.model_copy(update=changes)
    return InverseDynamics(shape).reset(torch.Generator().manual_seed(seed)).eval()


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


class ScrollingWorld:
    """Clips of a random map that scrolls by one tile of 4 pixels, left or right, or stays."""

    actions = NAMES

    def __init__(self) -> None:
        self.spec = SimpleNamespace(actions=self.actions, rows=3, columns=4, tile_pixels=4)

    def clips(self, split, count, *, processes=1, progress=None):
        rng = np.random.default_rng([len(split)])
        made = []
        for _ in range(count):
            tiles = rng.integers(0, 256, (3, 24, 3), dtype=np.uint8)
            actions = rng.integers(0, 3, 6)
            at = 8 + np.cumsum([0, *np.array([0, -1, 1])[actions[:-1]]])
            frames = np.stack([tiles[:, x : x + 4] for x in at]).repeat(4, 1).repeat(4, 2)
            made.append(SimpleNamespace(frames=frames, actions=actions))
        return made


@pytest.fixture
def scrolling(monkeypatch) -> None:
    for name, kind in (("scrolling", ScrollingWorld), ("other", type("Other", (ScrollingWorld,), {"actions": ("a",)}))):
        monkeypatch.setitem(REGISTRY.entries, ("world", name), Entry("world", name, "", "here", kind))


@pytest.mark.parametrize("reach", [0, 1, 2])
def test_every_tile_is_compared_with_those_around_its_place(reach: int) -> None:
    model = network(reach=reach)
    rng = np.random.default_rng(1)
    before, after = (torch.from_numpy(rng.normal(size=(1, 3, 5, 16)).astype(np.float32)) for _ in range(2))
    found = model.compare(before, after)[0].reshape(3, 5, 2 * reach + 1, 2 * reach + 1, 2).numpy()
    one, two = (x[0].reshape(3, 5, 2, 8).numpy() for x in (before, after))
    for row, column, dy, dx, head in np.ndindex(found.shape):
        y, x = row + dy - reach, column + dx - reach
        expected = 0.0
        if 0 <= y < 3 and 0 <= x < 5:
            u, v = one[y, x, head], two[row, column, head]
            expected = u @ v / np.linalg.norm(u) / np.linalg.norm(v)
        assert found[row, column, dy, dx, head] == pytest.approx(expected, abs=1e-5)


def test_a_clip_is_judged_pair_by_pair_at_any_size() -> None:
    model = network()
    for height, width in ((4, 4), (8, 20), (24, 12)):
        clip = noise(1, 5, height, width, 3)
        whole = model(model.to_float(clip))
        pairs = torch.cat([model(model.to_float(clip[:, t : t + 2])) for t in range(4)], 1)
        assert whole.shape == (1, 4, 3)
        torch.testing.assert_close(whole, pairs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "clip",
    [
        noise(1, 1, 8, 8, 3),
        noise(1, 2, 8, 9, 3),
        noise(1, 2, 2, 8, 3),
        noise(2, 8, 8, 3),
        noise(1, 2, 8, 8, 4),
        noise(1, 2, 8, 8, 3).astype(np.float32),
    ],
)
def test_what_is_no_clip_of_whole_tiles_is_refused(clip: np.ndarray) -> None:
    with pytest.raises(UsageError, match="divisible by 4"):
        network().classify(clip)


def test_a_network_keeps_its_shape_and_actions_in_its_file(tmp_path: Path) -> None:
    model = network(3)
    save_idm(tmp_path / "one.safetensors", model, {"seed": 3})
    again = load_idm(str(tmp_path / "one.safetensors"))
    assert again.shape == model.shape
    clip = model.to_float(noise(2, 3, 8, 8, 3))
    assert torch.equal(model(clip), again(clip))
    with pytest.raises(DiptychError, match="inverse-dynamics network"):
        load_idm("tokenizer_crafter.safetensors")
    with pytest.raises(DiptychError, match="idm_crafter"):
        load_idm("idm_crafted.safetensors")
    with pytest.raises(UsageError, match="heads"):
        network(heads=5)
    with pytest.raises(ValueError, match="one name"):
        IDMShape(actions=("a", "a"))


@pytest.mark.usefixtures("scrolling")
def test_training_learns_to_see_a_scroll_and_resumes_bit_for_bit(tmp_path: Path) -> None:
    def run(name: str, **changes) -> dict[str, float]:
        settings = {"shape": SHAPE, "steps": 60, "batch": 32, "workers": 2, "train_clips": 64, "held_out_clips": 16}
        return train_idm(tmp_path / name, "test", ["scrolling"], 1, **{**settings, **changes})

    whole = run("whole")
    run("parts", stop_after=50)
    assert run("parts", resume=True) == whole
    one, two = (load_file(tmp_path / name / "idm.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert whole["accuracy_scrolling"] > 0.9
    model = load_idm(str(tmp_path / "whole" / "idm.safetensors"))
    kept = score(model, action_clips("scrolling", "validation", 16))
    assert kept["accuracy"] == pytest.approx(whole["accuracy_scrolling"], abs=0.03)  # float16 weights
    rows = np.stack([model.clip_features(clip.frames).numpy() for clip in ScrollingWorld().clips("train", 64)])
    assert rows.shape == (64, 6)
    assert np.abs(rows[:, :3].mean(0)).max() < 0.5  # components are centred and whitened on training pairs
    with pytest.raises(DiptychError, match="shape"):
        run("parts", resume=True, reach=2)


@pytest.mark.usefixtures("scrolling")
def test_worlds_of_other_actions_need_another_network(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="other has 1"):
        train_idm(tmp_path, "test", ["scrolling", "other"])
    with pytest.raises(UsageError, match="at least one world"):
        train_idm(tmp_path, "test", [])
    with pytest.raises(UsageError, match="actions"):
        train_idm(tmp_path, "test", ["scrolling"], shape=IDMShape(actions=("a", "b")))
    with pytest.raises(UsageError, match="tiles of 5 pixels do not divide the 12x16 frames of scrolling"):
        train_idm(tmp_path, "test", ["scrolling"], tile_pixels=5)


def test_rare_actions_are_drawn_more_often_than_they_occur() -> None:
    actions = np.array([[0, 0, 0, 0], [0, 0, 0, 1]])
    weights = ActionClips(noise(2, 5, 4, 4, 3), actions).pair_weights()
    assert weights.sum() == pytest.approx(1)
    assert weights[-1] / weights[0] == pytest.approx(7**0.5)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=30))
def test_counts_are_those_of_a_loop(pairs) -> None:
    group = np.array([-1, 0, 0, 1, 2])
    done, seen = (np.array([pair[i] for pair in pairs], np.int64) for i in range(2))
    counts = count_actions(done, seen, group, 3).reshape(3, 3)
    expected = np.zeros((3, 3))
    for a, b in pairs:
        if a == b and group[a] >= 0:
            expected[group[a], 0] += 1
        if a != b and group[b] >= 0:
            expected[group[b], 1] += 1
        if a != b and group[a] >= 0:
            expected[group[a], 2] += 1
    assert (counts == expected).all()


def test_groups_name_each_action_once() -> None:
    index = group_index(ACTIONS, CRAFTER_GROUPS)
    assert [name for name, group in zip(ACTIONS, index, strict=True) if group == -1] == ["noop"]
    with pytest.raises(UsageError, match="no action"):
        group_index(ACTIONS, {"fly": ("fly",)})
    with pytest.raises(UsageError, match="two groups"):
        group_index(ACTIONS, {"one": ("do",), "two": ("do",)})


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> list:
    from models.worlds.cache import ClipCache

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.worlds.cache.SHARD_CLIPS", 1)  # a shard holds whole ones: no clip that is not asked for
        return CrafterWorld(CRAFTER_9X9, ClipCache(tmp_path_factory.mktemp("clips"))).clips("validation", 3)


def test_the_zoo_network_sees_what_was_done_and_nothing_where_nothing_moves(clips) -> None:
    judge = ActionCounts(CRAFTER_GROUPS)
    rows = [judge(c.frames[2:], prompt=c.frames[:2], actions=c.actions[1:-1]) for c in clips]
    hits, alarms, misses = np.sum(rows, 0).reshape(3, 3)[0]
    assert 2 * hits / (2 * hits + alarms + misses) > 0.95
    frozen = [judge(np.repeat(c.frames[1:2], 10, 0), prompt=c.frames[:2], actions=c.actions[1:-1]) for c in clips]
    assert np.sum(frozen, 0)[0] < 0.2 * hits
    others = [judge(c.frames[2:], prompt=c.frames[:2], actions=(c.actions[1:-1] + 1) % 17) for c in clips]
    assert np.sum(others, 0)[0] < 0.2 * hits
    model = load_idm("idm_crafter.safetensors")
    held = ActionClips(np.stack([c.frames for c in clips]), np.stack([c.actions[:-1] for c in clips]))
    told = told_actions(model, held)
    assert score(model, held)["accuracy"] == pytest.approx((told == held.actions).mean())
    assert sum(mix_ups(held, told, ACTIONS).values()) == (told != held.actions).sum()
    assert sum(numbers["both"] for numbers in by_action(held, told, ACTIONS).values()) == (told == held.actions).sum()


def test_actions_that_do_not_fit_the_frames_are_refused(clips) -> None:
    judge = ActionCounts(CRAFTER_GROUPS)
    frames = clips[0].frames
    for prompt, actions, why in (
        (frames[:0], [1, 1], "0 prompt frames"),
        (frames[:1], [1], "one action a frame"),
        (frames[:1], [1, 17], "0 .. 16"),
        (frames[:1], [-1, 1], "0 .. 16"),
    ):
        with pytest.raises(UsageError, match=why):
            judge(frames[1:3], prompt=prompt, actions=actions)
    assert judge(frames[:0], prompt=frames[:1], actions=[]).tolist() == [0.0] * 9
    told = judge.context()["groups"]
    assert [group["name"] for group in told] == list(CRAFTER_GROUPS)
    assert told[0]["actions"] == ["move_left", "move_right", "move_up", "move_down"]


def test_features_of_other_clips_and_sizes_differ(clips) -> None:
    extract = IDMFeatures()
    rows = np.stack([extract(clip.frames) for clip in clips] + [extract(noise(3, 120, 192, 3))])
    assert rows.shape == (4, extract.dimensions) == (4, 48)
    assert np.isfinite(rows).all()
    assert np.linalg.matrix_rank(rows) == 4
    assert extract(np.repeat(clips[0].frames[:1], 3, 0))[24:].max() == pytest.approx(0, abs=1e-6)


def test_the_card_tells_the_file_and_the_file_how_it_was_made() -> None:
    name = "idm_crafter.safetensors"
    card = (ZOO / "idm_crafter.md").read_text()
    assert weights_sha256(name) in card
    assert (ZOO / name).stat().st_size < 1_000_000
    model = load_idm(name)
    assert model.shape.actions == ACTIONS
    assert f"{sum(p.numel() for p in model.parameters()):,}".replace(",", " ") in card


@pytest.mark.full
def test_evaluation_tells_accuracy_on_real_and_reconstructed_frames(monkeypatch) -> None:
    if "models.worlds.catalogue" not in REGISTRY.packages.get("world", []):
        REGISTRY.add_package("world", "models.worlds.catalogue")
    facts = evaluate_idm("idm_crafter.safetensors", "crafter-9x9", "validation", 6)
    json.dumps(facts)
    assert facts["accuracy"]["value"] > 0.9
    assert facts["accuracy_reconstructed"]["value"] > 0.85


def test_the_preset_of_the_zoo_is_a_valid_run() -> None:
    from models.training.presets import IDM_PRESETS, preset

    assert all(isinstance(preset(IDM_PRESETS, name), TrainOptions) for name in ("test", "cpu", "gpu"))
