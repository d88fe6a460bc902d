"""How a token is drawn from logits.

Logits to float32 → temperature → top-k (ties at the threshold are kept) → top-p (a token is kept iff the mass of
strictly more probable tokens is below p) → argmax(logit + Gumbel noise). Greedy uses no noise; argmax ties go to the
lowest id.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.errors import UsageError
from harness.types import Data


class Sampler(Data):
    """Sampling parameters.

    Attributes:
        temperature: > 0; ignored by greedy.
        top_k: Keep the k most probable tokens, or None.
        top_p: Keep the smallest set of most probable tokens with at least this mass, in (0, 1].
        greedy: Take the most probable token.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0
    greedy: bool = False

    def check(self) -> Sampler:
        """Return self, or raise a UsageError for values that mean nothing."""
        if not self.temperature > 0:
            raise UsageError(
                f"temperature must be > 0, not {self.temperature}; use greedy for the most probable token."
            )
        if not 0 < self.top_p <= 1:
            raise UsageError(f"top_p must be in (0, 1], not {self.top_p}.")
        if self.top_k is not None and self.top_k < 1:
            raise UsageError(f"top_k must be at least 1, not {self.top_k}.")
        return self


def top_p_threshold_sorted(probabilities: Tensor, p: float) -> Tensor:
    """Smallest kept probability by sorting, ``[..., 1]``."""
    ordered, _ = probabilities.sort(dim=-1, descending=True)
    above = ordered.cumsum(dim=-1) - ordered
    # equal probabilities share the mass of the strictly more probable ones, which the first of them carries
    kept = torch.where(above < p, ordered, torch.inf)
    return kept.amin(dim=-1, keepdim=True)


def top_p_threshold_bisected(probabilities: Tensor, p: float) -> Tensor:
    """The same without a sort: bisection over float32 bit patterns, 31 fixed steps, exact, ``[..., 1]``.

    Non-negative floats order like their bits, so the bisection ends on neighbouring floats: ``low`` has mass ≥ p
    strictly above it, ``high`` has not.
    """
    low = torch.full_like(probabilities[..., :1], -1, dtype=torch.int32)
    high = torch.ones_like(probabilities[..., :1]).view(torch.int32)
    for _ in range(31):
        middle = low + ((high - low) >> 1)
        mass = (probabilities * (probabilities > middle.view(torch.float32))).sum(dim=-1, keepdim=True)
        inside = (mass < p) & (middle >= 0)
        high = torch.where(inside, middle, high)
        low = torch.where(inside, low, middle)
    return high.view(torch.float32)


def restrict(logits: Tensor, sampler: Sampler) -> Tensor:
    """Apply temperature, top-k and top-p.

    Args:
        logits: ``[..., vocabulary]``, any float type.
        sampler: Parameters.

    Returns:
        float32 logits with −inf at tokens that may not be drawn.
    """
    scaled = logits.float() / sampler.temperature
    if sampler.top_k is not None and sampler.top_k < scaled.shape[-1]:
        threshold = scaled.topk(sampler.top_k, dim=-1).values[..., -1:]
        scaled = scaled.masked_fill(scaled < threshold, -torch.inf)
    if sampler.top_p < 1.0:
        probabilities = scaled.softmax(dim=-1)
        on_device = probabilities.device.type != "cpu"  # a full-vocabulary sort per token is what the bisection saves
        cut = top_p_threshold_bisected if on_device else top_p_threshold_sorted
        scaled = scaled.masked_fill(probabilities < cut(probabilities, sampler.top_p), -torch.inf)
    return scaled


def pick(logits: Tensor, noise: Tensor | None, sampler: Sampler) -> Tensor:
    """Draw token ids.

    Args:
        logits: ``[..., vocabulary]``.
        noise: Gumbel noise of the same shape, indexed by vocabulary id; None for greedy.
        sampler: Parameters.

    Returns:
        int64 ``[...]``.
    """
    if sampler.greedy:
        return logits.float().argmax(dim=-1)
    if noise is None:
        raise ValueError("only greedy sampling goes without noise")
    return (restrict(logits, sampler) + noise).argmax(dim=-1)
