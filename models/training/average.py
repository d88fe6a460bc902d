"""A moving average of the weights that are trained (exponential, as in Karras et al., arXiv 2312.02696, section 3)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from harness.errors import UsageError


class MovingAverage:
    """``average ← decay · average + (1 − decay) · weights`` after every step, of the parameters that need a gradient.

    Args:
        model: Its parameters are the first average.
        decay: In (0, 1).

    Raises:
        UsageError: The decay is no such number.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        if not 0 < decay < 1:
            raise UsageError(f"ema must be a decay between 0 and 1, such as 0.99, not {decay}.")
        self.model, self.decay = model, decay
        self.values = {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards the weights."""
        parameters = dict(self.model.named_parameters())
        for name, value in self.values.items():
            value.lerp_(parameters[name], 1 - self.decay)

    def load(self, values: Mapping[str, Tensor]) -> None:
        """Take the average from a checkpoint."""
        for name, value in self.values.items():
            value.copy_(values[name])

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """The model with its averaged weights; the trained ones are put back afterwards."""
        parameters = dict(self.model.named_parameters())
        trained = {name: parameters[name].detach().clone() for name in self.values}
        try:
            self._put(parameters, self.values)
            yield
        finally:
            self._put(parameters, trained)

    @torch.no_grad()
    def _put(self, parameters: Mapping[str, nn.Parameter], values: Mapping[str, Tensor]) -> None:
        for name, value in values.items():
            parameters[name].copy_(value)
