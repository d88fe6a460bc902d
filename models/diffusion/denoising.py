"""What training and alignment need of a text-to-video denoiser, whoever built it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from torch import Tensor, nn

from models.diffusion.objectives import Objective


class Denoising(Protocol):
    """A denoiser, how it is asked, and how it is told a text.

    Attributes:
        network: What is trained.
        objective: How data becomes noise, and what the network predicts.
    """

    network: nn.Module
    objective: Objective

    def condition(self, captions: Sequence[str]) -> Any:
        """What the network is told of captions; ``""`` is the unconditional one."""

    def predict(self, network: nn.Module, noised: Tensor, timesteps: Tensor, condition: Any) -> Tensor:
        """Ask ``network`` (this one, or a copy) about noised latents ``[B, ...]`` at timesteps ``[B]``; like them."""

    def describe(self) -> dict[str, Any]:
        """What it is, JSON: ``weights_sha256`` and ``prediction`` at least."""
