"""Text encoders: word ids in, one vector out; what pads a caption changes nothing."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.video_text.attention import AttentionBlock
from models.video_text.shapes import VideoTextShape
from models.video_text.words import PAD


def mean_of(states: Tensor, present: Tensor) -> Tensor:
    """Mean over the words that are there: ``[N, L, width]`` and bool ``[N, L]`` to ``[N, width]``."""
    weights = present[..., None].to(states.dtype)
    return (states * weights).sum(1) / weights.sum(1)


class AttentionText(nn.Module):
    """Words with their places, which attend to each other.

    Args:
        shape: Hyper-parameters.
    """

    def __init__(self, shape: VideoTextShape) -> None:
        super().__init__()
        self.embed_words = nn.Embedding(len(shape.words) + 1, shape.text_width)
        self.embed_places = nn.Embedding(shape.max_words, shape.text_width)
        self.layers = nn.ModuleList(
            AttentionBlock(shape.text_width, shape.heads, shape.expansion) for _ in range(shape.text_layers)
        )
        self.norm = nn.LayerNorm(shape.text_width)
        self.out = nn.Linear(shape.text_width, shape.embedding)

    def forward(self, ids: Tensor) -> Tensor:
        """int64 ``[N, max_words]`` to ``[N, embedding]``, not normalised."""
        present = ids != PAD
        states = self.embed_words(ids) + self.embed_places.weight[: ids.shape[1]]
        for layer in self.layers:
            states = layer(states, present)
        out: Tensor = self.out(mean_of(self.norm(states), present))
        return out


class RecurrentText(nn.Module):
    """Gated recurrent units (Cho et al., arXiv 1406.1078), forwards and backwards over the words.

    Args:
        shape: Hyper-parameters.
    """

    def __init__(self, shape: VideoTextShape) -> None:
        super().__init__()
        self.embed_words = nn.Embedding(len(shape.words) + 1, shape.text_width)
        self.forwards = nn.GRU(shape.text_width, shape.text_width, batch_first=True)
        self.backwards = nn.GRU(shape.text_width, shape.text_width, batch_first=True)
        self.norm = nn.LayerNorm(2 * shape.text_width)
        self.hidden = nn.Linear(2 * shape.text_width, shape.text_width)
        self.out = nn.Linear(shape.text_width, shape.embedding)

    def forward(self, ids: Tensor) -> Tensor:
        """int64 ``[N, max_words]`` to ``[N, embedding]``, not normalised."""
        present = ids != PAD
        lengths = present.sum(1, keepdim=True)
        places = torch.arange(ids.shape[1], device=ids.device)
        turned = torch.where(places < lengths, (lengths - 1 - places).clamp(min=0), places)  # padding stays last
        there, _ = self.forwards(self.embed_words(ids))
        back, _ = self.backwards(self.embed_words(ids.gather(1, turned)))
        states = self.norm(torch.cat((mean_of(there, present), mean_of(back, present)), -1))
        out: Tensor = self.out(F.gelu(self.hidden(states)))
        return out
