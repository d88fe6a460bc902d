"""The plan: seeds without arms, an order that favours none, and one message for every mistake."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import DiptychError, UsageError
from harness.plan import arm_order, make_plan
from harness.seeds import block_seed
from harness.types import Arm, Case, Scale, Suite


def a_suite(n_arms: int = 3, cases: int = 4, repetitions: int = 2, shift: int = 0) -> Suite:
    """Return a suite whose last arm has ``shift`` and whose cases alternate between two groups."""
    arms = tuple(Arm(name=f"arm{i}", maker="fake", seed_shift=shift if i == n_arms - 1 else 0) for i in range(n_arms))
    made = tuple(Case(name=f"case{i}", group=f"group{i % 2}", model="m") for i in range(cases))
    return Suite(
        name="demo",
        version=3,
        question="?",
        arms=arms,
        baseline="arm0",
        scales={"smoke": Scale(name="smoke", cases=made, repetitions=repetitions)},
        metrics=(),
        primary_speed="s",
        primary_quality="q",
        margin=1.0,
        margin_why="test",
    )


@given(n=st.integers(2, 9), seed=st.integers(0, 2**62), group=st.text(max_size=5), cycle=st.integers(0, 3))
def test_a_cycle_balances_places_and_predecessors_exactly(n: int, seed: int, group: str, cycle: int) -> None:
    arms = [f"a{i}" for i in range(n)]
    orders = [arm_order(arms, group, cycle * 2 * n + i, seed) for i in range(2 * n)]
    assert all(sorted(order) == arms for order in orders)
    for place in range(n):
        at_place = [order[place] for order in orders]
        assert all(at_place.count(arm) == 2 for arm in arms)
    followers = [(order[i], order[i + 1]) for order in orders for i in range(n - 1)]
    assert all(followers.count((x, y)) == 2 for x in arms for y in arms if x != y)


@given(n=st.integers(2, 7), seed=st.integers(0, 2**62), blocks=st.integers(1, 40))
def test_any_prefix_is_nearly_balanced_and_neighbours_are_mirrored(n: int, seed: int, blocks: int) -> None:
    arms = [f"a{i}" for i in range(n)]
    orders = [arm_order(arms, "g", i, seed) for i in range(blocks)]
    for even, odd in zip(orders[::2], orders[1::2], strict=False):
        assert odd == even[::-1]
    for place in range(n):
        counts = [[order[place] for order in orders].count(arm) for arm in arms]
        assert max(counts) - min(counts) <= 2


@settings(max_examples=30)
@given(seed=st.integers(0, 2**40), shift=st.integers(0, 2**62))
def test_arms_of_a_block_share_its_seed_but_for_the_shift(seed: int, shift: int) -> None:
    plan = make_plan(a_suite(shift=shift), "smoke", seed)
    for trial in plan.trials:
        base = block_seed(seed, "demo", trial.block.case, trial.block.repetition)
        assert trial.seed == (base + (shift if trial.arm == "arm2" else 0)) % 2**63
    assert [t.index for t in plan.trials] == list(range(4 * 2 * 3))
    assert len({t.seed for t in plan.trials if t.arm == "arm0"}) == 8


def test_every_arm_runs_every_block_side_by_side() -> None:
    plan = make_plan(a_suite(), "smoke", 0)
    for start in range(0, len(plan.trials), 3):
        block = plan.trials[start : start + 3]
        assert len({t.block.model_dump_json() for t in block}) == 1
        assert sorted(t.arm for t in block) == ["arm0", "arm1", "arm2"]
    assert plan.arms == ("arm0", "arm1", "arm2")
    assert [(b.case, b.repetition) for b in plan.blocks] == [(f"case{c}", r) for c in range(4) for r in range(2)]


def test_order_is_a_function_of_the_seed_and_seeds_differ() -> None:
    plans = [make_plan(a_suite(5, 10), "smoke", seed) for seed in (0, 0, 1)]
    assert plans[0] == plans[1]
    assert [t.arm for t in plans[0].trials] != [t.arm for t in plans[2].trials]
    assert plans[0].order_seed != plans[2].order_seed


def test_first_place_is_shared_over_random_seeds() -> None:
    first = [arm_order(["a", "b", "c"], "g", 0, seed)[0] for seed in range(600)]
    assert all(140 <= first.count(arm) <= 260 for arm in "abc")  # expectation 200, 5 standard deviations


def test_every_arm_can_come_before_every_other() -> None:
    pairs = {arm_order("abcde", "g", 0, seed)[:2] for seed in range(400)}
    assert len(pairs) == 20  # a Latin square without random labels would show 5


def test_how_a_block_follows_another_is_random_too() -> None:
    orders = [[arm_order("abcde", "g", number, seed) for number in (0, 2)] for seed in range(100)]
    assert {first.index(second[0]) for first, second in orders} == {1, 2, 3, 4}


def test_a_subset_of_arms_keeps_the_seeds() -> None:
    everything = {(t.block.model_dump_json(), t.arm): t.seed for t in make_plan(a_suite(), "smoke", 7).trials}
    part = make_plan(a_suite(), "smoke", 7, ["arm2", "arm0"])
    assert part.arms == ("arm0", "arm2")
    assert all(everything[t.block.model_dump_json(), t.arm] == t.seed for t in part.trials)


@pytest.mark.parametrize(
    ("scale", "seed", "arms", "text"),
    [
        ("smok", 0, None, "did you mean 'smoke'"),
        ("smoke", -1, None, "at least 0"),
        ("smoke", 0, ["arm0", "arm9"], "unknown arm 'arm9'"),
        ("smoke", 0, ["arm1", "arm2"], "must include the baseline 'arm0'"),
        ("smoke", 0, ["arm0"], "no pair"),
        ("smoke", 0, ["arm0", "arm1", "arm1"], "named twice"),
        ("smoke", 0, [], "must include the baseline"),
    ],
)
def test_mistakes_are_usage_errors(scale: str, seed: int, arms: list[str] | None, text: str) -> None:
    with pytest.raises(UsageError, match=text):
        make_plan(a_suite(), scale, seed, arms)


def test_declarations_that_cannot_be_run_are_refused() -> None:
    suite = a_suite()
    with pytest.raises(DiptychError, match="none of its arms"):
        make_plan(suite.model_copy(update={"baseline": "other"}), "smoke", 0)
    case = suite.scales["smoke"].cases[0]
    for scale, text in (
        (Scale(name="smoke", cases=()), "no case"),
        (Scale(name="smoke", cases=(case, case)), "twice"),
        (Scale(name="smoke", cases=(case,), repetitions=0), "repetitions"),
    ):
        with pytest.raises(DiptychError, match=text):
            make_plan(suite.model_copy(update={"scales": {"smoke": scale}}), "smoke", 0)
