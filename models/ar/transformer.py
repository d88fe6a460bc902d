"""A Llama-style video transformer whose attention is given from outside.

The same weights serve training (one causal or masked pass), the reference decoder (one masked pass over entries, in
float64) and the decoding engine (a static cache): each passes its own ``attend`` function, and nothing else differs.
Tensor names follow Hugging Face's ``LlamaForCausalLM`` so that checkpoints map one to one.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.ar.shapes import AXIS_SHARES, TransformerShape

Rotary = tuple[Tensor, Tensor]
Attend = Callable[[int, Tensor, Tensor, Tensor], Tensor]
"""``attend(layer, q, k, v)``: q ``[B, heads, N, D]``, k and v ``[B, kv_heads, N, D]`` → ``[B, heads, N, D]``."""


def rotary_table(shape: TransformerShape, positions: Tensor, dtype: torch.dtype = torch.float32) -> Rotary:
    """Return cosines and sines of the rotary embedding.

    Args:
        shape: The transformer's shape.
        positions: Integer ``[N, 1]`` (slot index) or ``[N, 3]`` (frame, row, column).
        dtype: Type of the result; angles are computed in float64.

    Returns:
        cos and sin, each ``[N, head_dim // 2]``.
    """
    pairs = shape.head_dim // 2
    shares = AXIS_SHARES[shape.position]
    if positions.shape[-1] != len(shares):
        raise ValueError(f"positions have {positions.shape[-1]} axes, a {shape.position} rotary needs {len(shares)}")
    sizes = [int(pairs * s) for s in shares]
    sizes[0] += pairs - sum(sizes)
    angles = []
    for axis, size in enumerate(sizes):
        exponent = torch.arange(size, dtype=torch.float64, device=positions.device) / size
        angles.append(positions[:, axis, None].to(torch.float64) * shape.rope_theta**-exponent)
    angle = torch.cat(angles, dim=-1)
    return angle.cos().to(dtype), angle.sin().to(dtype)


def rotate(x: Tensor, rotary: Rotary) -> Tensor:
    """Rotate ``x`` ``[B, heads, N, D]`` in half-split pairs (Llama's convention)."""
    cos, sin = rotary
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


class RMSNorm(nn.Module):
    """Root-mean-square normalisation, computed in at least float32."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last axis."""
        return F.rms_norm(x, self.weight.shape, self.weight, self.eps)


class Attention(nn.Module):
    """Projections around an ``attend`` function."""

    def __init__(self, shape: TransformerShape) -> None:
        super().__init__()
        self.shape = shape
        width, kv_width = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
        self.q_proj = nn.Linear(shape.hidden, width, bias=False)
        self.k_proj = nn.Linear(shape.hidden, kv_width, bias=False)
        self.v_proj = nn.Linear(shape.hidden, kv_width, bias=False)
        self.o_proj = nn.Linear(width, shape.hidden, bias=False)

    def forward(self, x: Tensor, rotary: Rotary, attend: Attend, layer: int) -> Tensor:
        """Map ``[B, N, hidden]`` to ``[B, N, hidden]``."""
        batch, length, _ = x.shape
        heads = (batch, length, -1, self.shape.head_dim)
        q = rotate(self.q_proj(x).view(heads).transpose(1, 2), rotary)
        k = rotate(self.k_proj(x).view(heads).transpose(1, 2), rotary)
        v = self.v_proj(x).view(heads).transpose(1, 2)
        mixed = attend(layer, q, k, v).transpose(1, 2).reshape(batch, length, -1)
        out: Tensor = self.o_proj(mixed)
        return out


class FeedForward(nn.Module):
    """SwiGLU."""

    def __init__(self, shape: TransformerShape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.hidden, shape.mlp, bias=False)
        self.up_proj = nn.Linear(shape.hidden, shape.mlp, bias=False)
        self.down_proj = nn.Linear(shape.mlp, shape.hidden, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[..., hidden]`` to ``[..., hidden]``."""
        out: Tensor = self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
        return out


class Block(nn.Module):
    """Pre-norm transformer block."""

    def __init__(self, shape: TransformerShape) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(shape.hidden, shape.norm_eps)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = RMSNorm(shape.hidden, shape.norm_eps)
        self.mlp = FeedForward(shape)

    def forward(self, x: Tensor, rotary: Rotary, attend: Attend, layer: int) -> Tensor:
        """Map ``[B, N, hidden]`` to ``[B, N, hidden]``."""
        x = x + self.self_attn(self.input_layernorm(x), rotary, attend, layer)
        out: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return out


class VideoTransformer(nn.Module):
    """Embedding, blocks, output layer.

    Args:
        shape: Hyper-parameters.
    """

    def __init__(self, shape: TransformerShape) -> None:
        super().__init__()
        self.shape = shape
        self.embed_tokens = nn.Embedding(shape.vocabulary, shape.hidden)
        self.layers = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = RMSNorm(shape.hidden, shape.norm_eps)
        if not shape.tied:
            self.lm_head = nn.Linear(shape.hidden, shape.vocabulary, bias=False)

    def reset(self, generator: torch.Generator) -> VideoTransformer:
        """Draw fresh weights from ``generator`` (normal, σ = 0.02; residual outputs scaled by 1/√(2·layers))."""
        residual = 0.02 / (2 * self.shape.layers) ** 0.5
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if parameter.dim() == 1:
                    parameter.fill_(1.0)
                else:
                    std = residual if name.endswith(("o_proj.weight", "down_proj.weight")) else 0.02
                    parameter.normal_(0.0, std, generator=generator)
        return self

    def hidden(self, tokens: Tensor, rotary: Rotary, attend: Attend) -> Tensor:
        """Run the blocks.

        Args:
            tokens: Token ids ``[B, N]``.
            rotary: cos and sin ``[N, head_dim // 2]`` of the tokens' positions.
            attend: Attention function.

        Returns:
            Normalised states ``[B, N, hidden]``.
        """
        x = self.embed_tokens(tokens)
        for layer, block in enumerate(self.layers):
            x = block(x, rotary, attend, layer)
        normed: Tensor = self.norm(x)
        return normed

    def logits(self, hidden: Tensor) -> Tensor:
        """Logits over the image vocabulary, ``[..., image_vocabulary]``."""
        weight = self.embed_tokens.weight if self.shape.tied else self.lm_head.weight
        return F.linear(hidden, weight[: self.shape.image_vocabulary])

    def forward(self, tokens: Tensor, rotary: Rotary, attend: Attend) -> Tensor:
        """Image-token logits for every input position, ``[B, N, image_vocabulary]``."""
        return self.logits(self.hidden(tokens, rotary, attend))
