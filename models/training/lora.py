"""Low-rank finetuning (Hu et al., arXiv 2106.09685): W + B·A, with W kept, A random and B zero at the start.

The forty lines that are needed here: a checkpoint of a zoo model is 5 MB, its adapters a few hundred kB.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from harness.errors import DiptychError
from models.ar.adapters import LORA_A, LORA_B, write_adapters
from models.ar.transformer import VideoTransformer


class LowRankLinear(nn.Module):
    """A linear layer with frozen weights and a trained low-rank difference.

    Args:
        base: The layer.
        rank: Of the difference.
        generator: Draws A.
    """

    def __init__(self, base: nn.Linear, rank: int, generator: torch.Generator) -> None:
        super().__init__()
        self.weight = nn.Parameter(base.weight.detach(), requires_grad=False)
        a = torch.randn(rank, base.in_features, generator=generator) / base.in_features**0.5
        self.lora_a = nn.Parameter(a.to(base.weight.device))
        self.lora_b = nn.Parameter(torch.zeros(base.out_features, rank, device=base.weight.device))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[..., in]`` to ``[..., out]``."""
        return F.linear(x, self.weight) + F.linear(F.linear(x, self.lora_a), self.lora_b)


def add_adapters(model: VideoTransformer, rank: int, seed: int) -> None:
    """Freeze ``model`` and give every linear layer of its blocks a low-rank difference of ``rank``, zero at first."""
    if rank < 1:
        raise DiptychError(f"the rank of adapters must be at least 1, not {rank}.")
    model.requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for block in model.layers:
        for module in list(block.modules()):
            for name, child in list(module.named_children()):
                if isinstance(child, nn.Linear):
                    setattr(module, name, LowRankLinear(child, rank, generator))


def save_adapters(path: Path, model: VideoTransformer, base_sha256: str, facts: dict[str, Any]) -> None:
    """Write the differences alone (bfloat16), with the hash of the weights that they belong to."""
    tensors = {
        name: value.detach().cpu().to(torch.bfloat16).contiguous()
        for name, value in model.state_dict().items()
        if name.endswith((LORA_A, LORA_B))
    }
    write_adapters(path, tensors, model.shape, base_sha256, facts)
