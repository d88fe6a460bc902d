"""What a step of preference training draws: pairs, timesteps, noise, captions that are left out.

Every draw is a function of seed, step and its own purpose: a switch that makes one more draw moves no other, and there
is no state to resume.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.errors import UsageError
from models.alignment.options import AlignOptions
from models.diffusion.objectives import Objective

ORDER, TIMESTEPS, LOSER_TIMESTEPS, NOISE, LOSER_NOISE, CAPTIONS, MASKS, SUBSET, ADAPTERS = range(9)
ALL_TIMESTEPS = (0.0, 1000.0)
TRIES = 1000


@dataclass(frozen=True)
class Draws:
    """Of ``n`` pairs.

    Attributes:
        pairs: Their indices, int64 ``[n]``.
        timesteps: Of winners, ``[n]``.
        loser_timesteps: Of losers; the same numbers where they are shared.
        noise: Of winners, ``[n, *latent]``, float32.
        loser_noise: Of losers.
        untold: bool ``[n]``: the caption is left out.
    """

    pairs: NDArray[np.int64]
    timesteps: Tensor
    loser_timesteps: Tensor
    noise: Tensor
    loser_noise: Tensor
    untold: NDArray[np.bool_]

    def part(self, number: int, parts: int) -> Draws:
        """Every ``parts``-th pair from ``number`` on."""
        chosen = slice(number, None, parts)
        return Draws(
            self.pairs[chosen], self.timesteps[chosen], self.loser_timesteps[chosen], self.noise[chosen],
            self.loser_noise[chosen], self.untold[chosen],
        )  # fmt: skip


def seed_of(seed: int, step: int, purpose: int) -> int:
    """A number of 63 bits for one purpose of one step."""
    return int(np.random.SeedSequence([seed, step, purpose]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def torch_generator(seed: int, step: int, purpose: int) -> torch.Generator:
    """A generator on the CPU, so that all devices meet the same draws."""
    return torch.Generator().manual_seed(seed_of(seed, step, purpose))


def draw_step(
    options: AlignOptions, objective: Objective, pairs: int, latent: Sequence[int], seed: int, step: int
) -> Draws:
    """The draws of a training step.

    Args:
        options: How many pairs, and what they share.
        objective: Draws timesteps.
        pairs: Pairs to draw from. Each is drawn once before any is drawn again.
        latent: Shape of one video's latent.
        seed: Of the run, ≥ 0.
        step: From 0.
    """
    return _draws(options, objective, draw_pairs(pairs, options.batch, seed, step), latent, seed, step)


def draw_all(options: AlignOptions, objective: Objective, pairs: int, latent: Sequence[int], seed: int = 0) -> Draws:
    """Draws for each of ``pairs`` pairs, in order, with every caption told: what a validation asks about."""
    told = options.model_copy(update={"caption_dropout": 0.0})
    return _draws(told, objective, np.arange(pairs), latent, seed, 0)


def _draws(
    options: AlignOptions, objective: Objective, chosen: NDArray[np.int64], latent: Sequence[int], seed: int, step: int
) -> Draws:
    shape = (len(chosen), *latent)
    bounds = (options.timestep_low, options.timestep_high)

    def times(purpose: int) -> Tensor:
        return draw_timesteps(objective, len(chosen), torch_generator(seed, step, purpose), bounds)

    def normal(purpose: int) -> Tensor:
        return torch.randn(shape, generator=torch_generator(seed, step, purpose))

    timesteps, noise = times(TIMESTEPS), normal(NOISE)
    return Draws(
        pairs=chosen,
        timesteps=timesteps,
        loser_timesteps=timesteps if options.shared_timestep else times(LOSER_TIMESTEPS),
        noise=noise,
        loser_noise=noise if options.shared_noise else normal(LOSER_NOISE),
        untold=np.random.default_rng([seed, step, CAPTIONS]).random(len(chosen)) < options.caption_dropout,
    )


def draw_pairs(pairs: int, count: int, seed: int, step: int) -> NDArray[np.int64]:
    """Indices of the ``count`` pairs of a step: one shuffle of all ``pairs`` after another, read in order."""
    places = np.arange(step * count, (step + 1) * count)
    shuffles = {e: np.random.default_rng([seed, int(e), ORDER]).permutation(pairs) for e in np.unique(places // pairs)}
    return np.array([shuffles[place // pairs][place % pairs] for place in places], dtype=np.int64)


def draw_timesteps(
    objective: Objective, count: int, generator: torch.Generator, bounds: tuple[float, float] = ALL_TIMESTEPS
) -> Tensor:
    """The objective's timesteps ``[count]``, drawn again where they are out of bounds (both inclusive).

    Raises:
        UsageError: The objective draws no timestep within the bounds.
    """
    drawn = objective.draw_timesteps(count, generator)
    if bounds == ALL_TIMESTEPS:
        return drawn
    for _ in range(TRIES):
        outside = (drawn < bounds[0]) | (drawn > bounds[1])
        if not outside.any():
            return drawn
        drawn[outside] = objective.draw_timesteps(int(outside.sum()), generator)
    raise UsageError(
        f"the model's objective draws no timestep from {bounds[0]:g} to {bounds[1]:g}; widen timestep_low and "
        "timestep_high."
    )


def chosen_pairs(captions: Sequence[str], fraction: float, seed: int) -> NDArray[np.int64]:
    """Indices of the pairs of a share of the prompts, in order; a smaller share of one seed is part of a larger one.

    Pairs of one prompt stay together: they are no independent data.
    """
    names = list(dict.fromkeys(captions))
    order = np.random.default_rng([seed, SUBSET]).permutation(len(names))
    kept = {names[index] for index in order[: math.ceil(fraction * len(names))]}
    return np.array([index for index, caption in enumerate(captions) if caption in kept], dtype=np.int64)
