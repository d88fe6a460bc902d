"""The loss of Diffusion-DPO (Wallace et al., arXiv 2311.12908) with VideoDPO's weights, as arithmetic on errors.

inside = −(β/2)·[(e_w − e_w^ref) − (e_l − e_l^ref)], loss = −logsigmoid(inside)·weight. e is the squared error of a
prediction, *meaned* over all axes of a video: β = 5000 belongs to this form. At the start policy and reference are one
network, so inside is 0 and the loss log 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from harness.errors import UsageError, unknown
from models.alignment.options import Reduction


@dataclass(frozen=True)
class PairErrors:
    """Squared errors of both videos of ``n`` pairs, by policy and reference.

    Each is ``[n]``, or ``[n, W]`` by column.

    Attributes:
        winner: Of the winners, by the network that is trained.
        loser: Of the losers, by the same.
        winner_reference: Of the winners, by the network that it started as.
        loser_reference: Of the losers, by the same.
    """

    winner: Tensor
    loser: Tensor
    winner_reference: Tensor
    loser_reference: Tensor

    @property
    def margin(self) -> Tensor:
        """(e_l − e_l^ref) − (e_w − e_w^ref), free of β: above 0 where the winner became likelier than the loser did."""
        return (self.loser - self.loser_reference) - (self.winner - self.winner_reference)


def squared_errors(prediction: Tensor, target: Tensor, reduction: Reduction = "mean") -> Tensor:
    """Squared error of each video.

    Args:
        prediction: ``[B, ...]``, such as ``[B, C, T, H, W]``.
        target: The same shape.
        reduction: ``"mean"`` or ``"sum"`` over all axes but the first: ``[B]``. ``"per-column"``: the mean over all
            axes but the first and the last, ``[B, W]``: what ``mean(dim=[1, 2, 3])`` gives of a video's latent.

    Raises:
        UsageError: No such reduction, or shapes that differ.
    """
    if prediction.shape != target.shape:
        raise UsageError(f"a prediction {list(prediction.shape)} has no error against {list(target.shape)}.")
    squared = (prediction - target).square()
    if reduction == "mean":
        return squared.flatten(1).mean(1)
    if reduction == "sum":
        return squared.flatten(1).sum(1)
    if reduction == "per-column":
        return squared.flatten(1, -2).mean(1)
    raise unknown("reduction", reduction, ("mean", "sum", "per-column"))


def inside_term(errors: PairErrors, beta: float) -> Tensor:
    """What the logsigmoid is of, shaped like the errors."""
    return 0.5 * beta * errors.margin


def preference_losses(errors: PairErrors, beta: float, weights: Tensor, factor: float = 1.0) -> Tensor:
    """The loss of each pair, ``[n]``: −logsigmoid(inside), meaned over columns if there are any, × weight × factor.

    Args:
        errors: Of ``n`` pairs.
        beta: Above 0.
        weights: ``[n]``.
        factor: Constant that multiplies every loss.
    """
    losses = -F.logsigmoid(inside_term(errors, beta))
    return losses.reshape(len(losses), -1).mean(1) * weights * factor


def implicit_accuracy(errors: PairErrors) -> Tensor:
    """Share of pairs (of their columns, where errors have some) with a margin above 0; a margin of 0 counts half.

    A scalar in [0, 1] for every batch. (The released code divides a sum over columns by the pairs: 0 to 64, V2.)
    """
    signs = errors.margin.detach().sign()
    return (0.5 * (signs + 1)).mean()


def prediction_divergence(prediction: Tensor, reference: Tensor) -> Tensor:
    """Mean squared difference of two networks' predictions of the same noised videos, a scalar: the proxy of KL.

    For denoisers whose steps are Gaussians of one variance, KL(policy ‖ reference) of a step is half the squared
    distance of their means over that variance; the means differ by the predictions' difference times a number that
    only the timestep decides. This leaves that number out, so compare it within one objective only.
    """
    return (prediction - reference).square().mean()


def pair_logs(errors: PairErrors, beta: float) -> dict[str, Tensor]:
    """Numbers of a batch of pairs by name, scalars without a gradient.

    ``margin`` (free of β), ``inside`` (with β/2), ``implicit_accuracy``, and the mean errors ``winner_error``,
    ``loser_error``, ``winner_reference_error``, ``loser_reference_error``.
    """
    with torch.no_grad():
        return {
            "margin": errors.margin.mean(),
            "inside": inside_term(errors, beta).mean(),
            "implicit_accuracy": implicit_accuracy(errors),
            "winner_error": errors.winner.mean(),
            "loser_error": errors.loser.mean(),
            "winner_reference_error": errors.winner_reference.mean(),
            "loser_reference_error": errors.loser_reference.mean(),
        }
