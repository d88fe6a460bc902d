"""Win rates, and what may be said of a method: seeds one by one, and the rule of training and held-out scores."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.analyse import analyse
from harness.declaration import check_suite
from harness.errors import UsageError
from harness.stats.methods import most_useful, seeds_of
from harness.stats.paired import make_pairs
from harness.stats.retrieval import wilson_interval
from harness.stats.win_rate import win_share
from harness.types import Threshold
from tests.harness.analyse_toy import BASE, METRICS, make_records, make_suite, metric

RULE = {
    "metrics": ("accuracy", "psnr", "judge", "motion"),
    "primary_speed": None,
    "thresholds": tuple(Threshold(metric=name, tau=0.01) for name in ("psnr", "judge", "motion")),
    "training_score": "accuracy",
    "held_out": ("judge", "motion"),
    "win_rate_of": ("accuracy",),
    "methods": ("dpo", "video.dpo"),
}
ARMS = (BASE, "dpo-s0", "dpo-s1", "dpo-s2", "dpo-s0-unmerged", "video.dpo-s0")
KNOWN = METRICS | {name: metric(name, "fraction", "higher", "difference", quality=True) for name in ("judge", "motion")}


def analysed(changes, *, cases=40, arms=ARMS, judge=None, motion=None, **more):
    """``changes``: arm → change of the training score; ``judge`` and ``motion``: arm → change, None for no value."""
    suite = make_suite(cases=cases, arms=arms, **(RULE | more))
    effects = {arm: (1.0, changes.get(arm, 0.0)) for arm in arms}
    records = []
    for record in make_records(suite, effects, noise=0.003):
        told = {"accuracy": record.values["accuracy"]}
        for name, by in (("judge", judge or {}), ("motion", motion or {})):
            change = by.get(record.arm, 0.0)
            told[name] = None if change is None else 0.5 + change + 1e-4 * (record.index % 7)
        records.append(record.model_copy(update={"values": told}))
    return analyse(suite, records, KNOWN)


def of(result, method):
    (found,) = [c for c in result.method_conclusions if c.method == method]
    return found


# win rates


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 9)), min_size=1, max_size=60))
def test_shares_are_counted_and_turning_the_arms_turns_the_share(blocks) -> None:
    new, old, cases = (np.array(x) for x in zip(*blocks, strict=True))
    names = [str(case) for case in cases]
    estimate, wins, ties, losses = win_share(make_pairs(new, old, names), "higher")
    assert (wins, ties, losses) == ((new > old).sum(), (new == old).sum(), (new < old).sum())
    share = np.mean([np.mean([(n > o) + 0.5 * (n == o) for n, o, c in blocks if c == case]) for case in set(cases)])
    assert estimate.value == pytest.approx(share)
    turned, *_ = win_share(make_pairs(new, old, names), "lower")
    assert turned.value == pytest.approx(1 - estimate.value)
    assert (estimate.low is None) == (len(set(cases)) < 6)
    if estimate.low is not None:
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
        assert (turned.low, turned.high) == pytest.approx((1 - estimate.high, 1 - estimate.low))


def test_a_block_a_case_is_wilsons_interval_but_for_students_quantile() -> None:
    rng = np.random.default_rng(0)
    won = rng.random(4000) < 0.7
    estimate, *_ = win_share(
        make_pairs(won.astype(float), np.full(4000, 0.5), [f"{i:04d}" for i in range(4000)]), "higher"
    )
    assert (estimate.low, estimate.high) == pytest.approx(wilson_interval(int(won.sum()), 4000), abs=2e-5)


def test_every_block_won_is_no_certainty_and_ties_alone_are_one_half() -> None:
    names = [str(i) for i in range(8)]
    won, *_ = win_share(make_pairs(np.ones(8), np.zeros(8), names), "higher")
    t = stats.t.ppf(0.975, 7)
    assert (won.value, won.low, won.high) == pytest.approx((1.0, 8 / (8 + t * t), 1.0))
    tied, wins, ties, losses = win_share(make_pairs(np.ones(8), np.ones(8), names), "higher")
    assert (tied.value, tied.low, tied.high, wins, ties, losses) == (0.5, 0.5, 0.5, 0, 8, 0)


def test_repetitions_of_a_prompt_do_not_narrow_what_prompts_leave_open() -> None:
    rng = np.random.default_rng(1)
    won = (rng.random(20) < 0.6).astype(float)
    names = [str(i) for i in range(20)]
    once, *_ = win_share(make_pairs(won, np.full(20, 0.5), names), "higher")
    again, *_ = win_share(make_pairs(np.repeat(won, 5), np.full(100, 0.5), np.repeat(names, 5)), "higher")
    assert (again.low, again.high) == pytest.approx((once.low, once.high))
    assert (again.n, again.clusters) == (100, 20)


def test_the_interval_covers_the_share_that_prompts_have() -> None:
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(600):
        own = rng.beta(2, 1.5, 24)  # each prompt's own chance to be won
        won = (rng.random((24, 4)) < own[:, None]).astype(float).ravel()
        found, *_ = win_share(make_pairs(won, np.full(96, 0.5), np.repeat([str(i) for i in range(24)], 4)), "higher")
        hits += found.low <= 2 / 3.5 <= found.high
    assert 0.92 <= hits / 600 <= 0.98


@pytest.mark.parametrize("values", [[], [1.0, math.nan]])
def test_without_pairs_or_with_broken_ones_there_is_a_reason(values) -> None:
    found, *counts = win_share(make_pairs(values, np.zeros(len(values)), ["a"] * len(values)), "higher")
    assert (found.value, found.low, counts) == (None, None, [0, 0, 0])
    assert found.reason


# methods


def test_seeds_are_told_by_the_arms_names_alone() -> None:
    assert seeds_of("dpo", ["dpo-s10", "dpo-s2", "videodpo-s1", "dpo-s0-unmerged", "dpo"]) == {
        2: "dpo-s2",
        10: "dpo-s10",
    }
    assert seeds_of("a.b", ["aXb-s0"]) == {}


def test_a_method_is_the_mean_of_its_seeds_without_an_interval() -> None:
    result = analysed({"dpo-s0": 0.1, "dpo-s1": 0.12, "dpo-s2": 0.14})
    (row,) = [m for m in result.methods if (m.method, m.metric) == ("dpo", "accuracy")]
    ours = {f.arm: f for f in result.findings if f.metric == "accuracy"}
    assert [s.arm for s in row.seeds] == ["dpo-s0", "dpo-s1", "dpo-s2"]
    assert all(s.estimate == ours[s.arm].estimate for s in row.seeds)
    assert row.estimate.value == pytest.approx(np.mean([ours[s.arm].estimate.value for s in row.seeds]))
    assert (row.estimate.low, row.estimate.n, row.verdict) == (None, 3, "improved")
    assert row.estimate.reason == "3 training seeds: an interval over seeds needs at least 6"


def test_six_seeds_carry_students_interval_over_seeds() -> None:
    arms = (BASE, *(f"dpo-s{s}" for s in range(6)))
    result = analysed({f"dpo-s{s}": 0.1 + 0.01 * s for s in range(6)}, arms=arms, methods=("dpo",))
    (row,) = [m for m in result.methods if m.metric == "accuracy"]
    values = [s.estimate.value for s in row.seeds]
    expected = stats.t.interval(0.95, 5, np.mean(values), stats.sem(values))
    assert (row.estimate.low, row.estimate.high) == pytest.approx(expected)


def test_seeds_that_disagree_leave_the_method_inconclusive() -> None:
    result = analysed({"dpo-s0": 0.1, "dpo-s1": -0.1, "dpo-s2": 0.1})
    (row,) = [m for m in result.methods if (m.method, m.metric) == ("dpo", "accuracy")]
    assert ([s.verdict for s in row.seeds], row.verdict) == (["improved", "regressed", "improved"], "inconclusive")
    assert of(result, "dpo").word == "undecided"
    assert "the seeds disagree" in of(result, "dpo").sentence


def test_a_method_improved_where_all_seeds_did_and_no_held_out_score_regressed() -> None:
    result = analysed({"dpo-s0": 0.1, "dpo-s1": 0.12, "dpo-s2": 0.14, "video.dpo-s0": 0.2})
    found = of(result, "dpo")
    assert (found.word, found.of) == ("improved", "the method")
    assert result.conclusion == found.sentence  # a method's before a checkpoint's
    assert "over 3 training seeds, mean +0.1197 against" in found.sentence
    assert found.sentence.endswith("improved (no held-out score regressed).")


def test_one_seed_speaks_for_a_checkpoint_only() -> None:
    found = of(analysed({"video.dpo-s0": 0.2}), "video.dpo")
    assert (found.word, found.of) == ("improved", "this checkpoint")
    assert "this checkpoint of video.dpo" in found.sentence
    assert found.sentence.endswith("1 training seed cannot speak for the method.")


def test_a_held_out_score_that_regressed_forbids_it() -> None:
    gain = {"dpo-s0": 0.1, "dpo-s1": 0.12, "dpo-s2": 0.14}
    found = of(analysed(gain, motion={"dpo-s0": -0.1, "dpo-s1": -0.1, "dpo-s2": -0.1}), "dpo")
    assert (found.word, found.seeds[0].regressed) == ("not improved", ("motion",))
    assert "motion regressed" in found.sentence
    # inside its threshold it is no regression
    assert of(analysed(gain, motion={"dpo-s0": -0.005}), "dpo").word == "improved"


def test_of_two_methods_that_improved_the_larger_gain_comes_first() -> None:
    gain = {f"dpo-s{seed}": 0.1 + 0.02 * seed for seed in range(3)} | {"video.dpo-s0": 0.3}
    result = analysed(gain)
    assert [(c.method, c.word, c.of) for c in result.method_conclusions][:2] == [
        ("dpo", "improved", "the method"),
        ("video.dpo", "improved", "this checkpoint"),
    ]
    rows = [row for row in result.methods if row.metric == "accuracy"]
    both = [c.model_copy(update={"of": "the method"}) for c in result.method_conclusions]
    assert [c.method for c in most_useful(both, rows, "accuracy")] == ["video.dpo", "dpo"]
    lower = {"direction": "lower"}
    worse = [row.model_copy(update={"estimate": row.estimate.model_copy(update=lower)}) for row in rows]
    assert [c.method for c in most_useful(both, worse, "accuracy")] == ["dpo", "video.dpo"]


def test_a_training_score_that_may_be_zero_is_no_improvement() -> None:
    found = of(analysed({}), "dpo")
    assert found.word == "not improved"
    assert "the interval of accuracy does not lie above 0" in found.sentence


def test_without_two_judges_or_without_an_interval_nothing_is_decided() -> None:
    gain = {"dpo-s0": 0.1, "dpo-s1": 0.12, "dpo-s2": 0.14}
    lacking = of(analysed(gain, judge=dict.fromkeys(ARMS)), "dpo")
    assert (lacking.word, lacking.seeds[0].unjudged) == ("undecided", ("judge",))
    assert "1 held-out score with an interval: at least 2 must have one (judge have none)" in lacking.sentence
    few = of(analysed(gain, cases=5), "dpo")
    assert few.word == "undecided"
    assert "accuracy has no interval: 5 cases" in few.sentence


def test_win_rates_are_told_where_they_are_asked_for() -> None:
    result = analysed({"dpo-s0": 1.0})
    assert {(r.metric, r.arm) for r in result.win_rates} == {("accuracy", arm) for arm in ARMS[1:]}
    (won,) = [r for r in result.win_rates if r.arm == "dpo-s0"]
    assert (won.wins, won.ties, won.losses, won.estimate.value) == (40, 0, 0, 1.0)
    assert analysed({}, win_rate_of=()).win_rates == []
    assert analysed({}, methods=()).methods == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"win_rate_of": ("acuracy",)}, "did you mean 'accuracy'"),
        ({"held_out": ("accuracy",)}, "cannot be held out"),
        ({"held_out": ("judge", "motion"), "thresholds": ()}, "none for the held-out 'judge'"),
        ({"methods": ("sft",)}, "no arm is called sft-s0"),
        ({"training_score": "speed"}, "unknown metric 'speed'"),
        (
            {"metrics": (*RULE["metrics"], "kvd[f]"), "win_rate_of": ("kvd[f]",)},
            "no block is won by it",
        ),
    ],
)  # fmt: skip
def test_a_declaration_that_could_not_be_judged_is_refused(change, told) -> None:
    suite = make_suite(arms=ARMS, **(RULE | change))
    with pytest.raises(UsageError, match=told):
        check_suite(suite, KNOWN)
