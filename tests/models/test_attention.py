"""Attention over a cache: in one piece and in parts, against a formula written out here."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.ar import attention
from models.ar.attention import packed_attention, split_attention


def written_out(q: Tensor, k: Tensor, v: Tensor, seen: Tensor) -> Tensor:
    """Head by head and query by query."""
    groups = q.shape[1] // k.shape[1]
    out = torch.empty_like(q)
    for head in range(q.shape[1]):
        for query in range(q.shape[2]):
            keys, values = k[0, head // groups, seen[query]], v[0, head // groups, seen[query]]
            weights = (keys @ q[0, head, query] / q.shape[3] ** 0.5).exp()
            out[0, head, query] = weights @ values / weights.sum()
    return out


@given(
    st.sampled_from([(4, 2), (2, 2), (6, 1)]), st.integers(1, 5), st.integers(1, 40), st.integers(1, 9),
    st.integers(1, 5), st.booleans(), st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_parts_change_nothing(
    heads: tuple[int, int], queries: int, slots: int, size: int, parts: int, masked: bool, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    q, k, v = (
        torch.randn(1, count, length, 8, dtype=torch.float64, generator=generator)
        for count, length in ((heads[0], queries), (heads[1], slots), (heads[1], slots))
    )
    seen = torch.rand(queries, slots, generator=generator) < 0.5 if masked else torch.ones(queries, slots) > 0
    seen[:, seed % slots] = True
    bias = (
        torch.zeros(queries, slots, dtype=torch.float64).masked_fill_(~seen, -torch.inf).repeat(heads[0] // heads[1], 1)
    )
    wanted = written_out(q, k, v, seen)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attention, "PART_SLOTS", size)
        patch.setattr(attention, "MOST_PARTS", parts)
        for found in (split_attention(q, k, v, bias if masked else None), packed_attention(q, k, v, bias)):
            assert torch.allclose(found, wanted, rtol=1e-12, atol=1e-12)


def test_halves_are_added_up_in_float32() -> None:
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(1, 2, n, 16, generator=generator) for n in (3, 4096, 4096))
    exact = packed_attention(q.double(), k.bfloat16().double(), v.bfloat16().double(), None)
    found = split_attention(q.bfloat16(), k.bfloat16(), v.bfloat16(), None)
    assert found.dtype == torch.bfloat16
    assert float((found.double() - exact).abs().max()) < 0.02 * float(exact.abs().max() + v.std())
