"""A video transformer as decoding reads it: weights laid out for the device, and as few calls a pass as can be.

The same function as :class:`models.ar.transformer.VideoTransformer` (to rounding): queries, keys and values are one
product, gate and up another, and every matrix is laid out once (:mod:`harness.products`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from harness.products import Product, resident_product
from models.ar.shapes import TransformerShape
from models.ar.transformer import Attend, Block, Rotary, VideoTransformer


@dataclass(frozen=True)
class PreparedBlock:
    """One block: norms' weights, and products."""

    norm: Tensor
    qkv: Product
    out: Product
    mlp_norm: Tensor
    gate_up: Product
    down: Product


class PreparedTransformer:
    """A transformer for inference.

    Args:
        model: In evaluation mode, on its device and in its dtype.
        release: True takes the weights out of ``model`` block by block, so that they are held once; it is empty then.

    Attributes:
        shape: Hyper-parameters.
        device: Where it is.
        dtype: Of weights and cache.
        weight_bytes: Size of all weights, counted once.
    """

    def __init__(self, model: VideoTransformer, *, release: bool = False) -> None:
        self.shape: TransformerShape = model.shape
        self.embedding = model.embed_tokens.weight.detach()
        self.device, self.dtype = self.embedding.device, self.embedding.dtype
        self.weight_bytes = sum(p.numel() * p.element_size() for p in model.parameters())
        self._eps = torch.tensor(self.shape.norm_eps, dtype=self.dtype, device=self.device)
        self.norm = model.norm.weight.detach()
        head = model.embed_tokens.weight if self.shape.tied else model.lm_head.weight
        self._head = resident_product(head[: self.shape.image_vocabulary].detach())
        if release:
            _empty(model.embed_tokens)
            if not self.shape.tied:
                _empty(model.lm_head)
        self.blocks = []
        for block in model.layers:
            assert isinstance(block, Block)
            self.blocks.append(_prepare(block))
            if release:
                _empty(block)

    def hidden(self, tokens: Tensor, rotary: Rotary, attend: Attend) -> Tensor:
        """Run the blocks; see :meth:`models.ar.transformer.VideoTransformer.hidden`."""
        shape = self.shape
        batch, length = tokens.shape
        parts = (shape.heads, shape.kv_heads, shape.kv_heads)
        rotated = shape.heads + shape.kv_heads
        turn = _doubled(rotary)
        x = F.embedding(tokens, self.embedding)
        for layer, block in enumerate(self.blocks):
            qkv = block.qkv(self._normed(x, block.norm))
            heads = qkv.view(batch, length, sum(parts), shape.head_dim).transpose(1, 2)
            q, k = _rotate(heads[:, :rotated], turn).split(parts[:2], dim=1)
            mixed = attend(layer, q, k, heads[:, rotated:])
            x = x + block.out(mixed.transpose(1, 2).reshape(batch, length, -1))
            gate, up = block.gate_up(self._normed(x, block.mlp_norm)).chunk(2, dim=-1)
            x = x + block.down(F.silu(gate) * up)
        return self._normed(x, self.norm)

    def _normed(self, x: Tensor, weight: Tensor) -> Tensor:
        if x.dtype not in (torch.float32, torch.float64) or x.is_cuda:
            return F.rms_norm(x, weight.shape, weight, self.shape.norm_eps)
        # what rms_norm does, in a third of its time on the CPU
        norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        scale = torch.addcmul(self._eps, norm, norm, value=1 / self.shape.hidden).rsqrt_()
        return x * scale * weight

    def logits(self, hidden: Tensor) -> Tensor:
        """Logits over the image vocabulary, ``[..., image_vocabulary]``."""
        return self._head(hidden)

    def __call__(self, tokens: Tensor, rotary: Rotary, attend: Attend) -> Tensor:
        """Image-token logits for every input position, ``[B, N, image_vocabulary]``."""
        return self.logits(self.hidden(tokens, rotary, attend))


def _doubled(rotary: Rotary) -> Rotary:
    cos, sin = rotary
    return torch.cat([cos, cos], dim=-1), torch.cat([-sin, sin], dim=-1)


def _rotate(x: Tensor, turn: Rotary) -> Tensor:
    """:func:`models.ar.transformer.rotate` in half as many calls."""
    cos, sin = turn
    a, b = x.chunk(2, dim=-1)
    return torch.addcmul(x * cos, torch.cat([b, a], dim=-1), sin)


def prepared(model: VideoTransformer | PreparedTransformer) -> PreparedTransformer:
    """The model, prepared if it is not."""
    return model if isinstance(model, PreparedTransformer) else PreparedTransformer(model)


def _prepare(block: Block) -> PreparedBlock:
    attention, mlp = block.self_attn, block.mlp
    qkv = torch.cat([attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight]).detach()
    gate_up = torch.cat([mlp.gate_proj.weight, mlp.up_proj.weight]).detach()
    return PreparedBlock(
        norm=block.input_layernorm.weight.detach(),
        qkv=resident_product(qkv),
        out=resident_product(attention.o_proj.weight.detach()),
        mlp_norm=block.post_attention_layernorm.weight.detach(),
        gate_up=resident_product(gate_up),
        down=resident_product(mlp.down_proj.weight.detach()),
    )


def _empty(module: torch.nn.Module) -> None:
    for parameter in module.parameters():
        parameter.data = torch.empty(0, dtype=parameter.dtype, device=parameter.device)
