"""What preference training asks of policy and reference: errors of both videos of a pair, and the loss of a step."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from models.alignment.draws import MASKS, Draws, draw_all, seed_of
from models.alignment.loss import PairErrors, pair_logs, prediction_divergence, preference_losses, squared_errors
from models.alignment.options import AlignOptions
from models.alignment.preferences import Preferences
from models.diffusion.denoising import Denoising
from models.training.loop import autocast

Reference = Callable[[], AbstractContextManager[nn.Module]]


@dataclass(frozen=True)
class Trained:
    """What every step needs.

    Attributes:
        denoising: Base model; its network is the policy.
        reference: Gives the network that training began with.
        preferences: Pairs.
        weights: Of the pairs, float32 on the device; all 1 where the method has none.
        options: How.
        device: Of the network.
    """

    denoising: Denoising
    reference: Reference
    preferences: Preferences
    weights: Tensor
    options: AlignOptions
    device: torch.device


def step_loss(state: Trained, draws: Draws, seed: int, step: int, part: int) -> tuple[Tensor, dict[str, float]]:
    """Mean loss of some pairs, and the numbers that are logged.

    Args:
        state: What is trained.
        draws: Of these pairs.
        seed: Of the run; seeds dropout masks where dropout is on.
        step: The same.
        part: The same.
    """
    masks = seed_of(seed, step, MASKS) + part if state.options.dropout else None
    with _masks(masks, state.device):
        if state.options.method == "sft":
            error = winner_errors(state, draws)
            return error.mean(), {"winner_error": float(error.detach().mean())}
        errors, divergence = pair_errors(state, draws)
    weights = state.weights[draws.pairs]
    losses = preference_losses(errors, state.options.beta, weights, state.options.factor)
    logs = pair_logs(errors, state.options.beta) | {
        "reference_divergence": divergence,
        "weight": weights.mean(),
        "weight_ess_share": weights.sum().square() / weights.square().sum() / len(weights),
        "timestep": draws.timesteps.float().mean().to(state.device),
    }
    return losses.mean(), dict(zip(logs, torch.stack([v.float() for v in logs.values()]).tolist(), strict=True))


def winner_errors(state: Trained, draws: Draws) -> Tensor:
    """Squared errors ``[n]`` of the policy on winners, meaned over everything: the loss of SFT."""
    told = _captions(state, draws)
    with torch.no_grad():
        condition = state.denoising.condition(told)
    latents, noise, times = (
        x.to(state.device) for x in (state.preferences.winners[draws.pairs], draws.noise, draws.timesteps)
    )
    noised, target = _question(state, latents, noise, times)
    network = state.denoising.network.train(state.options.dropout)
    return squared_errors(state.denoising.predict(network, noised, times, condition).float(), target)


def pair_errors(state: Trained, draws: Draws) -> tuple[PairErrors, Tensor]:
    """Errors of both videos of each pair by policy and reference, and how far their predictions are apart."""
    told = _captions(state, draws)
    pairs, options, model = len(told), state.options, state.denoising
    latents = torch.cat((state.preferences.winners[draws.pairs], state.preferences.losers[draws.pairs]))
    latents = latents.to(state.device)
    noise = torch.cat((draws.noise, draws.loser_noise)).to(state.device)
    times = torch.cat((draws.timesteps, draws.loser_timesteps)).to(state.device)
    noised, target = _question(state, latents, noise, times)
    with torch.no_grad():
        condition = model.condition(told + told)
        with state.reference() as network:  # before the policy: adapters are off meanwhile
            network.train(options.dropout)
            expected = model.predict(network, noised, times, condition).float()
    found = model.predict(model.network.train(options.dropout), noised, times, condition).float()
    policy = squared_errors(found, target, options.reduction).split(pairs)
    reference = squared_errors(expected, target, options.reduction).split(pairs)
    with torch.no_grad():
        divergence = prediction_divergence(found, expected)
    return PairErrors(*policy, *reference), divergence


@torch.no_grad()
def validate(state: Trained) -> dict[str, float]:
    """Mean numbers of up to ``validation_pairs`` pairs, on draws that are the same in all runs.

    ``preference_loss`` has all weights 1, so that methods can be compared.
    """
    count = min(len(state.preferences.captions), state.options.validation_pairs)
    draws = draw_all(state.options, state.denoising.objective, count, state.preferences.winners.shape[1:])
    quiet = replace(state, options=state.options.model_copy(update={"dropout": False}))
    parts = -(-count * state.options.accumulate // state.options.batch)
    found: dict[str, float] = {}
    for number in range(parts):
        part = draws.part(number, parts)
        with autocast(state.options.loop()):
            errors, divergence = pair_errors(quiet, part)
        ones = torch.ones(len(part.pairs), device=state.device)
        numbers = pair_logs(errors, state.options.beta) | {
            "preference_loss": preference_losses(errors, state.options.beta, ones).mean(),
            "reference_divergence": divergence,
        }
        for name, value in numbers.items():
            found[name] = found.get(name, 0.0) + float(value) * len(part.pairs) / count
    return found


def _question(state: Trained, latents: Tensor, noise: Tensor, times: Tensor) -> tuple[Tensor, Tensor]:
    objective = state.denoising.objective
    return objective.noised(latents, noise, times), objective.target(latents, noise, times).float()


def _captions(state: Trained, draws: Draws) -> list[str]:
    captions = state.preferences.captions
    return ["" if untold else captions[i] for i, untold in zip(draws.pairs, draws.untold, strict=True)]


@contextlib.contextmanager
def _masks(seed: int | None, device: torch.device) -> Iterator[None]:
    """Dropout draws from torch's global generators: give them a seed, and put back what they were."""
    if seed is None:
        yield
        return
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
