"""Draws of preference training: functions of seed and step, shared inside a pair unless a switch says otherwise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from models.alignment.draws import Draws, chosen_pairs, draw_all, draw_pairs, draw_step, draw_timesteps
from models.alignment.options import AlignOptions, align_options
from tests.models.alignment.fakes import LATENT, Objective


def draws(step: int = 3, seed: int = 1, **changes: object) -> Draws:
    options = AlignOptions(**{"steps": 9, "batch": 8, "learning_rate": 1e-3, **changes})
    return draw_step(options, Objective(), 20, LATENT, seed, step)


def test_noise_and_timestep_are_shared_inside_a_pair() -> None:
    one = draws()
    assert torch.equal(one.noise, one.loser_noise)
    assert torch.equal(one.timesteps, one.loser_timesteps)
    assert len(one.timesteps.unique()) > 4, "pairs differ"


def test_a_switch_changes_the_losers_draw_and_no_other() -> None:
    shared = draws()
    noise, time = draws(shared_noise=False), draws(shared_timestep=False)
    assert torch.equal(noise.noise, shared.noise)
    assert torch.equal(noise.timesteps, shared.timesteps)
    assert torch.equal(noise.loser_timesteps, shared.loser_timesteps)
    assert not (noise.loser_noise == shared.loser_noise).any()
    assert torch.equal(time.loser_noise, shared.noise)
    assert torch.equal(time.timesteps, shared.timesteps)
    assert not torch.equal(time.loser_timesteps, shared.timesteps)
    dropped = draws(caption_dropout=0.5)
    assert torch.equal(dropped.noise, shared.noise)
    assert 0 < dropped.untold.sum() < 8
    assert not shared.untold.any()


@given(st.integers(0, 99), st.integers(0, 99))
def test_draws_are_a_function_of_seed_and_step(seed: int, step: int) -> None:
    again, other = draws(step, seed), draws(step + 1, seed)
    assert torch.equal(draws(step, seed).noise, again.noise)
    assert not torch.equal(again.noise, other.noise)
    assert not torch.equal(again.noise, draws(step, seed + 1).noise)


@given(st.integers(1, 30), st.integers(1, 12), st.integers(0, 5))
def test_every_pair_is_drawn_once_before_any_is_drawn_again(pairs: int, batch: int, seed: int) -> None:
    drawn = np.concatenate([draw_pairs(pairs, batch, seed, step) for step in range(2 * pairs)])
    for epoch in range(len(drawn) // pairs):
        assert sorted(drawn[epoch * pairs : (epoch + 1) * pairs]) == list(range(pairs))


def test_parts_are_the_batch() -> None:
    whole = draws()
    parts = [whole.part(number, 2) for number in range(2)]
    assert sorted(np.concatenate([part.pairs for part in parts])) == sorted(whole.pairs)
    assert torch.equal(parts[1].noise, whole.noise[1::2])


def test_timesteps_keep_to_their_range() -> None:
    drawn = draws(batch=64, timestep_low=500).timesteps
    assert drawn.min() >= 500
    assert (draws(batch=64, timestep_high=100).timesteps <= 100).all()
    with pytest.raises(UsageError, match="widen timestep_low"):
        draw_timesteps(Objective(), 2, torch.Generator(), (10.2, 10.8))


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40), st.integers(0, 3))
def test_a_share_of_the_prompts_is_part_of_a_larger_share_with_all_their_pairs(names: list[int], seed: int) -> None:
    captions = [str(name) for name in names]
    half, most, whole = (set(chosen_pairs(captions, share, seed).tolist()) for share in (0.5, 0.8, 1.0))
    assert half <= most <= whole == set(range(len(captions)))
    for chosen in (half, most):
        assert {captions[i] for i in chosen}.isdisjoint(captions[i] for i in whole - chosen)
    assert len({captions[i] for i in half}) == -(-len(set(captions)) // 2)


def test_validation_asks_about_every_pair_in_order_with_its_caption() -> None:
    options = AlignOptions(steps=1, batch=2, learning_rate=1.0, caption_dropout=1.0)
    asked = draw_all(options, Objective(), 5, LATENT)
    assert asked.pairs.tolist() == list(range(5))
    assert not asked.untold.any()


def test_options_are_checked_with_one_message() -> None:
    assert align_options("gpu", "videodpo").beta == 5000
    assert align_options("cpu", "dpo", {"beta": "500", "ema": None}).beta == 500
    for changes, words in (
        ({"beta": 0}, "beta: Input should be greater than 0"),
        ({"reduction": "median"}, "reduction: Input should be 'mean'"),
        ({"bta": 1}, "unknown option 'bta'; did you mean 'beta'"),
        ({"batch": 3, "accumulate": 2}, "multiple of accumulate"),
        ({"timestep_low": 800, "timestep_high": 100}, "must be below timestep_high"),
    ):
        with pytest.raises(UsageError, match=words):
            align_options("test", "dpo", changes)
    with pytest.raises(UsageError, match="unknown preset 'gpuu'; did you mean 'gpu'"):
        align_options("gpuu", "dpo")
    with pytest.raises(UsageError, match=r"unknown method 'ppo'"):
        align_options("test", "ppo")
