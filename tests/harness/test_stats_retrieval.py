"""Retrieval: R@k against sorting by hand, the Wilson interval against scipy, the chance level against all orders."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.errors import UsageError
from harness.stats.retrieval import chance_level, recall_at, retrieved, wilson_interval

TEXTS = st.lists(st.sampled_from("abcde"), min_size=1, max_size=7)


def by_sorting(similarities, own, candidates, k):
    """A wrong candidate stands before a right one of the same value."""
    hits = []
    for row, text in zip(similarities, own, strict=True):
        order = sorted(range(len(candidates)), key=lambda j: (-row[j], candidates[j] == text))
        hits.append(any(candidates[j] == text for j in order[:k]))
    return np.array(hits)


@given(TEXTS, TEXTS, st.data())
def test_a_hit_is_a_right_candidate_among_the_first_k(own, candidates, data):
    values = st.integers(-3, 3).map(lambda n: n / 4)
    rows = data.draw(st.lists(st.lists(values, min_size=len(candidates), max_size=len(candidates)),
                              min_size=len(own), max_size=len(own)))  # fmt: skip
    similarities = np.array(rows, float)
    k = data.draw(st.integers(1, len(candidates)))
    expected = by_sorting(similarities, own, candidates, k)
    assert (retrieved(similarities, own, candidates, k) == expected).all()
    found = recall_at(similarities, own, candidates, k)
    assert (found.hits, found.queries, found.value) == (expected.sum(), len(own), expected.mean())
    assert found.low <= found.value <= found.high


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=5), st.data())
@settings(max_examples=30)
def test_chance_is_the_mean_over_all_orders(candidates, data):
    k = data.draw(st.integers(1, len(candidates)))
    hits = [[text in order[:k] for text in candidates] for order in itertools.permutations(candidates)]
    assert chance_level(candidates, candidates, k) == pytest.approx(np.mean(hits))


@given(st.integers(1, 300), st.data(), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_the_interval_is_scipys(count, data, level):
    hits = data.draw(st.integers(0, count))
    expected = stats.binomtest(hits, count).proportion_ci(level, method="wilson")
    assert wilson_interval(hits, count, level) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_a_scorer_that_says_the_same_of_everything_retrieves_nothing_but_twins():
    flat = np.zeros((4, 4))
    assert not retrieved(flat, "abcd", "abcd", 3).any()
    assert retrieved(flat, "aaaa", "aaaa", 1).all()
    assert recall_at(np.eye(4), "abcd", "abcd", 1).value == 1
    assert recall_at(np.eye(4), "abcd", "abcd", 1).chance == 0.25


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda: retrieved(np.zeros((2, 3)), "ab", "ab", 1), "do not fit 2 queries and 2 candidates"),
        (lambda: retrieved(np.zeros((0, 2)), "", "ab", 1), "do not fit 0 queries"),
        (lambda: retrieved(np.zeros((2, 2)), "ab", "ab", 0), "k must be from 1 to the 2 candidates, not 0"),
        (lambda: retrieved(np.zeros((2, 2)), "ab", "ab", 3), "not 3"),
        (lambda: retrieved(np.full((2, 2), np.nan), "ab", "ab", 1), "finite"),
        (lambda: wilson_interval(3, 2), "3 hits of 2 trials"),
        (lambda: wilson_interval(0, 0), "0 hits of 0 trials"),
        (lambda: wilson_interval(1, 2, 1.0), "level 1.0"),
    ],
)
def test_what_cannot_be_counted_is_refused(call, why):
    with pytest.raises(UsageError, match=why):
        call()
