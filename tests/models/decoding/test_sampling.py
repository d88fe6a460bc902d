"""Law D: restriction and noise against plain Python, and what keys the noise."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.errors import UsageError
from models.decoding import noise
from models.decoding.engine import Engine
from models.decoding.grid import Grid
from models.decoding.sampling import (
    Sampler,
    pick,
    restrict,
    top_p_threshold_bisected,
    top_p_threshold_sorted,
)
from tests.models.decoding.helpers import NAMES, tables, tiny
from tests.models.decoding.helpers import given as prompt_of

GRID = Grid(frames=2, rows=3, columns=4, actions=1)

logit_lists = st.lists(st.integers(-40, 40).map(lambda i: i / 4), min_size=2, max_size=30)


@given(
    logit_lists, st.sampled_from([0.05, 0.3, 0.8, 0.95]), st.sampled_from([None, 1, 3]), st.sampled_from([0.5, 1, 2])
)
def test_restriction_keeps_exactly_the_tokens_of_the_law(
    values: list[float], p: float, k: int | None, temperature: float
) -> None:
    scaled = np.array(values, np.float64) / temperature
    kept = np.ones(len(values), bool)
    if k is not None and k < len(values):
        kept &= scaled >= np.sort(scaled)[::-1][k - 1]
    mass = np.where(kept, np.exp(scaled - scaled.max()), 0)
    mass /= mass.sum()
    above = np.array([mass[mass > m].sum() for m in mass])
    near = np.abs(above - p) < 1e-6  # float32 may fall either way on the boundary
    wanted = kept & (above < p)
    got = restrict(torch.tensor(values), Sampler(temperature=temperature, top_k=k, top_p=p)).isfinite().numpy()
    assert (got == wanted)[~near].all()
    assert got.any()


@given(
    st.lists(logit_lists.filter(lambda v: len(v) >= 5).map(lambda v: v[:5]), min_size=1, max_size=4),
    st.floats(0.01, 0.99),
)
def test_bisection_and_sort_keep_the_same_tokens(rows: list[list[float]], p: float) -> None:
    probabilities = torch.tensor(rows).softmax(dim=-1)
    by_sort = probabilities >= top_p_threshold_sorted(probabilities, p)
    by_bisection = probabilities >= top_p_threshold_bisected(probabilities, p)
    strictly_above = torch.stack(
        [(probabilities * (probabilities > probabilities[:, i, None])).sum(-1) for i in range(5)], -1
    )
    near = (strictly_above - p).abs() < 1e-6
    assert torch.equal(by_sort | near, by_bisection | near)


def test_greedy_takes_the_lowest_id_of_a_tie_and_no_noise() -> None:
    assert pick(torch.tensor([[1.0, 3.0, 3.0]]), None, Sampler(greedy=True)).tolist() == [1]
    with pytest.raises(ValueError, match="noise"):
        pick(torch.zeros(1, 3), None, Sampler())


@pytest.mark.parametrize("wrong", [{"temperature": 0.0}, {"top_p": 0.0}, {"top_p": 1.5}, {"top_k": 0}])
def test_meaningless_parameters_are_refused(wrong: dict) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        Sampler(**wrong).check()


def test_sampling_follows_the_softmax() -> None:
    logits = torch.tensor([0.0, 1.0, 2.0, -1.0])
    grid = Grid(frames=20, rows=20, columns=20)
    keys = noise.position_keys([3], grid, torch.device("cpu"))[0, grid.prompt_slots :]
    bits = noise.draw_bits(keys, noise.vocabulary_counters(4, torch.device("cpu")))
    drawn = pick(logits.expand(len(keys), 4), noise.gumbel(bits), Sampler())
    counts = np.bincount(drawn.numpy(), minlength=4)
    assert stats.chisquare(counts, logits.double().softmax(0).numpy() * len(keys)).pvalue > 1e-3


def test_noise_is_uniform_and_uncorrelated_between_neighbours() -> None:
    grid = Grid(frames=2, rows=10, columns=10)
    keys = noise.position_keys([11, 12], grid, torch.device("cpu"))[:, grid.prompt_slots :]
    counters = noise.vocabulary_counters(200, torch.device("cpu"))
    uniform = torch.exp(-torch.exp(-noise.gumbel(noise.draw_bits(keys, counters)).double())).numpy()
    assert stats.kstest(uniform.ravel(), "uniform").pvalue > 1e-3
    for a, b in ((uniform[0], uniform[1]), (uniform[:, 1:], uniform[:, :-1]), (uniform[..., 1:], uniform[..., :-1])):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.02


def test_extreme_bits_give_finite_noise() -> None:
    extremes = noise.gumbel(torch.tensor([0, -1, 2**63 - 1, -(2**63)]))
    assert extremes.isfinite().all()


def test_integer_bits_are_pinned() -> None:
    """These bits must never change, on any device: results of old runs depend on them."""
    keys = noise.position_keys([123], Grid(frames=1, rows=1, columns=2, prompt_frames=1), torch.device("cpu"))
    bits = noise.draw_bits(keys[0, 2:4], noise.vocabulary_counters(2, torch.device("cpu")))
    assert bits.tolist() == BITS


BITS = [[-5133595191558474677, -63324048384125363], [-7867586564253767843, 8296959052441914890]]


@settings(max_examples=20)
@given(st.integers(0, 2**62), st.integers(0, 2**62))
def test_other_seeds_give_other_keys(a: int, b: int) -> None:
    keys = [noise.position_keys([s], GRID, torch.device("cpu")) for s in (a, b)]
    assert torch.equal(*keys) == (a == b)


def test_every_arm_consumes_the_same_noise_at_the_same_places() -> None:
    hashes = {
        Engine(tiny(), tables(name, GRID, k), Sampler()).generate(prompt_of(GRID), [8]).noise_hashes[0]
        for name in NAMES
        for k in (1, 2)
    }
    assert len(hashes) == 1
    assert hashes != set(
        Engine(tiny(), tables("diagonal", GRID, 1), Sampler()).generate(prompt_of(GRID), [9]).noise_hashes
    )


def test_one_corrupted_draw_changes_the_noise_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(tiny(), tables("diagonal", GRID, 1), Sampler())
    clean = engine.generate(prompt_of(GRID), [8]).noise_hashes
    original, calls = noise.draw_bits, []

    def corrupt(keys: torch.Tensor, counters: torch.Tensor) -> torch.Tensor:
        bits = original(keys, counters)
        calls.append(0)
        if len(calls) == 4:
            bits[0, 0, 17] ^= 1 << 50
        return bits

    monkeypatch.setattr(noise, "draw_bits", corrupt)
    assert engine.generate(prompt_of(GRID), [8]).noise_hashes != clean
