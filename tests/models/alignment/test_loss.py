"""The loss of preference training against float64 arithmetic written out anew, and what its variants change."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from models.alignment.loss import (
    PairErrors,
    implicit_accuracy,
    inside_term,
    pair_logs,
    prediction_divergence,
    preference_losses,
    squared_errors,
)

SHAPE = (3, 2, 4, 3, 5)


def drawn(seed: int, shape: tuple[int, ...] = SHAPE) -> list[np.ndarray]:
    """Predictions of policy and reference for winners and losers, then both targets."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for _ in range(6)]


def errors_of(arrays: list[np.ndarray], reduction: str = "mean") -> PairErrors:
    winner, loser, winner_reference, loser_reference, winner_target, loser_target = map(torch.from_numpy, arrays)
    pairs = ((winner, winner_target), (loser, loser_target))
    references = ((winner_reference, winner_target), (loser_reference, loser_target))
    return PairErrors(*(squared_errors(p, t, reduction) for p, t in (*pairs, *references)))


def by_hand(
    arrays: list[np.ndarray], beta: float, weights: np.ndarray, axes: tuple[int, ...], how=np.mean
) -> np.ndarray:
    w, l, w_ref, l_ref, w_target, l_target = arrays  # noqa: E741 - the paper's letters
    e = [how((p - t) ** 2, axis=axes) for p, t in ((w, w_target), (w_ref, w_target), (l, l_target), (l_ref, l_target))]
    inside = -(beta / 2) * ((e[0] - e[1]) - (e[2] - e[3]))
    losses = np.log1p(np.exp(-np.abs(inside))) + np.maximum(-inside, 0)  # −log σ(inside)
    return losses.reshape(len(losses), -1).mean(1) * weights


@given(st.integers(0, 1000), st.floats(0.01, 5000), st.sampled_from(["mean", "sum", "per-column"]))
def test_the_loss_is_the_formulas(seed: int, beta: float, reduction: str) -> None:
    arrays, weights = drawn(seed), np.random.default_rng(seed).uniform(0.5, 9, SHAPE[0])
    axes = (1, 2, 3) if reduction == "per-column" else (1, 2, 3, 4)
    expected = by_hand(arrays, beta, weights, axes, np.sum if reduction == "sum" else np.mean)
    found = preference_losses(errors_of(arrays, reduction), beta, torch.from_numpy(weights))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-11, atol=1e-12)


def test_equal_networks_lose_log_two_whatever_beta_and_reduction() -> None:
    arrays = drawn(0)
    arrays[2:4] = arrays[:2]
    for reduction in ("mean", "sum", "per-column"):
        for beta in (1.0, 5000.0):
            losses = preference_losses(errors_of(arrays, reduction), beta, torch.ones(3, dtype=torch.float64))
            assert losses.tolist() == [math.log(2)] * 3


@given(st.integers(0, 1000))
def test_a_better_winner_and_a_worse_loser_lower_the_loss(seed: int) -> None:
    errors = errors_of(drawn(seed))
    leaves = [getattr(errors, name).clone().requires_grad_() for name in ("winner", "loser")]
    loss = preference_losses(PairErrors(*leaves, errors.winner_reference, errors.loser_reference), 2.0, torch.ones(3))
    winner, loser = torch.autograd.grad(loss.sum(), leaves)
    assert (winner > 0).all(), "a smaller error of the winner, a likelier winner, lowers the loss"
    assert (loser < 0).all()
    torch.testing.assert_close(winner, -loser)


@given(st.integers(0, 1000))
def test_exchanging_winner_and_loser_turns_the_margin_round(seed: int) -> None:
    e = errors_of(drawn(seed))
    other = PairErrors(e.loser, e.winner, e.loser_reference, e.winner_reference)
    torch.testing.assert_close(other.margin, -e.margin)
    assert float(implicit_accuracy(e) + implicit_accuracy(other)) == pytest.approx(1)


@given(st.integers(0, 1000), st.sampled_from(["mean", "sum", "per-column"]), st.integers(1, 6))
def test_the_accuracy_is_a_share_for_every_batch(seed: int, reduction: str, pairs: int) -> None:
    errors = errors_of(drawn(seed, (pairs, 2, 2, 2, 64)), reduction)
    assert 0 <= float(implicit_accuracy(errors)) <= 1
    tied = PairErrors(errors.winner, errors.loser, errors.winner, errors.loser)
    assert float(implicit_accuracy(tied)) == 0.5


def test_per_column_errors_are_a_mistake_that_can_be_measured() -> None:
    # papers.md, V1: one pair of [1, 4, 16, 40, 64] latents gives an inside term [1, 64], and another loss
    arrays = drawn(0, (1, 4, 16, 40, 64))
    for index in (2, 3):  # the reference differs as policies do after some steps
        arrays[index] = arrays[index - 2] + 0.01 * arrays[index]
    losses = {}
    for reduction in ("mean", "per-column"):
        errors = errors_of(arrays, reduction)
        assert tuple(inside_term(errors, 5000.0).shape) == ((1,) if reduction == "mean" else (1, 64))
        losses[reduction] = float(preference_losses(errors, 5000.0, torch.ones(1)).mean())
    assert losses["per-column"] > losses["mean"] + 0.1, "Jensen: the mean of the logsigmoids is the larger loss"
    # V3: with columns, two pairs and a weight each do not crash, and each pair keeps its own weight
    two = errors_of(drawn(1), "per-column")
    one = preference_losses(two, 2.0, torch.ones(3))
    torch.testing.assert_close(
        preference_losses(two, 2.0, torch.tensor([1.0, 2.0, 3.0])), one * torch.tensor([1, 2, 3])
    )


def test_sums_are_means_with_another_beta() -> None:
    arrays, size = drawn(3), math.prod(SHAPE[1:])
    weights = torch.ones(3, dtype=torch.float64)
    summed = preference_losses(errors_of(arrays, "sum"), 2.0, weights)
    torch.testing.assert_close(summed, preference_losses(errors_of(arrays, "mean"), 2.0 * size, weights))


def test_weights_and_the_constant_factor_multiply() -> None:
    errors = errors_of(drawn(4))
    plain = preference_losses(errors, 3.0, torch.ones(3))
    torch.testing.assert_close(preference_losses(errors, 3.0, torch.full((3,), 2.5), factor=0.72), plain * 2.5 * 0.72)


def test_logs_are_the_means_that_they_say() -> None:
    arrays = drawn(5)
    errors = errors_of(arrays)
    logs = pair_logs(errors, 10.0)
    assert float(logs["inside"]) == pytest.approx(5 * float(logs["margin"]))
    assert float(logs["winner_error"]) == pytest.approx(np.mean((arrays[0] - arrays[4]) ** 2))
    assert float(logs["loser_reference_error"]) == pytest.approx(np.mean((arrays[3] - arrays[5]) ** 2))
    assert float(prediction_divergence(torch.from_numpy(arrays[0]), torch.from_numpy(arrays[0]))) == 0
    assert float(prediction_divergence(torch.zeros(2, 3), torch.ones(2, 3))) == 1


def test_wrong_shapes_and_names_are_one_message() -> None:
    with pytest.raises(UsageError, match=r"unknown reduction 'meen'; did you mean 'mean'\?"):
        squared_errors(torch.zeros(2, 3), torch.zeros(2, 3), "meen")
    with pytest.raises(UsageError, match=r"\[2, 3\] has no error against \[2, 4\]"):
        squared_errors(torch.zeros(2, 3), torch.zeros(2, 4))
