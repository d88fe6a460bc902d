"""A tiny text-to-video denoiser and pairs made by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.alignment.preferences import Preferences

LATENT = (2, 2, 3, 4)


class Objective:
    """ε on a cosine's schedule of 1000 steps."""

    prediction = "epsilon"

    def draw_timesteps(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.randint(1000, (count,), generator=generator)

    def noised(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        angle = (timesteps.to(latents.dtype) / 1000 * torch.pi / 2).view(-1, 1, 1, 1, 1)
        return angle.cos() * latents + angle.sin() * noise

    def target(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        del latents, timesteps
        return noise


class Network(nn.Module):
    """Two linear layers over channels, told a caption's number and the timestep."""

    def __init__(self, width: int = 8, dropout: float = 0.0) -> None:
        super().__init__()
        self.up = nn.Linear(LATENT[0] + 2, width)
        self.drop = nn.Dropout(dropout)
        self.down = nn.Linear(width, LATENT[0])
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.normal_(0, 0.5, generator=generator)

    def forward(self, noised: Tensor, timesteps: Tensor, told: Tensor) -> Tensor:
        extra = torch.stack((timesteps.float() / 1000, told), 1)[..., None, None, None]
        extra = extra.expand(-1, -1, *noised.shape[2:])
        states = (
            torch.cat((noised, extra), 1).movedim(1, -1).contiguous()
        )  # else rounding depends on what needs a gradient
        return self.down(self.drop(torch.tanh(self.up(states)))).movedim(-1, 1)


@dataclass
class Model:
    """Implements Denoising."""

    network: nn.Module = field(default_factory=Network)
    objective: Objective = field(default_factory=Objective)
    sha256: str = "ab" * 32
    asked: list[list[str]] = field(default_factory=list)

    def condition(self, captions: Sequence[str]) -> Tensor:
        self.asked.append(list(captions))
        digests = [hashlib.sha256(caption.encode()).digest()[0] / 255 if caption else -1.0 for caption in captions]
        return torch.tensor(digests)

    def predict(self, network: nn.Module, noised: Tensor, timesteps: Tensor, condition: Any) -> Tensor:
        return network(noised, timesteps, condition)

    def describe(self) -> dict[str, Any]:
        return {"model": "fake", "prediction": "epsilon", "weights_sha256": self.sha256}


def preferences(count: int = 6, seed: int = 0, weights: Sequence[float] | None = None) -> Preferences:
    """Winners lie near 1, losers near −1."""
    generator = torch.Generator().manual_seed(seed)
    winners = 1 + 0.3 * torch.randn(count, *LATENT, generator=generator)
    losers = -1 + 0.3 * torch.randn(count, *LATENT, generator=generator)
    given = np.linspace(1, 3, count) if weights is None else np.asarray(weights, dtype=np.float64)
    captions = tuple(f"caption {index // 2}" for index in range(count))
    return Preferences(captions, winners, losers, torch.tensor(given), f"{seed:064d}", {})
