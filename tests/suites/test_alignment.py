"""Suites of alignment: what they declare can be judged, their floors are those of the committed run, and they run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from harness.cli.builtin import load_builtin
from harness.conformance import suite as laws
from harness.conformance.laws import Component
from harness.errors import DiptychError
from harness.registry import Entry
from harness.stats.methods import MINIMUM_JUDGES, MINIMUM_SEEDS, seeds_of
from harness.store.run_store import RunStore
from suites.alignment import ALIGNMENT, HELD_OUT, METHODS, SAMPLED_FLOORS, TRAINING_SCORE
from suites.alignment_ablation import ALIGNMENT_ABLATION, RECIPES

ROOT = Path(__file__).resolve().parents[2]
REGISTRY = load_builtin()
SUITES = (ALIGNMENT, ALIGNMENT_ABLATION)
PROMPTS, VIDEOS = 32, 4


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_it_keeps_the_laws_of_suites_that_need_no_weights(suite) -> None:
    component = Component(Entry("suite", suite.name, "", __file__ + ":1", ""), suite, REGISTRY)
    for law in laws.LAWS[:-1]:
        assert law.check(component)


def test_three_training_seeds_a_method_and_an_unmerged_arm() -> None:
    arms = [arm.name for arm in ALIGNMENT.arms]
    for method in METHODS:
        assert len(seeds_of(method, arms)) >= MINIMUM_SEEDS
    merged, unmerged = (ALIGNMENT.arm(name).params for name in ("videodpo-s0", "videodpo-s0-unmerged"))
    assert (merged["weights"], merged["merge"], unmerged["merge"]) == (unmerged["weights"], True, False)
    assert "videodpo-s0-unmerged" not in seeds_of("videodpo", arms).values()


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_judges_took_no_part_in_choosing(suite) -> None:
    training = REGISTRY.get("metric", TRAINING_SCORE)
    # motion is a part of the reward and stands here because alignment is known to cost it; it is no judge on its own
    outside = [name for name in suite.held_out if name not in training.parts]
    assert set(suite.held_out) - set(outside) == {"motion_magnitude[raft-small]"}
    assert len(outside) >= MINIMUM_JUDGES
    assert set(training.parts) <= set(suite.metrics)
    files = {asset for part in training.parts for asset in REGISTRY.get("metric", part).assets}
    for name in HELD_OUT[:2]:
        assert not files & set(REGISTRY.get("metric", name).assets)


def test_prompts_of_selection_and_of_test_are_disjoint() -> None:
    splits = {name: {case.params["split"] for case in scale.cases} for name, scale in ALIGNMENT.scales.items()}
    assert splits == {"smoke": {"test"}, "validation": {"validation"}, "small": {"test"}, "full": {"test"}}
    assert {c.params["split"] for scale in ALIGNMENT_ABLATION.scales.values() for c in scale.cases} == {"validation"}
    assert all(scale.repetitions >= 2 for suite in SUITES for scale in suite.scales.values())


def test_thresholds_are_above_what_independent_noise_moves() -> None:
    (run,) = (ROOT / "results" / "baselines" / "omniscore-samples").glob("*-small-*")
    records = [r for r in RunStore.open(run).records() if (r.arm, r.block.group) == ("sequential", "crafter-9x9")]
    for name, tau in SAMPLED_FLOORS.items():
        cases: dict[str, list[float]] = {}
        for record in records:
            cases.setdefault(record.block.case, []).append(record.values[name])
        variance = np.mean([np.var(values, ddof=1) for values in cases.values()])
        floor = stats.t.ppf(0.975, PROMPTS - 1) * np.sqrt(2 * variance / VIDEOS / PROMPTS)
        assert floor < tau < 1.5 * floor, name


def test_the_ablation_has_an_arm_for_every_recipe() -> None:
    assert [arm.params.get("weights") for arm in ALIGNMENT_ABLATION.arms] == [None, *RECIPES]
    assert all(arm.summary == RECIPES[arm.name] for arm in ALIGNMENT_ABLATION.arms[1:])


def test_absent_weights_name_the_folder_and_the_command(tmp_path, monkeypatch) -> None:
    from models.diffusion.text_video import ALIGNED, zoo_file
    from models.zoo.cards import TextVideoModel

    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path))
    card = TextVideoModel(
        name="m", summary="", world="crafter-9x9", prediction="flow", frames=8, steps=2, guidance=1.0, tokenizer="t",
        weights="w",
        finetunes={"videodpo-s0": "aligned_flow_videodpo_s0.safetensors", "mine": "not_shipped.safetensors"},
    )  # fmt: skip
    own = tmp_path / "alignment" / "m" / "alpha-0"
    with pytest.raises(DiptychError, match=rf"diptych align train --out {own}"):
        zoo_file(card, "alpha-0")
    own.mkdir(parents=True)
    (own / ALIGNED).touch()
    assert zoo_file(card, "alpha-0") == str(own / ALIGNED)
    assert zoo_file(card, "videodpo-s0") == "aligned_flow_videodpo_s0.safetensors"
    with pytest.raises(DiptychError, match="there are no weights 'mine'"):
        zoo_file(card, "mine")
