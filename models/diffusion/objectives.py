"""What a denoiser learns to predict, and how data becomes noise: diffusers' schedulers do the arithmetic.

ε and v (Salimans & Ho, arXiv 2202.00512) use the noise schedule of latent diffusion, as VideoCrafter does; flow
matching goes in a straight line from data to noise. A timestep is what the network is told: 0 to 999, for flow any
number of (0, 1000).
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from harness.errors import UsageError, unknown

TRAIN_TIMESTEPS = 1000
BETA_START, BETA_END = 0.00085, 0.012
"""Of latent diffusion's "scaled linear" schedule."""
CLIP_RANGE = 3.0
"""Predictions of clean latents are clipped to this many standard deviations."""


class Objective(Protocol):
    """How a denoiser is asked.

    Attributes:
        prediction: ``"epsilon"``, ``"v"`` or ``"flow"``.
    """

    prediction: str

    def draw_timesteps(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw ``[count]`` timesteps as the network is told them."""

    def noised(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """Mix latents ``[B, ...]`` with noise of the same shape at timesteps ``[B]``."""

    def target(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """What the network should predict, like ``latents``."""


def schedulers() -> Any:
    """The module ``diffusers.schedulers``.

    Raises:
        UsageError: diffusers is not installed.
    """
    try:
        import diffusers.schedulers
    except ImportError as error:
        raise UsageError(
            f"text-to-video diffusion needs diffusers ({error}): pip install 'diptych[alignment]'"
        ) from error
    return diffusers.schedulers


class Diffusion:
    """ε or v on the schedule of latent diffusion.

    Args:
        prediction: ``"epsilon"`` or ``"v"``.
        scheduler: A diffusers scheduler with ``add_noise`` and ``get_velocity``; latent diffusion's DDIM if None.
    """

    def __init__(self, prediction: str, scheduler: Any = None) -> None:
        self.prediction = prediction
        self.scheduler = scheduler or sampler(prediction)

    def draw_timesteps(self, count: int, generator: torch.Generator) -> Tensor:
        """Integers, all equally likely."""
        return torch.randint(self.scheduler.config.num_train_timesteps, (count,), generator=generator)

    def noised(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """√ᾱ·x + √(1 − ᾱ)·ε."""
        out: Tensor = self.scheduler.add_noise(latents, noise, timesteps)
        return out

    def target(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """The noise, or √ᾱ·ε − √(1 − ᾱ)·x."""
        if self.prediction == "epsilon":
            return noise
        out: Tensor = self.scheduler.get_velocity(latents, noise, timesteps)
        return out


class Flow:
    """Rectified flow (Liu et al., arXiv 2209.03003): x_σ = (1 − σ)·x + σ·ε, the network predicts ε − x."""

    prediction = "flow"

    def draw_timesteps(self, count: int, generator: torch.Generator) -> Tensor:
        """σ is the logistic of a normal number (Esser et al., arXiv 2403.03206)."""
        return TRAIN_TIMESTEPS * torch.sigmoid(torch.randn(count, generator=generator))

    def noised(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """A point on the line from data to noise."""
        sigma = (timesteps.to(latents.dtype) / TRAIN_TIMESTEPS).view(-1, *[1] * (latents.dim() - 1))
        return (1 - sigma) * latents + sigma * noise

    def target(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """The line's direction."""
        del timesteps
        return noise - latents


def make_objective(prediction: str) -> Objective:
    """The objective of a prediction.

    Raises:
        UsageError: No such prediction, or diffusers is not installed.
    """
    if prediction not in ("epsilon", "v", "flow"):
        raise unknown("prediction", prediction, ("epsilon", "v", "flow"))
    return Flow() if prediction == "flow" else Diffusion(prediction)


def sampler(prediction: str) -> Any:
    """A fresh diffusers scheduler to sample with: DDIM for ε and v, Euler for flow."""
    found = schedulers()
    if prediction == "flow":
        return found.FlowMatchEulerDiscreteScheduler(num_train_timesteps=TRAIN_TIMESTEPS)
    return found.DDIMScheduler(
        num_train_timesteps=TRAIN_TIMESTEPS,
        beta_start=BETA_START,
        beta_end=BETA_END,
        beta_schedule="scaled_linear",
        prediction_type="epsilon" if prediction == "epsilon" else "v_prediction",
        clip_sample=True,
        clip_sample_range=CLIP_RANGE,
        set_alpha_to_one=False,
        steps_offset=1,
        timestep_spacing="leading",
    )
