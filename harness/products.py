"""Products with a weight matrix that stays: laid out once for the device, then multiplied many times.

Decoding reads every weight in every pass for a few tokens, so a product is as fast as its matrix is read. On x86 CPUs
torch's own product reads a plain float32 matrix at half of the memory's bandwidth for one row, and at a quarter for two
to sixteen; oneDNN's blocked layout (what ``torch.compile`` packs weights into) reads it at nearly all of it. Where that
layout is not to be had (CUDA, float64, another build of torch) the plain product is taken.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

Product = Callable[[Tensor], Tensor]
"""``product(x)``: ``[..., in]`` → ``[..., out]``."""

FEWEST_PACKED = 2**16
"""Elements of the smallest matrix that is packed: below, the call costs more than the reading."""
PACKED_DTYPES = (torch.float32, torch.bfloat16)
ROWS_HINT = 16
"""Rows that oneDNN lays the matrix out for; from 2 to 64 it makes no difference, and 1 is slower at every width."""


def resident_product(weight: Tensor) -> Product:
    """Return the product with ``weight`` ``[out, in]``, laid out as its device reads it fastest.

    The matrix is copied where it is packed; nothing here refers to ``weight`` then.
    """
    if not packs(weight):
        return lambda x: F.linear(x, weight)
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.detach().contiguous(), ROWS_HINT)

    def product(x: Tensor) -> Tensor:
        out: Tensor = torch.ops.mkldnn._linear_pointwise(x, packed, None, "none", [], "")
        return out

    return product


def packs(weight: Tensor) -> bool:
    """Tell whether :func:`resident_product` packs this matrix."""
    small = weight.numel() < FEWEST_PACKED
    return weight.device.type == "cpu" and weight.dtype in PACKED_DTYPES and not small and _works(weight.dtype)


@cache
def _works(dtype: torch.dtype) -> bool:
    """Try it once: the operators are torch's internals, and a build may lack them, or bfloat16."""
    if not torch.backends.mkldnn.is_available():
        return False
    weight = (torch.arange(32 * 64, dtype=torch.float32) % 7 - 3).view(32, 64).to(dtype)
    x = (torch.arange(2 * 64, dtype=torch.float32) % 5 - 2).view(1, 2, 64).to(dtype)
    try:
        packed = torch.ops.mkldnn._reorder_linear_weight(weight, ROWS_HINT)
        found = torch.ops.mkldnn._linear_pointwise(x, packed, None, "none", [], "")
    except (RuntimeError, AttributeError, NotImplementedError, TypeError):
        return False
    return bool(torch.allclose(found.float(), F.linear(x, weight).float(), rtol=1e-2, atol=1.0))
