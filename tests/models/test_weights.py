"""Weights of pairs: against arithmetic in fractions, and the laws that any reading of the method keeps."""

from __future__ import annotations

import math
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from harness.errors import UsageError
from harness.histogram import ScoreHistogram, score_bins
from models.alignment.pairs import Pair, ScoredVideo, make_pairs
from models.alignment.weights import (
    READINGS,
    PairWeights,
    WeightOptions,
    effective_sample_size,
    pair_probabilities,
    pair_weights,
    reading,
)

CENTS = st.lists(st.integers(0, 100), min_size=3, max_size=40)
ALPHAS = st.sampled_from([0.0, 0.5, 0.72, 1.0, 2.0])


def pair(winner: float, loser: float, prompt: str = "p") -> Pair:
    return Pair(prompt, "w", "l", winner, loser)


def collected(cents: list[int]) -> tuple[list[Pair], ScoreHistogram]:
    """Scores in hundredths, three a prompt, and their best-worst pairs."""
    scores = [cent / 100 for cent in cents]
    videos = [ScoredVideo(str(i // 3), str(i), score) for i, score in enumerate(scores[: len(scores) // 3 * 3])]
    return list(make_pairs(videos).pairs), ScoreHistogram.of(scores)


def by_hand(cents: list[int], pairs: list[Pair]) -> list[float]:
    """(β / √(p_w p_l))² in exact fractions, from counts of whole hundredths."""
    share = {cent: Fraction(cents.count(cent), len(cents)) for cent in cents}
    most = max(share.values())
    exact = []
    for one in pairs:
        winner, loser = round(one.winner_score * 100), round(one.loser_score * 100)
        exact.append(float(most * most / (share[winner] * share[loser])))
    return exact


# --- The histogram ----------------------------------------------------------------------------------------------------


def test_hundredths_are_in_the_bin_that_begins_there():
    assert 0.29 / 0.01 < 29
    assert score_bins([0.29, 1.0, 0.0, 0.57, 0.58]).tolist() == [29, 100, 0, 57, 58]
    assert score_bins([cent / 100 for cent in range(-50, 151)]).tolist() == list(range(-50, 151))
    assert score_bins(np.array([0.29, 0.57, 1.0], dtype=np.float32)).tolist() == [29, 57, 100]


@given(st.integers(-2_000_000, 2_000_000))
def test_bins_of_millionths_are_those_of_decimals(millionths):
    exact = Decimal(millionths) / Decimal(10_000)
    assert score_bins([millionths / 1e6]).tolist() == [math.floor(exact)]


@given(st.lists(st.floats(-1, 2), min_size=1, max_size=30))
def test_a_histogram_counts_every_score_once(scores):
    histogram = ScoreHistogram.of(scores)
    bins = [math.floor(round(score * 1e6) / 1e4) for score in scores]
    assert histogram.counts == {number: bins.count(number) for number in sorted(set(bins))}
    assert list(histogram.counts) == sorted(set(bins))
    assert sum(histogram.counts.values()) == histogram.n == len(scores)
    assert histogram.probabilities(scores).tolist() == [bins.count(number) / len(bins) for number in bins]
    assert histogram.counts[histogram.mode] == max(histogram.counts.values())
    assert histogram.mode_probability == max(histogram.probabilities(scores))


def test_of_several_modes_the_lowest():
    assert ScoreHistogram.of([0.5, 0.2, 0.5, 0.2, 0.1]).mode == 20


@pytest.mark.parametrize(("scores", "said"), [([], "none"), ([0.1, math.nan], "nan"), ([math.inf], "inf")])
def test_a_histogram_of_nothing_or_of_no_number(scores, said):
    with pytest.raises(UsageError, match=said):
        ScoreHistogram.of(scores)


# --- The paper's weights ----------------------------------------------------------------------------------------------


def test_by_hand():
    # Ten videos: p(0.50) = 4/10, p(0.29) = 1/10, p(0.80) = 5/10 and the mode.
    histogram = ScoreHistogram.of([0.5] * 4 + [0.29] + [0.805] * 5)
    pairs = [pair(0.5, 0.29), pair(0.80, 0.5), pair(0.80, 0.29)]
    found = pair_weights(pairs, histogram)
    assert found.probabilities == pytest.approx([math.sqrt(0.04), math.sqrt(0.2), math.sqrt(0.05)], rel=1e-15)
    assert found.weights == pytest.approx([2.5, 0.5 / math.sqrt(0.2), 0.5 / math.sqrt(0.05)], rel=1e-15)
    assert found.beta == 0.5
    assert found.maximum == found.raw_maximum == 2.5
    total = 2.5 + math.sqrt(1.25) + math.sqrt(5)
    assert found.effective_sample_size == pytest.approx(total**2 / (6.25 + 1.25 + 5), rel=1e-14)
    assert found.notes == ()


@given(CENTS)
def test_against_fractions(cents):
    pairs, histogram = collected(cents)
    assume(pairs)
    found = pair_weights(pairs, histogram, WeightOptions(alpha=2.0))
    assert found.weights == pytest.approx(by_hand(cents, pairs), rel=1e-12)


@given(CENTS, ALPHAS)
def test_the_papers_weights_are_one_at_least(cents, alpha):
    pairs, histogram = collected(cents)
    assume(pairs)
    found = pair_weights(pairs, histogram, WeightOptions(alpha=alpha))
    assert found.weights.min() >= 1.0  # exactly, not nearly
    assert not any("below 1" in note for note in found.notes)
    assert 1 - 1e-12 <= found.effective_sample_size <= len(pairs) * (1 + 1e-12)
    if alpha == 0:
        assert (found.weights == 1).all()


@given(CENTS)
def test_rarer_pairs_weigh_more(cents):
    pairs, histogram = collected(cents)
    assume(pairs)
    found = pair_weights(pairs, histogram)
    order = np.argsort(found.probabilities, kind="stable")
    assert (np.diff(found.weights[order]) <= 0).all()
    one = pair_weights(pairs, histogram, WeightOptions(alpha=1.0)).weights
    assert pair_weights(pairs, histogram, WeightOptions(alpha=2.0)).weights == pytest.approx(one**2, rel=1e-12)


def test_a_pair_inside_the_most_frequent_bin_weighs_one():
    histogram = ScoreHistogram.of([0.501, 0.509, 0.503, 0.2])
    assert pair_weights([pair(0.509, 0.501)], histogram).weights.tolist() == [1.0]


# --- Normalisation and what is recorded -------------------------------------------------------------------------------


@given(CENTS, ALPHAS)
def test_normalisations(cents, alpha):
    pairs, histogram = collected(cents)
    assume(pairs)
    made = {
        name: pair_weights(pairs, histogram, WeightOptions(alpha=alpha, normalisation=name))
        for name in ("raw", "mean", "clip")
    }
    raw = made["raw"].weights
    assert made["mean"].weights.mean() == pytest.approx(1.0, rel=1e-12)
    assert made["mean"].weights == pytest.approx(raw * len(raw) / math.fsum(raw), rel=1e-12)
    assert made["mean"].effective_sample_size == pytest.approx(made["raw"].effective_sample_size, rel=1e-9)
    assert (made["clip"].weights <= raw).all()
    assert made["clip"].effective_sample_size >= made["raw"].effective_sample_size * (1 - 1e-12)
    for one in made.values():
        assert one.maximum == one.weights.max()
        assert one.raw_maximum == raw.max()


def test_clipping_is_at_the_99th_percentile():
    # One pair of a rare score among a hundred of frequent ones.
    scores = [0.5] * 600 + [0.7] * 399 + [0.9]
    pairs = [pair(0.7, 0.5)] * 100 + [pair(0.9, 0.5)]
    clipped = pair_weights(pairs, ScoreHistogram.of(scores), WeightOptions(normalisation="clip"))
    assert clipped.raw_maximum == pytest.approx(0.6 / math.sqrt(0.6 * 0.001), rel=1e-12)
    ordinary = 0.6 / math.sqrt(0.6 * 0.399)
    assert clipped.maximum == pytest.approx(ordinary, rel=1e-12)  # the percentile lies at the 100th of 101
    assert clipped.weights[0] == pytest.approx(ordinary, rel=1e-12)


def test_few_effective_pairs_are_noted_and_not_printed(capsys):
    scores = [0.5] * 600 + [0.7] * 399 + [0.9]
    pairs = [pair(0.7, 0.5)] * 30 + [pair(0.9, 0.5)]
    found = pair_weights(pairs, ScoreHistogram.of(scores), WeightOptions(alpha=2.0))
    assert found.effective_sample_size < 0.3 * 31
    assert len(found.notes) == 1
    assert "of 31 pairs, below 30%" in found.notes[0]
    assert not any(capsys.readouterr())
    # Plain DPO on the same pairs is as effective as it can be.
    plain = pair_weights(pairs, ScoreHistogram.of(scores), WeightOptions(alpha=0.0))
    assert (plain.effective_sample_size, plain.notes) == (pytest.approx(31, rel=1e-12), ())


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=50), st.floats(1e-100, 1e100))
def test_the_effective_sample_size_has_no_scale(weights, scale):
    found = effective_sample_size(weights)
    assert found == pytest.approx(math.fsum(weights) ** 2 / math.fsum(w * w for w in weights), rel=1e-9)
    assert effective_sample_size(np.array(weights) * scale) == pytest.approx(found, rel=1e-9)


@pytest.mark.parametrize("bad", [[], [1.0, 0.0], [1.0, -1.0], [math.inf], [math.nan]])
def test_an_effective_sample_size_of_what_is_no_weight(bad):
    with pytest.raises(UsageError, match="above 0"):
        effective_sample_size(bad)


# --- Other readings ---------------------------------------------------------------------------------------------------


def weigh(name: str, **more) -> PairWeights:
    histogram = ScoreHistogram.of([0.5] * 4 + [0.29] + [0.805] * 5)
    return pair_weights([pair(0.5, 0.29), pair(0.80, 0.5)], histogram, reading(name), **more)


def test_every_reading_by_its_formula():
    rare, common = 0.4 * 0.1, 0.5 * 0.4
    wanted = {
        "paper": [(0.5 / math.sqrt(p)) ** 1.0 for p in (rare, common)],
        "quoted": [(1 / math.sqrt(p)) ** 0.72 for p in (rare, common)],
        "swapped": [(0.72 / math.sqrt(p)) ** 1.0 for p in (rare, common)],
        "sketch": [common / rare, 1.0],
        "release": [0.72 / 0.3, 0.72],  # the second pair has no stored number
        "release-config": [1.0, 1.0],
    }
    assert wanted.keys() == READINGS.keys()
    for name, weights in wanted.items():
        found = weigh(name, given=[0.3, None]) if name.startswith("release") else weigh(name)
        assert found.weights == pytest.approx(weights, rel=1e-12), name
        assert found.options == READINGS[name]


def test_what_a_reading_changes_is_noted():
    said = weigh("release", given=[0.3, None]).notes
    assert any("1 of 2 pairs have no stored number" in note for note in said)
    assert any("1 of 2 weights are below 1" in note for note in said)
    assert weigh("release", given=[0.3, 0.5]).notes == ()


def test_without_the_root():
    histogram = ScoreHistogram.of([0.5] * 4 + [0.29])
    pairs = [pair(0.5, 0.29)]
    assert pair_probabilities(pairs, histogram, root=False) == pytest.approx([0.16], rel=1e-15)
    assert pair_probabilities(pairs, histogram) == pytest.approx([0.4], rel=1e-15)


MISTAKES = {
    "no reading": (lambda: reading("released"), ["'released'", "'release'", "sketch"]),
    "no pair": (lambda: pair_weights([], ScoreHistogram.of([0.1])), ["no pair"]),
    "another histogram": (lambda: pair_weights([pair(0.9, 0.1)], ScoreHistogram.of([0.1])), ["0.9", "histogram"]),
    "nothing given": (lambda: weigh("release"), ["2 pairs", "none"]),
    "too few given": (lambda: weigh("release", given=[1.0]), ["2 pairs", "passed: 1"]),
    "given for nothing": (lambda: weigh("paper", given=[1.0, 1.0]), ["'root'", "'given'"]),
    "given nothing to divide by": (lambda: weigh("release", given=[0.0, 1.0]), ["above 0"]),
    "too large": (
        lambda: pair_weights([pair(0.9, 0.1)], ScoreHistogram.of([0.9, 0.1, 0.1]), WeightOptions(alpha=1e6)),
        ["alpha", "smaller"],
    ),
}


@pytest.mark.parametrize(("mistake", "parts"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_told_in_one_line(mistake, parts):
    with pytest.raises(UsageError) as told:
        mistake()
    assert all(part in str(told.value) for part in parts), str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "bad", [{"alpha": -1}, {"alpha": math.inf}, {"beta": 0}, {"beta": "most"}, {"probability": "b"}, {"gamma": 1}]
)
def test_options_refuse_what_is_impossible(bad):
    with pytest.raises(ValidationError):
        WeightOptions(**bad)


def test_options_are_frozen_and_survive_json():
    for options in READINGS.values():
        assert WeightOptions.model_validate_json(options.model_dump_json()) == options
    with pytest.raises(ValidationError):
        WeightOptions().alpha = 2.0


def test_neither_pairs_nor_weights_import_torch():
    code = "import sys, models.alignment.pairs, models.alignment.weights; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
