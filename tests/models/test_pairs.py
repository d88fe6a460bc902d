"""Preference pairs: who is compared with whom, and what is left out and why."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from harness.errors import UsageError
from models.alignment.pairs import (
    ALL_EQUAL,
    BELOW_MINIMUM,
    BELOW_PERCENTILE,
    BY_RANK,
    EQUAL_RANKS,
    NAMED,
    NO_SUCH_RANK,
    TOO_FEW_SCORES,
    DifferenceFilter,
    Pair,
    ScoredVideo,
    make_pairs,
    ranking,
)

# Few different scores, so that ties are common.
SCORES = st.one_of(st.none(), st.sampled_from([0.0, 0.1, 0.29, 0.3, 0.5, 1.0]), st.floats(-1, 2, width=32))
GROUPS = st.dictionaries(
    st.text(min_size=1, max_size=3), st.lists(SCORES, min_size=2, max_size=6), min_size=1, max_size=5
)


def flat(groups: dict[str, list[float | None]]) -> list[ScoredVideo]:
    return [ScoredVideo(p, f"{i}.mp4", score) for p, scores in groups.items() for i, score in enumerate(scores)]


def ids(made) -> list[tuple[str, str, str]]:
    return [(pair.prompt, pair.winner, pair.loser) for pair in made.pairs]


def all_pairs(groups) -> dict[str, list[tuple[str, str]]]:
    """Every ordered pair of different scores of a prompt, by looking at all of them."""
    found = {}
    for prompt, scores in groups.items():
        numbered = [(f"{i}.mp4", s) for i, s in enumerate(scores) if s is not None]
        found[prompt] = [(a, b) for (a, x), (b, y) in itertools.permutations(numbered, 2) if x > y]
    return found


def test_four_videos():
    videos = flat({"a boat": [0.2, 0.9, 0.5, 0.7]})
    wanted = {
        "best-worst": ["10"],
        "adjacent": ["13", "32", "20"],
        "01": ["13"],
        "02": ["12"],
        "03": ["10"],
        "12": ["32"],
        "13": ["30"],
        "23": ["20"],
        "02+03+12+13": ["12", "10", "32", "30"],
    }
    for strategy, pairs in wanted.items():
        found = make_pairs(videos, strategy)
        assert [pair.winner[0] + pair.loser[0] for pair in found.pairs] == pairs, strategy
        assert (found.strategy, found.prompts, found.missing_scores, found.left_out) == (strategy, 1, 0, {})
    assert make_pairs(videos).pairs == (Pair("a boat", "1.mp4", "0.mp4", 0.9, 0.2),)
    assert make_pairs(videos).pairs[0].difference == 0.9 - 0.2
    assert wanted.keys() == (set(NAMED) - {"best-random"}) | set(BY_RANK)


@given(GROUPS, st.sampled_from([*NAMED, *BY_RANK, "34+01"]), st.integers(0, 9))
def test_a_pair_is_one_prompts_and_its_winner_is_better(groups, strategy, seed):
    made = make_pairs(flat(groups), strategy, generator=np.random.default_rng(seed))
    possible = all_pairs(groups)
    for pair in made.pairs:
        assert (pair.winner, pair.loser) in possible[pair.prompt]
        assert pair.winner_score == groups[pair.prompt][int(pair.winner[0])]
        assert pair.loser_score == groups[pair.prompt][int(pair.loser[0])]
        assert pair.difference > 0
    assert len(set(ids(made))) == len(made.pairs)
    assert made.missing_scores == sum(score is None for scores in groups.values() for score in scores)
    assert made.prompts == len(groups)


@given(GROUPS)
def test_best_worst_has_the_largest_difference_and_every_prompt_is_accounted_for(groups):
    made = make_pairs(flat(groups))
    by_prompt = {pair.prompt: pair for pair in made.pairs}
    reasons = Counter()
    for prompt, scores in groups.items():
        known = [score for score in scores if score is not None]
        if len(known) < 2:
            reasons[TOO_FEW_SCORES] += 1
        elif max(known) == min(known):
            reasons[ALL_EQUAL] += 1
        else:
            assert by_prompt[prompt].difference == max(known) - min(known)
            assert all(by_prompt[prompt].difference >= abs(x - y) for x in known for y in known)
    assert made.left_out == dict(sorted(reasons.items()))
    assert len(made.pairs) + sum(reasons.values()) == len(groups)


@given(GROUPS, st.sampled_from(["adjacent", *BY_RANK]))
def test_ranks_are_those_of_a_plain_sort(groups, strategy):
    made = make_pairs(flat(groups), strategy)
    wanted, reasons = [], Counter()
    for prompt, scores in groups.items():
        order = [i for i in range(len(scores)) if scores[i] is not None]
        order.sort(key=lambda i: f"{i}.mp4")
        order.sort(key=lambda i: scores[i], reverse=True)  # stable: names decide equal scores
        if len(order) < 2:
            reasons[TOO_FEW_SCORES] += 1
            continue
        if len({scores[i] for i in order}) == 1:
            reasons[ALL_EQUAL] += 1
            continue
        steps = [f"{r}{r + 1}" for r in range(len(order) - 1)] if strategy == "adjacent" else strategy.split("+")
        for a, b in ((int(step[0]), int(step[1])) for step in steps):
            if b >= len(order):
                reasons[NO_SUCH_RANK] += 1
            elif scores[order[a]] == scores[order[b]]:
                reasons[EQUAL_RANKS] += 1
            else:
                wanted.append((prompt, f"{order[a]}.mp4", f"{order[b]}.mp4"))
    assert ids(made) == wanted
    assert made.left_out == dict(sorted(reasons.items()))


@given(GROUPS, st.sampled_from(["best-worst", "adjacent", "02+03+12+13"]), st.randoms(use_true_random=False))
def test_the_order_of_the_videos_does_not_matter(groups, strategy, shuffler):
    videos = flat(groups)
    shuffled = videos[:]
    shuffler.shuffle(shuffled)
    one, other = make_pairs(videos, strategy), make_pairs(shuffled, strategy)
    assert sorted(ids(one)) == sorted(ids(other))
    assert one.left_out == other.left_out


def test_equal_scores_are_ranked_by_name():
    videos = [ScoredVideo("p", name, score) for name, score in (("c", 0.5), ("a", 0.5), ("d", 0.1), ("b", 0.1))]
    assert [video.video for video in ranking(videos)] == ["a", "c", "b", "d"]
    assert ids(make_pairs(videos)) == [("p", "a", "d")]
    assert make_pairs(videos, "adjacent").left_out == {EQUAL_RANKS: 2}


def test_the_random_loser_is_uniform_among_the_worse_ones():
    videos = flat({f"p{i}": [0.9, 0.9, 0.5, 0.4, 0.1] for i in range(3000)})
    made = make_pairs(videos, "best-random", generator=np.random.default_rng(7))
    assert {pair.winner for pair in made.pairs} == {"0.mp4"}
    counts = Counter(pair.loser for pair in made.pairs)
    assert counts.keys() == {"2.mp4", "3.mp4", "4.mp4"}
    # Three standard deviations of a binomial count around 1000.
    assert all(abs(count - 1000) < 3 * math.sqrt(3000 * 2 / 9) for count in counts.values())
    again = make_pairs(videos, "best-random", generator=np.random.default_rng(7))
    other = make_pairs(videos, "best-random", generator=np.random.default_rng(8))
    assert again == made != other


def test_the_random_strategy_leaves_global_state_alone():
    before = np.random.get_state()[1].copy()
    make_pairs(flat({"p": [0.1, 0.2, 0.3]}), "best-random", generator=np.random.default_rng(0))
    assert (np.random.get_state()[1] == before).all()


@given(GROUPS, st.floats(0, 1), st.floats(0, 100))
@settings(max_examples=60)
def test_filtering_is_by_difference_alone(groups, minimum, percentile):
    whole = make_pairs(flat(groups), "adjacent")
    kept = make_pairs(flat(groups), "adjacent", keep=DifferenceFilter(minimum=minimum, percentile=percentile))
    assert set(kept.pairs) <= set(whole.pairs)
    dropped = set(whole.pairs) - set(kept.pairs)
    gap = max((pair.difference for pair in dropped), default=-1) - min((p.difference for p in kept.pairs), default=9)
    assert gap <= 1e-6  # what is dropped lies below what is kept
    assert all(pair.difference >= minimum - 1e-6 for pair in kept.pairs)
    counted = sum(kept.left_out.values()) - sum(whole.left_out.values())
    assert counted == len(dropped)


def test_minimum_and_percentile():
    videos = flat({f"p{i}": [0.0, i / 10] for i in range(1, 11)})  # differences 0.1 to 1
    few = make_pairs(videos, keep=DifferenceFilter(percentile=75))
    assert [round(pair.difference, 6) for pair in few.pairs] == [0.8, 0.9, 1.0]  # the percentile is 0.775
    assert few.left_out == {BELOW_PERCENTILE: 7}
    both = make_pairs(videos, keep=DifferenceFilter(minimum=0.35, percentile=75))
    assert both.pairs == few.pairs
    assert both.left_out == {BELOW_MINIMUM: 3, BELOW_PERCENTILE: 4}
    assert len(make_pairs(videos, keep=DifferenceFilter(percentile=100)).pairs) == 1


def test_a_difference_that_is_the_minimum_in_decimals_is_kept():
    videos = flat({"p": [0.3, 0.2]})
    assert 0.3 - 0.2 < 0.1
    assert len(make_pairs(videos, keep=DifferenceFilter(minimum=0.1)).pairs) == 1
    assert make_pairs(videos, keep=DifferenceFilter(minimum=0.100001)).left_out == {BELOW_MINIMUM: 1}


MISTAKES = {
    "no such strategy": ([0.1, 0.2], "best-wurst", ["'best-wurst'", "best-worst", "02+03+12+13"]),
    "ranks that fall": ([0.1, 0.2], "10", ["'10'", "rising"]),
    "a rank twice": ([0.1, 0.2], "01+01", ["'01+01'"]),
    "one rank": ([0.1, 0.2], "0", ["'0'"]),
    "no generator": ([0.1, 0.2], "best-random", ["best-random", "default_rng"]),
    "one video": ([0.1], "best-worst", ["'a boat'", "two videos"]),
    "not a number": ([0.1, float("nan")], "best-worst", ["1.mp4", "nan", "None"]),
}


@pytest.mark.parametrize(("scores", "strategy", "parts"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_told_in_one_line(scores, strategy, parts):
    with pytest.raises(UsageError) as told:
        make_pairs(flat({"a boat": scores}), strategy)
    assert all(part in str(told.value) for part in parts), str(told.value)
    assert "\n" not in str(told.value)


def test_no_video_and_a_video_twice_are_mistakes():
    with pytest.raises(UsageError, match="no video"):
        make_pairs([])
    with pytest.raises(UsageError, match="'v' is there twice for prompt 'p'"):
        make_pairs([ScoredVideo("p", "v", 0.1), ScoredVideo("p", "v", 0.2)])


@pytest.mark.parametrize("bad", [{"minimum": -0.1}, {"percentile": 101}, {"percentile": -1}, {"minimum": math.inf}])
def test_a_filter_refuses_impossible_numbers(bad):
    with pytest.raises(ValidationError):
        DifferenceFilter(**bad)
