"""A run whose arms are training seeds of methods, end to end: what ``show`` says of methods and how often arms win."""

from __future__ import annotations

import json

import pytest

from harness import run_suite
from harness.types import Arm, Scale, Suite, Threshold
from suites.omniscore_sanity import of_world

FLICKER, FIELDS = "temporal_flickering[frame-difference]", "caption_fields[state-crafter]"
METRICS = (FLICKER, FIELDS, "diversity[tokenizer-crafter]", "psnr")


def spoiled(name: str, fault: str, strength: int) -> Arm:
    return Arm(name=name, maker="fault", params={"fault": fault, "strength": strength})


SUITE = Suite(
    name="methods-toy",
    version=1,
    question="Do faults that stand for training regress?",
    arms=(
        Arm(name="clean", maker="fault", params={"fault": "none"}),
        *(spoiled(f"noisy-s{seed}", "noise", 3) for seed in range(3)),
        spoiled("frozen-s0", "freeze", 3),
    ),
    baseline="clean",
    scales={"smoke": Scale(name="smoke", cases=of_world("crafter-9x9", "test", 6, 7), repetitions=2, warmups=0)},
    metrics=METRICS,
    primary_speed=None,
    primary_quality=FLICKER,
    margin=0.001,
    margin_why="a quarter of a grey level, for a test",
    thresholds=tuple(Threshold(metric=name, tau=0.0, why="for a test") for name in METRICS[1:]),
    win_rate_of=(FLICKER, FIELDS),
    methods=("noisy", "frozen"),
    training_score=FLICKER,
    held_out=(FIELDS, "psnr"),
)


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    return run_suite(SUITE, results=str(tmp_path_factory.mktemp("results")))


def test_show_tells_methods_and_win_rates(shown, diptych) -> None:
    facts = json.loads(diptych("show", shown.path, "--json").out.splitlines()[-1])
    assert isinstance(facts["conclusion"], str)
    rates = {(rate["arm"], rate["metric"]): rate for rate in facts["win_rates"]}
    frozen = rates["frozen-s0", FLICKER]  # what stands still does not flicker
    assert (frozen["wins"], frozen["losses"], frozen["estimate"]["n"], frozen["estimate"]["clusters"]) == (12, 0, 12, 6)
    assert frozen["estimate"]["value"] == 1.0
    assert 0.4 < frozen["estimate"]["low"] < 1
    by_method = {found["method"]: found for found in facts["method_conclusions"]}
    assert (by_method["noisy"]["word"], by_method["noisy"]["of"]) == ("not improved", "the method")
    # the score that it was chosen by rose, and what never chose it says what that cost
    assert by_method["frozen"]["word"] == "not improved"
    assert set(by_method["frozen"]["seeds"][0]["regressed"]) == {FIELDS, "psnr"}
    row = next(m for m in facts["methods"] if (m["method"], m["metric"]) == ("noisy", FLICKER))
    assert [seed["arm"] for seed in row["seeds"]] == ["noisy-s0", "noisy-s1", "noisy-s2"]
    assert "3 training seeds" in row["estimate"]["reason"]


def test_clean_clips_hold_their_captions_and_frozen_ones_lose_the_way(shown) -> None:
    fields = {f.arm: f for f in shown.findings if f.metric == FIELDS}
    assert fields["frozen-s0"].baseline_value > 0.95
    assert fields["frozen-s0"].verdict == "regressed"


def test_one_video_again_and_again_has_no_diversity(shown) -> None:
    (found,) = [f for f in shown.findings if (f.arm, f.metric) == ("frozen-s0", "diversity[tokenizer-crafter]")]
    assert (found.arm_value, found.baseline_value, found.estimate.n) == (0.0, 0.0, 6)
    (noisy,) = [f for f in shown.findings if (f.arm, f.metric) == ("noisy-s0", "diversity[tokenizer-crafter]")]
    assert noisy.arm_value > 0  # its noise is drawn by the block's seed


def test_the_text_names_methods_and_all_tells_win_rates(shown, diptych) -> None:
    said = diptych("show", shown.path, "--all").out
    assert "not improved (this checkpoint)" in said
    assert "win rate" in said
    assert "win rate" not in diptych("show", shown.path).out
    assert diptych("verify", shown.path).code == 0
