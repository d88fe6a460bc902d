"""From noise and captions to latents: every video by its own seed, every step by a diffusers scheduler."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from harness.clock import Stopwatch
from harness.errors import UsageError
from models.diffusion.objectives import sampler


@dataclass
class Sampled:
    """What sampling gave.

    Attributes:
        latents: float32 ``[B, channels, frames, rows, columns]``.
        noise_sha256: Of each video's initial latent, and of the noise of every step where there is such.
        step_seconds: Seconds of each step, of the whole batch.
    """

    latents: Tensor
    noise_sha256: list[str]
    step_seconds: list[float] = field(default_factory=list)


Ask = Callable[[Tensor, Tensor], Tensor]
"""From noised latents ``[B, ...]`` and timesteps ``[B]`` to the prediction, guided or not."""


def check_seeds(captions: Sequence[str], seeds: Sequence[int]) -> None:
    """Raise a UsageError unless there is a seed for every caption, and one caption at least."""
    if len(captions) != len(seeds) or not captions:
        raise UsageError(f"sampling takes a seed for every caption, not {len(captions)} and {len(seeds)}.")


def sample(
    ask: Ask,
    prediction: str,
    latent_shape: Sequence[int],
    seeds: Sequence[int],
    *,
    steps: int,
    eta: float = 0.0,
    device: str = "cpu",
) -> Sampled:
    """Sample one video per seed.

    Noise is drawn on the CPU, so that the same seed is the same noise on every device, and video by video, so that a
    video does not depend on what else is in the batch.

    Args:
        ask: The network's prediction.
        prediction: ``"epsilon"``, ``"v"`` or ``"flow"``.
        latent_shape: Of one video.
        seeds: One per video.
        steps: Number of steps.
        eta: Share of DDIM's noise that is drawn anew at each step, 0 to 1; flow has none.
        device: Torch device of the network.
    """
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    hashes = [hashlib.sha256() for _ in seeds]

    def draw() -> Tensor:
        drawn = [torch.randn(tuple(latent_shape), generator=generator) for generator in generators]
        for digest, noise in zip(hashes, drawn, strict=True):
            digest.update(noise.numpy().tobytes())
        return torch.stack(drawn).to(device)

    scheduler: Any = sampler(prediction)
    scheduler.set_timesteps(steps)
    latents, seconds = draw(), []
    for timestep in scheduler.timesteps:
        times = timestep.to(device).expand(len(seeds))
        extra: dict[str, Any] = {}
        if prediction != "flow":
            extra = {"eta": eta, "variance_noise": draw() if eta > 0 else None}

        def step(now: Tensor = latents, times: Tensor = times, timestep: Any = timestep, extra: Any = extra) -> Tensor:
            out: Tensor = scheduler.step(ask(now, times), timestep, now, **extra).prev_sample
            return out

        latents, took = Stopwatch(device).measure(step, 1)
        seconds += took
    return Sampled(latents, [digest.hexdigest() for digest in hashes], seconds)


def guided(
    ask: Callable[[Tensor, Tensor, Any], Tensor], told: Any, untold: Any, guidance: float, join: Callable[..., Any]
) -> Ask:
    """Classifier-free guidance (Ho & Salimans, arXiv 2207.12598): untold + guidance · (told − untold), in one call.

    Args:
        ask: From latents, timesteps and condition to the prediction.
        told: Conditions of the captions.
        untold: As many unconditional ones.
        guidance: 1 is the plain conditional prediction, which takes half of the work.
        join: Concatenates two conditions along the batch.
    """
    if guidance == 1.0:
        return lambda latents, times: ask(latents, times, told)
    both = join(told, untold)

    def answer(latents: Tensor, times: Tensor) -> Tensor:
        found, plain = ask(torch.cat((latents, latents)), torch.cat((times, times)), both).chunk(2)
        return plain + guidance * (found - plain)

    return answer
